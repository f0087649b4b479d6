"""The state of immunosuppression around a liver test: decides whether it was low or recently reduced.

Does not decide whether that caused anything: a protocol that reduces immunosuppression expects low
troughs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from operator import itemgetter
from typing import Final, cast

from services.safety import phrasing
from services.safety.treated import Placed, Treated
from shared.dates import FhirDate
from shared.facts import DrugExposure, Laboratory
from shared.outcomes import Evidence, cite
from shared.protocol.model import LowLevelImmunosuppression
from shared.quantities import Quantity, below
from shared.terminology import Kind, by_kind

ANTIBODIES: Final = "donor-specific-antibodies"
POSITIVE: Final = frozenset({"positive", "detected", "reactive"})
_ON: Final = itemgetter(0)
_RECORDS: Final = ("administration", "statement", "dispense", "request")


@dataclass(frozen=True)
class Sign:
    """One thing that the records say about immunosuppression near a day, with its evidence."""

    says: str
    evidence: tuple[Evidence, ...]


def low_near(patient: Treated, on: date) -> tuple[Sign, ...]:
    """Troughs below the band near a day (`trough_days`), reductions before it (`reduction_days`)."""
    troughs = [sign for drug in _drugs(patient) for sign in _troughs(patient, drug, on, low=True)]
    reductions = [sign for drug in _drugs(patient) for sign in _reductions(patient, drug, on)]
    return tuple(_once([*troughs, *reductions]))


def causes_near(patient: Treated, on: date) -> tuple[Sign, ...]:
    """What makes a lower grade suspicious: low or reduced immunosuppression, new donor-specific antibodies."""
    known = patient.causes_by_day.get(on)
    if known is None:
        known = patient.causes_by_day[on] = (*low_near(patient, on), *_new_antibodies(patient, on))
    return known


def course(patient: Treated) -> list[dict[str, object]]:
    """Troughs and daily doses of each immunosuppressant with their dates, as recorded, for people to look at.

    Troughs of one day that lie on both sides of the band contradict each other, and are said to.
    """
    shown = [_course_of(patient, drug) for drug in _drugs(patient)]
    return [drug for drug in shown if drug["troughs"] or drug["doses"]]


def _course_of(patient: Treated, drug: LowLevelImmunosuppression) -> dict[str, object]:
    concepts = _trough_concepts(drug.drug)
    troughs = [
        (fact.occurred.day, fact.value, _is_low(fact.value, drug))
        for fact in patient.timeline.of(Laboratory)
        if fact.concept in concepts and fact.value is not None and fact.occurred is not None and fact.occurred.has_day
    ]
    sides: dict[date, set[bool | None]] = {}
    for on, _, low in troughs:
        sides.setdefault(on, set()).add(low)
    doses = [e for e in patient.timeline.of(DrugExposure) if e.drug == drug.drug and e.taken is not False]
    by_record = [_daily_doses([e for e in doses if e.record == r]) for r in _RECORDS]
    return {
        "drug": drug.drug,
        "band": f"{phrasing.number(drug.trough_low.value)}-{phrasing.number(drug.trough_high.value)} {drug.unit}",
        "troughs": [
            {"on": on.isoformat(), "value": phrasing.amount(value), "low": low, "contradicted": len(sides[on]) > 1}
            for on, value, low in troughs
        ],
        "doses": sorted(
            (
                {"on": _day(e).isoformat(), "mg_per_day": phrasing.number(mg), "record": e.record}
                for daily in by_record
                for e, mg in daily
            ),
            key=lambda d: (d["on"], d["record"]),
        ),
    }


def _new_antibodies(patient: Treated, on: date) -> Iterable[Sign]:
    """Donor-specific antibodies found from the first dose to that day, unless they were there before it."""
    found = [f for f in patient.timeline.about(Laboratory, ANTIBODIES) if f.final and f.text in POSITIVE]
    if any(patient.place(f.occurred) is Placed.BEFORE for f in found):
        return
    for fact in found:
        after = patient.place(fact.occurred) in (Placed.AFTER, Placed.SAME_DAY)
        if after and fact.occurred is not None and fact.occurred.has_day and fact.occurred.day <= on:
            says = f"new donor-specific antibodies on {phrasing.day(fact.occurred)}"
            yield Sign(says, (cite(fact, "donor-specific antibodies, positive"),))


def sufficient_near(patient: Treated, on: date) -> tuple[Sign, ...]:
    """Troughs within or above the band within `trough_days` of a day: they speak against rejection."""
    return tuple(_once(s for drug in _drugs(patient) for s in _troughs(patient, drug, on, low=False)))


def _drugs(patient: Treated) -> tuple[LowLevelImmunosuppression, ...]:
    return patient.protocol.safety.immunosuppression


def _troughs(patient: Treated, drug: LowLevelImmunosuppression, on: date, *, low: bool) -> Iterable[Sign]:
    known = patient.troughs_by_drug.get(drug.drug)
    if known is None:
        known = patient.troughs_by_drug[drug.drug] = _placed_troughs(patient, drug)
    span = timedelta(days=patient.protocol.safety.rejection.trough_days.value)
    first, end = bisect_left(known, on - span, key=_ON), bisect_right(known, on + span, key=_ON)
    return (sign for _, is_low, sign in known[first:end] if is_low is low)


def _placed_troughs(patient: Treated, drug: LowLevelImmunosuppression) -> list[tuple[date, bool, Sign]]:
    """Each final trough that lies below the band, or does not, by its day; one that leaves it open is neither."""
    found = []
    for concept in sorted(_trough_concepts(drug.drug)):
        for fact in patient.timeline.about(Laboratory, concept):
            low = _is_low(fact.value, drug) if fact.value is not None and fact.final else None
            if low is not None and fact.occurred is not None and fact.occurred.has_day:
                place, bound = "below" if low else "not below", phrasing.number(drug.trough_low.value)
                level = f"{drug.drug} trough {phrasing.amount(cast(Quantity, fact.value))}"
                says = f"{level} {place} {bound} on {phrasing.day(fact.occurred)}"
                found.append((fact.occurred.day, low, Sign(says, (cite(fact, level),))))
    return sorted(found, key=_ON)


@cache
def _trough_concepts(drug: str) -> frozenset[str]:
    return frozenset(c.id for c in by_kind(Kind.TROUGH) if c.drug == drug)


def _is_low(trough: Quantity, drug: LowLevelImmunosuppression) -> bool | None:
    if trough.unit != drug.unit:
        return None
    return below(trough, drug.trough_low.value)


def _reductions(patient: Treated, drug: LowLevelImmunosuppression, on: date) -> Iterable[Sign]:
    exposures = [e for e in patient.timeline.of(DrugExposure) if e.drug == drug.drug and e.taken is not False]
    for kind in _RECORDS:
        yield from _lowered(patient, [e for e in exposures if e.record == kind], on)
    yield from _stopped(patient, exposures, on)


def _lowered(patient: Treated, course: Sequence[DrugExposure], on: date) -> Iterable[Sign]:
    """Falls of the daily dose within one kind of record: trust differs too much to compare across kinds."""
    rules = patient.protocol.safety.rejection
    for (earlier, before), (later, after) in pairwise(_daily_doses(course)):
        fell = after <= before * (1 - rules.reduction_fraction.value)
        if fell and _is_recent(_day(later), on, rules.reduction_days.value):
            doses = [f"{phrasing.number(dose)} mg" for dose in (before, after)]
            says = f"{later.drug} reduced from {doses[0]} to {doses[1]} a day on {phrasing.day(later.occurred)}"
            yield Sign(says, (cite(earlier, f"{doses[0]} a day"), cite(later, f"{doses[1]} a day")))


def _stopped(patient: Treated, exposures: Sequence[DrugExposure], on: date) -> Iterable[Sign]:
    """Every record of taking the drug has ended; one without a recorded end may go on."""
    ends = [(end.day, str(e.fact_id), e) for e in exposures if (end := _end(e)) is not None and end.has_day]
    if not ends or len(ends) < len(exposures):
        return
    stopped_on, _, last = max(ends, key=lambda end: end[:2])
    is_course = last.record != "administration"  # one dose given is no course that stops
    if is_course and _is_recent(stopped_on, on, patient.protocol.safety.rejection.reduction_days.value):
        says = f"{last.drug} stopped on {phrasing.day(last.until)}"
        yield Sign(says, (cite(last, says),))


def _end(exposure: DrugExposure) -> FhirDate | None:
    return exposure.until or (exposure.occurred if exposure.record == "administration" else None)


def _daily_doses(course: Sequence[DrugExposure]) -> list[tuple[DrugExposure, Decimal]]:
    """The daily doses in order of their first day; of several that begin on one day the highest."""
    by_day: dict[date, tuple[DrugExposure, Decimal]] = {}
    for exposure in course:
        dose = _daily_mg(exposure)
        if dose is None or exposure.occurred is None or not exposure.occurred.has_day:
            continue
        known = by_day.get(exposure.occurred.day)
        if known is None or dose > known[1]:
            by_day[exposure.occurred.day] = (exposure, dose)
    return [by_day[day] for day in sorted(by_day)]


def _daily_mg(exposure: DrugExposure) -> Decimal | None:
    """The daily dose, where the record states both the single dose in mg and how often it is taken."""
    dose, often = exposure.dose, exposure.doses_per_day
    if dose is None or dose.unit != "mg" or dose.comparator is not None or often is None:
        return None
    return dose.value * often


def _is_recent(changed_on: date, on: date, span: int) -> bool:
    return changed_on <= on <= changed_on + timedelta(days=span)


def _day(exposure: DrugExposure) -> date:
    return cast(FhirDate, exposure.occurred).day


def _once(signs: Iterable[Sign]) -> list[Sign]:
    return list({sign.says: sign for sign in signs}.values())
