"""Decides everything about the response of one treated patient, as structures: course, endpoints, tumour marker.

`evaluate` turns it into outcomes; the trial's report and tables are made from it too. Nothing before the first dose.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from services.response.therapy import NewTherapy, new_therapy
from shared.facts import DrugExposure, ResponseStatement
from shared.outcomes import Evidence, cite
from shared.protocol.model import Protocol
from shared.rules import endpoints
from shared.rules.endpoints import Endpoints
from shared.rules.endpoints.follow_up import Dated, Schedule
from shared.rules.endpoints.marker import MarkerCourse, MarkerRule, marker_course
from shared.rules.mrecist import BY_NAME, Course, derive
from shared.rules.treatment import TreatmentCourse, course
from shared.timeline import Timeline


class Treated(msgspec.Struct, frozen=True, kw_only=True):
    """One treated patient as known at a time."""

    known: Timeline
    doses: TreatmentCourse
    dose: Evidence
    """The first dose, cited."""
    course: Course
    therapy: NewTherapy
    endpoints: Endpoints
    marker: MarkerCourse | None
    problems: tuple[str, ...]

    @property
    def start(self) -> date:
        """The day of the first dose."""
        return self.course.start

    @property
    def stated(self) -> tuple[ResponseStatement, ...]:
        """The readers' own statements."""
        return self.known.of(ResponseStatement)


def treated(timeline: Timeline, protocol: Protocol, at: datetime) -> Treated | None:
    """What is known at `at` of the patient's response; None before the first dose."""
    known = timeline.until(at)
    doses = course(known, protocol.treatment.drug.value)
    first = doses.first
    if first is None or first.occurred is None:
        return None
    start, dose = first.occurred.day, cite(first, "first dose")
    therapy = new_therapy(known, protocol, start)
    criteria = BY_NAME[protocol.response.criteria.value]
    derived = derive(known, start, protocol.response, criteria, at, new_therapy_on=therapy.on)
    follow_up = endpoints.follow_up(
        known,
        derived,
        dose,
        schedule=_schedule(protocol),
        at=at,
        new_therapy=Dated(therapy.on, therapy.evidence) if therapy.on is not None else None,
    )
    return Treated(
        known=known,
        doses=doses,
        dose=dose,
        course=derived,
        therapy=therapy,
        endpoints=endpoints.derive(follow_up, protocol.response),
        marker=marker_course(known, start, _marker(protocol)),
        problems=(*_imprecise_start(first), *therapy.problems),
    )


def _schedule(protocol: Protocol) -> Schedule:
    response = protocol.response
    return Schedule(
        interval_days=response.assessment_interval_days.value,
        window_days=response.visit_window_days.value,
        missed_visits=protocol.endpoints.missed_visits.value,
        months=protocol.treatment.months.value,
    )


def _marker(protocol: Protocol) -> MarkerRule:
    rule = protocol.endpoints
    return MarkerRule(
        rule.marker.value,
        rule.marker_fall_percent.value,
        rule.marker_least_baseline.value,
        protocol.response.baseline_window_days.value,
    )


def _imprecise_start(first: DrugExposure) -> tuple[str, ...]:
    if first.occurred is not None and first.occurred.has_day:
        return ()
    return ("the first dose is recorded without its day: the first day that it may mean counts",)
