"""Decides, in one transaction, about every undecided event of some patients: loads, asks the pure rules, writes.

The rules are `rules.route`; this is their shell. Safe to call any number of times, by any number of processes, in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import msgspec
from asyncpg import Record

from services.notify import rules
from services.notify.directory import Directory
from services.notify.notices import SUBSCRIPTION, TOLD_BEFORE, Delivery, Escalation, Notice, Routing, Told
from services.notify.subscriptions import numbering
from shared import events
from shared.runtime import logs, metrics, tracing
from shared.runtime.postgres import Connection, Pool, queries

log = logs.logger(__name__)
SOURCES: Final = ("eligibility", "response", "safety")
EVER: Final = timedelta(days=100 * 365)
_AT_ONCE: Final = 500
_Chain = tuple[str, UUID, str, str, str]


@dataclass(frozen=True)
class Undecided:
    """An event without a decision, and the chain of outcomes that it belongs to."""

    notice: Notice
    chain: _Chain
    raw: str
    traceparent: str | None = None


@dataclass
class _Before:
    """What was told before, about the outcomes that an event's outcome superseded."""

    told: list[Told] = field(default_factory=list)
    held: list[Told] = field(default_factory=list)
    """All that still waits, not only the last."""
    follows: UUID | None = None
    corrects: UUID | None = None


