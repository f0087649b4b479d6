"""The CapabilityStatement of the subscribers' server, in each version. Decides nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from services.notify.subscriptions import topics
from services.notify.subscriptions.asked import GUIDE
from services.notify.subscriptions.model import Version

_FHIR_VERSION: Final = {"R4": "4.0.1", "R4B": "4.3.0", "R5": "5.0.0"}
_CANONICAL: Final = f"{GUIDE}/capabilitystatement-subscriptiontopic-canonical"
_OPERATION: Final = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription"


def statement(version: Version, url: str, at: datetime) -> dict[str, Any]:
    """What may be done here; in R4 and R4B the topics are named here too, as the backport guide wants it."""
    subscription: dict[str, Any] = {
        "type": "Subscription",
        "interaction": [{"code": code} for code in ("create", "read", "update", "delete", "search-type")],
        "operation": [{"name": name, "definition": _operation(version, name)} for name in ("status", "events")],
    }
    if version != "R5":
        subscription["extension"] = [{"url": _CANONICAL, "valueCanonical": topic.url} for topic in topics.ALL]
        subscription["supportedProfile"] = [f"{GUIDE}/backport-subscription"]
    resources = [subscription, _readable("Communication")]
    if version != "R4":
        resources.append(_readable("SubscriptionTopic"))
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": at.date().isoformat(),
        "kind": "instance",
        "software": {"name": "Graftwatch notify"},
        "implementation": {"description": "Subscriptions to the events of Graftwatch", "url": url},
        "fhirVersion": _FHIR_VERSION[version],
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "security": {"description": "bearer token"}, "resource": resources}],
    }


def _operation(version: Version, name: str) -> str:
    return f"http://hl7.org/fhir/OperationDefinition/Subscription-{name}" if version == "R5" else f"{_OPERATION}-{name}"


def _readable(type_: str) -> dict[str, Any]:
    return {"type": type_, "interaction": [{"code": "read"}, {"code": "search-type"}]}
