"""Loads timelines from Postgres: only what is new since the version this worker last saw. Decides nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from asyncpg import Record
from msgspec import Struct

from shared import facts
from shared.runtime.postgres import Connection, queries
from shared.timeline import Entry, Timeline, fold

CACHED_PATIENTS: Final = 5_000
CACHED_FACTS: Final = 100_000
"""Between 120 and 250 MB: patients who are followed for years have hundreds of facts each, so patients alone bound nothing."""


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
    unread: dict[UUID, int]
    """How many records of each patient could not be read; absent where all could."""


class TimelineStore:
    """Timelines of the patients this worker serves, kept in memory least recently used first out.

    The cache only saves reading: each load asks for everything newer than the version held, so a stale copy cannot be
    served, and a worker that never saw a patient reads all of it. What comes and goes with a merge or an unmerge is new
    like any other fact (view `timeline.known_fact`). It holds what one server said: another that lacks the last of it (a
    promoted replica, a restore, a crash without synchronous commits) gives the same versions to other facts.
    """

    def __init__(self, capacity: int = CACHED_PATIENTS, most_facts: int = CACHED_FACTS) -> None:
        self._capacity = capacity
        self._most_facts = most_facts
        self._held: OrderedDict[UUID, Timeline] = OrderedDict()
        self._server = ""
        self.held_facts = 0

    def of_server(self, server: str) -> None:
        """Hold nothing that another server, or this one before it crashed, has said."""
        if server != self._server:
            self._held.clear()
            self.held_facts, self._server = 0, server

    async def load(self, connection: Connection, patients: Sequence[UUID]) -> dict[UUID, Timeline]:
        """The timelines of these patients at their newest version; absent where there is none, or it is another's."""
        return (await self.look(connection, patients)).timelines

    async def look(self, connection: Connection, patients: Sequence[UUID]) -> Loaded:
        """The same in one query, three more where patients were merged; who is merged with whom, and what is unread."""
        sql, known = queries("timeline"), [self._version(p) for p in patients]
        rows = await connection.fetch(sql["news"], patients, known)
        found = {r["patient"]: r for r in rows}
        self._forget_removed(patients, found)
        own = {p: r for p, r in found.items() if r["merged_into"] is None}
        fresh = _entries(r for r in rows if r["fact"] is not None)
        unread = {p: r["open_dead_letters"] for p, r in own.items() if r["open_dead_letters"]}
        survivors = [p for p, r in own.items() if r["has_merges"]]
        behind = [p for p, r in own.items() if self._version(p) < r["version"]]
        joined: dict[UUID, dict[UUID, int]] = {}
        if survivors:
            joined = await self._joined(connection, survivors)
            of_merged = [p for p in behind if own[p]["has_merges"]]
            held = [self._version(p) for p in of_merged]
            fresh |= _entries(await connection.fetch(sql["delta_of_merged"], of_merged, held))
            marked = await connection.fetch(sql["open_dead_letters_of_merged"], survivors)
            unread |= {r["patient"]: r["open_dead_letters"] for r in marked}
        for patient in behind:
            version = own[patient]["version"]
            absorbed = [p for p, since in joined.get(patient, {}).items() if since <= version]
            self._keep(self._merge(patient, version, fresh.get(patient, [])).absorbing(absorbed))
        merged = {p: Merged(p, r["version"], r["merged_into"]) for p, r in found.items() if p not in own}
        return Loaded({p: self._held[p] for p in own}, merged, joined, unread)

    def holds(self, patients: Iterable[UUID]) -> bool:
        """Whether each of these patients was loaded before, and is still held."""
        return all(p in self._held for p in patients)

    def _forget_removed(self, patients: Sequence[UUID], found: Mapping[UUID, Record]) -> None:
        """What was held of an erased or purged patient is no part of a later timeline of the same patient."""
        for patient in patients:
            row = found.get(patient)
            if row is None or self._version(patient) < row["began_in"]:
                self._forget(patient)

    def trim(self) -> None:
        """Forget the least recently used beyond the capacity, in patients and in facts; call it between batches."""
        while len(self._held) > self._capacity or self.held_facts > self._most_facts:
            self._forget(next(iter(self._held)))

    async def _joined(self, connection: Connection, survivors: list[UUID]) -> dict[UUID, dict[UUID, int]]:
        joined: dict[UUID, dict[UUID, int]] = {}
        for row in await connection.fetch(queries("timeline")["absorbed"], survivors):
            joined.setdefault(row["survivor"], {})[row["patient"]] = row["merged_in"]
        return joined

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

    def _forget(self, patient: UUID) -> None:
        gone = self._held.pop(patient, None)
        self.held_facts -= len(gone.facts) if gone is not None else 0

    def _keep(self, timeline: Timeline) -> None:
        before = self._held.get(timeline.patient)
        self.held_facts += len(timeline.facts) - (len(before.facts) if before is not None else 0)
        self._held[timeline.patient] = timeline
        self._held.move_to_end(timeline.patient)


def _entries(rows: Iterable[Any]) -> dict[UUID, list[Entry]]:
    fresh: dict[UUID, list[Entry]] = {}
    for row in rows:
        fresh.setdefault(row["patient"], []).append(entry(row))
    return fresh


def entry(row: Any) -> Entry:
    """A row of facts as an entry of a timeline."""
    return Entry(facts.decode(row["fact"]), row["recorded_at"], row["added_in"], row["ended_in"])
