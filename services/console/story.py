"""Reads one patient as known at a version of the timeline: facts, decisions then in force, what was told. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from asyncpg import Record

from services.console.chart import PatientChart, Told, chart
from services.console.fact_words import ORDER, group
from services.console.place import Bedside
from shared import facts
from shared.facts import AnyFact
from shared.runtime.postgres import queries
from shared.timeline import Entry, Timeline, clinical_order, fold


class Step(msgspec.Struct, frozen=True):
    """One version of the timeline: when it came to be, and how many facts it added and ended."""

    version: int
    at: datetime | None
    added: int
    ended: int


class Listed(msgspec.Struct, frozen=True):
    """A fact of the list, with when it was first recorded and by which version."""

    fact: AnyFact
    recorded_at: datetime
    added_in: int
    ended_in: int | None


class Story(msgspec.Struct, frozen=True):
    """One patient at one version."""

    version: int
    newest: int
    steps: tuple[Step, ...]
    timeline: Timeline
    current: dict[tuple[str, str, str], dict[str, Any]]
    """Contents of the outcomes in force then, withdrawn ones left out, by (service, kind, subject)."""
    told: tuple[Told, ...]
    acknowledged: dict[tuple[str, datetime], str]
    listed: dict[str, list[Listed]]
    merges: tuple[dict[str, Any], ...]
    """Which patients were merged with this one, and when."""
    records: dict[str, str]
    """Which record states a fact, for links from evidence."""

    @property
    def is_past(self) -> bool:
        """Whether this is an earlier version than today's."""
        return self.version < self.newest

    @property
    def known_at(self) -> datetime | None:
        """When this version came to be."""
        return next((s.at for s in reversed(self.steps) if s.version <= self.version and s.at is not None), None)

    def of(self, service: str, kind: str) -> dict[str, dict[str, Any]]:
        """The contents of one kind, by subject."""
        return {subject: c for (s, k, subject), c in sorted(self.current.items()) if (s, k) == (service, kind)}


async def read(at: Bedside, version: int | None) -> Story:
    """The patient as known at that version; None: today's."""
    sql, pool = queries("console_patient"), at.console.pool
    shown = at.version if version is None else max(0, min(version, at.version))
    entries_, outcomes, told, versions, merges = await asyncio.gather(
        pool.fetch(sql["entries"], at.patient),
        pool.fetch(sql["outcomes"], at.patient, at.study, shown),
        pool.fetch(sql["told"], at.patient, at.study, shown),
        pool.fetch(sql["versions"], at.patient),
        pool.fetch(sql["merges"], at.patient),
    )
    entries = [entry(r) for r in entries_]
    return Story(
        version=shown,
        newest=at.version,
        steps=tuple(Step(r["version"], r["at"], r["added"], r["ended"]) for r in versions),
        timeline=fold(at.patient, entries, shown),
        current={
            (r["service"], r["kind"], r["subject"]): msgspec.json.decode(r["content"])
            for r in outcomes
            if not r["withdrawn"]
        },
        told=tuple(_told(r) for r in told),
        acknowledged={(r["type"], r["created_at"]): r["by_name"] for r in told if r["by_name"] is not None},
        listed=_listed(entries, shown),
        merges=tuple(dict(r) for r in merges),
        records={str(e.fact.fact_id): e.fact.source.reference for e in entries},
    )


async def drawn(at: Bedside, version: int | None) -> PatientChart:
    """The chart at that version."""
    story = await read(at, version)
    async with at.console.pool.acquire() as connection:
        now = await at.console.clock.now(connection)
    return chart(story.timeline, at.protocol, story.current, story.told, now)


def entry(row: Record | Mapping[str, Any]) -> Entry:
    """A row of facts."""
    return Entry(facts.decode(row["fact"]), row["recorded_at"], row["added_in"], row["ended_in"])


def _listed(entries: Sequence[Entry], version: int) -> dict[str, list[Listed]]:
    """The facts known at the version, newest first under their heading; one that it had ended is struck out there."""
    groups: dict[str, list[Listed]] = {heading: [] for heading in ORDER}
    for e in sorted((e for e in entries if e.added_in <= version), key=lambda e: clinical_order(e.fact), reverse=True):
        ended = e.ended_in if e.ended_in is not None and e.ended_in <= version else None
        groups.setdefault(group(e.fact), []).append(Listed(e.fact, e.recorded_at, e.added_in, ended))
    return {heading: found for heading, found in groups.items() if found}


def _told(row: Record) -> Told:
    event = msgspec.json.decode(row["event"])
    return Told(
        at=row["created_at"],
        occurred=_instant(event.get("occurred")),
        service=row["service"],
        type=row["type"],
        sentence=event["sentence"],
    )


def _instant(stated: str | None) -> datetime | None:
    """Where an event lies on the axis of time: the beginning of what its date may mean; None for an undated one."""
    if not stated:
        return None
    padded = {4: f"{stated}-01-01", 7: f"{stated}-01"}.get(len(stated), stated)
    moment = datetime.fromisoformat(padded if "T" in padded else f"{padded}T00:00:00+00:00")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
