"""Safety outcomes as FHIR: AdverseEvent in R4 and R5, and DetectedIssue for a suspicion of rejection. Decides nothing.

R5 follows the HL7 guide Adverse Event Clinical Research (STU1), R4 its backport: serious if and only if there is a
seriousness criterion. What nobody assessed is left out: an absent opinion is no opinion.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from fhir.resources.adverseevent import AdverseEvent as AdverseEventR5
from fhir.resources.R4B.adverseevent import AdverseEvent as AdverseEventR4
from fhir.resources.R4B.detectedissue import DetectedIssue

from shared.codes import LOCAL_SYSTEM
from shared.outcomes import Outcome
from shared.protocol.model import Protocol
from shared.terminology import concept

NCIT: Final = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
SERIOUSNESS: Final = "http://terminology.hl7.org/CodeSystem/adverse-event-seriousness"
R5_GUIDE: Final = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition"
R4_GUIDE: Final = "http://hl7.org/fhir/uv/ae-research-backport-ig/StructureDefinition"
CRITERIA: Final = {
    "death": ("C48275", "Death"),
    "life-threatening": ("C84266", "Life Threatening Adverse Event"),
    "hospitalisation": ("C83052", "Hospitalization"),
    "disability": ("C11338", "Disability"),
    "congenital-anomaly": ("C83117", "Congenital Anomaly"),
    "medically-important": ("C82521", "Other Medically Important Condition"),
}
GRADES: Final = {1: "C41338", 2: "C41339", 3: "C41340", 4: "C41337", 5: "C48275"}
NOT_RELATED: Final = ("C53256", "Not Related")
RELATED: Final = ("C53260", "Related")
_DEGREES: Final = {"unlikely": ("C53257", "Unlikely Related"), "possible": ("C53258", "Possibly Related")}
"""Where the guide has a code of its own; what the assessor said stands beside it as text."""
_OUTCOMES: Final = {
    "resolved": "resolved",
    "resolving": "recovering",
    "ongoing": "ongoing",
    "resolved-with-sequelae": "resolvedWithSequelae",
    "fatal": "fatal",
}


def adverse_event_r4(patient: UUID, case: Outcome, protocol: Protocol) -> AdverseEventR4:
    """One case as R4 AdverseEvent."""
    content = case.content
    body: dict[str, Any] = {
        **_common(patient, case, R4_GUIDE),
        "event": _event(content),
        "seriousness": _seriousness(content),
        "suspectEntity": [{"instance": {"display": _drug(protocol)}, **_causality_r4(content)}],
    }
    if content["onset_on"] is not None:
        body["date"] = content["onset_on"]
    if content["result"] is not None:
        body["outcome"] = _coded(
            "http://terminology.hl7.org/CodeSystem/adverse-event-outcome", _OUTCOMES[content["result"]]
        )
    return AdverseEventR4.model_validate(body)


def adverse_event_r5(patient: UUID, case: Outcome, protocol: Protocol) -> AdverseEventR5:
    """One case as R5 AdverseEvent by the guide for clinical research."""
    content = case.content
    body: dict[str, Any] = {
        **_common(patient, case, R5_GUIDE),
        "status": "completed" if content["closed"] else "in-progress",
        "code": _event(content),
        "seriousness": _seriousness(content),
        "suspectEntity": _suspects_r5(content, _drug(protocol)),
        "note": [{"text": content["says"]}],
    }
    if content["onset_on"] is not None:
        body["occurrenceDateTime"] = content["onset_on"]
    if content["result"] is not None:
        body["outcome"] = [_coded("http://hl7.org/fhir/adverse-event-outcome", _OUTCOMES[content["result"]])]
    if content["expectedness"].startswith(("expected", "unexpected")):
        body["expectedInResearchStudy"] = content["expectedness"].startswith("expected")
    return AdverseEventR5.model_validate(body)


def detected_issue(patient: UUID, rejection: Outcome) -> DetectedIssue:
    """A suspicion of graft rejection for the people who treat the patient: why, why not, what is advised."""
    content = rejection.content
    body: dict[str, Any] = {
        "status": "final" if content["level"] == "proven" else "preliminary",
        "code": {"text": f"Graft rejection, {content['level']}", "coding": [_local("liver-transplant-rejection")]},
        "severity": "high" if content["level"] in ("suspected", "proven") else "moderate",
        "patient": {"reference": f"Patient/{patient}"},
        "evidence": [{"detail": [{"reference": e.reference}]} for e in rejection.evidence],
        "detail": content["says"],
        "mitigation": [{"action": {"text": advice}} for advice in content["advises"]],
    }
    if content["onset_on"] is not None:
        body["identifiedDateTime"] = content["onset_on"]
    return DetectedIssue.model_validate(body)


def _common(patient: UUID, case: Outcome, guide: str) -> dict[str, Any]:
    content = case.content
    extensions = [
        {"url": f"{guide}/seriousness-criteria", "valueCodeableConcept": _ncit(*CRITERIA[criterion])}
        for criterion in content["seriousness"]
    ]
    if content["grade"] is not None:
        grade = content["grade"]
        extensions.append(
            {"url": f"{guide}/severity-or-grade", "valueCodeableConcept": _ncit(GRADES[grade], f"Grade {grade}")}
        )
    body: dict[str, Any] = {
        "id": content["case_id"],
        "meta": {"profile": [f"{guide}/AdverseEvent-clinical-research"]},
        "extension": extensions,
        "actuality": "actual",
        "subject": {"reference": f"Patient/{patient}"},
    }
    if content["aware_at"] is not None:
        body["detected"] = content["aware_at"]
    return body


def _event(content: dict[str, Any]) -> dict[str, Any]:
    return {"text": content["title"]}


def _seriousness(content: dict[str, Any]) -> dict[str, Any]:
    return _coded(SERIOUSNESS, "serious" if content["seriousness"] else "non-serious")


def _causality_r4(content: dict[str, Any]) -> dict[str, Any]:
    opinions = [{"author": {"display": who}, "assessment": judged} for judged, who in _opinions(content)]
    return {"causality": opinions} if opinions else {}


def _suspects_r5(content: dict[str, Any], drug: str) -> list[dict[str, Any]]:
    """One entry for each opinion: R5 allows one causality in each, and both opinions are kept."""
    suspect = {"instanceCodeableConcept": {"text": drug}}
    opinions = [
        {
            **suspect,
            "causality": {"author": {"display": who}, "entityRelatedness": judged},
        }
        for judged, who in _opinions(content)
    ]
    return opinions or [suspect]


def _opinions(content: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Each opinion that was given, coded, with its degree in the assessor's word; and whose it is."""
    given = []
    for who in ("investigator", "sponsor"):
        said, degree = content[f"related_{who}"], content.get(f"degree_{who}")
        if said is not None:
            coded = _ncit(*_DEGREES.get(degree or "", RELATED if said else NOT_RELATED))
            given.append((coded | ({"text": degree} if degree else {}), who))
    return given


def _drug(protocol: Protocol) -> str:
    return concept(protocol.treatment.drug.value).display


def _ncit(code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": NCIT, "code": code, "display": display}]}


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _local(code: str) -> dict[str, str]:
    return {"system": LOCAL_SYSTEM, "code": code}
