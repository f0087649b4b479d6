"""Whether one recorded thing came so many days before another.

Decides from what the dates can prove at their precision; a guess is never made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from services.eligibility import wording
from services.eligibility.answers import Answer
from services.eligibility.case import Case
from services.eligibility.diagnosis import asserts
from shared.facts import Diagnosis, DrugExposure, Fact, ProcedurePerformed
from shared.outcomes import Verdict, cite
from shared.protocol.criteria import Happening, OrderCriterion


class Dated(msgspec.Struct, frozen=True):
    """The days between which something happened, and the records that say so."""

    first: date
    last: date
    facts: tuple[Fact, ...]


def ordered(criterion: OrderCriterion, case: Case) -> Answer:
    """The days from the earlier thing to the later one lie within the bounds, whatever the dates may mean."""
    earlier, later = (_recorded(h, case) for h in (criterion.earlier, criterion.later))
    lacking = [h for h, facts in ((criterion.earlier, earlier), (criterion.later, later)) if not facts]
    facts = (*earlier, *later)
    evidence = tuple(cite(f, f"{wording.name(_concept(f))} recorded") for f in facts)
    if lacking:
        names = [wording.name(h.concept) for h in lacking]
        return Answer(
            Verdict.UNKNOWN, f"no record of {wording.listed(names)}", evidence, tuple(f"record of {n}" for n in names)
        )
    if any(f.occurred is None for f in facts):
        says = f"the records of {_named(criterion)} are not all dated"
        return Answer(Verdict.UNKNOWN, says, evidence, (f"dates of {_named(criterion)}",))
    a, b = _dated(criterion.earlier, earlier), _dated(criterion.later, later)
    verdict = _judge(criterion, a, b)
    says = f"{_told(criterion.earlier, a)}, {_told(criterion.later, b)}, needs {_needed(criterion)}"
    missing = (f"exact dates of {_named(criterion)}",) if verdict is Verdict.UNKNOWN else ()
    return Answer(verdict, says, evidence, missing)


def _judge(criterion: OrderCriterion, earlier: Dated, later: Dated) -> Verdict:
    fewest, most = (later.first - earlier.last).days, (later.last - earlier.first).days
    low = criterion.at_least_days.value
    high = criterion.at_most_days.value if criterion.at_most_days is not None else most
    if low <= fewest and most <= high:
        return Verdict.MET
    return Verdict.NOT_MET if most < low or fewest > high else Verdict.UNKNOWN


def _recorded(happening: Happening, case: Case) -> tuple[Fact, ...]:
    """Every record that states it took place, without reservation."""
    diagnoses = [d for d in case.diagnoses(happening.concept) if asserts(d)]
    procedures = [p for p in case.of(ProcedurePerformed) if p.concept == happening.concept and p.performed]
    doses = [e for e in case.of(DrugExposure) if e.drug == happening.concept and e.taken]
    return (*diagnoses, *procedures, *doses)


def _dated(happening: Happening, facts: Sequence[Fact]) -> Dated:
    """The first, or the last, of the records: between which days it lies, given what each date may mean."""
    spans = [(_earliest(happening, f), f.occurred.last_day) for f in facts if f.occurred is not None]
    choose = min if happening.which == "first" else max
    return Dated(choose(first for first, _ in spans), choose(last for _, last in spans), tuple(facts))


def _earliest(happening: Happening, fact: Fact) -> date:
    assert fact.occurred is not None, "asked of dated facts only"
    # A diagnosis without a stated onset began at any time up to the day it was recorded.
    if happening.which == "first" and isinstance(fact, Diagnosis) and not fact.onset_stated:
        return date.min
    return fact.occurred.day


def _concept(fact: Fact) -> str:
    match fact:
        case Diagnosis() | ProcedurePerformed():
            return fact.concept
        case DrugExposure():
            return fact.drug
        case _:
            return ""


def _named(criterion: OrderCriterion) -> str:
    return f"{wording.name(criterion.earlier.concept)} and {wording.name(criterion.later.concept)}"


def _told(happening: Happening, dated: Dated) -> str:
    name = f"{happening.which} {wording.name(happening.concept)}"
    if dated.first == dated.last:
        return f"{name} on {wording.on_day(dated.first)}"
    if dated.first == date.min:
        return f"{name} by {wording.on_day(dated.last)}"
    return f"{name} between {wording.on_day(dated.first)} and {wording.on_day(dated.last)}"


def _needed(criterion: OrderCriterion) -> str:
    low, high = criterion.at_least_days.value, criterion.at_most_days
    if high is None:
        return f"≥ {low} days between" if low else "the first not after the second"
    return f"{low} to {high.value} days between"
