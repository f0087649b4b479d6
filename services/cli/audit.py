"""`graftwatch audit verify|export`: whether the console's audit is whole, and all of it as FHIR. Decides nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from services.cli import installation
from services.cli.stack import StackError
from services.console import audit
from services.console.audit import Entry
from shared.fhir.out.audit_event import audit_event
from shared.runtime import postgres

audit_app = typer.Typer(
    no_args_is_help=True, help="The console's audit: every view of a patient, every act, every refusal."
)
Home = Annotated[Path, typer.Option(help="The directory of the local stack.")]
DEFAULT_HOME: Final = Path(".graftwatch")
_PART: Final = 5_000


@audit_app.command()
def verify(
    head: Annotated[str | None, typer.Option(help="A head noted earlier: it must still be in the chain.")] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Follow the chain from its first entry. Exit code 1 where it is broken, or does not hold the head noted."""
    entries = _read(home)
    found = audit.verify(entries)
    if found.broken is not None:
        raise StackError(f"The audit is broken at entry {found.broken.sequence}: {found.broken.says}.")
    if head is not None and head not in {audit.FIRST.hex(), *(e.hash.hex() for e in entries)}:
        raise StackError("The audit does not hold the head noted: its end was cut off, or it is another's.")
    typer.echo(f"{found.entries} entries, whole; head {found.head.hex()}")


@audit_app.command()
def export(
    since: Annotated[int, typer.Option(help="Only entries after this one.")] = 0,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print every entry as FHIR AuditEvent, one JSON object a line."""
    for line in _as_fhir(_read(home, since)):
        typer.echo(line)


def _as_fhir(entries: list[Entry]) -> Iterator[str]:
    for e in entries:
        event = audit_event(
            sequence=e.sequence,
            recorded_at=e.recorded_at,
            person=e.person,
            action=e.action,
            outcome=e.outcome,
            patient=e.patient,
            details=audit.details(e),
        )
        yield event.model_dump_json(exclude_none=True)


def _read(home: Path, since: int = 0) -> list[Entry]:
    with installation.database(home.resolve()) as url:
        return asyncio.run(_entries(url, since))


async def _entries(url: str, since: int) -> list[Entry]:
    found: list[Entry] = []
    async with await postgres.connect(url, "reader", size=1) as pool:
        while True:
            last = found[-1].sequence if found else since
            rows = await pool.fetch(postgres.queries("console")["audit_entries"], last, _PART)
            found += [msgspec.convert(dict(r), Entry) for r in rows]
            if len(rows) < _PART:
                return found
