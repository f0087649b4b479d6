"""Webhooks by Standard Webhooks: the event as JSON, signed, under the delivery's id. Decides what of an event fits in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from services.notify import signature
from services.notify.channels.http import Post, Poster
from services.notify.directory import Directory
from services.notify.identities import Identities
from services.notify.messages import Answer, Outgoing
from shared import events
from shared.runtime import tracing
from shared.runtime.clock import wall

MOST_BYTES: Final = 20_000
"""Standard Webhooks recommends small payloads: of an event with more, the evidence is left to whoever looks it up."""


class WebhookChannel:
    """Posts each delivery to its recipient's address."""

    batch = 1

    def __init__(
        self, directory: Directory, poster: Poster, identities: Identities, limit: int, seconds: float
    ) -> None:
        self._identities = identities
        self.limit = limit
        self._directory = directory
        self._poster = poster
        self._seconds = seconds

    def use(self, directory: Directory) -> None:
        """Go by another recipients file from the next delivery on."""
        self._directory = directory

    async def send(self, message: Sequence[Outgoing]) -> Answer:
        """Sign and post one delivery."""
        directory = self._directory
        recipient = directory.recipients.get(message[0].recipient)
        if recipient is None or recipient.webhook is None:
            return Answer(False, "the recipients file has no such webhook any more", is_final=True)
        (outgoing,) = await self._identities.add(message, recipient)
        body = payload(outgoing)
        headers = signature.headers(outgoing.message_id, wall(), body, directory.secrets[recipient.id])
        headers["content-type"] = "application/json"
        if outgoing.traceparent is not None:
            headers[tracing.HEADER] = outgoing.traceparent
        return await self._poster.post(Post(recipient.webhook.url, body, headers, self._seconds))


def payload(outgoing: Outgoing) -> bytes:
    """The body: type, timestamp and data; the same for every attempt."""
    notice = outgoing.notice
    data: dict[str, Any] = events.to_builtins(notice.event) | {
        "event_id": str(notice.event_id),
        "site": notice.site,
        "urgency": notice.urgency.value,
        "reason": outgoing.reason,
    }
    if outgoing.follows is not None:
        data["follows_event"] = str(outgoing.follows)
    if outgoing.corrected is not None:
        data["corrects"] = {
            "webhook_id": str(outgoing.corrected.delivery_id),
            "timestamp": outgoing.corrected.created_at.isoformat(),
            "sentence": outgoing.corrected.sentence,
        }
    if outgoing.hospital_patient is not None:
        data["hospital_patient"] = outgoing.hospital_patient
    whole = {"type": events.type_name(notice.event), "timestamp": notice.created_at.isoformat(), "data": data}
    encoded = msgspec.json.encode(whole, order="deterministic")
    return encoded if len(encoded) <= MOST_BYTES else _shortened(whole)


def _shortened(whole: Mapping[str, Any]) -> bytes:
    data: dict[str, Any] = dict(whole["data"])
    data["evidence_left_out"] = len(data["evidence"])
    data["evidence"] = []
    return msgspec.json.encode({**whole, "data": data}, order="deterministic")
