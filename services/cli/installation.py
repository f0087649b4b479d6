"""What makes a local stack an installation of Graftwatch: topics, schema, protocols, the pseudonym key. Decides nothing else."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from services.cli.stack import Stack, StackError, TopicSpec, current, down, start_services, status, up
from shared import topics
from shared.protocol import load as protocol_files
from shared.runtime import migrate as migrator
from shared.runtime import migrations
from shared.runtime.migrations import Phase
from shared.runtime.sealing import Vault
from shared.sites import ConfigurationError

SERVICES: Final = ("ingest", "eligibility", "response", "safety", "notify")
CONSOLE: Final = "console"
"""For people; on a local stack one logs in by choosing who one is."""
INTAKE: Final = "intake"
"""For engines that speak HTTP; a demonstration, which publishes to the topics, needs none."""
DEFAULT_HOME: Final = Path(".graftwatch")
RECIPIENTS: Final = Path("deploy/recipients.yaml")
"""Who is told of what on the local stack, unless GRAFTWATCH_RECIPIENTS names another file."""
_KEY_BYTES: Final = 32


def topic_specs() -> list[TopicSpec]:
    """Every topic of the table with its settings."""
    return [TopicSpec(t.name, t.partitions, t.settings) for t in topics.ALL]


def prepare(stack: Stack) -> None:
    """Create or upgrade the schema and register the protocols."""
    migrate(stack.database_url, None)


def migrate(url: str, protocols: Path | None, phase: Phase | None = None, *, force: bool = False) -> list[str]:
    """Apply missing migrations and register the protocols; what was applied."""
    try:
        return asyncio.run(migrator.migrate(url, protocol_files.load(protocols), phase, force=force))
    except ConfigurationError as error:
        raise StackError(str(error)) from None


def pseudonym_key(home: Path) -> str:
    """The local stack's pseudonym key, made once and kept readable by its owner only."""
    stated = os.environ.get("GRAFTWATCH_PSEUDONYM_KEY")
    return stated or _kept(home / "pseudonym.key", lambda: secrets.token_hex(_KEY_BYTES))


def crosswalk_key(home: Path) -> str:
    """The keys of the local stack's crosswalk, the first made once and kept readable by its owner only."""
    stated = os.environ.get("GRAFTWATCH_CROSSWALK_KEY")
    return stated or _kept(home / "crosswalk.key", lambda: f"local:{secrets.token_hex(_KEY_BYTES)}")


def vault(home: Path) -> Vault:
    """What seals and opens the crosswalk of this installation; raises ConfigurationError."""
    return Vault.of(crosswalk_key(home))


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(make())
    return path.read_text(encoding="ascii").strip()


def service_environment(home: Path, sites: Path, as_of: str | None) -> dict[str, str]:
    """What the service processes are told besides the addresses of the stack."""
    environment = {
        "GRAFTWATCH_PSEUDONYM_KEY": pseudonym_key(home),
        "GRAFTWATCH_CROSSWALK_KEY": crosswalk_key(home),
        "GRAFTWATCH_SITES": str(sites.resolve()),
        "GRAFTWATCH_STAFF": str((sites.parent / "console" / "staff.yaml").resolve()),
        "GRAFTWATCH_MODE": "development",
        "GRAFTWATCH_CONSOLE_LOGIN": "development",
    }
    return environment | notify_environment() | ({"GRAFTWATCH_AS_OF": as_of} if as_of else {})


def notify_environment() -> dict[str, str]:
    """Whom the local stack tells, and that mails stay in its database unless a mail server is named."""
    told = {}
    if "GRAFTWATCH_RECIPIENTS" not in os.environ and RECIPIENTS.exists():
        told["GRAFTWATCH_RECIPIENTS"] = str(RECIPIENTS.resolve())
    if "GRAFTWATCH_SMTP_URL" not in os.environ:
        told["GRAFTWATCH_MAILBOX"] = "true"
    return told


def migrate_command(
    database_url: Annotated[str, typer.Option(envvar="DATABASE_URL", help="postgresql://user@host:port/database")],
    protocols: Annotated[Path | None, typer.Option(envvar="GRAFTWATCH_PROTOCOLS", help="Folder of protocols.")] = None,
    phase: Annotated[
        Phase | None,
        typer.Option(help="pre: before this release starts; post: after the one before has stopped. Both otherwise."),
    ] = None,
    check: Annotated[
        bool, typer.Option(help="Change nothing: say what is missing; exit code 1 if anything is.")
    ] = False,
    force: Annotated[
        bool, typer.Option(help="Apply post steps though the release before seems to be connected.")
    ] = False,
) -> None:
    """Create or upgrade the database schema and register the protocols."""
    if check:
        _say_what_is_missing(database_url)
        return
    applied = migrate(database_url, protocols, phase, force=force)
    typer.echo("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")


def _say_what_is_missing(url: str) -> None:
    state = asyncio.run(migrations.state(url))
    for step in state.missing:
        typer.echo(f"missing {step.phase:<5}{step.name}")
    for name in state.unknown:
        typer.echo(f"unknown      {name}: of a later release")
    if state.refused:
        typer.echo(f"services of this release refuse this database: {state.refused}")
    if state.missing or state.unknown:
        raise typer.Exit(1)
    typer.echo("the schema is up to date")


def environment(home: Annotated[Path, typer.Option(help="The directory of the local stack.")] = DEFAULT_HOME) -> None:
    """Print the local stack's environment for a shell: eval "$(graftwatch env)"."""
    home = home.resolve()
    stack = current(home)
    if stack is None:
        raise StackError(f"No stack in {home}; start one with `graftwatch stack up`.")
    values = {
        "DATABASE_URL": stack.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "GRAFTWATCH_FEED_EPOCH": stack.feed_epoch,
        "GRAFTWATCH_PSEUDONYM_KEY": pseudonym_key(home),
        "GRAFTWATCH_CROSSWALK_KEY": crosswalk_key(home),
    }
    for name, value in values.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def start(
    home: Annotated[Path, typer.Option(help="The directory of the local stack.")] = DEFAULT_HOME,
    sites: Annotated[Path, typer.Option(help="Folder of site files.")] = Path("deploy/sites"),
    as_of: Annotated[str | None, typer.Option(help="A fixed evaluation date; the database's clock otherwise.")] = None,
) -> None:
    """Start the services on the local stack (which `graftwatch stack up` starts, and `stack down` stops with them)."""
    told = service_environment(home.resolve(), sites, as_of)
    for name, address in start_services(home, (INTAKE, *SERVICES, CONSOLE), told, progress=typer.echo).items():
        typer.echo(f"{name:<14}{address}/{'' if name == CONSOLE else 'health'}")


@contextmanager
def database(home: Path) -> Iterator[str]:
    """The address of the database of this home: DATABASE_URL, or the local stack's, started for the while if it is down."""
    stated = os.environ.get("DATABASE_URL")
    if stated:
        yield stated
        return
    if not (home / "postgres").exists():
        raise StackError(f"{home} holds no database; run `graftwatch stack up` or `graftwatch demo` first.")
    with _one_at_a_time(home):
        yield from _own_database(home)


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Whoever starts the database for the while stops it after: another command waits its turn."""
    with (home / "database.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _own_database(home: Path) -> Iterator[str]:
    was_running = any(p.part == "postgres" and p.state == "running" for p in status(home))
    stack = up(home)
    try:
        yield stack.database_url
    finally:
        if not was_running:
            down(home)
