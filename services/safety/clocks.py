"""Reporting deadlines of a case: decides when each report is due, and whether it is due, overdue or made.

Does not decide whether a case is serious, related or expected, nor who is told.

Two awarenesses start two kinds of clock. The site's starts the investigator's, in elapsed hours: it passes over a
change of daylight saving unchanged. The sponsor's (when the site's report reached it) is day 0 of the sponsor's: due
at the end of a calendar day in the sponsor's time zone. Sources: ICH E2A, III.B; 21 CFR 312.32(c).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from shared import wording
from shared.dates import FhirDate
from shared.protocol.model import Clocks

TICK: Final = timedelta(microseconds=1)


class Kind(StrEnum):
    """Which report a clock is about."""

    SITE = "site-report"
    SITE_DEATH = "site-report-of-death"
    FATAL = "expedited-fatal"
    OTHER = "expedited"
    FOLLOW_UP = "follow-up"


class State(StrEnum):
    """How a deadline stands; `MET_LATE` is made, but after it."""

    DUE = "due"
    DUE_SOON = "due-soon"
    OVERDUE = "overdue"
    MET = "met"
    MET_LATE = "met-late"


_REPORTS: Final = {
    Kind.SITE: "report of the site to the sponsor",
    Kind.SITE_DEATH: "report of the site on the death",
    Kind.FATAL: "expedited report (fatal or life-threatening)",
    Kind.OTHER: "expedited report",
    Kind.FOLLOW_UP: "follow-up of the expedited report",
}


@dataclass(frozen=True)
class Awareness:
    """What is known of a case that starts its clocks."""

    site_at: datetime | None
    """When the site knew of the case."""
    death_at: datetime | None
    """When the site knew that the patient died of it; None for a case that is not fatal."""
    is_urgent: bool
    """Fatal or life-threatening."""
    is_expedited: bool
    """Suspected, unexpected and serious, as far as assessed, and not excepted by the protocol."""
    notified: tuple[FhirDate, ...] = ()
    """When the site's report, and each further one, reached the sponsor."""
    submitted: tuple[FhirDate, ...] = ()
    followed_up: tuple[FhirDate, ...] = ()


@dataclass(frozen=True)
class Clock:
    """One deadline of one case at one time."""

    kind: Kind
    starts_at: datetime
    due_at: datetime
    """The last instant that is in time."""
    met_at: FhirDate | None

    def state(self, at: datetime, remind: timedelta) -> State:
        """How it stands at a time; a report of which only the day is known is in time if that day may be."""
        if self.met_at is not None:
            return State.MET if self.met_at.first <= self.due_at else State.MET_LATE
        if at > self.due_at:
            return State.OVERDUE
        return State.DUE_SOON if at >= self.due_at - remind else State.DUE

    @property
    def report(self) -> str:
        """Which report it is, in words."""
        return _REPORTS[self.kind]

    def says(self, state: State) -> str:
        """How it stands in words: `overdue since 4 May 2024, 12:00 UTC`."""
        by = f"{wording.on_day(self.due_at.date())}, {self.due_at:%H:%M} UTC"
        match state:
            case State.DUE:
                return f"due by {by}"
            case State.DUE_SOON:
                return f"due soon, by {by}"
            case State.OVERDUE:
                return f"overdue since {by}"
            case State.MET:
                return f"made on {wording.dated(self.met_at)}, due by {by}"
            case State.MET_LATE:
                return f"made late, on {wording.dated(self.met_at)}; it was due by {by}"

    def changes_at(self, remind: timedelta) -> tuple[datetime, ...]:
        """When it changes by itself: to due soon, and to overdue."""
        if self.met_at is not None:
            return ()
        return (self.due_at - remind, self.due_at + TICK)


def clocks(known: Awareness, rules: Clocks) -> tuple[Clock, ...]:
    """Every clock of a case that runs or has run, in the order of their reports."""
    return tuple(c for c in (*_site(known, rules), *_sponsor(known, rules)) if c is not None)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The last instant of a calendar day in a time zone, whatever the length of that day."""
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(ZoneInfo("UTC")) - TICK


def _site(known: Awareness, rules: Clocks) -> Iterator[Clock]:
    """24 hours in elapsed time from the site's awareness; anew from that of the death where it came later."""
    span = timedelta(hours=rules.site_hours.value)
    if known.site_at is None:
        return
    yield Clock(Kind.SITE, known.site_at, known.site_at + span, _first_after(known.notified, known.site_at))
    if known.death_at is not None and known.death_at > known.site_at:
        met = _first_after(known.notified, known.death_at)
        yield Clock(Kind.SITE_DEATH, known.death_at, known.death_at + span, met)


def _sponsor(known: Awareness, rules: Clocks) -> Iterator[Clock]:
    """Fatal or life-threatening 7 days and 8 more for the follow-up, others 15; fatal from awareness of the death."""
    if not known.is_expedited or not known.notified:
        return
    zone = ZoneInfo(rules.sponsor_time_zone.value)
    first = known.notified[0]
    of_death = _first_after(known.notified, known.death_at) if known.death_at is not None else None
    urgent_from = of_death if known.death_at is not None else first if known.is_urgent else None
    if urgent_from != first:
        yield _days(Kind.OTHER, first, rules.other_days.value, known.submitted, zone)
    if urgent_from is not None:
        yield _days(Kind.FATAL, urgent_from, rules.fatal_days.value, known.submitted, zone)
        days = rules.fatal_days.value + rules.follow_up_days.value
        yield _days(Kind.FOLLOW_UP, urgent_from, days, known.followed_up, zone)


def _days(kind: Kind, aware: FhirDate, days: int, made: Iterable[FhirDate], zone: ZoneInfo) -> Clock:
    """Day 0 is the day of awareness where the sponsor is; a record that names only a day names that one."""
    day_0 = aware.day if aware.first != aware.last else aware.first.astimezone(zone).date()
    return Clock(kind, aware.first, end_of_day(day_0 + timedelta(days=days), zone), _first_after(made, aware.first))


def _first_after(made: Iterable[FhirDate], start: datetime) -> FhirDate | None:
    """The first that may lie at or after the start: one made before cannot report what was not known."""
    return min((d for d in made if d.last >= start), key=lambda d: (d.first, d.last), default=None)
