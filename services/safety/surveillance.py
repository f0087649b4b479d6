"""Surveillance of the liver after the first dose: decides whether liver tests came as often as the protocol asks.

Does not judge their values. A death ends it, and so does the end of the window of risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final, cast

from services.safety import phrasing
from services.safety.laboratory import LIVER_TESTS
from services.safety.treated import Placed, Treated
from shared.dates import FhirDate
from shared.facts import Laboratory, VitalStatus
from shared.outcomes import Outcome, cite, collect

KIND: Final = "surveillance"


@dataclass(frozen=True)
class Gap:
    """A time without a liver test: the days of the tests before and after it; `until` None while it lasts."""

    since: date
    until: date | None
    allowed_days: int


@dataclass(frozen=True)
class Ended:
    """Why nobody asks for liver tests any more, and since when, as far as that is known."""

    says: str
    on: str | None
    death: VitalStatus | None = None


@dataclass(frozen=True)
class Surveillance:
    """The gaps of a patient, when the next test is overdue if none is recorded, and whether it has ended."""

    patient: Treated
    last: FhirDate
    last_test: Laboratory | None
    gaps: tuple[Gap, ...]
    overdue_at: datetime | None
    ended: Ended | None = None

    @property
    def open_gap(self) -> Gap | None:
        """The gap that still lasts."""
        return next((g for g in self.gaps if g.until is None), None)


def surveillance(patient: Treated) -> Surveillance:
    """Each span between two days with a liver test, and from the last one to now, against the allowed interval."""
    tests = _tests(patient)
    first = cast(FhirDate, patient.first.occurred)
    days = sorted({first.day, *(cast(FhirDate, t.occurred).day for t in tests)})
    past = [Gap(a, b, _allowed(patient, a)) for a, b in pairwise(days) if (b - a).days > _allowed(patient, a)]
    last = cast(FhirDate, tests[-1].occurred) if tests else first
    overdue_at = last.first + timedelta(days=_allowed(patient, last.day) + 1)
    ended_at = _ended_at(patient)
    watched = overdue_at < ended_at and patient.at < ended_at
    lasting = [Gap(last.day, None, _allowed(patient, last.day))] if watched and patient.at >= overdue_at else []
    ended = _ended(patient) if patient.at >= ended_at else None
    last_test, due = tests[-1] if tests else None, overdue_at if watched else None
    return Surveillance(patient, last, last_test, (*past, *lasting), due, ended)


def outcome(found: Surveillance) -> Outcome:
    """The outcome `surveillance` of a patient."""
    gap = found.open_gap
    content = {
        "is_gap": gap is not None,
        "last_on": found.last.day.isoformat(),
        "allowed_days": _allowed(found.patient, found.last.day),
        "gaps": [
            {
                "since": g.since.isoformat(),
                "until": g.until.isoformat() if g.until else None,
                "allowed_days": g.allowed_days,
            }
            for g in found.gaps
        ],
        "ended": {"on": found.ended.on, "says": found.ended.says} if found.ended else None,
        "says": _says(found),
    }
    death = [cite(found.ended.death, found.ended.says)] if found.ended and found.ended.death else []
    last = [cite(found.last_test, "last liver test")] if found.last_test is not None else []
    return Outcome(KIND, "", content, collect([found.patient.first_dose], last, death))


def changes_at(found: Surveillance) -> tuple[datetime, ...]:
    """When the next test becomes overdue, and when nobody asks for one any more."""
    return (found.overdue_at, _ended_at(found.patient)) if found.overdue_at is not None else ()


def _says(found: Surveillance) -> str:
    since = "the last liver test" if found.last_test is not None else "the first dose"
    if found.open_gap is None:
        ended = f"no liver test is asked for any more, as {found.ended.says}: " if found.ended else ""
        return f"{ended}{since} was on {phrasing.day(found.last)}"
    allowed = phrasing.days(found.open_gap.allowed_days)
    return f"no liver test for more than {allowed}: {since} was on {phrasing.day(found.last)}"


def _allowed(patient: Treated, on: date) -> int:
    rules = patient.protocol.safety.surveillance
    dense = (on - patient.first_on).days < rules.dense_days.value
    return rules.dense_interval_days.value if dense else rules.later_interval_days.value


def _tests(patient: Treated) -> Sequence[Laboratory]:
    """Liver tests of the first dose's day or later, with a value, in order; a day must be known."""
    placed = (Placed.AFTER, Placed.SAME_DAY)
    return [
        f
        for f in patient.timeline.of(Laboratory)
        if f.concept in LIVER_TESTS
        and f.value is not None
        and f.occurred is not None
        and f.occurred.has_day
        and patient.place(f.occurred) in placed
    ]


def _ended_at(patient: Treated) -> datetime:
    deaths = [v.occurred.first for v in patient.timeline.of(VitalStatus) if v.deceased and v.occurred is not None]
    undated = any(v.deceased and v.occurred is None for v in patient.timeline.of(VitalStatus))
    return min([_window_closes_at(patient), *deaths, *([patient.at] if undated else [])])


def _window_closes_at(patient: Treated) -> datetime:
    return patient.closes_at(patient.protocol.safety.rejection.rejection_window_days.value)


def _ended(patient: Treated) -> Ended:
    """By the first known death, else because the window of risk after the last dose is over."""
    deaths = [v for v in patient.timeline.of(VitalStatus) if v.deceased]
    dated = [(v.occurred, v) for v in deaths if v.occurred is not None]
    if dated:
        on, death = min(dated, key=lambda found: found[0].first)
        return Ended(f"the patient died on {phrasing.day(on)}", phrasing.iso(on), death)
    if deaths:
        return Ended("the patient has died", None, deaths[0])
    days = patient.protocol.safety.rejection.rejection_window_days.value
    return Ended(f"the {days} days of risk after the last dose are over", None)
