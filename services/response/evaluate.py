"""Decides a patient's tumour response under a protocol: baseline, visits, best response, progression, endpoints.

The criteria themselves are `shared/rules/mrecist`; before the first dose there is no response to speak of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from services.response import sentences
from services.response.announce import announce
from services.response.contribution import of_contribution
from services.response.endpoint_outcomes import of_endpoints, of_marker
from services.response.readings import of_readers
from services.response.statements import disagreements, place
from services.response.treated import Treated, treated
from shared.facts import ResponseStatement
from shared.outcomes import Evaluation, Outcome, cite, collect
from shared.protocol.model import Protocol
from shared.rules.mrecist import Course, Visit
from shared.rules.mrecist.doubt import Doubt
from shared.rules.mrecist.model import Reading
from shared.rules.mrecist.reader import next_expiry
from shared.timeline import Timeline
from shared.wording import plain, tenths

RULES_VERSION: Final = "3"

__all__ = ["RULES_VERSION", "announce", "evaluate"]


def evaluate(timeline: Timeline, protocol: Protocol, at: datetime) -> Evaluation:
    """Every response outcome of the patient as known at `at`; none before the first dose."""
    next_dated = timeline.next_dated_after(at)
    patient = treated(timeline, protocol, at)
    if patient is None:
        return Evaluation((), next_dated)
    stated = place(patient.stated, patient.course, protocol.response.visit_window_days.value)
    changes = (next_dated, patient.endpoints.valid_until, next_expiry(patient.known, at))
    return Evaluation(
        (
            _baseline(patient, stated.doubts),
            *_assessments(patient, stated.of_visit),
            *of_readers(patient, protocol, at),
            _best(patient, protocol),
            _progression(patient),
            *of_endpoints(patient.endpoints, primary_confirmed=protocol.response.primary_confirmed.value),
            *([of_marker(patient.marker, protocol.endpoints.marker.value)] if patient.marker else []),
            of_contribution(patient),
        ),
        min((c for c in changes if c is not None), default=None),
    )


def _baseline(patient: Treated, unplaced: Sequence[Doubt]) -> Outcome:
    derived, baseline = patient.course, patient.course.baseline
    content = {
        "baseline_on": _iso(baseline.on if baseline else None),
        "sum_mm": _mm(baseline.sum_mm if baseline else None),
        "targets": [_target(t) for t in baseline.targets] if baseline else [],
        "reader": derived.reader,
        "problems": [*(str(d) for d in (*derived.doubts, *unplaced)), *patient.problems],
    }
    return Outcome("baseline", "", content, collect([patient.dose], baseline.evidence if baseline else ()))


def _target(reading: Reading) -> dict[str, Any]:
    return {
        "organ": reading.lesion.organ,
        "diameter": reading.lesion.gauge,
        "size_mm": _mm(reading.size_mm),
        "not_measured": reading.reason or None,
    }


def _assessments(patient: Treated, stated: Sequence[Sequence[ResponseStatement]]) -> Iterator[Outcome]:
    """One outcome per visit; a second one of the same date gets a suffix, so that none is lost."""
    same_day: Counter[date] = Counter()
    for visit, of_visit in zip(patient.course.visits, stated, strict=True):
        same_day[visit.on] += 1
        nth = same_day[visit.on]
        subject = visit.on.isoformat() if nth == 1 else f"{visit.on.isoformat()}/{nth}"
        cited = [cite(s, f"stated response {s.response}") for s in of_visit]
        content = _assessment(patient.course, visit, of_visit)
        yield Outcome("assessment", subject, content, collect(visit.evidence, cited))


def _assessment(derived: Course, visit: Visit, stated: Sequence[ResponseStatement]) -> dict[str, Any]:
    """What readers stated themselves is kept and shown where it disagrees, never put in place of what was derived."""
    return {
        "visit_on": visit.on.isoformat(),
        "response": visit.response,
        "target": visit.target,
        "non_target": visit.non_target,
        "new_lesion": visit.new_lesion,
        "sum_mm": _mm(visit.sum_mm),
        "measured_mm": _mm(visit.measured_mm),
        "baseline_sum_mm": _mm(visit.baseline_sum_mm),
        "nadir_mm": _mm(visit.nadir_mm),
        "percent_from_baseline": _percent(visit.percent_from_baseline),
        "percent_from_nadir": _percent(visit.percent_from_nadir),
        "rule": visit.rule,
        "target_rule": visit.target_rule,
        "non_target_rule": visit.non_target_rule,
        "says": sentences.of_visit(visit),
        "reader": derived.reader,
        "problems": [str(d) for d in (*visit.doubts, *disagreements(stated, visit))],
        "stated": sorted({s.response for s in stated}),
    }


def _best(patient: Treated, protocol: Protocol) -> Outcome:
    best, therapy = patient.course.best, patient.therapy
    content = {
        "unconfirmed": best.unconfirmed,
        "confirmed": best.confirmed,
        "primary": best.confirmed if protocol.response.primary_confirmed.value else best.unconfirmed,
        "on": _iso(best.on),
        "confirmed_on": _iso(best.confirmed_on),
        "new_therapy_on": _iso(therapy.on),
        "says": sentences.of_best(best),
    }
    return Outcome("best-response", "", content, collect([patient.dose], best.evidence, therapy.evidence))


def _progression(patient: Treated) -> Outcome:
    derived = patient.course
    content = {"progression_on": _iso(derived.progression_on), "says": sentences.of_progression(derived)}
    evidence = derived.progression.evidence if derived.progression is not None else ()
    return Outcome("progression", "", content, collect([patient.dose], evidence))


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _mm(size: Decimal | None) -> str | None:
    return plain(size) if size is not None else None


def _percent(change: Decimal | None) -> str | None:
    """Cut to one decimal, so that no change reads as a bound that it does not reach."""
    return tenths(change) if change is not None else None
