"""Whether the tumour progressed under a drug that was taken long enough (I5).

Decides when the drug was begun and which assessments count; how progression is derived is
`shared/rules/mrecist`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import msgspec

from services.eligibility import wording
from services.eligibility.answers import Answer
from services.eligibility.case import Case
from services.eligibility.transplant import Moment, after_transplant, transplants
from shared.dates import FhirDate
from shared.facts import DrugExposure, LesionMeasurement, ResponseStatement
from shared.outcomes import Evidence, Verdict, cite, collect
from shared.protocol.criteria import ProgressionOnDrugCriterion
from shared.rules.mrecist import BY_NAME, Visit, derive
from shared.rules.treatment import exposures

_TRUST: Final = ("administration", "statement", "dispense", "request")
_RECORDED_AS: Final = {
    "administration": "given",
    "statement": "taken as stated",
    "dispense": "dispensed",
    "request": "prescribed",
}
_SAYS_NOTHING: Final = ("NE",)


class Assessed(msgspec.Struct, frozen=True):
    """A response stated or derived: between which days it was seen, and the evidence."""

    response: str
    first_on: date
    last_on: date
    evidence: tuple[Evidence, ...]


def progressed(criterion: ProgressionOnDrugCriterion, case: Case) -> Answer:
    """Progression at an assessment at least so many calendar months after the first intake.

    Every such progression counts that no other assessment of the same day denies. Not met only if
    assessments of that time were all without progression; an assessment too early proves neither.
    """
    begun = _begun(criterion, case)
    if begun is None or begun.occurred is None:
        drugs = wording.names(criterion.drugs.value)
        evidence = (_cited_start(begun),) if begun else ()
        return Answer(Verdict.UNKNOWN, f"no dated intake of {drugs}", evidence, (f"intake of {drugs} with its start",))
    assessed = _assessments(criterion, case, begun.occurred)
    return _answer(criterion, case, begun, begun.occurred, assessed)


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last day of a shorter month."""
    month = day.month - 1 + months
    year = min(day.year + month // 12, date.max.year)
    start_of_next = date(year + (month % 12) // 11, (month + 1) % 12 + 1, 1) if year < date.max.year else date.max
    return date(year, month % 12 + 1, min(day.day, (start_of_next - timedelta(days=1)).day))


def _answer(
    criterion: ProgressionOnDrugCriterion,
    case: Case,
    begun: DrugExposure,
    start: FhirDate,
    assessed: list[Assessed],
) -> Answer:
    months = criterion.after_months.value
    timely = [a for a in assessed if a.first_on >= months_after(start.last_day, months)]
    perhaps = [a for a in assessed if a not in timely and a.last_on >= months_after(start.day, months)]
    progressions = [a for a in timely if a.response == "PD"]
    plain = [p for p in progressions if not _denied(p, timely)]
    since = f"{wording.name(begun.drug)} since {wording.dated(start)}"
    until = _month_reached(start, months, case.at)
    if plain or progressions:
        shown = (plain or progressions)[0]
        others = [] if plain else [a for a in timely if _contradicts(a, shown)]
        verdict = Verdict.MET if plain else Verdict.CONFLICT
        says = f"progression on {wording.on_day(shown.first_on)}, {since}"
        missing = () if plain else ("one assessment that settles the progression",)
        says += "" if plain else "; another assessment of that time denies it"
        return Answer(verdict, says, _evidence(begun, [shown, *others]), missing, until)
    telling = [a for a in timely if a.response not in _SAYS_NOTHING]
    if telling and not any(a.response == "PD" for a in perhaps):
        last = telling[-1]
        says = f"{last.response}, no progression, on {wording.on_day(last.last_on)}, {since}"
        return Answer(Verdict.NOT_MET, says, _evidence(begun, telling), valid_until=until)
    due = wording.on_day(months_after(start.last_day, months))
    says = f"no assessment at least {_months(months)} after starting {since}"
    missing = (f"assessment of progression under {wording.name(begun.drug)}, {due} or later",)
    return Answer(Verdict.UNKNOWN, says, _evidence(begun, perhaps), missing, until)


def _begun(criterion: ProgressionOnDrugCriterion, case: Case) -> DrugExposure | None:
    """The first intake: of each drug by its most trusted kind of record, of the drugs the earliest."""
    moments = transplants(case, criterion.procedure, criterion.status) if criterion.begun_after_transplant.value else []
    taken = [e for e in exposures(case.timeline, criterion.drugs.value) if not _for_old_liver(e, moments)]
    dated = [e for e in taken if e.occurred is not None]
    firsts = [
        next(e for kind in _TRUST for e in dated if e.drug == drug and e.record == kind)
        for drug in sorted({e.drug for e in dated})
    ]
    undated = taken[0] if taken else None
    return min(firsts, key=_start, default=undated)


def _for_old_liver(exposure: DrugExposure, moments: Sequence[Moment]) -> bool:
    if exposure.occurred is None or not moments:
        return False
    return after_transplant(moments, exposure.occurred) is False


def _start(exposure: DrugExposure) -> tuple[datetime, str]:
    assert exposure.occurred is not None
    return exposure.occurred.first, str(exposure.fact_id)


def _assessments(criterion: ProgressionOnDrugCriterion, case: Case, start: FhirDate) -> list[Assessed]:
    """What readers stated, and what the lesions measured since a baseline at the drug's start show."""
    stated = [
        Assessed(s.response, s.occurred.day, s.occurred.last_day, (cite(s, f"response stated: {s.response}"),))
        for s in case.of(ResponseStatement)
        if s.occurred is not None
    ]
    derived = _derived(criterion, case, start)
    return sorted(stated + derived, key=lambda a: (a.first_on, a.last_on, a.response, a.evidence))


def _derived(criterion: ProgressionOnDrugCriterion, case: Case, start: FhirDate) -> list[Assessed]:
    measured = [m.occurred for m in case.of(LesionMeasurement) if m.occurred is not None]
    if not any(on.day <= start.day for on in measured):
        return []  # without a baseline nothing can be said to have grown: `derive` would only find it out later
    course = derive(case.timeline, start.day, case.response, BY_NAME[criterion.criteria.value], case.at)
    return [_assessed(visit) for visit in course.visits]


def _assessed(visit: Visit) -> Assessed:
    first, last = (visit.on, visit.on) if visit.response == "PD" else (visit.first_scan_on, visit.last_scan_on)
    return Assessed(visit.response, first, last, visit.evidence)


def _denied(progression: Assessed, assessed: list[Assessed]) -> bool:
    return any(_contradicts(other, progression) for other in assessed)


def _contradicts(other: Assessed, progression: Assessed) -> bool:
    apart = other.last_on < progression.first_on or progression.last_on < other.first_on
    return not apart and other.response not in ("PD", *_SAYS_NOTHING)


def _evidence(begun: DrugExposure, assessed: list[Assessed]) -> tuple[Evidence, ...]:
    return collect((_cited_start(begun),), *(a.evidence for a in assessed))


def _cited_start(exposure: DrugExposure) -> Evidence:
    return cite(exposure, f"{wording.name(exposure.drug)}, {_RECORDED_AS[exposure.record]}")


def _month_reached(start: FhirDate, months: int, at: datetime) -> datetime | None:
    reached = datetime.combine(months_after(start.last_day, months), time(), tzinfo=UTC)
    return reached if reached > at else None


def _months(months: int) -> str:
    return "1 month" if months == 1 else f"{months} months"
