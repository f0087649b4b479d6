"""`graftwatch timeline PATIENT`: one patient's story in the terminal: facts, decisions and why. Decides nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli import installation, one_person, wording
from services.cli.stack import StackError
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import postgres, status
from shared.runtime.postgres import Connection
from shared.runtime.timelines import entry
from shared.timeline import Entry, clinical_order


class Story(msgspec.Struct, frozen=True):
    """What is shown of one patient."""

    patient: UUID
    version: int
    merges: list[str]
    """What there is to say of merges: the patient asked for may be another's now."""
    entries: list[Entry]
    outcomes: dict[str, dict[tuple[str, str], dict[str, Any]]]
    events: list[tuple[str, dict[str, Any]]]


def timeline(
    patient: Annotated[str, typer.Argument(help="SITE/PATIENT-ID as the hospital has it, or the pseudonym.")],
    demo: Annotated[bool, typer.Option("--demo", help="Of the last demonstration.")] = False,
    home: Annotated[Path, typer.Option(help="The directory of the local stack.")] = Path(".graftwatch"),
    everything: Annotated[
        bool, typer.Option("--all", help="Every laboratory result, and facts that were ended.")
    ] = False,
) -> None:
    """Show one patient's story: facts, decisions and why."""
    home = home.resolve() / "demo" if demo else home.resolve()
    key = pseudonym(patient, home)
    with installation.database(home) as url:
        story = asyncio.run(_read(url, key))
    if story is None:
        raise StackError(f"No timeline of {patient}: the feed has named no such patient (expected SITE/PATIENT-ID).")
    _show(story, Console(), everything)


def pseudonym(stated: str, home: Path) -> UUID:
    """The pseudonym of SITE/PATIENT-ID, or the one stated."""
    try:
        return UUID(stated)
    except ValueError:
        site, _, patient_id = stated.partition("/")
        if not patient_id:
            raise StackError("PATIENT: expected SITE/PATIENT-ID (north/1001) or a pseudonym.") from None
        return HmacKeys(installation.pseudonym_key(home).encode()).patient(site, patient_id)


async def _read(url: str, patient: UUID) -> Story | None:
    async with await postgres.connect(url, "reader", size=1) as pool, pool.acquire() as connection:
        said, patient = await _survivor(connection, patient)
        versions = await connection.fetch(postgres.queries("timeline")["versions"], [patient])
        if not versions:
            return None
        entries = [entry(r) for r in await connection.fetch(postgres.queries("timeline")["entries"], patient)]
        outcomes: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        told: list[tuple[str, dict[str, Any]]] = []
        for service in status.DECIDING:
            for protocol in protocol_files.load(None):
                found = await status.current_outcomes(connection, service, protocol)
                outcomes[service] = found.get(patient, {})
            for r in await connection.fetch(postgres.queries("status", service)["events"], patient):
                told.append((r["type"], msgspec.json.decode(r["event"])))
        return Story(patient, versions[0]["version"], said, entries, outcomes, told)


async def _survivor(connection: Connection, asked: UUID) -> tuple[list[str], UUID]:
    """What there is to say of the merges of the patient asked for, and whose timeline it is now."""
    person = await one_person.person(connection, asked)
    if person.survivor == asked:
        return list(person.sentences()), asked
    survivor = await one_person.person(connection, person.survivor)
    return [f"asked for was patient {asked}:", *person.sentences(), *survivor.sentences()], person.survivor


def _show(story: Story, console: Console, everything: bool) -> None:
    console.print(f"[bold]Patient {story.patient}[/bold], timeline version {story.version}")
    for line in story.merges:
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    console.print(_facts(story.entries, everything))
    for (kind, subject), content in (item for found in story.outcomes.values() for item in sorted(found.items())):
        for line in wording.outcome(kind, subject, content):
            console.print(escape(line), highlight=False)
    console.print("\n[bold]What was told[/bold]")
    for _, event in story.events:
        console.print(f"· {escape(str(event['sentence']))}", highlight=False)
    if not story.events:
        console.print("· nothing")


def _facts(entries: list[Entry], everything: bool) -> Table:
    table = Table(title="Facts" if everything else "Facts (laboratory: the last of each; --all shows every one)")
    for column in ("date", "fact", "source", ""):
        table.add_column(column)
    shown = entries if everything else wording.brief(entries)
    for each in sorted(shown, key=lambda e: clinical_order(e.fact)):
        ended = f"ended in version {each.ended_in}" if each.ended_in is not None else ""
        date = each.fact.occurred.text[:16] if each.fact.occurred else "undated"
        source = each.fact.source.reference
        table.add_row(date, escape(wording.fact(each.fact)), source[:28] + "…" if len(source) > 29 else source, ended)
    return table
