"""One patient's facts at one time, as the rules ask for them: by type and by concept.

Decides which facts are recent enough for a window; judges none of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from shared.dates import FhirDate
from shared.facts import Diagnosis, Fact, Laboratory
from shared.protocol.model import Protocol
from shared.timeline import Timeline

F = TypeVar("F", bound=Fact)
TICK: Final = timedelta(microseconds=1)
_LONGEST_DAY: Final = timedelta(hours=30)
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


class Case:
    """The facts that count at `at`: nothing dated later. Never mutated after it is built."""

    def __init__(self, timeline: Timeline, protocol: Protocol, at: datetime) -> None:
        self.timeline = timeline
        self.response = protocol.response
        self.at = at

    def of(self, kind: type[F]) -> Sequence[F]:
        """All facts of a type, in clinical order."""
        return self.timeline.of(kind)

    def results(self, concept: str) -> Sequence[Laboratory]:
        """All laboratory results of an analyte."""
        return self.timeline.about(Laboratory, concept)

    def diagnoses(self, concept: str) -> Sequence[Diagnosis]:
        """All records of a diagnosis."""
        return self.timeline.about(Diagnosis, concept)


def within(facts: Sequence[F], days: int | None, at: datetime) -> list[F]:
    """The dated facts not older than so many days: a value of 3 May counts through 17 May in a 14-day window.

    A fact dated to a month or a year must lie in the window with all its days. The facts are in clinical order.
    """
    if days is None:
        return [f for f in facts if f.occurred is not None]
    start = at - timedelta(days=days)
    # A day is over at most a day and its change of clock after it began: nothing before can still count.
    first = bisect_left(facts, start - _LONGEST_DAY, key=_began)
    return [f for f in facts[first:] if f.occurred is not None and _from(f.occurred) >= start]


def first_close(facts: Iterable[Fact], days: int | None) -> datetime | None:
    """The first instant at which one of these facts is too old; None: never."""
    if days is None:
        return None
    oldest = min((_from(f.occurred) for f in facts if f.occurred is not None), default=None)
    return None if oldest is None else oldest + timedelta(days=days) + TICK


def _began(fact: Fact) -> datetime:
    return fact.occurred.first if fact.occurred is not None else _BEFORE_ALL


def _from(on: FhirDate) -> datetime:
    """Whence the age of a fact is counted: the end of its day; of a month or a year, the beginning."""
    return on.last if on.has_day else on.first
