"""A protocol as FHIR: the ResearchStudy, its criteria as a Group, and as an EvidenceVariable. Decides nothing.

A criterion is spelt in codes where the table of codes has them and the type allows it; its title always says it in
words, which is what it means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID, uuid5

from fhir.resources.R4B.evidencevariable import EvidenceVariable
from fhir.resources.R4B.group import Group
from fhir.resources.R4B.researchstudy import ResearchStudy

from shared.codes import LOCAL_SYSTEM
from shared.protocol.criteria import (
    UPPER_LIMIT_OF_NORMAL,
    BoundedCriterion,
    Criterion,
    DiagnosisCriterion,
    LaboratoryCriterion,
    ProcedureCriterion,
    TroughCriterion,
)
from shared.protocol.load import protocol_hash
from shared.protocol.model import Protocol
from shared.terminology import concept

OUT_NAMESPACE: Final = UUID("0f6f4c0b-5a55-5a55-9c3e-51d0f1d6c3aa")
STUDY_SYSTEM: Final = "https://graftwatch.example/fhir/NamingSystem/protocol"
REGISTRY_SYSTEM: Final = "https://clinicaltrials.gov"
UCUM: Final = "http://unitsofmeasure.org"


def research_study(protocol: Protocol) -> ResearchStudy:
    """The trial: its ids, title and status, and the Group that says whom it seeks."""
    identifiers = [{"system": STUDY_SYSTEM, "value": protocol.id}]
    if protocol.registry is not None:
        identifiers.append({"system": REGISTRY_SYSTEM, "value": protocol.registry})
    return ResearchStudy.model_validate(
        {
            "id": study_id(protocol),
            "identifier": identifiers,
            "title": protocol.title,
            "status": "active",
            "description": f"Protocol version {protocol.version}, hash {protocol_hash(protocol)}",
            "enrollment": [{"reference": f"Group/{criteria_id(protocol)}"}],
        }
    )


def criteria_group(protocol: Protocol) -> Group:
    """Whom the trial seeks: each criterion as a characteristic that is wanted, or excluded."""
    return Group.model_validate(
        {
            "id": criteria_id(protocol),
            "identifier": [{"system": STUDY_SYSTEM, "value": protocol.id}],
            "active": True,
            "type": "person",
            "actual": False,
            "name": f"Eligible for: {protocol.title}",
            "characteristic": [
                {"code": _code(criterion), **_value(criterion), "exclude": excluded}
                for criterion, excluded in _criteria(protocol)
            ],
        }
    )


def evidence_variable(protocol: Protocol) -> EvidenceVariable:
    """The same criteria in words, with where each comes from, as evidence resources cite a population."""
    return EvidenceVariable.model_validate(
        {
            "id": str(uuid5(OUT_NAMESPACE, f"variable/{protocol.id}")),
            "identifier": [{"system": STUDY_SYSTEM, "value": protocol.id}],
            "version": protocol.version,
            "status": "active",
            "title": f"Eligible for: {protocol.title}",
            "actual": False,
            "characteristicCombination": "intersection",
            "characteristic": [
                {
                    "description": ". ".join(
                        filter(None, (f"{c.id}: {c.title}", c.note, f"Source: {', '.join(c.sources)}"))
                    ),
                    "definitionCodeableConcept": _code(c),
                    "exclude": excluded,
                }
                for c, excluded in _criteria(protocol)
            ],
        }
    )


def study_id(protocol: Protocol) -> str:
    """The id of the ResearchStudy, the same for every version of the protocol."""
    return str(uuid5(OUT_NAMESPACE, f"study/{protocol.id}"))


def criteria_id(protocol: Protocol) -> str:
    """The id of the Group of the criteria."""
    return str(uuid5(OUT_NAMESPACE, f"criteria/{protocol.id}"))


def _criteria(protocol: Protocol) -> Iterable[tuple[Criterion, bool]]:
    yield from ((criterion, False) for criterion in protocol.screening.inclusion)
    yield from ((criterion, True) for criterion in protocol.screening.exclusion)


def _code(criterion: Criterion) -> dict[str, Any]:
    """What the characteristic is about: the measured concept, else the criterion itself."""
    if isinstance(criterion, LaboratoryCriterion | TroughCriterion):
        return _coded(criterion.concept, f"{criterion.id}: {criterion.title}")
    coding = {"system": f"{LOCAL_SYSTEM}/criterion-kind", "code": criterion.kind}
    return {"coding": [coding], "text": f"{criterion.id}: {criterion.title}"}


def _value(criterion: Criterion) -> dict[str, Any]:
    match criterion:
        case LaboratoryCriterion() | TroughCriterion() if criterion.unit != UPPER_LIMIT_OF_NORMAL:
            return {"valueRange": _range(criterion, criterion.unit)}
        case DiagnosisCriterion() | ProcedureCriterion():
            return {"valueCodeableConcept": _coded(criterion.concept, concept(criterion.concept).display)}
        case _:
            return {"valueBoolean": True}


def _range(criterion: BoundedCriterion, unit: str) -> dict[str, Any]:
    sides = (("low", criterion.at_least), ("high", criterion.at_most))
    return {
        side: {"value": bound.value, "unit": unit, "system": UCUM, "code": unit}
        for side, bound in sides
        if bound is not None
    }


def _coded(concept_id: str, text: str) -> dict[str, Any]:
    found = concept(concept_id)
    codings = [{"system": row.code.system, "code": row.code.value} for row in found.codes if row.verified]
    return {"coding": [*codings, {"system": LOCAL_SYSTEM, "code": found.id}], "text": text}
