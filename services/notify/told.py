"""What was told before about the same, and the deliveries that are told next: reads and writes both. Decides nothing.

Whoever calls holds the locks of the patients, so that nobody else decides about them meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from services.notify import rules
from services.notify.notices import MERGES, TOLD_BEFORE, Delivery, Sooner, Told
from shared.runtime.postgres import Connection, queries


@dataclass(frozen=True)
class Decided:
    """An event that somebody is told of: in which outbox it is, and of what kind."""

    event_id: UUID
    source: str
    kind: str


@dataclass
class Before:
    """What was told before, about the outcomes that an event's outcome superseded."""

    told: list[Told] = field(default_factory=list)
    held: list[Told] = field(default_factory=list)
    """All that still waits, not only the last."""
    follows: UUID | None = None
    corrects: UUID | None = None


async def rows_before(connection: Connection, of: Iterable[Decided]) -> list[Record]:
    """What was told before each of these events, of each the last first; of a merge all that was told of the patient."""
    by_source: dict[str, list[Decided]] = defaultdict(list)
    for event in of:
        by_source[event.source].append(event)
    rows: list[Record] = []
    for source, found in sorted(by_source.items()):
        sql = queries("notify", source)
        rows += await connection.fetch(sql["told_before"], [e.event_id for e in found])
        if merges := [e.event_id for e in found if e.kind in MERGES]:
            rows += await connection.fetch(sql["told_of_patient"], merges)
    return rows


def last_told(rows: Iterable[Record | Mapping[str, Any]], superseded: Collection[UUID] = ()) -> Mapping[UUID, Before]:
    """For each event the last that each recipient was told by each channel; rows come with the last event first."""
    found: dict[UUID, Before] = defaultdict(Before)
    seen: set[tuple[UUID, str, str]] = set()
    for r in rows:
        before = found[r["event_id"]]
        before.follows = before.follows or r["earlier"]
        if r["corrected"]:
            before.corrects = before.corrects or r["earlier"]
        if r["delivery_id"] is None or r["delivery_id"] in superseded:
            continue
        selected = r["reason"] != TOLD_BEFORE
        held = (r["held_until"], r["mode"])
        told = Told(r["delivery_id"], r["earlier"], r["recipient"], r["channel"], r["corrected"], selected, *held)
        if told.held_until is not None:
            before.held.append(told)
        key = (r["event_id"], r["recipient"], r["channel"])
        if key not in seen:
            seen.add(key)
            before.told.append(told)
    return found


async def tell(
    connection: Connection,
    deliveries: Sequence[Delivery],
    before: Mapping[UUID, Before],
    at: datetime,
    sooner: Iterable[Sooner] = (),
) -> None:
    """Write these deliveries; what would be overtaken, and what else is to go out sooner, is brought forward."""
    by_event: dict[UUID, list[Delivery]] = defaultdict(list)
    for d in deliveries:
        by_event[d.event_id].append(d)
    overtaken = [s for e, found in by_event.items() if e in before for s in rules.told_first(found, before[e].held)]
    if forward := rules.soonest([*sooner, *overtaken]):
        rows = [(s.delivery_id, s.mode, s.due_at, s.reason) for s in forward]
        await connection.execute(queries("notify")["bring_forward"], *columns(rows))
    await add_deliveries(connection, [_row(d, at) for d in deliveries])


async def add_deliveries(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write deliveries, as rows; one that there is already stays as it is."""
    if rows:
        await connection.execute(queries("notify")["add_deliveries"], *columns(rows))


def columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows as PostgreSQL's unnest takes them."""
    return [list(column) for column in zip(*rows, strict=True)]


def _row(d: Delivery, at: datetime) -> tuple[Any, ...]:
    whom = (d.delivery_id, d.event_id, d.recipient, d.channel, d.endpoint)
    return (*whom, d.reason, d.mode, d.corrects, None, at, d.due_at)
