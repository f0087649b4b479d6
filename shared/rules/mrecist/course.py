"""Decides the course of response from one start of treatment: baseline, visits, best response, progression.

Does not choose the start, nor what counts as a new anticancer therapy: both are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from shared.facts import Attestation, LesionMeasurement
from shared.protocol.model import Response
from shared.rules.mrecist.best import best_response
from shared.rules.mrecist.criteria import Criteria
from shared.rules.mrecist.doubt import Doubt, about
from shared.rules.mrecist.followed import Followed, follow
from shared.rules.mrecist.joined import parts_by_visit
from shared.rules.mrecist.lesions import OrganOf, organ_of
from shared.rules.mrecist.local_treatment import local_treatments
from shared.rules.mrecist.model import Assessment, Baseline, Course, Visit
from shared.rules.mrecist.new_lesions import sightings
from shared.rules.mrecist.reader import Choice, choose, in_force, only
from shared.rules.mrecist.readings import read
from shared.rules.mrecist.schedule import arrange, in_window
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
    reader: str | None = None,
) -> Course:
    """The course of response from `start`, as the records dated up to `at` tell it.

    `new_therapy_on` is the first day of a new anticancer therapy: visits from that day on do not count for
    the best response. `reader` asks for that reader's own derivation; without it the accepted one's is given. Never
    raises, whatever the records say; what was odd about them is in `doubts`.
    """
    known = timeline.until(at)
    organ = organ_of(known)
    schedule = arrange(_followed_reader(known, start, response, at, reader), start, response)
    followed = follow(schedule, organ, criteria)
    baseline = _baseline(schedule.baseline, followed, organ, criteria)
    treatments = local_treatments(
        known, response.local_treatments.value, followed, baseline.on if baseline is not None else None
    )
    visits = _visits(Setting(followed, baseline, organ, criteria, treatments.of_lesion), schedule.visits)
    return Course(
        start=start,
        reader=schedule.reader,
        baseline=baseline,
        visits=visits,
        best=best_response(visits, start, response, new_therapy_on),
        doubts=(*_baseline_doubts(baseline), *schedule.doubts, *followed.doubts, *treatments.doubts),
    )


def _followed_reader(known: Timeline, start: date, response: Response, at: datetime, reader: str | None) -> Choice:
    records = known.of(LesionMeasurement)
    if reader is not None:
        return only(records, reader)
    return choose(
        records,
        in_window(start, response.baseline_window_days.value),
        named_by_protocol=response.accepted_reader.value,
        adjudicated=in_force(known.of(Attestation), at),
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
    parts = parts_by_visit(assessments, setting.followed.parent_of)
    visits = []
    for place, assessment in enumerate(assessments):
        sighted = [s for of_lesion in seen if (s := of_lesion[place]) is not None]
        visit, memory = judge(setting, memory, assessment, sighted, parts[place])
        visits.append(visit)
    return tuple(visits)


def _baseline_doubts(baseline: Baseline | None) -> tuple[Doubt, ...]:
    if baseline is None:
        return (about("no assessment in the baseline window before the first dose"),)
    return unread(baseline.targets)
