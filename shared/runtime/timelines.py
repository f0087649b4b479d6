"""Loads timelines from Postgres: only what is new since the version this worker last saw. Decides nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from shared import facts
from shared.runtime.postgres import Connection, queries
from shared.timeline import Entry, Timeline, fold

CACHED_PATIENTS: Final = 5_000


class Merged(Struct, frozen=True):
    """A patient whose facts are another's now: the timeline is the survivor's."""

    patient: UUID
    version: int
    into: UUID


class Loaded(Struct, frozen=True):
    """The timelines of patients of their own, and those that are merged into another."""

    timelines: dict[UUID, Timeline]
    merged: dict[UUID, Merged]
    joined: dict[UUID, dict[UUID, int]]
    """Who is merged into each patient, and since which version; absent where nobody is."""


class TimelineStore:
    """Timelines of the patients this worker serves, kept in memory least recently used first out.

    The cache only saves reading: each load asks for everything newer than the version held, so a stale copy cannot be
    served, and a worker that never saw a patient reads all of it. What comes and goes with a merge or an unmerge is new
    like any other fact (view `timeline.known_fact`).
    """

    def __init__(self, capacity: int = CACHED_PATIENTS) -> None:
        self._capacity = capacity
        self._held: OrderedDict[UUID, Timeline] = OrderedDict()

    async def load(self, connection: Connection, patients: Sequence[UUID]) -> dict[UUID, Timeline]:
        """The timelines of these patients at their newest version; absent where there is none, or it is another's."""
        return (await self.look(connection, patients)).timelines

    async def look(self, connection: Connection, patients: Sequence[UUID]) -> Loaded:
        """The same in two queries, two more where patients were merged; and who is merged with whom."""
        found = {r["patient"]: r for r in await connection.fetch(queries("timeline")["versions"], patients)}
        own = {p: r for p, r in found.items() if r["merged_into"] is None}
        joined = await self._joined(connection, [p for p, r in own.items() if r["has_merges"]])
        behind = [p for p, r in own.items() if self._version(p) < r["version"]]
        sql, alone = queries("timeline"), [p for p in behind if not own[p]["has_merges"]]
        fresh = await self._delta(connection, sql["delta"], alone)
        fresh |= await self._delta(connection, sql["delta_of_merged"], [p for p in behind if own[p]["has_merges"]])
        for patient in behind:
            version = own[patient]["version"]
            absorbed = [p for p, since in joined.get(patient, {}).items() if since <= version]
            self._keep(self._merge(patient, version, fresh.get(patient, [])).absorbing(absorbed))
        merged = {p: Merged(p, r["version"], r["merged_into"]) for p, r in found.items() if p not in own}
        return Loaded({p: self._held[p] for p in own}, merged, joined)

    async def open_dead_letters(self, connection: Connection, patients: Sequence[UUID]) -> dict[UUID, int]:
        """How many records of each patient could not be read; absent where all could. Ask it after `load`."""
        rows = await connection.fetch(queries("timeline")["open_dead_letters"], patients)
        return {r["patient"]: r["open_dead_letters"] for r in rows}

    def trim(self) -> None:
        """Forget the least recently used beyond the capacity; call it between batches."""
        while len(self._held) > self._capacity:
            self._held.popitem(last=False)

    async def _joined(self, connection: Connection, survivors: list[UUID]) -> dict[UUID, dict[UUID, int]]:
        joined: dict[UUID, dict[UUID, int]] = {}
        if survivors:
            for row in await connection.fetch(queries("timeline")["absorbed"], survivors):
                joined.setdefault(row["survivor"], {})[row["patient"]] = row["merged_in"]
        return joined

    async def _delta(self, connection: Connection, query: str, behind: list[UUID]) -> dict[UUID, list[Entry]]:
        if not behind:
            return {}
        rows = await connection.fetch(query, behind, [self._version(p) for p in behind])
        fresh: dict[UUID, list[Entry]] = {}
        for row in rows:
            fresh.setdefault(row["patient"], []).append(entry(row))
        return fresh

    def _merge(self, patient: UUID, version: int, fresh: list[Entry]) -> Timeline:
        held = self._held.get(patient)
        if held is None:
            return fold(patient, fresh, version)
        # A fact may be ended and stated again within one delta: it is among the live ones then. What is newer than the
        # version comes with the next one.
        live = [e for e in fresh if e.added_in <= version and (e.ended_in is None or e.ended_in > version)]
        return held.changed(version, live, {e.fact.fact_id for e in fresh})

    def _version(self, patient: UUID) -> int:
        held = self._held.get(patient)
        return held.version if held is not None else -1

    def _keep(self, timeline: Timeline) -> None:
        self._held[timeline.patient] = timeline
        self._held.move_to_end(timeline.patient)


def entry(row: Any) -> Entry:
    """A row of facts as an entry of a timeline."""
    return Entry(facts.decode(row["fact"]), row["recorded_at"], row["added_in"], row["ended_in"])
