"""Sends notifications to the endpoint of a subscription, by rest-hook, and keeps its status true. Decides nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from services.notify.channels.http import Post, Poster
from services.notify.messages import Answer, Outgoing
from services.notify.subscriptions.bundles import Event, Notification, notification
from services.notify.subscriptions.communication import Record
from services.notify.subscriptions.model import Subscription
from services.notify.subscriptions.store import Subscriptions
from shared.runtime import tracing
from shared.runtime.postgres import UNREACHABLE

_MOST_BYTES: Final = 1_000_000
_MIME: Final = "application/fhir+json"
_FHIR_VERSION: Final = {"R4": "4.0", "R4B": "4.3", "R5": "5.0"}


class Hook:
    """Posts bundles to subscribers."""

    def __init__(self, poster: Poster, base: str, seconds: float) -> None:
        self._poster = poster
        self._base = base
        self._seconds = seconds

    def of(self, subscription: Subscription) -> str:
        """The base address of a subscription's version."""
        return f"{self._base}/{subscription.wanted.version}"

    async def post(self, n: Notification, traceparent: str | None = None) -> Answer:
        """Post one notification, within the time that the subscription allows, at most ours."""
        wanted = n.subscription.wanted
        body = msgspec.json.encode(notification(n))
        if len(body) > _MOST_BYTES and n.level == "full-resource":
            body = msgspec.json.encode(notification(replace(n, content="id-only")))
        headers = dict(wanted.headers) | {
            "Content-Type": f"{_MIME}; fhirVersion={_FHIR_VERSION[wanted.version]}",
        }
        if traceparent is not None:
            headers[tracing.HEADER] = traceparent
        seconds = min(wanted.timeout_seconds or self._seconds, self._seconds)
        return await self._poster.post(Post(wanted.address, body, headers, seconds))


class FhirChannel:
    """The events of one subscription, in order, one notification at a time."""

    limit = 1

    def __init__(self, subscription: Subscription, hook: Hook, store: Subscriptions) -> None:
        self.batch = subscription.wanted.max_count
        self._subscription = subscription
        self._hook = hook
        self._store = store

    async def send(self, message: Sequence[Outgoing]) -> Answer:
        """Send one notification with its events; the subscription's status follows from the answer."""
        try:
            return await self._sent(message)
        except UNREACHABLE as error:
            return Answer(False, f"database: {type(error).__name__}")

    async def _sent(self, message: Sequence[Outgoing]) -> Answer:
        of = self._subscription
        found = await self._store.of(of.owner, of.wanted.version, of.subscription_id)
        if not found:
            return Answer(False, "the subscription is off", is_final=True)
        at = await self._store.now()
        events = [Event(o.event_number or 0, _record(o)) for o in message]
        current = found[0]
        told = Notification(current, self._hook.of(of), "event-notification", at, events)
        answer = await self._hook.post(told, message[0].traceparent)
        if answer.accepted:
            await self._store.answered(current)
        elif answer.is_final:
            await self._store.switch_off(of.subscription_id, answer.says, current.asked_at)
        else:
            await self._store.failed(current, answer.says)
        return answer


def _record(o: Outgoing) -> Record:
    corrects = o.corrected.delivery_id if o.corrected else None
    return Record(
        delivery_id=o.delivery_id,
        recipient=o.recipient,
        channel=o.channel,
        state="pending",
        says=None,
        decided_at=o.decided_at,
        delivered_at=None,
        corrects=corrects,
        kind=o.notice.kind,
        urgency=o.notice.urgency.value,
        patient=o.notice.patient,
        study=o.notice.study,
        site=o.notice.site,
        sentence=o.notice.event.sentence,
        created_at=o.notice.created_at,
    )


class Gone:
    """The channel of a subscription that is off."""

    limit = 1
    batch = 1

    async def send(self, message: Sequence[Outgoing]) -> Answer:  # noqa: ARG002 - it is the same for all
        """Never taken."""
        return Answer(False, "the subscription is off", is_final=True)
