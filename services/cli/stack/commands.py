"""Decides how the local stack is worked from the terminal: `graftwatch stack up|down|status|logs`.

It does not decide what any of them does. The command that mounts `stack_app` says which topics
and which schema a stack has, by setting its context's object to a `Plan`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import msgspec
import typer

from services.cli.stack import inspection, lifecycle
from services.cli.stack.model import BrokerKind, Stack, StackError, TopicSpec
from services.cli.stack.processes import last_lines

FOLLOW_INTERVAL_S = 0.2

stack_app = typer.Typer(no_args_is_help=True, help="The local stack: PostgreSQL, a Kafka broker, the services.")

Home = Annotated[
    Path, typer.Option("--home", envvar="GRAFTWATCH_HOME", help="The directory of the stack's data and logs.")
]
DEFAULT_HOME = Path(".graftwatch")


class Plan(msgspec.Struct, frozen=True):
    """What `up` makes ready besides the servers: topics, and the schema by `prepare`."""

    topics: Sequence[TopicSpec] = ()
    prepare: Callable[[Stack], None] | None = None


@stack_app.command()
def up(
    context: typer.Context,
    broker: Annotated[
        BrokerKind | None,
        typer.Option(help="The broker to run; unless given, the one that runs, or the embedded one."),
    ] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Start the stack, or repair what is missing of it."""
    plan = context.find_object(Plan) or Plan()
    with _errors_shown():
        lifecycle.up(home, broker=broker, topics=plan.topics, prepare=plan.prepare, progress=typer.echo)
        _show_status(home)


@stack_app.command()
def down(home: Home = DEFAULT_HOME) -> None:
    """Stop everything; data and logs stay."""
    with _errors_shown():
        lifecycle.down(home, progress=typer.echo)
        typer.echo("The stack is stopped; its data is kept.")


@stack_app.command()
def status(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show each part: its state, process and address. Exit code 1 if a part has failed."""
    with _errors_shown():
        if json:
            typer.echo(msgspec.json.encode(inspection.status(home)).decode())
        else:
            _show_status(home)
        if any(part.state == "failed" for part in inspection.status(home)):
            raise typer.Exit(1)


@stack_app.command()
def logs(
    part: Annotated[str | None, typer.Argument(help="postgres, broker or a service; all unless given.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing what is added.")] = False,
    lines: Annotated[int, typer.Option(help="How many of the last lines to show.")] = 50,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show the last lines of one part's log, or of all."""
    with _errors_shown():
        parts = [part] if part else inspection.logged_parts(home)
        paths = {name: inspection.logs(home, name) for name in parts}
        starts = {name: path.stat().st_size for name, path in paths.items()}
        for name, path in paths.items():
            _print_lines(name, last_lines(path, lines))
        if follow:
            _follow(paths, starts)


def _show_status(home: Path) -> None:
    typer.echo(f"{'PART':<14}{'STATE':<10}{'PID':<9}ADDRESS")
    for part in inspection.status(home):
        typer.echo(f"{part.part:<14}{part.state:<10}{part.pid or '-':<9}{part.address or '-'}")


def _print_lines(part: str, lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(f"{part:<12} | {line}")


def _follow(paths: dict[str, Path], starts: dict[str, int]) -> None:
    files = {name: path.open("rb") for name, path in paths.items()}
    for name, file in files.items():
        file.seek(starts[name])
    try:
        while True:
            for name, file in files.items():
                _print_lines(name, _new_lines(file))
            time.sleep(FOLLOW_INTERVAL_S)
    except KeyboardInterrupt:
        return
    finally:
        for file in files.values():
            file.close()


def _new_lines(file: IO[bytes]) -> list[str]:
    return file.read().decode(errors="replace").splitlines()


@contextmanager
def _errors_shown() -> Iterator[None]:
    try:
        yield
    except StackError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
