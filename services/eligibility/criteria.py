"""Which rule answers which kind of criterion, and how groups combine the answers of their parts.

Decides nothing by itself: a new kind of criterion is added here, in `shared/protocol/criteria.py`, and in
one rule.
"""

from __future__ import annotations

from typing import assert_never

from services.eligibility import (
    attested,
    biomarker,
    diagnosis,
    drugs,
    imaging,
    laboratory,
    liver,
    person,
    transplant,
)
from services.eligibility.answers import Answer, earliest
from services.eligibility.case import Case
from shared.outcomes import Verdict, all_of, any_of, at_least, collect, negate
from shared.protocol.criteria import (
    AgeCriterion,
    AllOf,
    AnyOf,
    AtLeast,
    AttestationCriterion,
    BiomarkerCriterion,
    ChildPughCriterion,
    Criterion,
    DiagnosisCriterion,
    LaboratoryCriterion,
    MeasurableLesionCriterion,
    Not,
    ProgressionOnDrugCriterion,
    RecurrenceCriterion,
    TransplantCriterion,
)


def answer(criterion: Criterion, case: Case) -> Answer:
    """Answer one criterion from the patient's facts."""
    match criterion:
        case DiagnosisCriterion():
            return diagnosis.diagnose(criterion, case)
        case TransplantCriterion():
            return transplant.transplanted_for(criterion, case)
        case RecurrenceCriterion():
            return imaging.recurred(criterion, case)
        case AttestationCriterion():
            return attested.attest(criterion, case)
        case ProgressionOnDrugCriterion():
            return drugs.progressed(criterion, case)
        case BiomarkerCriterion():
            return biomarker.stained(criterion, case)
        case AgeCriterion():
            return person.aged(criterion, case)
        case MeasurableLesionCriterion():
            return imaging.measured(criterion, case)
        case ChildPughCriterion():
            return liver.score(criterion, case)
        case LaboratoryCriterion():
            return laboratory.threshold(criterion, case)
        case AllOf() | AnyOf() | AtLeast() | Not():
            return combine(criterion, tuple(answer(part, case) for part in criterion.of))
        case _:
            assert_never(criterion)


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
