"""`graftwatch explain PATIENT`: a past screening decision from what was known then, and what has changed since."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from services.cli import one_person, story, wording
from services.cli.eligibility import source
from services.cli.stack import StackError
from services.eligibility import explain as explaining
from services.eligibility.explain import Decision, Explained
from shared.outcomes import Evidence
from shared.protocol.model import Protocol
from shared.runtime import merged
from shared.runtime.postgres import Pool, queries
from shared.runtime.timelines import entry
from shared.timeline import clinical_order

_EVIDENCE = msgspec.json.Decoder(tuple[Evidence, ...])


def explain(
    patient: Annotated[str, typer.Argument(help="SITE/PATIENT-ID as the hospital has it, or the pseudonym.")],
    at: Annotated[
        str | None, typer.Option(help="The decision in force at this date or instant; the current one otherwise.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--decision", min=1, help="The n-th decision about the patient.")
    ] = None,
    protocol: source.OneProtocol = None,
    protocols: source.Protocols = None,
    demo: source.OfDemo = False,
    home: source.Home = source.DEFAULT_HOME,
    as_json: source.AsJson = False,
) -> None:
    """Explain a screening decision: what was decided and why, what was known then, and what has changed since."""
    when, asked = source.at_of(at), source.chosen(protocol, protocols)
    with source.home_of(home, demo) as (place, url):
        key = story.pseudonym(patient, place)
        found, said = source.read(url, lambda pool: _all_explained(pool, key, list(asked), when, number))
    if not found:
        raise StackError(f"No screening decision about {patient}{f' by {at}' if at else ''}.")
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    for line in said:
        typer.echo(line)
    for name, one in found.items():
        _show(name, one, Console(highlight=False, soft_wrap=True))


async def _all_explained(
    pool: Pool, patient: UUID, protocols: list[str], at: datetime | None, number: int | None
) -> tuple[dict[str, Explained], list[str]]:
    """The decision under each protocol, and what there is to say of merges: after one, the decision is the survivor's."""
    person = await one_person.person(pool, patient)
    said = [f"patient {patient}: {line}" for line in person.sentences()]
    explained: dict[str, Explained] = {}
    for protocol in protocols:
        one = await _explained(pool, patient, protocol, at, number)
        seen = {patient}
        while number is None and (into := _merged_into(one, person, at)) is not None and into not in seen:
            seen.add(into)
            one = await _explained(pool, into, protocol, at, None)
            said.append(f"shown is the decision about patient {into}, with whom it is one person")
        if one is not None:
            explained[protocol] = one
    return explained, list(dict.fromkeys(said))


def _merged_into(one: Explained | None, person: one_person.Person, at: datetime | None) -> UUID | None:
    """Whose decision was in force instead: the patient's own had been closed by a merge, or there never was one."""
    if one is not None:
        into = one.decision.content.get(merged.INTO) if one.decision.withdrawn else None
        return UUID(into) if into is not None else None
    # Where even the survivor was not decided on yet, the caller stops at whom it has seen.
    return person.survivor if at is None and person.survivor != person.asked else None


async def _explained(
    pool: Pool, patient: UUID, protocol: str, at: datetime | None, number: int | None
) -> Explained | None:
    sql = queries("screening")
    rows = await pool.fetch(sql["decisions"], patient, protocol)
    decisions = [
        Decision(
            **{**dict(r), "content": msgspec.json.decode(r["content"]), "evidence": _EVIDENCE.decode(r["evidence"])}
        )
        for r in rows
    ]
    asked = [d for d in decisions if number is None or d.ordinal == number]
    decision = explaining.in_force(asked, at)
    if decision is None:
        return None
    stored = await pool.fetch(queries("timeline")["entries"], patient)
    entries = [entry(r) for r in stored]
    content = await pool.fetchval(sql["protocol_content"], protocol, decision.protocol_hash)
    return explaining.explain(patient, decision, decisions, entries, _as_it_was(content))


def _as_it_was(content: str | None) -> Protocol | None:
    """The protocol of that time; None where it is not kept, or says what today's rules cannot read."""
    try:
        return None if content is None else Protocol.model_validate_json(content)
    except ValidationError:
        return None


def _show(protocol: str, explained: Explained, console: Console) -> None:
    decision = explained.decision
    console.print(
        f"\n[bold]{protocol}[/bold]: decision {decision.ordinal}, taken at {decision.evaluated_at:%Y-%m-%d %H:%M} UTC "
        f"from timeline version {decision.timeline_version}, protocol version {decision.protocol_version} "
        f"({decision.protocol_hash[:12]}), rules {decision.rules_version}"
    )
    if decision.withdrawn:
        console.print("the decision was withdrawn: nothing is recorded of this patient any more")
        return
    console.print(f"[bold]{escape(decision.content['says'])}[/bold]")
    for line in wording.criteria(decision.content["criteria"]):
        console.print(escape(line))
    _show_known(explained, console)
    _show_since(explained, console)
    _show_today(explained, console)


def _show_known(explained: Explained, console: Console) -> None:
    cited = {e.fact_id for e in explained.decision.evidence}
    used = sorted((e for e in explained.known if e.fact.fact_id in cited), key=lambda e: clinical_order(e.fact))
    console.print(f"\n[bold]Known then[/bold]: {len(explained.known)} facts, {len(used)} of them used")
    for each in used:
        on = each.fact.occurred.text if each.fact.occurred else "undated"
        learned = f"learned {each.recorded_at:%Y-%m-%d %H:%M} in version {each.added_in}"
        console.print(f"  {on}  {escape(wording.fact(each.fact))} ({learned})")


def _show_since(explained: Explained, console: Console) -> None:
    console.print("\n[bold]Since then[/bold]")
    for change in explained.changed:
        rested = ", on which the decision rested" if change.was_evidence else ""
        on = change.fact.occurred.text if change.fact.occurred else "undated"
        console.print(f"  {change.what} in version {change.version}{rested}: {on} {escape(wording.fact(change.fact))}")
    for later in explained.later:
        says = later.content.get("says", "withdrawn")
        console.print(
            f"  decided at {later.evaluated_at:%Y-%m-%d %H:%M} from version {later.timeline_version}: {escape(says)}"
        )
    if not explained.changed and not explained.later:
        console.print("  nothing has changed")


def _show_today(explained: Explained, console: Console) -> None:
    if explained.differences is None:
        console.print(
            "\nThe protocol of that time cannot be read by today's rules: the stored decision stands as it is."
        )
    elif explained.differences:
        console.print("\n[bold]Today's rules would say otherwise from the same facts:[/bold]")
        for difference in explained.differences:
            console.print(f"  {escape(difference)}")
    else:
        console.print("\nToday's rules say the same from the same facts.")
