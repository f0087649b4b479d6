"""Decides when a new anticancer therapy began: from then on visits say nothing about the trial's treatment.

Does not judge the therapy; which drugs are anticancer drugs, and whether a local treatment counts, is the protocol's.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import date

import msgspec

from shared.facts import DrugExposure, ProcedurePerformed
from shared.outcomes import Evidence, cite
from shared.protocol.model import Protocol
from shared.rules.treatment import exposures
from shared.terminology import concept
from shared.timeline import Timeline


class NewTherapy(msgspec.Struct, frozen=True):
    """The first day of a new anticancer therapy, None where none is recorded as taken."""

    on: date | None = None
    evidence: tuple[Evidence, ...] = ()
    problems: tuple[str, ...] = ()


def new_therapy(timeline: Timeline, protocol: Protocol, first_on: date) -> NewTherapy:
    """The first anticancer drug taken after the first dose that was not already being taken then.

    Targeted therapy continues with the trial's drug (trial text); a drug stopped before the first dose and
    taken again later is new. A mere prescription is not taken: it is named as a problem and ends nothing.
    """
    drug, local = _new_drug(timeline, protocol, first_on), _local_treatment(timeline, protocol, first_on)
    first = min((t for t in (drug, local) if t.on is not None), key=lambda t: t.on or date.max, default=drug)
    return NewTherapy(first.on, first.evidence, drug.problems)


def _local_treatment(timeline: Timeline, protocol: Protocol, first_on: date) -> NewTherapy:
    """The first resection, ablation or the like after the first dose, where the protocol counts it."""
    response = protocol.response
    if not response.local_treatment_is_new_therapy.value:
        return NewTherapy()
    for done in timeline.of(ProcedurePerformed):
        counts = done.performed and done.concept in response.local_treatments.value
        if counts and done.occurred is not None and done.occurred.day > first_on:
            return NewTherapy(done.occurred.day, (cite(done, f"{_name(done.concept)} after the first dose"),))
    return NewTherapy()


def _new_drug(timeline: Timeline, protocol: Protocol, first_on: date) -> NewTherapy:
    trial_drug = protocol.treatment.drug.value
    drugs = [d for d in protocol.response.anticancer_drugs.value if d != trial_drug]
    recorded = exposures(timeline, drugs)
    continued = {e.drug for e in recorded if _taken_at(e, first_on)}
    later = [e for e in recorded if e.drug not in continued and _begun_after(e, first_on)]
    begun = next((e for e in later if e.taken is True), None)
    problems = _uncertain(recorded, later, continued)
    if begun is None or begun.occurred is None:
        return NewTherapy(problems=problems)
    cited = cite(begun, f"{_name(begun.drug)} begun after the first dose")
    return NewTherapy(on=begun.occurred.day, evidence=(cited,), problems=problems)


def _taken_at(exposure: DrugExposure, first_on: date) -> bool:
    """Whether the drug was being taken on that day; a record without end is taken to go on."""
    begun, ended = exposure.occurred, exposure.until
    return begun is not None and begun.day <= first_on and (ended is None or ended.last_day >= first_on)


def _begun_after(exposure: DrugExposure, first_on: date) -> bool:
    return exposure.occurred is not None and exposure.occurred.day > first_on


def _uncertain(recorded: Sequence[DrugExposure], later: Sequence[DrugExposure], continued: Set[str]) -> tuple[str, ...]:
    taken = {e.drug for e in later if e.taken is True}
    ordered = {e.drug for e in later} - taken
    undated = {e.drug for e in recorded if e.occurred is None} - continued - taken
    return (
        *(f"{_name(d)} was ordered after the first dose, but not recorded as taken" for d in sorted(ordered)),
        *(f"{_name(d)} has no date: whether it is a new therapy is unknown" for d in sorted(undated)),
    )


def _name(drug: str) -> str:
    return concept(drug).display
