"""Reads a Subscription resource as R4, R4B or R5 state it, refuses what cannot be honoured, and writes it back.

Does not decide whether its owner may have it sent there: the recipients file says that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fhir.resources.R4B.subscription import Subscription as SubscriptionR4B
from fhir.resources.subscription import Subscription as SubscriptionR5
from pydantic import ValidationError

from services.notify.subscriptions import topics
from services.notify.subscriptions.model import Content, Filters, Subscription, Version, Wanted
from services.notify.urgency import KINDS, Urgency

GUIDE: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
_FILTER: Final = f"{GUIDE}/backport-filter-criteria"
_CONTENT: Final = f"{GUIDE}/backport-payload-content"
_HEARTBEAT: Final = f"{GUIDE}/backport-heartbeat-period"
_TIMEOUT: Final = f"{GUIDE}/backport-timeout"
_MAX_COUNT: Final = f"{GUIDE}/backport-max-count"
_PROFILE: Final = f"{GUIDE}/backport-subscription"
_MIME: Final = "application/fhir+json"
_MOST_EVENTS: Final = 100
_HEARTBEATS: Final = range(10, 86_401)
_TIMEOUTS: Final = range(1, 61)
_HEADER: Final = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")
_OURS: Final = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent"})
_MODELS: Final[Mapping[Version, Any]] = {"R4": SubscriptionR4B, "R4B": SubscriptionR4B, "R5": SubscriptionR5}
"""Subscription is the same in R4 and R4B."""
_CODES: Final[Mapping[str, Callable[[str], bool]]] = {
    "category": lambda value: value in KINDS,
    "priority": lambda value: value in set(Urgency),
}


class NotSupportedError(ValueError):
    """Why a subscription cannot be honoured: where, and what is expected."""


def read(body: Mapping[str, Any], version: Version) -> Wanted:
    """What is asked for; raises NotSupportedError."""
    _conform(body, version)
    if body.get("modifierExtension"):
        raise NotSupportedError("Subscription.modifierExtension: none is known here")
    return _read_r5(body) if version == "R5" else _read_r4(body, version)


def write(subscription: Subscription) -> dict[str, Any]:
    """The resource; headers, which may hold a secret, are left out."""
    return _write_r5(subscription) if subscription.wanted.version == "R5" else _write_r4(subscription)


def _read_r4(body: Mapping[str, Any], version: Version) -> Wanted:
    channel = body["channel"]
    if channel.get("type") != "rest-hook":
        raise NotSupportedError("Subscription.channel.type: expected rest-hook")
    payload = channel.get("_payload", {}).get("extension", [])
    criteria = [e["valueString"] for e in body.get("_criteria", {}).get("extension", []) if e["url"] == _FILTER]
    extension = channel.get("extension", [])
    pairs = [h.partition(":") for h in channel.get("header", [])]
    return Wanted(
        version=version,
        topic=_topic(body.get("criteria"), "Subscription.criteria"),
        filters=_filters(p for text in criteria for p in _criteria(text)),
        address=_address(channel.get("endpoint"), "Subscription.channel.endpoint"),
        headers=_headers((name, value.strip()) for name, _, value in pairs),
        content=_content(_value(payload, _CONTENT, "valueCode"), channel.get("payload")),
        heartbeat_seconds=_within(_value(extension, _HEARTBEAT, "valueUnsignedInt"), _HEARTBEATS, "heartbeat-period"),
        timeout_seconds=_within(_value(extension, _TIMEOUT, "valueUnsignedInt"), _TIMEOUTS, "timeout"),
        max_count=min(_value(extension, _MAX_COUNT, "valuePositiveInt") or 1, _MOST_EVENTS),
        ends_at=_instant(body.get("end")),
        says=str(body.get("reason", ""))[:500],
    )


def _read_r5(body: Mapping[str, Any]) -> Wanted:
    if body["channelType"].get("code") != "rest-hook":
        raise NotSupportedError("Subscription.channelType: expected rest-hook")
    filters = [(f["filterParameter"], f.get("value", ""), f) for f in body.get("filterBy", [])]
    odd = [name for name, _, f in filters if f.get("modifier") or f.get("comparator") not in (None, "eq")]
    if odd:
        raise NotSupportedError(f"Subscription.filterBy: {', '.join(odd)}: expected neither comparator nor modifier")
    return Wanted(
        version="R5",
        topic=_topic(body.get("topic"), "Subscription.topic"),
        filters=_filters((name, value) for name, value, _ in filters),
        address=_address(body.get("endpoint"), "Subscription.endpoint"),
        headers=_headers((p["name"], p["value"]) for p in body.get("parameter", [])),
        content=_content(body.get("content"), body.get("contentType")),
        heartbeat_seconds=_within(body.get("heartbeatPeriod"), _HEARTBEATS, "heartbeatPeriod"),
        timeout_seconds=_within(body.get("timeout"), _TIMEOUTS, "timeout"),
        max_count=min(body.get("maxCount") or 1, _MOST_EVENTS),
        ends_at=_instant(body.get("end")),
        says=str(body.get("reason", ""))[:500],
    )


def _conform(body: Mapping[str, Any], version: Version) -> None:
    if body.get("resourceType") != "Subscription":
        raise NotSupportedError("resourceType: expected Subscription")
    try:
        _MODELS[version].model_validate(dict(body))
    except ValidationError as error:
        places = sorted({".".join(map(str, e["loc"])) for e in error.errors()})
        raise NotSupportedError(f"not a Subscription of {version}: {', '.join(places[:5])}") from None


def _topic(value: object, place: str) -> str:
    url = str(value).partition("|")[0]
    if url not in topics.BY_URL:
        raise NotSupportedError(f"{place}: expected one of {', '.join(topics.BY_URL)}")
    return url


def _address(value: object, place: str) -> str:
    if not isinstance(value, str) or not re.match(r"^https?://[^\s/@]+(/[^\s#]*)?$", value):
        raise NotSupportedError(f"{place}: expected https://host/path")
    return value


def _criteria(text: str) -> Iterable[tuple[str, str]]:
    """`Communication?category=rejection-suspected,rejection-proven&site=north`, with or without the type."""
    query = text.partition("?")[2] or text
    for part in query.split("&"):
        name, _, value = part.partition("=")
        yield name, value


def _filters(pairs: Iterable[tuple[str, str]]) -> Filters:
    found = []
    for name, value in pairs:
        if name not in topics.FILTERS:
            raise NotSupportedError(f"filter {name[:64]}: expected one of {', '.join(topics.FILTERS)}")
        values = tuple(v.rpartition("|")[2].removeprefix("Patient/") for v in value.split(",") if v)
        known = _CODES.get(name, bool)
        if not values or not all(known(v) for v in values):
            raise NotSupportedError(f"filter {name}: expected {topics.FILTERS[name]}")
        found.append((name, values))
    return tuple(found)


def _headers(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    found = []
    for name, value in pairs:
        if not _HEADER.match(name) or name.lower() in _OURS or not value.isprintable() or not value.isascii():
            raise NotSupportedError("header: expected `Name: value`, and none that the request itself needs")
        found.append((name, value))
    return tuple(found)


def _content(content: object, mime: object) -> Content:
    if mime not in (None, _MIME, "application/json"):
        raise NotSupportedError(f"payload: expected {_MIME}")
    if content not in (None, "empty", "id-only", "full-resource"):
        raise NotSupportedError("content: expected empty, id-only or full-resource")
    return content or "id-only"


def _within(value: Any, bounds: range, what: str) -> int | None:
    if value in (None, 0):
        return None
    if value not in bounds:
        raise NotSupportedError(f"{what}: expected {bounds.start} to {bounds.stop - 1} seconds")
    return int(value)


def _value(extensions: Iterable[Mapping[str, Any]], url: str, element: str) -> Any:
    return next((e.get(element) for e in extensions if e.get("url") == url), None)


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise NotSupportedError("Subscription.end: expected an instant with offset") from None
    if found.tzinfo is None:
        raise NotSupportedError("Subscription.end: expected an instant with offset")
    return found.astimezone(UTC)


def _write_r4(s: Subscription) -> dict[str, Any]:
    w = s.wanted
    extension: list[dict[str, Any]] = [{"url": _MAX_COUNT, "valuePositiveInt": w.max_count}]
    if w.heartbeat_seconds is not None:
        extension.append({"url": _HEARTBEAT, "valueUnsignedInt": w.heartbeat_seconds})
    if w.timeout_seconds is not None:
        extension.append({"url": _TIMEOUT, "valueUnsignedInt": w.timeout_seconds})
    body: dict[str, Any] = {
        "resourceType": "Subscription",
        "id": str(s.subscription_id),
        "meta": {"profile": [_PROFILE]},
        "status": s.status,
        "reason": w.says or "notifications by topic",
        "criteria": w.topic,
        "channel": {
            "extension": extension,
            "type": "rest-hook",
            "endpoint": w.address,
            "payload": _MIME,
            "_payload": {"extension": [{"url": _CONTENT, "valueCode": w.content}]},
        },
    }
    if w.filters:
        texts = [f"{topics.FOCUS}?{name}={','.join(values)}" for name, values in w.filters]
        body["_criteria"] = {"extension": [{"url": _FILTER, "valueString": text} for text in texts]}
    if w.ends_at is not None:
        body["end"] = w.ends_at.isoformat()
    if s.error is not None:
        body["error"] = s.error
    return body


def _write_r5(s: Subscription) -> dict[str, Any]:
    w = s.wanted
    body: dict[str, Any] = {
        "resourceType": "Subscription",
        "id": str(s.subscription_id),
        "status": s.status,
        "topic": w.topic,
        "channelType": {
            "system": "http://terminology.hl7.org/CodeSystem/subscription-channel-type",
            "code": "rest-hook",
        },
        "endpoint": w.address,
        "contentType": _MIME,
        "content": w.content,
        "maxCount": w.max_count,
    }
    optional = {"heartbeatPeriod": w.heartbeat_seconds, "timeout": w.timeout_seconds, "reason": w.says or None}
    body |= {name: value for name, value in optional.items() if value is not None}
    if w.ends_at is not None:
        body["end"] = w.ends_at.isoformat()
    if w.filters:
        body["filterBy"] = [
            {"resourceType": topics.FOCUS, "filterParameter": name, "value": ",".join(values)}
            for name, values in w.filters
        ]
    return body
