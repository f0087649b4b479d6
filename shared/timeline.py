"""A patient's timeline: every fact known at one version, in one order.

Decides which facts are live at a version and which of several is the latest, and shows with each laboratory result the
limits of normal of this patient; it holds no rule of a trial.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from operator import attrgetter
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import msgspec

from shared import reference_limits
from shared.facts import AnyFact, Fact
from shared.reference_limits import Person

F = TypeVar("F", bound=Fact)
_FIRST: Final[Callable[[Fact], datetime]] = attrgetter("occurred.first")


class Entry(msgspec.Struct, frozen=True):
    """A fact as stored: the timeline version that added it, the one that ended it, and when it was first recorded."""

    fact: AnyFact
    recorded_at: datetime
    added_in: int
    ended_in: int | None = None


class Timeline:
    """The live facts of one patient at one version, sorted by clinical time, then by id. Never mutated.

    Of a patient into whom others are merged it is the union; what they were called is `absorbed`.
    """

    def __init__(
        self,
        patient: UUID,
        version: int,
        facts: Sequence[AnyFact],
        recorded: Mapping[UUID, datetime],
        absorbed: Sequence[UUID] = (),
    ) -> None:
        self.patient = patient
        self.version = version
        self.absorbed = tuple(absorbed)
        self.facts: tuple[AnyFact, ...] = _with_limits(sorted(facts, key=clinical_order))
        self.recorded = recorded
        self._by_type: dict[type, tuple[Any, ...]] | None = None
        self._by_concept: dict[type, dict[str, tuple[Any, ...]]] = {}

    def of(self, kind: type[F]) -> tuple[F, ...]:
        """All facts of one type, in clinical order; undated ones come first."""
        if self._by_type is None:
            self._by_type = _grouped(self.facts, type)
        return cast("tuple[F, ...]", self._by_type.get(kind, ()))

    def about(self, kind: type[F], concept: str) -> tuple[F, ...]:
        """The facts of a type that has concepts (a laboratory result, a diagnosis) about one of them."""
        found = self._by_concept.get(kind)
        if found is None:
            found = self._by_concept[kind] = _grouped(self.of(kind), attrgetter("concept"))
        return cast("tuple[F, ...]", found.get(concept, ()))

    def until(self, at: datetime) -> Timeline:
        """The timeline without facts dated after `at`: a result dated tomorrow decides nothing today."""
        end = self._first_dated_after(at)
        if end == len(self.facts):
            return self
        return _sorted_already(self, self.version, self.facts[:end], self.recorded)

    def next_dated_after(self, at: datetime) -> datetime | None:
        """When the first fact dated after `at` begins to count; None if there is none."""
        end = self._first_dated_after(at)
        occurred = self.facts[end].occurred if end < len(self.facts) else None
        return occurred.first if occurred is not None else None

    def changed(self, version: int, added: Sequence[Entry], ended: Collection[UUID]) -> Timeline:
        """This timeline at a later version: without what ended, with what was added; costs little for a few facts.

        A fact added again counts once, with the time at which it was recorded last.
        """
        gone = {*ended, *(e.fact.fact_id for e in added)} & self.recorded.keys()
        facts = [f for f in self.facts if f.fact_id not in gone] if gone else list(self.facts)
        recorded = {i: at for i, at in self.recorded.items() if i not in gone} if gone else dict(self.recorded)
        person = _person(self.facts)
        new = [reference_limits.for_person(e.fact, person) for e in added]
        for entry, fact in zip(added, new, strict=True):
            recorded[fact.fact_id] = entry.recorded_at
            insort(facts, fact, key=clinical_order)
        is_same_person = _person(facts) == person
        later = _sorted_already(self, version, tuple(facts) if is_same_person else _with_limits(facts), recorded)
        if is_same_person and not gone and self._by_type is not None:
            later._carry_over(self, new)
        return later

    def absorbing(self, absorbed: Sequence[UUID]) -> Timeline:
        """The same timeline, by the patients that are merged into this one."""
        if self.absorbed == tuple(absorbed):
            return self
        same = _sorted_already(self, self.version, self.facts, self.recorded)
        same.absorbed = tuple(absorbed)
        return same

    def _carry_over(self, earlier: Timeline, added: Sequence[AnyFact]) -> None:
        """Take over what was grouped before, but for the types of what was added: grouping is most of the cost."""
        assert earlier._by_type is not None, "asked only where it is grouped"
        self._by_type = dict(earlier._by_type)
        for kind, new in _grouped(added, type).items():
            self._by_type[kind] = _with(earlier._by_type.get(kind, ()), new)
        for kind, by_concept in earlier._by_concept.items():
            self._by_concept[kind] = dict(by_concept)
            for concept, facts in _grouped([f for f in added if type(f) is kind], attrgetter("concept")).items():
                self._by_concept[kind][concept] = _with(by_concept.get(concept, ()), facts)

    def _first_dated_after(self, at: datetime) -> int:
        """Place of the first fact dated after `at`: facts are in order of the first instant that they may mean."""
        last = self.facts[-1].occurred if self.facts else None
        if last is None or last.first <= at:
            return len(self.facts)
        bound: tuple[bool, datetime | int] = (True, at)
        return bisect_right(self.facts, bound, key=_place)


def _person(facts: Sequence[AnyFact]) -> Person:
    """Who it is: what a Patient says has no date, and what has none comes first."""
    return reference_limits.person_of(takewhile(lambda f: f.occurred is None, facts))


def _with_limits(facts: Sequence[AnyFact]) -> tuple[AnyFact, ...]:
    """These facts, in order, with the limits of normal that hold for whom they are about."""
    person = _person(facts)
    return tuple(reference_limits.for_person(f, person) for f in facts)


def _sorted_already(
    of: Timeline, version: int, facts: tuple[AnyFact, ...], recorded: Mapping[UUID, datetime]
) -> Timeline:
    made = Timeline(of.patient, version, (), recorded, of.absorbed)
    made.facts = facts
    return made


def _grouped(facts: Iterable[Any], by: Callable[[Any], Any]) -> dict[Any, tuple[Any, ...]]:
    groups: dict[Any, list[Any]] = {}
    for fact in facts:
        groups.setdefault(by(fact), []).append(fact)
    return {name: tuple(group) for name, group in groups.items()}


def _with(facts: Sequence[Any], new: Iterable[Any]) -> tuple[Any, ...]:
    merged = list(facts)
    for fact in new:
        insort(merged, fact, key=clinical_order)
    return tuple(merged)


def _place(fact: Fact) -> tuple[bool, datetime | int]:
    return (True, fact.occurred.first) if fact.occurred is not None else (False, 0)


def clinical_order(fact: Fact) -> tuple[bool, datetime | int, int]:
    """Sort key: undated first, then the first instant the date may mean, then the id (any stable order will do)."""
    if fact.occurred is None:
        return (False, 0, fact.fact_id.int)
    return (True, fact.occurred.first, fact.fact_id.int)


def fold(patient: UUID, entries: Iterable[Entry], version: int) -> Timeline:
    """The timeline as it stood at `version`: what was added by then and not ended by then."""
    live = [e for e in entries if e.added_in <= version and (e.ended_in is None or e.ended_in > version)]
    return Timeline(patient, version, [e.fact for e in live], {e.fact.fact_id: e.recorded_at for e in live})


def offline(patient: UUID, facts: Iterable[AnyFact], recorded_at: datetime) -> Timeline:
    """A timeline of facts that were never stored (offline commands, tests): all recorded at one time."""
    unique = {f.fact_id: f for f in facts}
    return Timeline(patient, 1, list(unique.values()), dict.fromkeys(unique, recorded_at))


def latest(facts: Sequence[F]) -> tuple[F, ...]:
    """The facts that no other is certainly later than: one, or several that their precision cannot order."""
    dated = [f for f in facts if f.occurred is not None]
    if not dated:
        return ()
    newest = max(map(_FIRST, dated))
    return tuple(f for f in dated if f.occurred is not None and f.occurred.last >= newest)


def between(facts: Sequence[F], start: datetime, end: datetime) -> tuple[F, ...]:
    """The dated facts that may lie within [start, end], both inclusive."""
    return tuple(f for f in facts if f.occurred and f.occurred.last >= start and f.occurred.first <= end)
