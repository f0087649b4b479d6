"""Which rule answers which kind of criterion, and how groups combine the answers of their parts.

Decides nothing by itself: a new kind of criterion is added here, in `shared/protocol/`, and in one
rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, assert_never

from services.eligibility import (
    albi,
    attested,
    biomarker,
    diagnosis,
    drugs,
    exposure,
    imaging,
    laboratory,
    liver,
    order,
    person,
    procedures,
    scales,
    transplant,
)
from services.eligibility.answers import Answer, earliest
from services.eligibility.case import Case
from shared.outcomes import Verdict, all_of, any_of, at_least, collect, negate
from shared.protocol.criteria import (
    AgeCriterion,
    AlbiCriterion,
    AllOf,
    AnyOf,
    AtLeast,
    AttestationCriterion,
    BiomarkerCriterion,
    ChildPughCriterion,
    Criterion,
    CriterionBase,
    DailyDoseCriterion,
    DiagnosisCriterion,
    DrugExposureCriterion,
    LaboratoryCriterion,
    MeasurableLesionCriterion,
    Not,
    OrderCriterion,
    ProcedureCriterion,
    ProgressionOnDrugCriterion,
    RecurrenceCriterion,
    ScaleCriterion,
    TransplantCriterion,
    TroughCriterion,
)


def answer(criterion: Criterion, case: Case) -> Answer:
    """Answer one criterion from the patient's facts."""
    if isinstance(criterion, AllOf | AnyOf | AtLeast | Not):
        return combine(criterion, tuple(answer(part, case) for part in criterion.of))
    return RULES[type(criterion)](criterion, case)


RULES: Final[Mapping[type[CriterionBase], Callable[[Any, Case], Answer]]] = MappingProxyType(
    {
        DiagnosisCriterion: diagnosis.diagnose,
        ProcedureCriterion: procedures.performed,
        TransplantCriterion: transplant.transplanted_for,
        OrderCriterion: order.ordered,
        RecurrenceCriterion: imaging.recurred,
        MeasurableLesionCriterion: imaging.measured,
        AttestationCriterion: attested.attest,
        AgeCriterion: person.aged,
        LaboratoryCriterion: laboratory.threshold,
        TroughCriterion: laboratory.threshold,
        ScaleCriterion: scales.scored,
        ChildPughCriterion: liver.score,
        AlbiCriterion: albi.graded,
        BiomarkerCriterion: biomarker.stained,
        DrugExposureCriterion: exposure.taken_for,
        DailyDoseCriterion: exposure.daily_dose,
        ProgressionOnDrugCriterion: drugs.progressed,
    }
)
"""The rule of each kind that is no group. A test sees that none of the closed set is left out."""


def combine(group: AllOf | AnyOf | AtLeast | Not, parts: tuple[Answer, ...]) -> Answer:
    """The group's answer by Kleene's strong logic; its sentence tells the parts that decided it."""
    verdict = _combined(group, [part.verdict for part in parts])
    deciding = [part for part in parts if part.verdict is _deciding(group, verdict)] or list(parts)
    undecided = verdict in (Verdict.UNKNOWN, Verdict.CONFLICT)
    return Answer(
        verdict,
        "; ".join(dict.fromkeys(part.says for part in deciding)),
        collect(*(part.evidence for part in parts)),
        tuple(dict.fromkeys(m for part in parts for m in part.missing)) if undecided else (),
        earliest(*(part.valid_until for part in parts)),
        parts,
    )


def _combined(group: AllOf | AnyOf | AtLeast | Not, verdicts: list[Verdict]) -> Verdict:
    match group:
        case AllOf():
            return all_of(verdicts)
        case AnyOf():
            return any_of(verdicts)
        case AtLeast():
            return at_least(group.n, verdicts)
        case Not():
            return negate(verdicts[0])
        case _:
            assert_never(group)


def _deciding(group: AllOf | AnyOf | AtLeast | Not, verdict: Verdict) -> Verdict:
    return negate(verdict) if isinstance(group, Not) else verdict
