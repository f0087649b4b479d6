"""`graftwatch dead-letters list|show|replay|drop`. Decides which dead letters are meant, nothing else."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from services.cli import installation, story, tables
from services.cli.dead_letters.access import Installed, on_database
from services.cli.stack import StackError
from services.ingest.replay import Replayed
from shared.runtime import dead_letters, logs, postgres
from shared.runtime.dead_letters import Content, Listed, Wanted
from shared.runtime.settings import instant

dead_letters_app = typer.Typer(
    no_args_is_help=True, help="What could not be read: list, show, read again after a fix, or drop with a reason."
)

Home = Annotated[Path, typer.Option("--home", envvar="GRAFTWATCH_HOME", help="The directory of the local stack.")]
Sites = Annotated[Path, typer.Option("--sites", envvar="GRAFTWATCH_SITES", help="Folder of site files.")]
Protocols = Annotated[
    Path | None, typer.Option("--protocols", envvar="GRAFTWATCH_PROTOCOLS", help="Folder of protocol files.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DEFAULT_HOME: Final = Path(".graftwatch")
DEFAULT_SITES: Final = Path("deploy/sites")

Site = Annotated[str | None, typer.Option("--site", help="Of this site.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Rejected for this reason, such as unknown-unit.")]
Since = Annotated[str | None, typer.Option("--since", help="First failed at this date or instant, or later.")]
Until = Annotated[
    str | None, typer.Option("--until", help="First failed before the end of this date, or this instant.")
]
Patient = Annotated[str | None, typer.Option("--patient", help="SITE/PATIENT-ID, or the pseudonym.")]
Ids = Annotated[list[UUID] | None, typer.Option("--id", help="This one; may be given several times.")]


@dead_letters_app.command(name="list")
def list_(
    site: Site = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    patient: Patient = None,
    ids: Ids = None,
    status: Annotated[Literal["open", "replayed", "dropped", "any"], typer.Option(help="Of this status.")] = "open",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest of the feed first.")] = 100,
    as_json: AsJson = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """List dead letters, without any content."""
    wanted = _wanted(home, site, reason, since, until, patient, ids, status)
    wanted = msgspec.structs.replace(wanted, limit=limit)
    found = on_database(home, lambda pool: dead_letters.find(pool, wanted))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table("id", "site", "source", "reason", "field and what is expected", "attempts", "status")
    for d in found:
        source = f"{d.topic}/{d.partition}/{d.feed_offset}" + (f"[{d.entry}]" if d.entry else "")
        why = f"{d.path}: {d.says}"
        table.add_row(str(d.dead_letter), d.site or "-", source, d.reason, escape(why), str(d.attempts), d.status)
    tables.show(table)
    typer.echo(f"{len(found)} shown" + (f"; --limit shows more than {limit}" if len(found) == limit else ""))


@dead_letters_app.command()
def show(
    letter: Annotated[UUID, typer.Argument(help="Its id.")],
    content: Annotated[bool, typer.Option("--content", help="Print the original bytes, with all identifiers.")] = False,
    as_json: AsJson = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show one dead letter; its content only when asked for, since it holds identifiers."""
    listed, held = on_database(home, lambda pool: _show(pool, home.resolve(), letter, content))
    fields = msgspec.to_builtins(listed)
    if held is not None:
        fields["key"] = _text(held.key)
        fields["headers"], fields["value"] = held.headers, _text(held.value)
    if as_json:
        typer.echo(msgspec.json.encode(fields).decode())
        return
    for name, value in fields.items():
        if value is not None:
            typer.echo(f"{name.replace('_', ' '):<16} {value}")
    if held is None:
        typer.echo("The content holds identifiers; --content prints it.")


@dead_letters_app.command()
def replay(
    site: Site = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    patient: Patient = None,
    ids: Ids = None,
    as_json: AsJson = False,
    home: Home = DEFAULT_HOME,
    sites: Sites = DEFAULT_SITES,
    protocols: Protocols = None,
) -> None:
    """Read open dead letters again with today's reader, site files and protocols, at their original place in the feed."""
    wanted = _wanted(home, site, reason, since, until, patient, ids, "open")
    logs.configure("cli", "warning")
    installed = Installed(home.resolve(), sites, protocols)
    done, told = on_database(home, lambda pool: _replay(pool, installed, wanted))
    _show_done(done, told, as_json)


@dead_letters_app.command()
def drop(
    because: Annotated[str, typer.Option("--because", help="Why they need not be read; kept with them. No names.")],
    letters: Annotated[list[UUID], typer.Argument(help="Their ids.")],
    by: Annotated[str | None, typer.Option("--by", help="Who says so; the user of this machine otherwise.")] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Close dead letters unread, with a reason; their bytes are kept."""
    if not because.strip():
        raise StackError("--because: expected a reason, such as 'test message of the laboratory'")
    logs.configure("cli", "warning")
    installed = Installed(home.resolve(), DEFAULT_SITES, None)
    dropped = on_database(home, lambda pool: _drop(pool, installed, letters, by or getpass.getuser(), because))
    typer.echo(f"{dropped} dropped" + ("" if dropped == len(letters) else f"; {len(letters) - dropped} were not open"))
    if not dropped:
        raise typer.Exit(1)


def _wanted(
    home: Path,
    site: str | None,
    reason: str | None,
    since: str | None,
    until: str | None,
    patient: str | None,
    ids: list[UUID] | None,
    status: str,
) -> Wanted:
    return Wanted(
        ids=tuple(ids) if ids else None,
        site=site,
        reason=reason,
        since=_instant("--since", since, start=True),
        until=_instant("--until", until, start=False),
        patient=story.pseudonym(patient, home.resolve()) if patient else None,
        status=None if status == "any" else status,
    )


def _instant(option: str, stated: str | None, *, start: bool) -> Any:
    if stated is None:
        return None
    try:
        # A date alone is the whole day: from its beginning, to its end.
        return instant(f"{stated}T00:00:00Z" if start and len(stated) == len("2024-05-03") else stated)
    except ValueError as error:
        raise StackError(f"{option}: {error}") from None


async def _show(pool: postgres.Pool, home: Path, letter: UUID, content: bool) -> tuple[Listed, Content | None]:
    found = await dead_letters.find(pool, Wanted(ids=(letter,), status=None))
    if not found:
        raise StackError(f"There is no dead letter {letter}; `graftwatch dead-letters list` shows which there are.")
    return found[0], await dead_letters.content(pool, installation.vault(home), letter) if content else None


async def _replay(pool: postgres.Pool, installed: Installed, wanted: Wanted) -> tuple[Replayed, bool]:
    total, told = Replayed(), True
    async for part in (await installed.replay(pool)).letters(wanted):
        told = await installed.tell(part.hints, part.letters) and told
        total.read, total.unread = total.read + part.read, total.unread + part.unread
    return total, told


async def _drop(pool: postgres.Pool, installed: Installed, letters: list[UUID], by: str, because: str) -> int:
    done = await (await installed.replay(pool)).drop(letters, by, because)
    await installed.tell(done.hints, ())
    return done.unread


def _show_done(done: Replayed, told: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode({"replayed": done.read, "still_unreadable": done.unread}).decode())
    else:
        typer.echo(f"{done.read} replayed, {done.unread} still unreadable")
        if not told:
            typer.echo("no broker answers: the services will find the changes by themselves within seconds")
    if done.unread:
        raise typer.Exit(1)


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "backslashreplace")
