"""A patient's timeline: every fact known at one version, in one order.

Decides which facts are live at a version and which of several is the latest; it holds no rule of a trial.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec

from shared.facts import AnyFact, Fact

F = TypeVar("F", bound=Fact)


class Entry(msgspec.Struct, frozen=True):
    """A fact as stored: the timeline version that added it, the one that ended it, and when it was first recorded."""

    fact: AnyFact
    recorded_at: datetime
    added_in: int
    ended_in: int | None = None


class Timeline:
    """The live facts of one patient at one version, sorted by clinical time, then by id. Never mutated."""

    def __init__(
        self, patient: UUID, version: int, facts: Sequence[AnyFact], recorded: Mapping[UUID, datetime]
    ) -> None:
        self.patient = patient
        self.version = version
        self.facts: tuple[AnyFact, ...] = tuple(sorted(facts, key=clinical_order))
        self.recorded = recorded
        self._by_type: dict[type, tuple[Any, ...]] = {}

    def of(self, kind: type[F]) -> tuple[F, ...]:
        """All facts of one type, in clinical order; undated ones come first."""
        found = self._by_type.get(kind)
        if found is None:
            found = self._by_type[kind] = tuple(f for f in self.facts if isinstance(f, kind))
        return cast("tuple[F, ...]", found)

    def until(self, at: datetime) -> Timeline:
        """The timeline without facts dated after `at`: a result dated tomorrow decides nothing today."""
        if not any(f.occurred is not None and f.occurred.first > at for f in self.facts):
            return self
        kept = [f for f in self.facts if f.occurred is None or f.occurred.first <= at]
        return Timeline(self.patient, self.version, kept, self.recorded)

    def next_dated_after(self, at: datetime) -> datetime | None:
        """When the first fact dated after `at` begins to count; None if there is none."""
        return min((f.occurred.first for f in self.facts if f.occurred and f.occurred.first > at), default=None)


def clinical_order(fact: Fact) -> tuple[bool, datetime | int, str]:
    """Sort key: undated first, then the first instant the date may mean, then the id (any stable order will do)."""
    if fact.occurred is None:
        return (False, 0, str(fact.fact_id))
    return (True, fact.occurred.first, str(fact.fact_id))


def fold(patient: UUID, entries: Iterable[Entry], version: int) -> Timeline:
    """The timeline as it stood at `version`: what was added by then and not ended by then."""
    live = [e for e in entries if e.added_in <= version and (e.ended_in is None or e.ended_in > version)]
    return Timeline(patient, version, [e.fact for e in live], {e.fact.fact_id: e.recorded_at for e in live})


def offline(patient: UUID, facts: Iterable[AnyFact], recorded_at: datetime) -> Timeline:
    """A timeline of facts that were never stored (offline commands, tests): all recorded at one time."""
    unique = {f.fact_id: f for f in facts}
    return Timeline(patient, 1, list(unique.values()), {i: recorded_at for i in unique})


def latest(facts: Sequence[F]) -> tuple[F, ...]:
    """The facts that no other is certainly later than: one, or several that their precision cannot order."""
    dated = [(f, f.occurred) for f in facts if f.occurred is not None]
    newest = max((occurred.first for _, occurred in dated), default=None)
    return tuple(f for f, occurred in dated if newest is not None and occurred.last >= newest)


def between(facts: Sequence[F], start: datetime, end: datetime) -> tuple[F, ...]:
    """The dated facts that may lie within [start, end], both inclusive."""
    return tuple(f for f in facts if f.occurred and f.occurred.last >= start and f.occurred.first <= end)

