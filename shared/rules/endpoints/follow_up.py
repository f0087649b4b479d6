"""Decides what is known of a treated patient's follow-up: death, last contact, end of the trial's observation.

Does not decide any endpoint.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime

import msgspec

from shared.dates import FhirDate
from shared.facts import (
    BiopsyScore,
    ClinicalFinding,
    DrugExposure,
    EncounterStay,
    Fact,
    ImagingVerdict,
    Laboratory,
    LesionMeasurement,
    ProcedurePerformed,
    ScaleScore,
    VitalStatus,
)
from shared.outcomes import Evidence, cite, collect
from shared.rules.mrecist import Course
from shared.timeline import Timeline

_CONTACTS = (BiopsyScore, ClinicalFinding, ImagingVerdict, Laboratory, LesionMeasurement, ScaleScore)
"""Facts that can only be stated of somebody who was seen that day."""


class Dated(msgspec.Struct, frozen=True):
    """A day, and the records that state it."""

    on: date
    evidence: tuple[Evidence, ...] = ()


class FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoints of one patient are derived from."""

    course: Course
    start: Dated
    death: Dated | None
    last_contact: Dated
    new_therapy: Dated | None
    today: date
    cut_on: date
    """Last day of the trial's observation."""
    interval_days: int
    window_days: int
    missed_visits: int
    """So many visits missed in a row make the date of a later event unknown."""
    problems: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the trial's observation of the patient is over."""
        return self.today > self.cut_on

    @property
    def longest_gap_days(self) -> int:
        """Days between assessments in which fewer visits than those were missed."""
        return self.missed_visits * self.interval_days + self.window_days


class Schedule(msgspec.Struct, frozen=True):
    """The trial's times: its imaging interval, the window of a visit, missed visits that censor, months observed."""

    interval_days: int
    window_days: int
    missed_visits: int
    months: int


def follow_up(  # noqa: PLR0913 what is known, and what it is judged by
    known: Timeline,
    course: Course,
    start: Evidence,
    *,
    schedule: Schedule,
    at: datetime,
    new_therapy: Dated | None = None,
) -> FollowUp:
    """What the records dated up to `at` say of this treated patient's follow-up."""
    contact = _last_contact(known, course.start, start, at.date())
    death, problems = _death(known, contact.on)
    return FollowUp(
        course=course,
        start=Dated(course.start, (start,)),
        death=death,
        last_contact=contact,
        new_therapy=new_therapy,
        today=at.date(),
        cut_on=_months_after(course.start, schedule.months),
        interval_days=schedule.interval_days,
        window_days=schedule.window_days,
        missed_visits=schedule.missed_visits,
        problems=problems,
    )


def _death(known: Timeline, last_seen: date) -> tuple[Dated | None, tuple[str, ...]]:
    """The date of death; the earliest where records differ.

    A death recorded without its day is dated to the last contact within the time that the record may mean, else to
    its first day; one without any date has no date that a survival time could end on.
    """
    stated = [v for v in known.of(VitalStatus) if v.deceased]
    if not stated:
        return None, ()
    days = sorted({_within(v.occurred, last_seen) for v in stated if v.occurred is not None})
    if not days:
        return None, ("a death is recorded without its date: it cannot end a survival time",)
    problems = {"death is recorded with more than one date: the earliest counts"} if len(days) > 1 else set()
    if any(v.occurred is not None and not v.occurred.has_day for v in stated):
        problems.add("the day of death is not recorded: the earliest day not before the last contact counts")
    elif last_seen > days[0]:
        problems.add("the patient is recorded as seen after the date of death: the date of death counts")
    return Dated(days[0], collect([cite(v, "death") for v in stated])), tuple(sorted(problems))


def _within(stated: FhirDate, last_seen: date) -> date:
    return max(stated.day, min(last_seen, stated.last_day)) if not stated.has_day else stated.day


def _last_contact(known: Timeline, start: date, dose: Evidence, today: date) -> Dated:
    """The last day on which a record shows the patient alive; the first dose shows it too."""
    newest, of = start, [dose]
    for day, fact in _contacts(known, today):
        if day > newest:
            newest, of = day, []
        if day == newest and day > start:
            of.append(cite(fact, "seen alive"))
    return Dated(newest, collect(of))


def _contacts(known: Timeline, today: date) -> Iterator[tuple[date, Fact]]:
    for fact in known.facts:
        match fact:
            case DrugExposure(record="administration", taken=True) | ProcedurePerformed(performed=True):
                pass
            case EncounterStay(until=FhirDate() as until):
                # A stay that is to end in the future has not ended: its beginning is the contact.
                if until.last_day <= today:
                    yield until.day, fact
            case EncounterStay() | VitalStatus(deceased=False):
                pass
            case _ if isinstance(fact, _CONTACTS):
                pass
            case _:
                continue
        if fact.occurred is not None:
            yield fact.occurred.day, fact


def _months_after(day: date, months: int) -> date:
    """The same day so many months later, the last of the month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
