"""An entry of the console's audit as FHIR AuditEvent (R4B), by the patterns of IHE BALP. Decides nothing.

A patient is named by pseudonym; whom that is, only the crosswalk knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

from fhir.resources.R4B.auditevent import AuditEvent

from shared.codes import LOCAL_SYSTEM, PSEUDONYM_SYSTEM
from shared.fhir.out.study import OUT_NAMESPACE

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_TYPES: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_OBJECT: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_LOGIN: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"log-in": ("110122", "Login"), "log-out": ("110123", "Logout")}
)
READS: Final = frozenset({"see-patient", "see-list", "reidentify", "read-original-record", "export"})


def audit_event(  # noqa: PLR0913 - the parts of an entry
    *,
    sequence: int,
    recorded_at: datetime,
    person: str,
    action: str,
    outcome: str,
    patient: UUID | None,
    details: Mapping[str, Any],
) -> AuditEvent:
    """One entry: who did what to whom, when, and whether it was refused."""
    reason = str(details.get("reason") or details.get("says") or "")
    body: dict[str, Any] = {
        "id": str(uuid5(OUT_NAMESPACE, f"audit/{sequence}/{recorded_at.isoformat()}")),
        "type": _coding(_DCM, "110114", "User Authentication")
        if action in _LOGIN
        else _coding(_TYPES, "rest", "RESTful Operation"),
        "subtype": [
            _coding(_DCM, *_LOGIN[action]) if action in _LOGIN else _coding(LOCAL_SYSTEM, action.replace(" ", "-"))
        ],
        "action": "E" if action in _LOGIN else "R" if action in READS else "C",
        "recorded": recorded_at,
        "outcome": "0" if outcome == "done" else "4",
        "agent": [
            {
                "type": {"coding": [_coding(_DCM, "110153", "Source Role ID")]},
                "who": {"identifier": {"system": f"{LOCAL_SYSTEM}/staff", "value": person}},
                "requestor": True,
            }
        ],
        "source": {"observer": {"display": "Graftwatch console"}},
    }
    if outcome != "done" and reason:
        body["outcomeDesc"] = reason
    elif reason:
        body["purposeOfEvent"] = [{"text": reason}]
    if patient is not None:
        body["entity"] = [_patient(patient, details)]
    return AuditEvent.model_validate(body)


def _patient(patient: UUID, details: Mapping[str, Any]) -> dict[str, Any]:
    stated = [
        {"type": name, "valueString": str(value)} for name, value in sorted(details.items()) if value not in ("", None)
    ]
    return {
        "what": {"type": "Patient", "identifier": {"system": PSEUDONYM_SYSTEM, "value": str(patient)}},
        "type": _coding(_OBJECT, "1", "Person"),
        "role": _coding(_ROLE, "1", "Patient"),
        **({"detail": stated} if stated else {}),
    }


def _coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": display} if display else {})
