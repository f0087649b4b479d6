"""One delivery as it is to be sent, and what became of sending it. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.notify.notices import Notice


@dataclass(frozen=True)
class Corrected:
    """What a delivery corrects: the earlier delivery to the same recipient, and what that said."""

    delivery_id: UUID
    created_at: datetime
    sentence: str


@dataclass(frozen=True)
class Outgoing:
    """A delivery with its notice; `message_id` is its own id, or that of the digest that carries it."""

    delivery_id: UUID
    message_id: UUID
    attempt: int
    claimed_at: datetime
    """When this attempt began, by the database's clock."""
    recipient: str
    channel: str
    mode: str
    reason: str
    decided_at: datetime
    notice: Notice
    follows: UUID | None
    corrected: Corrected | None
    event_number: int | None = None
    traceparent: str | None = None
    """The trace that it goes on in, where traces are on."""
    hospital_patient: str | None = None
    """The hospital's patient id, for recipients that are configured to have it."""


@dataclass(frozen=True)
class Answer:
    """What became of a message. `says` holds no address and no content.

    `endpoint_failed`: it did not answer, or not as a server that works would; the message is not to blame.
    `is_final`: it will never be taken, and is not tried again. `is_untrusted`: the receiver's certificate was refused.
    """

    accepted: bool
    says: str
    endpoint_failed: bool = False
    retry_after: timedelta | None = None
    is_final: bool = False
    is_untrusted: bool = False


class Channel(Protocol):
    """A way out."""

    limit: int
    """Most sends at once to one endpoint."""
    batch: int
    """Most deliveries in one message, of at-once ones."""

    async def send(self, message: Sequence[Outgoing]) -> Answer:
        """Send one message; never raises."""
        ...
