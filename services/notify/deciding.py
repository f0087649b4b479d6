"""Decides, in one transaction, about every undecided event of some patients: loads, asks the pure rules, writes.

The rules are `rules.route`; this is their shell. Safe to call any number of times, by any number of processes, in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from asyncpg import Record

from services.notify import rules, told
from services.notify.directory import Directory
from services.notify.notices import SUBSCRIPTION, Escalation, Notice, Routing
from services.notify.subscriptions import numbering
from services.notify.told import Before, Decided
from shared import events
from shared.runtime import logs, metrics, tracing
from shared.runtime.postgres import Connection, Pool, queries

log = logs.logger(__name__)
SOURCES: Final = ("eligibility", "response", "safety")
EVER: Final = timedelta(days=100 * 365)
RECENT: Final = timedelta(hours=1)
"""What is looked at all the time; everything is now and then."""
_AT_ONCE: Final = 500
_Chain = tuple[str, UUID, str, str, str]
_Row = TypeVar("_Row", Record, Mapping[str, Any])


@dataclass(frozen=True)
class Undecided:
    """An event without a decision, and the chain of outcomes that it belongs to."""

    notice: Notice
    chain: _Chain
    raw: str
    traceparent: str | None = None


class Decider:
    """Turns undecided events into notices, deliveries and escalations."""

    def __init__(self, pool: Pool, directory: Directory) -> None:
        self._pool = pool
        self._directory = directory
        self._numbering = numbering.Numbering(pool, directory)
        self._sql = queries("notify")
        self._unreadable: set[UUID] = set()
        """Patients about whom it could not be decided, as an event of theirs cannot be read, say."""
        self._found: set[UUID] = set()
        """Patients whom the last search found with an undecided event, however old that is."""

    def use(self, directory: Directory) -> None:
        """Go by another recipients file from the next decision on."""
        self._directory = directory
        self._numbering.use(directory)

    async def decide(self, patients: Collection[UUID], traces: Mapping[UUID, str] = MappingProxyType({})) -> int:
        """Decide about every undecided event of these patients; how many there were.

        `traces`: of each event the trace that its message carried; without one it goes on from the outbox's row.
        """
        if not patients:
            return 0
        decided = 0
        async with self._pool.acquire() as connection, connection.transaction():
            at: datetime = await connection.fetchval(self._sql["lock_patients"], list(patients))
            for turn in turns(await self._undecided(connection, patients, traces)):
                await self._decide_turn(connection, turn, at)
                decided += len(turn)
        return decided

    def give_another_chance(self) -> None:
        """Look again at the patients that were set aside."""
        self._found |= self._unreadable  # they wait meanwhile
        self._unreadable.clear()

    def set_aside(self, patient: UUID) -> None:
        """Leave a patient about whom it could not be decided alone for a while."""
        self._unreadable.add(patient)

    async def undecided_patients(self, within: timedelta, grace: timedelta) -> list[UUID]:
        """Patients with an undecided event older than the grace, committed within so long."""
        found: set[UUID] = set()
        for source in SOURCES:
            sql = queries("notify", source)
            given = (within, grace, list(self._unreadable), _AT_ONCE)
            found |= {r["patient"] for r in await self._pool.fetch(sql["undecided_patients"], *given)}
        self._found = found
        return sorted(found)

    async def oldest_undecided_seconds(self) -> float:
        """How long the event that waits longest for a decision has waited.

        Of the recent ones, and of every patient that is known to wait: time alone must not hide an event that nobody can read.
        """
        waiting = list(self._unreadable | self._found)
        waits = [
            await self._pool.fetchval(sql["oldest_undecided_seconds"], RECENT, waiting)
            for sql in (queries("notify", source) for source in SOURCES)
        ]
        return float(max(waits))

    async def _undecided(
        self, connection: Connection, patients: Collection[UUID], traces: Mapping[UUID, str]
    ) -> list[Undecided]:
        rows: list[Record] = []
        for source in SOURCES:
            sql = queries("notify", source)
            rows += await connection.fetch(sql["undecided_events"], list(patients))
        rows = in_order(rows)
        first = {row["event_id"]: row for row in reversed(rows)}  # what every service tells is one event
        return [u for row in rows if first[row["event_id"]] is row and (u := self._read(row, traces)) is not None]

    def _read(self, row: Record, traces: Mapping[UUID, str]) -> Undecided | None:
        try:
            event = events.decode(row["event"].encode())
        except msgspec.MsgspecError:
            if row["patient"] not in self._unreadable:
                log.error("event-unreadable", event_id=str(row["event_id"]), source=row["source"])
            self._unreadable.add(row["patient"])
            return None
        notice = Notice(
            row["event_id"], row["source"], row["outcome_id"], row["patient"], row["site"], row["created_at"], event
        )
        chain = (row["source"], row["patient"], event.protocol, row["kind"], row["subject"])
        return Undecided(notice, chain, row["event"], traces.get(row["event_id"], row["traceparent"]))

    async def _decide_turn(self, connection: Connection, turn: Sequence[Undecided], at: datetime) -> None:
        before = await self._before(connection, turn, at)
        directory = self._directory
        spans = {u.notice.event_id: tracing.begin("decide", [u.traceparent]) for u in turn if u.traceparent}
        routed = [(u, rules.route(u.notice, directory, before[u.notice.event_id].told, at)) for u in turn]
        rows = [
            (
                *_notice_row(u, before[u.notice.event_id], routing, at, directory.hash),
                span.traceparent if span else None,
            )
            for u, routing in routed
            for span in [spans.get(u.notice.event_id)]
        ]
        await connection.execute(self._sql["add_notices"], *told.columns(rows))
        await told.tell(connection, [d for _, routing in routed for d in routing.deliveries], before, at)
        await self._add_escalations(connection, [e for _, routing in routed for e in routing.escalations])
        corrects = {e: before[e].corrects for e in (u.notice.event_id for u in turn)}
        numbered = {u.notice.event_id: numbering.Told(u.notice, corrects[u.notice.event_id]) for u in turn}
        await self._add_numbered(connection, numbered, at)
        for undecided, routing in routed:
            whom = "told" if routing.deliveries else "nobody"
            metrics.NOTICES.labels(undecided.notice.urgency.value, whom).inc()
            if (span := spans.get(undecided.notice.event_id)) is not None:
                span.end(deliveries=len(routing.deliveries))

    async def _before(self, connection: Connection, turn: Sequence[Undecided], at: datetime) -> Mapping[UUID, Before]:
        rows = await told.rows_before(
            connection, [Decided(u.notice.event_id, u.notice.source, u.notice.kind) for u in turn]
        )
        corrected = {r["earlier"] for r in rows if r["corrected"]}
        if corrected:
            await connection.execute(self._sql["end_escalations"], sorted(corrected), at)
        unsent = [r["delivery_id"] for r in rows if r["corrected"] and r["state"] == "pending" and not r["attempts"]]
        gone = await connection.fetch(self._sql["supersede"], unsent) if unsent else []
        return told.last_told(rows, {r["delivery_id"] for r in gone})

    async def _add_numbered(self, connection: Connection, of: Mapping[UUID, numbering.Told], at: datetime) -> None:
        rows = [
            (
                n.delivery_id,
                n.event_id,
                n.recipient,
                "fhir",
                n.endpoint,
                SUBSCRIPTION,
                "at-once",
                n.corrects,
                n.number,
                at,
                at,
            )
            for n in await self._numbering.number(connection, of)
        ]
        await told.add_deliveries(connection, rows)

    async def _add_escalations(self, connection: Connection, escalations: Iterable[Escalation]) -> None:
        rows = [
            (e.escalation_id, e.event_id, e.rule, e.step, ",".join(e.recipients), ",".join(e.channels), e.due_at)
            for e in escalations
        ]
        if rows:
            await connection.execute(self._sql["add_escalations"], *told.columns(rows))


def in_order(rows: Iterable[_Row]) -> list[_Row]:
    """As committed: of one service by the numbers of its outbox, whatever its clock said, of several by time."""
    latest: dict[str, datetime] = {}
    placed: list[tuple[datetime, str, int, _Row]] = []
    for row in sorted(rows, key=lambda r: r["sequence"]):
        source = row["source"]
        latest[source] = max(row["created_at"], latest.get(source, row["created_at"]))
        placed.append((latest[source], source, row["sequence"], row))
    return [row for *_, row in sorted(placed, key=lambda p: p[:3])]


def turns(undecided: Iterable[Undecided]) -> list[list[Undecided]]:
    """In turns, each with one event of a chain at most: the next must know what was decided about the one before."""
    by_chain: dict[_Chain, int] = defaultdict(int)
    found: list[list[Undecided]] = []
    for u in undecided:
        turn = by_chain[u.chain]
        by_chain[u.chain] += 1
        if turn == len(found):
            found.append([])
        found[turn].append(u)
    return found


def _notice_row(u: Undecided, before: Before, routing: Routing, at: datetime, directory: str) -> tuple[Any, ...]:
    n = u.notice
    about = (n.event_id, n.source, n.outcome_id, n.patient, n.site, n.study, n.kind, n.urgency.value, u.raw)
    return (*about, before.follows, before.corrects, n.created_at, at, len(routing.deliveries), directory)