class Decider:
    """Turns undecided events into notices, deliveries and escalations."""

    def __init__(self, pool: Pool, directory: Directory) -> None:
        self._pool = pool
        self._directory = directory
        self._numbering = numbering.Numbering(pool, directory)
        self._sql = queries("notify")
        self._unreadable: set[UUID] = set()
        """Patients about whom it could not be decided, as an event of theirs cannot be read, say."""

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
        return sorted(found)

    async def oldest_undecided_seconds(self) -> float:
        """How long the event that waits longest for a decision has waited, of the last hour."""
        waits = [
            await self._pool.fetchval(sql["oldest_undecided_seconds"])
            for sql in (queries("notify", source) for source in SOURCES)
        ]
        return float(max(waits))

    async def escalate(self) -> int:
        """Tell further people of what nobody has acknowledged in time; how many steps were due."""
        async with self._pool.acquire() as connection, connection.transaction():
            at: datetime = await connection.fetchval("SELECT now()")
            due = await connection.fetch(self._sql["due_escalations"], at, _AT_ONCE)
            deliveries: list[Delivery] = []
            for row in due:
                if not row["acknowledged"]:
                    deliveries += rules.escalate(_escalation(row), self._directory, at)
            await self._escalate_in_order(connection, due, deliveries)
            states = ["acknowledged" if row["acknowledged"] else "escalated" for row in due]
            await self._add_deliveries(connection, deliveries, at)
            await connection.execute(self._sql["settle_escalations"], [row["escalation_id"] for row in due], states, at)
        metrics.ESCALATIONS.inc(states.count("escalated"))
        return len(due)

    async def _escalate_in_order(
        self, connection: Connection, due: Sequence[Record], deliveries: Sequence[Delivery]
    ) -> None:
        """What a recipient has not been told yet, of this event or of one before it, does not wait for the morning either."""
        held: dict[UUID, list[Told]] = defaultdict(list)
        for source in sorted({row["source"] for row in due}):
            ids = [row["event_id"] for row in due if row["source"] == source]
            told = await connection.fetch(queries("notify", source)["told_before"], ids)
            for event_id, before in last_told(told, ()).items():
                held[event_id] += before.held
        by_event: dict[UUID, list[Delivery]] = defaultdict(list)
        for d in deliveries:
            by_event[d.event_id].append(d)
        await self._tell_first(connection, [(found, held[event_id]) for event_id, found in by_event.items()])
        rows = [(d.delivery_id, d.mode, d.due_at) for d in deliveries]
        if rows:
            await connection.execute(self._sql["bring_forward"], *_columns(rows))

    async def _undecided(
        self, connection: Connection, patients: Collection[UUID], traces: Mapping[UUID, str]
    ) -> list[Undecided]:
        rows: list[Record] = []
        for source in SOURCES:
            sql = queries("notify", source)
            rows += await connection.fetch(sql["undecided_events"], list(patients))
        rows.sort(key=lambda r: (r["created_at"], r["source"], r["sequence"]))
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
        await connection.execute(self._sql["add_notices"], *_columns(rows))
        held = {u.notice.event_id: before[u.notice.event_id].held for u, _ in routed}
        await self._tell_first(connection, [(routing.deliveries, held[u.notice.event_id]) for u, routing in routed])
        await self._add_deliveries(connection, [d for _, routing in routed for d in routing.deliveries], at)
        await self._add_escalations(connection, [e for _, routing in routed for e in routing.escalations])
        corrects = {e: before[e].corrects for e in (u.notice.event_id for u in turn)}
        told_of = {u.notice.event_id: numbering.Told(u.notice, corrects[u.notice.event_id]) for u in turn}
        await self._add_numbered(connection, told_of, at)
        for undecided, routing in routed:
            told = "told" if routing.deliveries else "nobody"
            metrics.NOTICES.labels(undecided.notice.urgency.value, told).inc()
            if (span := spans.get(undecided.notice.event_id)) is not None:
                span.end(deliveries=len(routing.deliveries))

    async def _before(self, connection: Connection, turn: Sequence[Undecided], at: datetime) -> Mapping[UUID, _Before]:
        rows: list[Record] = []
        for source in sorted({u.notice.source for u in turn}):
            sql = queries("notify", source)
            ids = [u.notice.event_id for u in turn if u.notice.source == source]
            rows += await connection.fetch(sql["told_before"], ids)
            of_merges = [u.notice.event_id for u in turn if u.notice.source == source and _is_merge(u.notice)]
            if of_merges:
                rows += await connection.fetch(sql["told_of_patient"], of_merges)
        corrected = {r["earlier"] for r in rows if r["corrected"]}
        if corrected:
            await connection.execute(self._sql["end_escalations"], sorted(corrected), at)
        unsent = [r["delivery_id"] for r in rows if r["corrected"] and r["state"] == "pending" and not r["attempts"]]
        gone = await connection.fetch(self._sql["supersede"], unsent) if unsent else []
        return last_told(rows, {r["delivery_id"] for r in gone})

    async def _tell_first(
        self, connection: Connection, following: Iterable[tuple[Iterable[Delivery], Iterable[Told]]]
    ) -> None:
        sooner = [s for deliveries, held in following for s in rules.told_first(deliveries, held)]
        if sooner:
            rows = [(s.delivery_id, s.mode, s.due_at) for s in sooner]
            await connection.execute(self._sql["bring_forward"], *_columns(rows))

    async def _add_deliveries(self, connection: Connection, deliveries: Iterable[Delivery], at: datetime) -> None:
        rows = [
            (
                d.delivery_id,
                d.event_id,
                d.recipient,
                d.channel,
                d.endpoint,
                d.reason,
                d.mode,
                d.corrects,
                None,
                at,
                d.due_at,
            )
            for d in deliveries
        ]
        if rows:
            await connection.execute(self._sql["add_deliveries"], *_columns(rows))

    async def _add_numbered(self, connection: Connection, told: Mapping[UUID, numbering.Told], at: datetime) -> None:
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
            for n in await self._numbering.number(connection, told)
        ]
        if rows:
            await connection.execute(self._sql["add_deliveries"], *_columns(rows))

    async def _add_escalations(self, connection: Connection, escalations: Iterable[Escalation]) -> None:
        rows = [
            (e.escalation_id, e.event_id, e.rule, e.step, ",".join(e.recipients), ",".join(e.channels), e.due_at)
            for e in escalations
        ]
        if rows:
            await connection.execute(self._sql["add_escalations"], *_columns(rows))


def _is_merge(notice: Notice) -> bool:
    return isinstance(notice.event, events.PatientMerged | events.PatientUnmerged)


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


def last_told(rows: Iterable[Record | Mapping[str, Any]], superseded: Collection[UUID]) -> Mapping[UUID, _Before]:
    """For each event the last that each recipient was told by each channel; rows come with the last event first."""
    found: dict[UUID, _Before] = defaultdict(_Before)
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


def _escalation(row: Record) -> Escalation:
    to, by = tuple(row["recipients"]), tuple(row["channels"])
    return Escalation(row["event_id"], row["rule"], row["step"], to, by, row["due_at"])


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _notice_row(u: Undecided, before: _Before, routing: Routing, at: datetime, directory: str) -> tuple[Any, ...]:
    n = u.notice
    about = (n.event_id, n.source, n.outcome_id, n.patient, n.site, n.study, n.kind, n.urgency.value, u.raw)
    return (*about, before.follows, before.corrects, n.created_at, at, len(routing.deliveries), directory)
