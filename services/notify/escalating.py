"""Tells further people of what nobody has acknowledged in time, and what became of it since: loads, asks the pure rules, writes.

The rules are `rules.escalate`; this is their shell. It locks the patients as deciding does, so that neither misses the other's.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from asyncpg import Record

from services.notify import rules, told
from services.notify.directory import Directory
from services.notify.notices import ESCALATION, MERGES, Delivery, Escalation, Since, Sooner
from services.notify.told import Decided
from shared.runtime import logs, metrics, postgres
from shared.runtime.postgres import Connection, Pool, queries

log = logs.logger(__name__)
_AT_ONCE: Final = 500
_ASIDE_SECONDS: Final = 60.0


class Escalator:
    """Turns escalations whose time has come into deliveries."""

    def __init__(self, pool: Pool, directory: Directory) -> None:
        self._pool = pool
        self._directory = directory
        self._sql = queries("notify")
        self._aside: dict[UUID, float] = {}
        """Patients of whom no step could be told for a fault of ours, and until when they are left alone."""

    def use(self, directory: Directory) -> None:
        """Go by another recipients file from the next step on."""
        self._directory = directory

    async def escalate(self) -> int:
        """Tell further people of what nobody has acknowledged in time; how many steps were due."""
        now = time.monotonic()
        self._aside = {patient: until for patient, until in self._aside.items() if until > now}
        rows = await self._pool.fetch(self._sql["due_patients"], _AT_ONCE, list(self._aside))
        patients = [r["patient"] for r in rows if r["patient"] not in self._aside]
        try:
            return await self._escalate(patients) if patients else 0
        except Exception as together:
            if postgres.may_pass(together):
                raise
            return await self._escalate_each(patients)

    async def oldest_seconds(self) -> float:
        """How long the step that is due longest has waited to be told."""
        return float(await self._pool.fetchval(self._sql["oldest_due_escalation"]))

    async def _escalate_each(self, patients: Sequence[UUID]) -> int:
        """One by one: a fault costs no other patient, and is tried again in a minute."""
        done = 0
        for patient in patients:
            try:
                done += await self._escalate([patient])
            except Exception as error:
                if postgres.may_pass(error):
                    raise
                log.error("escalation-failed", patient=str(patient), error=logs.where(error))
                self._aside[patient] = time.monotonic() + _ASIDE_SECONDS
        return done

    async def _escalate(self, patients: Sequence[UUID]) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            at: datetime = await connection.fetchval(self._sql["lock_patients"], list(patients))
            due = await connection.fetch(self._sql["due_escalations"], at, list(patients), _AT_ONCE)
            await self._tell(connection, [row for row in due if not row["acknowledged"]], at)
            states = ["acknowledged" if row["acknowledged"] else "escalated" for row in due]
            await connection.execute(self._sql["settle_escalations"], [row["escalation_id"] for row in due], states, at)
        metrics.ESCALATIONS.inc(states.count("escalated"))
        return len(due)

    async def _tell(self, connection: Connection, due: Sequence[Record], at: datetime) -> None:
        """At once, with what of it has not been told yet: that somebody would read it at noon is no reason to wait."""
        rows = await _rows_since(connection, due)
        decided = {row["later"]: Decided(row["later"], row["source"], row["kind"]) for row in (*due, *rows)}
        earlier = await told.rows_before(connection, decided.values())
        since = _since(rows, {row["earlier"] for row in earlier if row["corrected"]})
        steps = [rules.escalate(_escalation(row), since.get(row["event_id"], ()), self._directory, at) for row in due]
        deliveries = rules.in_order(d for step in steps for d in step)
        await told.tell(connection, deliveries, told.last_told(earlier), at, [_sooner(d) for d in deliveries])


async def _rows_since(connection: Connection, due: Sequence[Record]) -> list[Record]:
    rows: list[Record] = []
    for source in sorted({row["source"] for row in due}):
        ids = list({row["event_id"] for row in due if row["source"] == source})
        rows += await connection.fetch(queries("notify", source)["told_since"], ids, sorted(MERGES))
    return rows


def _since(rows: Sequence[Record], corrected: Collection[UUID]) -> Mapping[UUID, list[Since]]:
    """Of each event what was decided since, in order; it comes first itself."""
    sent: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    held: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        if row["is_held"] or row["is_sent"]:
            (held if row["is_held"] else sent)[row["later"]].add((row["recipient"], row["channel"]))
    found: dict[UUID, dict[UUID, Since]] = defaultdict(dict)
    for row in rows:
        e = row["later"]
        one = Since(e, row["kind"], e in corrected, frozenset(sent[e]), frozenset(held[e]))
        found[row["event_id"]].setdefault(e, one)
    return {event_id: list(events.values()) for event_id, events in found.items()}


def _escalation(row: Record) -> Escalation:
    to, by = tuple(row["recipients"]), tuple(row["channels"])
    return Escalation(row["event_id"], row["rule"], row["step"], to, by, row["due_at"])


def _sooner(d: Delivery) -> Sooner:
    """That this delivery is an escalation is kept of one, too, that a rule had decided for later."""
    return Sooner(d.delivery_id, d.mode, d.due_at, ESCALATION if d.reason == ESCALATION else None)
