"""`graftwatch screen --cohort`: a changed protocol over all timelines, writing nothing, and who would move.

Decides nothing: both protocols are evaluated by the same rules, on the same timelines, at the same time.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.eligibility import source
from services.eligibility import evaluate as eligibility
from services.eligibility.announce import changed_criteria
from services.eligibility.status import STATUSES
from shared.outcomes import Outcome
from shared.protocol.model import Protocol
from shared.protocol.scope import scope
from shared.runtime.postgres import Pool
from shared.timeline import Timeline


class Moved(msgspec.Struct, frozen=True):
    """A patient whose status would be another."""

    patient: str
    before: str
    after: str
    says: str
    criteria: list[str]
    """Criteria of both protocols whose answer would be another."""


class Tried(msgspec.Struct, frozen=True):
    """What a protocol would do to the cohort."""

    protocol: str
    against: str | None
    at: str
    patients: int
    statuses: dict[str, int]
    before: dict[str, int]
    moved: list[Moved]
    not_kept: list[str]
    """Concepts that it asks for and that was never asked before: their records were not kept, so they look unrecorded."""


def screen_cohort(
    tried: Protocol, in_force: Mapping[str, Protocol], at: datetime | None, home: Path, demo: bool
) -> Tried:
    """Evaluate the protocol for every patient of the database, beside the one in force of the same id."""
    with source.home_of(home, demo) as (_, url):
        return source.read(url, lambda pool: _try(pool, tried, in_force, at))


def show(tried: Tried, as_json: bool) -> None:
    """Print the statuses before and after, and everybody who would move."""
    if as_json:
        typer.echo(msgspec.json.encode(tried))
        return
    console = Console(highlight=False, soft_wrap=True)
    table = Table(title=f"{tried.protocol}, {tried.patients} patients at {tried.at[:10]}")
    for head in ("status", *(("in force",) if tried.against else ()), "would be"):
        table.add_column(head, justify="left" if head == "status" else "right")
    for status in STATUSES:
        now = (str(tried.before.get(status, 0)),) if tried.against else ()
        table.add_row(status.replace("_", " "), *now, str(tried.statuses.get(status, 0)))
    console.print(table)
    for moved in tried.moved:
        criteria = f" [{', '.join(moved.criteria)}]" if moved.criteria else ""
        console.print(f"{moved.patient} {moved.before} → {moved.after}{escape(criteria)}: {escape(moved.says)}")
    if tried.against and not tried.moved:
        console.print("nobody would move")
    if tried.not_kept:
        console.print(
            f"[bold]Not kept until now:[/bold] {', '.join(tried.not_kept)}. Criteria on these find no records here; "
            "run the services with this protocol and feed again to know."
        )


async def _try(pool: Pool, tried: Protocol, in_force: Mapping[str, Protocol], at: datetime | None) -> Tried:
    when = at if at is not None else await source.decided_at(pool)
    against = in_force.get(tried.id)
    moved: list[Moved] = []
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    async for timeline in source.timelines(pool, _progress):
        would = _screened(timeline, tried, when)
        after[would.content["status"]] += 1
        if against is not None:
            now = _screened(timeline, against, when)
            before[now.content["status"]] += 1
            if now.content["status"] != would.content["status"]:
                moved.append(_moved(timeline, now, would))
    kept = scope(in_force.values()).concepts
    return Tried(
        tried.id,
        against.id if against is not None else None,
        when.isoformat(),
        after.total(),
        dict(after),
        dict(before),
        sorted(moved, key=lambda m: (m.before, m.after, m.patient)),
        sorted(scope([tried]).concepts - kept),
    )


def _screened(timeline: Timeline, protocol: Protocol, at: datetime) -> Outcome:
    (outcome,) = eligibility.evaluate(timeline, protocol, at).outcomes
    return outcome


def _moved(timeline: Timeline, now: Outcome, would: Outcome) -> Moved:
    content: dict[str, Any] = would.content
    changed = [entry["id"] for entry in changed_criteria(now, would)]
    return Moved(str(timeline.patient), now.content["status"], content["status"], content["says"], changed)


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == of else ""
        sys.stderr.write(f"\r{done} of {of} patients{end}")
        sys.stderr.flush()
