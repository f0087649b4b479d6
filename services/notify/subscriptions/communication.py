"""A delivery as FHIR Communication: the record of who was told what, when, and what became of it. Decides nothing.

In R4 and R4B the text is a string; R5 allows a CodeableConcept in its place. Patients appear by pseudonym.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.notify.subscriptions import topics
from services.notify.subscriptions.model import Version

_STATUS: Final = {
    "pending": "in-progress",
    "delivered": "completed",
    "given-up": "not-done",
    "superseded": "not-done",
    "stopped": "stopped",
}
_MEDIUM: Final = {"email": "EMAILWRIT", "webhook": "WRITTEN", "fhir": "WRITTEN"}
_MODE_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"


@dataclass(frozen=True)
class Record:
    """A delivery and what it tells, as it stands: read as it was written down, whatever release knows that kind of event."""

    delivery_id: UUID
    recipient: str
    channel: str
    state: str
    says: str | None
    decided_at: datetime
    delivered_at: datetime | None
    corrects: UUID | None
    kind: str
    urgency: str
    patient: UUID
    study: str
    site: str
    sentence: str
    created_at: datetime


def communication(record: Record, version: Version) -> dict[str, Any]:
    """The Communication; its id is the delivery's."""
    body: dict[str, Any] = {
        "resourceType": "Communication",
        "id": str(record.delivery_id),
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{record.delivery_id}"}],
        "status": _STATUS[record.state],
        "category": [{"coding": [{"system": topics.KIND_SYSTEM, "code": record.kind}]}],
        "priority": record.urgency,
        "medium": [{"coding": [{"system": _MODE_SYSTEM, "code": _MEDIUM[record.channel]}]}],
        "subject": _named("Patient", topics.PSEUDONYM_SYSTEM, str(record.patient)),
        "about": [
            _named("ResearchStudy", topics.STUDY_SYSTEM, record.study),
            _named("Organization", topics.SITE_SYSTEM, record.site),
        ],
        "recipient": [{"display": record.recipient}],
        "sender": {"display": "Graftwatch"},
        "payload": [_payload(record.sentence, version)],
    }
    if record.delivered_at is not None:
        body["sent"] = record.delivered_at.isoformat()
    if record.state in ("given-up", "superseded") and record.says:
        body["statusReason"] = {"text": record.says}
    if record.corrects is not None:
        body["inResponseTo"] = [{"reference": f"Communication/{record.corrects}"}]
        body["note"] = [
            {"text": "Corrects what was told before; a record that it rested on was corrected or withdrawn."}
        ]
    return body


def _payload(text: str, version: Version) -> dict[str, Any]:
    return {"contentCodeableConcept": {"text": text}} if version == "R5" else {"contentString": text}


def _named(type_: str, system: str, value: str) -> dict[str, Any]:
    return {"type": type_, "identifier": {"system": system, "value": value or "unknown"}}
