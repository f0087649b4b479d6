"""Builds Subscription resources as subscribers post them. Decides nothing."""

from __future__ import annotations

from typing import Any, Final

from services.notify.subscriptions import topics

URL: Final = "https://office.example/notifications"
_GUIDE: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"


def topic_url(name: str = "safety-events") -> str:
    """The canonical URL of a topic."""
    return f"{topics.BASE}/{name}"


def request_r4(content: str = "id-only", url: str = URL, **more: Any) -> dict[str, Any]:
    """A Subscription by the backport profile; `channel.x` and `filter` change parts of it."""
    texts = [more.pop("filter", None) or "Communication?category=rejection-suspected,rejection-proven", "site=north"]
    channel: dict[str, Any] = {
        "extension": [
            {"url": f"{_GUIDE}/backport-heartbeat-period", "valueUnsignedInt": 60},
            {"url": f"{_GUIDE}/backport-timeout", "valueUnsignedInt": 5},
            {"url": f"{_GUIDE}/backport-max-count", "valuePositiveInt": 20},
        ],
        "type": "rest-hook",
        "endpoint": url,
        "header": ["Authorization: Bearer hidden-word"],
        "payload": "application/fhir+json",
        "_payload": {"extension": [{"url": f"{_GUIDE}/backport-payload-content", "valueCode": content}]},
    }
    channel |= {k.removeprefix("channel."): more.pop(k) for k in list(more) if k.startswith("channel.")}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "tests",
        "end": "2030-01-01T00:00:00Z",
        "criteria": topic_url(),
        "_criteria": {
            "extension": [{"url": f"{_GUIDE}/backport-filter-criteria", "valueString": text} for text in texts]
        },
        "channel": channel,
        **more,
    }


def request_r5(content: str = "id-only", url: str = URL, **more: Any) -> dict[str, Any]:
    """The same in R5."""
    name, value = more.pop("filter", None) or ("category", "rejection-suspected,rejection-proven")
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "tests",
        "end": "2030-01-01T00:00:00Z",
        "topic": topic_url(),
        "filterBy": [
            {"filterParameter": name, "value": value},
            {"filterParameter": "site", "value": "north"},
        ],
        "channelType": {"code": "rest-hook"},
        "endpoint": url,
        "parameter": [{"name": "Authorization", "value": "Bearer hidden-word"}],
        "heartbeatPeriod": 60,
        "timeout": 5,
        "contentType": "application/fhir+json",
        "content": content,
        "maxCount": 20,
        **more,
    }
