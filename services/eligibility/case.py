"""One patient's facts at one time, laid out for the rules: by type and by concept, each list built once.

Decides which facts are recent enough for a window; judges none of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

from shared.dates import FhirDate
from shared.facts import Diagnosis, Fact, Laboratory
from shared.protocol.model import Protocol
from shared.timeline import Timeline

F = TypeVar("F", bound=Fact)
TICK: Final = timedelta(microseconds=1)


class Case:
    """The facts that count at `at`: nothing dated later. Never mutated after it is built."""

    def __init__(self, timeline: Timeline, protocol: Protocol, at: datetime) -> None:
        self.timeline = timeline
        self.response = protocol.response
        self.at = at
        self._by_type: defaultdict[type[Fact], list[Any]] = defaultdict(list)
        self._results: defaultdict[str, list[Laboratory]] = defaultdict(list)
        self._diagnoses: defaultdict[str, list[Diagnosis]] = defaultdict(list)
        for fact in timeline.facts:
            self._by_type[type(fact)].append(fact)
        for result in self.of(Laboratory):
            self._results[result.concept].append(result)
        for diagnosis in self.of(Diagnosis):
            self._diagnoses[diagnosis.concept].append(diagnosis)

    def of(self, kind: type[F]) -> list[F]:
        """All facts of a type, in clinical order."""
        return cast("list[F]", self._by_type.get(kind, []))

    def results(self, concept: str) -> list[Laboratory]:
        """All laboratory results of an analyte."""
        return self._results.get(concept, [])

    def diagnoses(self, concept: str) -> list[Diagnosis]:
        """All records of a diagnosis."""
        return self._diagnoses.get(concept, [])


def within(facts: Iterable[F], days: int | None, at: datetime) -> list[F]:
    """The dated facts not older than so many days: a value of 3 May counts through 17 May in a 14-day window.

    A fact dated to a month or a year must lie in the window with all its days.
    """
    if days is None:
        return [f for f in facts if f.occurred is not None]
    start = at - timedelta(days=days)
    return [f for f in facts if f.occurred is not None and _from(f.occurred) >= start]


def first_close(facts: Iterable[Fact], days: int | None) -> datetime | None:
    """The first instant at which one of these facts is too old; None: never."""
    if days is None:
        return None
    oldest = min((_from(f.occurred) for f in facts if f.occurred is not None), default=None)
    return None if oldest is None else oldest + timedelta(days=days) + TICK


def _from(on: FhirDate) -> datetime:
    """Whence the age of a fact is counted: the end of its day; of a month or a year, the beginning."""
    return on.last if on.has_day else on.first
