"""Who is being screened for a trial as FHIR: a ResearchSubject for each, and one List of them. Decides nothing.

Patients appear by pseudonym: a reader of this FHIR who may know them has the crosswalk, others have nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.list import List
from fhir.resources.R4B.researchsubject import ResearchSubject

from shared.codes import LOCAL_SYSTEM, PSEUDONYM_SYSTEM
from shared.fhir.out.study import (
    OUT_NAMESPACE,
    STUDY_SYSTEM,
    criteria_group,
    evidence_variable,
    research_study,
    study_id,
)
from shared.protocol.model import Protocol

SUBJECT_STATUS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "off_study": "off-study",
        "on_treatment": "on-study-intervention",
        "ineligible": "ineligible",
        "potentially_eligible": "potential-candidate",
        "eligible": "eligible",
    }
)
"""FHIR's status of a ResearchSubject for each screening status; one who is no candidate is no subject."""
NOT_REGISTERED: Final = "not-registered"


def research_subject(protocol: Protocol, patient: UUID, status: str) -> ResearchSubject:
    """One patient's part in the trial, by pseudonym; who is no candidate (any more) is not registered."""
    return ResearchSubject.model_validate(
        {
            "id": subject_id(protocol, patient),
            "identifier": [{"system": STUDY_SYSTEM, "value": f"{protocol.id}/{patient}"}],
            "status": SUBJECT_STATUS.get(status, NOT_REGISTERED),
            "study": {"reference": f"ResearchStudy/{study_id(protocol)}", "display": protocol.title},
            "individual": {"type": "Patient", "identifier": {"system": PSEUDONYM_SYSTEM, "value": str(patient)}},
        }
    )


def candidate_list(protocol: Protocol, statuses: Mapping[UUID, tuple[str, str]], at: datetime) -> List:
    """The screening list at that time: every subject with the screening status and the sentence that gives its reason."""
    entries = [
        {
            "flag": {"coding": [{"system": f"{LOCAL_SYSTEM}/screening-status", "code": status}], "text": says},
            "item": {"reference": f"ResearchSubject/{subject_id(protocol, patient)}"},
        }
        for patient, (status, says) in sorted(statuses.items())
        if status in SUBJECT_STATUS
    ]
    return List.model_validate(
        {
            **list_head(protocol),
            "mode": "snapshot",
            "date": at,
            **({"entry": entries} if entries else {"emptyReason": {"text": "No candidate so far."}}),
        }
    )


def list_head(protocol: Protocol) -> dict[str, Any]:
    """What the screening list and each change of it have in common."""
    return {
        "id": str(uuid5(OUT_NAMESPACE, f"candidates/{protocol.id}")),
        "identifier": [{"system": STUDY_SYSTEM, "value": protocol.id}],
        "status": "current",
        "title": f"Screening list: {protocol.title}",
        "code": {"coding": [{"system": LOCAL_SYSTEM, "code": "screening-list"}], "text": "Screening list"},
    }


def study_bundle(protocol: Protocol) -> Bundle:
    """The trial with its criteria."""
    return _collection([research_study(protocol), criteria_group(protocol), evidence_variable(protocol)])


def candidates_bundle(protocol: Protocol, statuses: Mapping[UUID, tuple[str, str]], at: datetime) -> Bundle:
    """The screening list, its subjects, and the trial they are screened for."""
    subjects = [
        research_subject(protocol, patient, status)
        for patient, (status, _) in sorted(statuses.items())
        if status in SUBJECT_STATUS
    ]
    trial = [research_study(protocol), criteria_group(protocol)]
    return _collection([candidate_list(protocol, statuses, at), *trial, *subjects])


def subject_id(protocol: Protocol, patient: UUID) -> str:
    """The id of a patient's ResearchSubject: the same whenever it is built."""
    return str(uuid5(OUT_NAMESPACE, f"subject/{protocol.id}/{patient}"))


def _collection(resources: Iterable[Any]) -> Bundle:
    return Bundle.model_validate(
        {
            "type": "collection",
            "entry": [{"fullUrl": f"urn:uuid:{resource.id}", "resource": resource} for resource in resources],
        }
    )
