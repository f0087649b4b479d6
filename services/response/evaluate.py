"""Decides a patient's tumour response under a protocol: baseline, visits, best response, first progression.

The criteria themselves are `shared/rules/mrecist`; before the first dose there is no response to speak of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from services.response import sentences
from services.response.announce import announce
from services.response.therapy import NewTherapy, new_therapy
from shared.facts import DrugExposure, ResponseStatement
from shared.outcomes import Evaluation, Evidence, Outcome, cite, collect
from shared.protocol.model import Protocol
from shared.rules.mrecist import BY_NAME, Course, Visit, derive
from shared.rules.mrecist.model import Reading
from shared.rules.mrecist.wording import plain, tenths
from shared.rules.treatment import course
from shared.timeline import Timeline

RULES_VERSION: Final = "1"

__all__ = ["RULES_VERSION", "announce", "evaluate"]


def evaluate(timeline: Timeline, protocol: Protocol, at: datetime) -> Evaluation:
    """Every response outcome of the patient as known at `at`; none before the first dose."""
    known, valid_until = timeline.until(at), timeline.next_dated_after(at)
    first = course(known, protocol.treatment.drug.value).first
    if first is None or first.occurred is None:
        return Evaluation((), valid_until)
    start = first.occurred.day
    therapy = new_therapy(known, protocol, start)
    criteria = BY_NAME[protocol.response.criteria.value]
    derived = derive(known, start, protocol.response, criteria, at, new_therapy_on=therapy.on)
    dose = cite(first, "first dose")
    return Evaluation(
        (
            _baseline(derived, dose, (*_imprecise_start(first), *therapy.problems)),
            *_assessments(derived, known),
            _best(derived, dose, therapy, protocol),
            _progression(derived, dose),
        ),
        valid_until,
    )


def _baseline(derived: Course, dose: Evidence, problems: tuple[str, ...]) -> Outcome:
    baseline = derived.baseline
    content = {
        "baseline_on": _iso(baseline.on if baseline else None),
        "sum_mm": _mm(baseline.sum_mm if baseline else None),
        "targets": [_target(t) for t in baseline.targets] if baseline else [],
        "reader": derived.reader,
        "problems": [*derived.problems, *problems],
    }
    return Outcome("baseline", "", content, collect([dose], baseline.evidence if baseline else ()))


def _target(reading: Reading) -> dict[str, Any]:
    return {
        "organ": reading.lesion.organ,
        "diameter": reading.lesion.gauge,
        "size_mm": _mm(reading.size_mm),
        "not_measured": reading.reason or None,
    }


def _assessments(derived: Course, known: Timeline) -> Iterator[Outcome]:
    """One outcome per visit; a second one of the same date gets a suffix, so that none is lost."""
    same_day: Counter[date] = Counter()
    for visit in derived.visits:
        same_day[visit.on] += 1
        place = same_day[visit.on]
        subject = visit.on.isoformat() if place == 1 else f"{visit.on.isoformat()}/{place}"
        stated = [s for s in known.of(ResponseStatement) if _at_visit(s, visit)]
        cited = [cite(s, f"stated response {s.response}") for s in stated]
        content = _assessment(derived, visit) | {"stated": sorted({s.response for s in stated})}
        yield Outcome("assessment", subject, content, collect(visit.evidence, cited))


def _assessment(derived: Course, visit: Visit) -> dict[str, Any]:
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
        "problems": list(visit.problems),
    }


def _best(derived: Course, dose: Evidence, therapy: NewTherapy, protocol: Protocol) -> Outcome:
    best = derived.best
    content = {
        "unconfirmed": best.unconfirmed,
        "confirmed": best.confirmed,
        "primary": best.confirmed if protocol.response.primary_confirmed.value else best.unconfirmed,
        "on": _iso(best.on),
        "confirmed_on": _iso(best.confirmed_on),
        "new_therapy_on": _iso(therapy.on),
        "says": sentences.of_best(best),
    }
    return Outcome("best-response", "", content, collect([dose], best.evidence, therapy.evidence))


def _progression(derived: Course, dose: Evidence) -> Outcome:
    content = {"progression_on": _iso(derived.progression_on), "says": sentences.of_progression(derived)}
    evidence = derived.progression.evidence if derived.progression is not None else ()
    return Outcome("progression", "", content, collect([dose], evidence))


def _at_visit(statement: ResponseStatement, visit: Visit) -> bool:
    """Whether a reader's own statement speaks of the scans of this visit."""
    stated = statement.occurred
    return stated is not None and visit.first_scan_on <= stated.day and stated.last_day <= visit.last_scan_on


def _imprecise_start(first: DrugExposure) -> tuple[str, ...]:
    if first.occurred is not None and first.occurred.has_day:
        return ()
    return ("the first dose is recorded without its day: the first day that it may mean counts",)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _mm(size: Decimal | None) -> str | None:
    return plain(size) if size is not None else None


def _percent(change: Decimal | None) -> str | None:
    """Cut to one decimal, so that no change reads as a bound that it does not reach."""
    return tenths(change) if change is not None else None
