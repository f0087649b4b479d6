"""Loads timelines from Postgres: only what is new since the version this worker last saw. Decides nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from shared import facts
from shared.runtime.postgres import Connection, queries
from shared.timeline import Entry, Timeline, fold

CACHED_PATIENTS: Final = 5_000


class TimelineStore:
    """Timelines of the patients this worker serves, kept in memory least recently used first out.

    The cache only saves reading: each load asks for everything newer than the version held, so a stale copy cannot be
    served, and a worker that never saw a patient reads all of it.
    """

    def __init__(self, capacity: int = CACHED_PATIENTS) -> None:
        self._capacity = capacity
        self._held: OrderedDict[UUID, Timeline] = OrderedDict()

    async def load(self, connection: Connection, patients: Sequence[UUID]) -> dict[UUID, Timeline]:
        """The timelines of these patients at their newest version, in two queries; absent where there is none."""
        sql = queries("timeline")
        found = {r["patient"]: r["version"] for r in await connection.fetch(sql["versions"], patients)}
        behind = [p for p, version in found.items() if self._version(p) < version]
        fresh = await self._delta(connection, behind)
        for patient in behind:
            self._keep(self._merge(patient, found[patient], fresh.get(patient, [])))
        return {p: self._held[p] for p in found}

    async def open_dead_letters(self, connection: Connection, patients: Sequence[UUID]) -> dict[UUID, int]:
        """How many records of each patient could not be read; absent where all could. Ask it after `load`."""
        rows = await connection.fetch(queries("timeline")["open_dead_letters"], patients)
        return {r["patient"]: r["open_dead_letters"] for r in rows}

    def trim(self) -> None:
        """Forget the least recently used beyond the capacity; call it between batches."""
        while len(self._held) > self._capacity:
            self._held.popitem(last=False)

    async def _delta(self, connection: Connection, behind: list[UUID]) -> dict[UUID, list[Entry]]:
        if not behind:
            return {}
        rows = await connection.fetch(queries("timeline")["delta"], behind, [self._version(p) for p in behind])
        fresh: dict[UUID, list[Entry]] = {}
        for row in rows:
            entry = Entry(facts.decode(row["fact"]), row["recorded_at"], row["added_in"], row["ended_in"])
            fresh.setdefault(row["patient"], []).append(entry)
        return fresh

    def _merge(self, patient: UUID, version: int, fresh: list[Entry]) -> Timeline:
        held = self._held.get(patient)
        if held is None:
            return fold(patient, fresh, version)
        # A fact may be ended and stated again within one delta: it is among the live ones then.
        live = [e for e in fresh if e.ended_in is None or e.ended_in > version]
        return held.changed(version, live, {e.fact.fact_id for e in fresh})

    def _version(self, patient: UUID) -> int:
        held = self._held.get(patient)
        return held.version if held is not None else -1

    def _keep(self, timeline: Timeline) -> None:
        self._held[timeline.patient] = timeline
        self._held.move_to_end(timeline.patient)
