"""Decides the course of response from one start of treatment: baseline, visits, best response, progression.

Does not choose the start, nor what counts as a new anticancer therapy: both are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from shared.facts import LesionMeasurement
from shared.protocol.model import Response
from shared.rules.mrecist.best import best_response
from shared.rules.mrecist.criteria import Criteria
from shared.rules.mrecist.followed import Followed, follow
from shared.rules.mrecist.lesions import OrganOf, organ_of
from shared.rules.mrecist.model import Assessment, Baseline, Course, Visit
from shared.rules.mrecist.new_lesions import sightings
from shared.rules.mrecist.readings import read
from shared.rules.mrecist.schedule import arrange
from shared.rules.mrecist.targets import complete_sum_mm
from shared.rules.mrecist.visit import Memory, Setting, evidence_of, judge, unread
from shared.timeline import Timeline


def derive(  # noqa: PLR0913 the five that fix every course, and what may end it
    timeline: Timeline,
    start: date,
    response: Response,
    criteria: Criteria,
    at: datetime,
    *,
    new_therapy_on: date | None = None,
) -> Course:
    """The course of response from `start`, as the records dated up to `at` tell it.

    `new_therapy_on` is the first day of a new anticancer therapy: visits from that day on do not count for
    the best response. Never raises, whatever the records say; what was odd about them is in `problems`.
    """
    known = timeline.until(at)
    organ = organ_of(known)
    schedule = arrange(known.of(LesionMeasurement), start, response)
    followed = follow(schedule, organ, criteria)
    baseline = _baseline(schedule.baseline, followed, organ, criteria)
    visits = _visits(Setting(followed, baseline, organ, criteria), schedule.visits)
    return Course(
        start=start,
        reader=schedule.reader,
        baseline=baseline,
        visits=visits,
        best=best_response(visits, start, response, new_therapy_on),
        problems=(*_baseline_problems(baseline), *schedule.problems, *followed.problems),
    )


def _baseline(assessment: Assessment | None, followed: Followed, organ: OrganOf, criteria: Criteria) -> Baseline | None:
    if assessment is None:
        return None
    targets = tuple(read(lesion, assessment, criteria) for lesion in followed.targets)
    non_targets = tuple(read(lesion, assessment, criteria) for lesion in followed.non_targets)
    return Baseline(
        on=assessment.last_on,
        sum_mm=complete_sum_mm(targets),
        targets=targets,
        non_targets=non_targets,
        evidence=evidence_of((*targets, *non_targets), organ),
    )


def _visits(setting: Setting, assessments: Sequence[Assessment]) -> tuple[Visit, ...]:
    seen = [sightings(key, assessments, setting.organ, setting.criteria) for key in setting.followed.new]
    memory = Memory(nadir_mm=setting.baseline.sum_mm if setting.baseline is not None else None)
    visits = []
    for place, assessment in enumerate(assessments):
        sighted = [s for of_lesion in seen if (s := of_lesion[place]) is not None]
        visit, memory = judge(setting, memory, assessment, sighted)
        visits.append(visit)
    return tuple(visits)


def _baseline_problems(baseline: Baseline | None) -> tuple[str, ...]:
    if baseline is None:
        return ("no assessment in the baseline window before the first dose",)
    return unread(baseline.targets)
