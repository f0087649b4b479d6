"""Notification bundles in R4, R4B and R5: handshake, heartbeat, events, status. Decides what a content level shows.

R4 and R4B: a `history` Bundle, its first entry the status as Parameters or SubscriptionStatus, with request and response in every
entry, as such Bundles need (Subscriptions R5 Backport 1.1.0). R5: a `subscription-notification` Bundle. Numbers of events
are strings in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from services.notify.notices import NAMESPACE
from services.notify.subscriptions.asked import GUIDE
from services.notify.subscriptions.communication import Record, communication
from services.notify.subscriptions.model import Content, Subscription

_R4_STATUS: Final = f"{GUIDE}/backport-subscription-status-r4"
_PROFILES: Final = {
    "R4": f"{GUIDE}/backport-subscription-notification-r4",
    "R4B": f"{GUIDE}/backport-subscription-notification",
}


@dataclass(frozen=True)
class Event:
    """An event of a subscription: its number, and the record that is its focus."""

    number: int
    record: Record


@dataclass(frozen=True)
class Notification:
    """What is told of a subscription: `type` is a code of subscription-notification-type."""

    subscription: Subscription
    base: str
    type: str
    at: datetime
    events: Sequence[Event] = ()
    content: Content | None = None

    @property
    def level(self) -> Content:
        """How much is shown: what the subscription asked for, unless an operation asks for another."""
        return self.content or self.subscription.wanted.content

    @property
    def reference(self) -> str:
        """The subscription's address."""
        return f"{self.base}/Subscription/{self.subscription.subscription_id}"


def notification(n: Notification) -> dict[str, Any]:
    """A whole notification bundle."""
    version = n.subscription.wanted.version
    bundle: dict[str, Any] = {"resourceType": "Bundle", "id": str(_id(n))}
    if version in _PROFILES:
        bundle["meta"] = {"profile": [_PROFILES[version]]}
    bundle["type"] = "subscription-notification" if version == "R5" else "history"
    bundle["timestamp"] = n.at.isoformat()
    bundle["entry"] = [_status_entry(n), *_focus_entries(n)]
    return bundle


def statuses(notifications: Sequence[Notification], at: datetime) -> dict[str, Any]:
    """The answer of `$status`: a searchset of statuses."""
    entries = [
        {"fullUrl": f"urn:uuid:{_id(n)}", "resource": status(n), "search": {"mode": "match"}} for n in notifications
    ]
    body: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "timestamp": at.isoformat()}
    body["total"] = len(entries)
    return body | ({"entry": entries} if entries else {})


def status(n: Notification) -> dict[str, Any]:
    """The status: Parameters in R4, else SubscriptionStatus."""
    return _parameters(n) if n.subscription.wanted.version == "R4" else _subscription_status(n)


def _id(n: Notification) -> UUID:
    """Deterministic, so that a repeat of the same events is the same bundle."""
    numbers = f"{n.events[0].number}-{n.events[-1].number}" if n.events else n.at.isoformat()
    return uuid5(NAMESPACE, f"notification|{n.subscription.subscription_id}|{n.type}|{numbers}")


def _status_entry(n: Notification) -> dict[str, Any]:
    entry: dict[str, Any] = {"fullUrl": f"urn:uuid:{_id(n)}", "resource": {**status(n), "id": str(_id(n))}}
    if n.subscription.wanted.version != "R5":
        entry["request"] = {"method": "GET", "url": f"{n.reference}/$status"}
        entry["response"] = {"status": "200"}
    return entry


def _focus_entries(n: Notification) -> list[dict[str, Any]]:
    version = n.subscription.wanted.version
    if n.level == "empty" or (n.level == "id-only" and version == "R5"):
        return []  # R5: an entry of such a Bundle needs a resource
    entries = []
    for event in n.events:
        entry: dict[str, Any] = {"fullUrl": _focus(n, event)}
        if n.level == "full-resource":
            entry["resource"] = communication(event.record, version)
        if version != "R5":
            has_resource = n.level == "full-resource"
            entry["request"] = {
                "method": "POST" if has_resource else "GET",
                "url": "Communication" if has_resource else _focus(n, event),
            }
            entry["response"] = {"status": "201" if has_resource else "200"}
        entries.append(entry)
    return entries


def _focus(n: Notification, event: Event) -> str:
    return f"{n.base}/Communication/{event.record.delivery_id}"


def _parameters(n: Notification) -> dict[str, Any]:
    s = n.subscription
    parameters: list[dict[str, Any]] = [{"name": "subscription", "valueReference": {"reference": n.reference}}]
    if n.level != "empty":
        parameters.append({"name": "topic", "valueCanonical": s.wanted.topic})
    parameters += [
        {"name": "status", "valueCode": s.status},
        {"name": "type", "valueCode": n.type},
        {"name": "events-since-subscription-start", "valueString": str(s.events)},
    ]
    for event in n.events:
        part: list[dict[str, Any]] = [
            {"name": "event-number", "valueString": str(event.number)},
            {"name": "timestamp", "valueInstant": event.record.created_at.isoformat()},
        ]
        if n.level != "empty":
            part.append({"name": "focus", "valueReference": {"reference": _focus(n, event)}})
        parameters.append({"name": "notification-event", "part": part})
    if s.error is not None:
        parameters.append({"name": "error", "valueCodeableConcept": {"text": s.error}})
    return {"resourceType": "Parameters", "meta": {"profile": [_R4_STATUS]}, "parameter": parameters}


def _subscription_status(n: Notification) -> dict[str, Any]:
    s = n.subscription
    body: dict[str, Any] = {
        "resourceType": "SubscriptionStatus",
        "status": s.status,
        "type": n.type,
        "eventsSinceSubscriptionStart": str(s.events),
        "subscription": {"reference": n.reference},
    }
    if n.level != "empty":
        body["topic"] = s.wanted.topic
    if n.events:
        body["notificationEvent"] = [_notification_event(n, event) for event in n.events]
    if s.error is not None:
        body["error"] = [{"text": s.error}]
    return body


def _notification_event(n: Notification, event: Event) -> dict[str, Any]:
    body: dict[str, Any] = {
        "eventNumber": str(event.number),
        "timestamp": event.record.created_at.isoformat(),
    }
    if n.level != "empty":
        body["focus"] = {"reference": _focus(n, event)}
    return body
