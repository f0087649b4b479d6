"""A patient under treatment: decides what was recorded before the first dose, after, and in a window.

Holds no rule of rejection, toxicity or adverse events; every window is counted in calendar days at the
site.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, cast

from shared import dates
from shared.dates import FhirDate
from shared.facts import DrugExposure
from shared.outcomes import Evidence, cite
from shared.protocol.model import Protocol
from shared.rules.treatment import course
from shared.timeline import Timeline


class Placed(StrEnum):
    """Where a date lies relative to the first dose; `SAME_DAY` where no time of day settles the order."""

    BEFORE = "before"
    SAME_DAY = "same day"
    AFTER = "after"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Treated:
    """What is known at `at` of a patient who has had at least one dose of the trial's drug."""

    timeline: Timeline
    protocol: Protocol
    at: datetime
    first: DrugExposure
    last: DrugExposure

    @cached_property
    def causes_by_day(self) -> dict[date, tuple[Any, ...]]:
        """What `immunosuppression` has found near a day: many results ask for the same day."""
        return {}

    @cached_property
    def troughs_by_drug(self) -> dict[str, list[Any]]:
        """What `immunosuppression` has found of each drug, for the same reason."""
        return {}

    @property
    def first_on(self) -> date:
        """Day of the first dose."""
        return _date_of(self.first).day

    @property
    def first_at(self) -> datetime:
        """The first instant that the record of the first dose may mean."""
        return _date_of(self.first).first

    @property
    def first_dose(self) -> Evidence:
        """The first dose as evidence: every outcome of safety rests on it."""
        return cite(self.first, "first dose")

    def place(self, occurred: FhirDate | None) -> Placed:
        """Where a date lies relative to the first dose, as far as both precisions can tell."""
        if occurred is None:
            return Placed.UNKNOWN
        first = _date_of(self.first)
        precedes = dates.before(occurred, first)
        if precedes is not None:
            return Placed.BEFORE if precedes else Placed.AFTER
        return Placed.SAME_DAY if occurred.has_day and first.has_day else Placed.UNKNOWN

    def within(self, occurred: FhirDate | None, days_after_last: int) -> bool | None:
        """Whether an onset lies from the first dose to so many days after the last; None if unclear.

        An onset on the day of the first dose or on the last day of the window lies within.
        """
        if occurred is None:
            return None
        closes_on = self.closes_on(days_after_last)
        if self.place(occurred) is Placed.BEFORE or occurred.day > closes_on:
            return False
        certain = self.place(occurred) is not Placed.UNKNOWN and occurred.last_day <= closes_on
        return True if certain else None

    def closes_on(self, days_after_last: int) -> date:
        """The last day of a window that ends so many days after the last dose."""
        return _date_of(self.last).last_day + timedelta(days=days_after_last)

    def closes_at(self, days_after_last: int) -> datetime:
        """When that day is over: a dose with a time of day is given a whole day more."""
        return _date_of(self.last).first + timedelta(days=days_after_last + 1)

    def days_since_first_dose(self, occurred: FhirDate) -> int:
        """Days from the first dose to a date; 0 on the day itself."""
        return self.days_since_first_dose_on(occurred.day)

    def day_of(self, on: str | None) -> int | None:
        """Days from the first dose to a date as outcomes write it; None where its day is not known."""
        if on is None or len(on) != len("2024-05-03"):
            return None
        return self.days_since_first_dose_on(date.fromisoformat(on))

    def days_since_first_dose_on(self, day: date) -> int:
        """Days from the first dose to a calendar day."""
        return (day - self.first_on).days


def treated(timeline: Timeline, protocol: Protocol, at: datetime) -> Treated | None:
    """The patient as treated at `at`, from facts dated until then; None before the first dose."""
    known = timeline.until(at)
    doses = course(known, protocol.treatment.drug.value)
    if doses.first is None or doses.last is None:
        return None
    return Treated(known, protocol, at, doses.first, doses.last)


def _date_of(dose: DrugExposure) -> FhirDate:
    return cast(FhirDate, dose.occurred)  # `course` leaves out what has no date
