"""What a webhook of ours brings, as OpenAPI's `webhooks`: for whoever writes a receiver from it. Sends nothing."""

from __future__ import annotations

from typing import Any, Final

from services.notify.urgency import Urgency
from shared import contracts

_REF: Final = "#/components/schemas/{name}"
_TEXT: Final = {"type": "string"}
_UUID: Final = {"type": "string", "format": "uuid"}
_TIME: Final = {"type": "string", "format": "date-time"}
_HEADERS: Final[dict[str, tuple[str, dict[str, Any], bool]]] = {
    "webhook-id": ("The delivery's id: the same in every attempt; drop repeats by it", _UUID, True),
    "webhook-timestamp": ("Seconds since 1970 of this attempt", {"type": "integer"}, True),
    "webhook-signature": (
        "One or several of v1,BASE64, separated by spaces: HMAC-SHA-256 of ID.TIMESTAMP.BODY under a secret, one for each",
        {"type": "string", "pattern": "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$"},
        True,
    ),
    "traceparent": ("W3C Trace Context, where traces are on", _TEXT, False),
}
_DATA: Final[dict[str, Any]] = {
    "event_id": {**_UUID, "description": "The event, as ce_id on Kafka; what acknowledging it names"},
    "site": {**_TEXT, "description": "The hospital that the patient is of"},
    "urgency": {"enum": [str(u) for u in Urgency], "description": "FHIR request-priority"},
    "reason": {**_TEXT, "description": "The rule of the recipients file that chose you; or told-before, escalation"},
    "follows_event": {**_UUID, "description": "The event about the same that you were told before"},
    "corrects": {"$ref": _REF.format(name="Corrected")},
    "hospital_patient": {
        **_TEXT,
        "description": "The hospital's patient id, for recipients that are configured to have it",
    },
    "evidence_left_out": {
        "type": "integer",
        "minimum": 1,
        "description": "The message would be too large: so many pieces of evidence are left out, all of them",
    },
}


def webhooks() -> dict[str, Any]:
    """What is posted to a recipient with a webhook, and what its answer means."""
    return {
        "delivery": {
            "post": {
                "summary": "A recipient is told of an event",
                "description": (
                    "Standard Webhooks (https://www.standardwebhooks.com). At least once; tried again for days, under the same "
                    "webhook-id and with the same body, until it is taken."
                ),
                "parameters": [
                    {"name": name, "in": "header", "required": required, "description": says, "schema": schema}
                    for name, (says, schema, required) in _HEADERS.items()
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": _REF.format(name="Delivery")}}},
                },
                "responses": {
                    "2XX": {"description": "It is taken, if within 10 seconds"},
                    "410": {"description": "It will never be taken: this delivery is given up"},
                    "503": {"description": "Tried again, after Retry-After of up to an hour; so is every other answer"},
                },
            }
        }
    }


def schemas() -> dict[str, Any]:
    """The schemas that these refer to: the body, and every event."""
    roots, components = contracts.event_components(_REF)
    data = {
        "type": "object",
        "properties": _DATA,
        "required": ["event_id", "site", "urgency", "reason"],
        "oneOf": list(roots.values()),
    }
    delivery = {
        "type": "object",
        "properties": {
            "type": {**_TEXT, "description": "As ce_type on Kafka", "examples": list(roots)},
            "timestamp": {**_TIME, "description": "When the event was decided"},
            "data": {"$ref": _REF.format(name="Told")},
        },
        "required": ["type", "timestamp", "data"],
    }
    corrected = {
        "type": "object",
        "description": "The delivery to you that does not stand any more",
        "properties": {"webhook_id": _UUID, "timestamp": _TIME, "sentence": _TEXT},
        "required": ["webhook_id", "timestamp", "sentence"],
    }
    return components | {"Delivery": delivery, "Told": data, "Corrected": corrected}
