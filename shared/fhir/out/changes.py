"""What screening publishes on its topic as FHIR: each change of a patient's status, and each trial with its criteria.

Decides nothing: it says in FHIR what was decided. Patients appear by pseudonym only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from fhir.resources.R4B.list import List

from shared.codes import LOCAL_SYSTEM
from shared.fhir.out.candidates import SUBJECT_STATUS, list_head, research_subject, subject_id
from shared.fhir.out.study import criteria_group, evidence_variable, research_study, study_id
from shared.protocol.model import Protocol

__all__ = ["plain", "status_change", "study_id", "trial"]


def status_change(protocol: Protocol, patient: UUID, status: str, says: str) -> dict[str, Any]:
    """A collection Bundle of the change to the screening list (List, mode `changes`) and of the ResearchSubject now.

    Who is no candidate any more is an entry marked deleted. The whole list is asked for at the API or by command.
    """
    entry = {
        "flag": {"coding": [{"system": f"{LOCAL_SYSTEM}/screening-status", "code": status}], "text": says},
        "item": {"reference": f"ResearchSubject/{subject_id(protocol, patient)}"},
        **({} if status in SUBJECT_STATUS else {"deleted": True}),
    }
    change = List.model_validate({**list_head(protocol), "mode": "changes", "entry": [entry]})
    return _collection([change, research_subject(protocol, patient, status)])


def trial(protocol: Protocol) -> dict[str, Any]:
    """A collection Bundle of the trial: ResearchStudy, and its criteria as Group and as EvidenceVariable."""
    return _collection([research_study(protocol), criteria_group(protocol), evidence_variable(protocol)])


def _collection(resources: Iterable[Any]) -> dict[str, Any]:
    """Plain JSON: each resource is validated by its own class, and the Bundle adds nothing but their addresses."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{r.id}", "resource": plain(r)} for r in resources],
    }


def plain(resource: Any) -> dict[str, Any]:
    """A resource as JSON types, numbers as they are written."""
    decoded: dict[str, Any] = msgspec.json.decode(resource.model_dump_json())
    return decoded
