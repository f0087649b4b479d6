"""What is told to whom: a notice (one event), its deliveries and escalations, and their ids. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID, uuid5

from services.notify.urgency import Urgency, urgency
from shared.events import OF_EVERY_SERVICE, AnyEvent

NAMESPACE: Final = UUID("5f3c8f0e-6a0b-5d0c-9d51-2f6a4b7c9e10")
Channel = Literal["email", "webhook", "fhir"]
Mode = Literal["at-once", "digest"]
EMAIL: Final = "email"
"""The endpoint of all mail: the one server that takes it."""
IN_ORDER: Final = "fhir:"
"""Endpoints that take what is for them by number, all of it."""
TOLD_BEFORE: Final = "told-before"
ESCALATION: Final = "escalation"
SUBSCRIPTION: Final = "subscription"
"""Reasons of a delivery other than the name of a rule, none of which a rule may have."""
MERGES: Final = frozenset(str(kind.__struct_config__.tag) for kind in OF_EVERY_SERVICE)
"""Kinds of event about who a patient is: they concern everything that was told of the patient."""


@dataclass(frozen=True)
class Notice:
    """An event with where and when it was committed."""

    event_id: UUID
    source: str
    outcome_id: UUID
    patient: UUID
    site: str
    created_at: datetime
    event: AnyEvent

    @property
    def kind(self) -> str:
        """The name of the event's type."""
        return str(self.event.__struct_config__.tag)

    @property
    def study(self) -> str:
        """The protocol."""
        return self.event.protocol

    @property
    def urgency(self) -> Urgency:
        """How soon somebody should look."""
        return urgency(self.event)


@dataclass(frozen=True)
class Told:
    """The last that one recipient was told, by one channel, about what this event is about.

    `corrected`: it rested on a record that has since been corrected or withdrawn. `selected`: a rule chose it.
    `held_until`: it has not been sent yet, as a digest or quiet hours hold it back until then.
    """

    delivery_id: UUID
    event_id: UUID
    recipient: str
    channel: Channel
    corrected: bool
    selected: bool
    held_until: datetime | None = None
    mode: Mode = "at-once"


@dataclass(frozen=True)
class Delivery:
    """One recipient is to have one notice by one channel, not before `due_at`."""

    event_id: UUID
    recipient: str
    channel: Channel
    endpoint: str
    reason: str
    mode: Mode
    due_at: datetime
    corrects: UUID | None = None

    @property
    def delivery_id(self) -> UUID:
        """For ever the same for this recipient, channel and event: a repeat can be recognised."""
        return delivery_id(self.recipient, self.channel, self.event_id)


@dataclass(frozen=True)
class Escalation:
    """Further people, told when nobody has acknowledged the event by `due_at`."""

    event_id: UUID
    rule: str
    step: int
    recipients: tuple[str, ...]
    channels: tuple[Channel, ...]
    due_at: datetime

    @property
    def escalation_id(self) -> UUID:
        """Deterministic, as deciding may be repeated."""
        return uuid5(NAMESPACE, f"escalation|{self.event_id}|{self.rule}|{self.step}")


@dataclass(frozen=True)
class Sooner:
    """A delivery that still waits is to go out sooner than was decided: in this way, not before `due_at`."""

    delivery_id: UUID
    mode: Mode
    due_at: datetime
    reason: str | None = None
    """None: as was decided."""


@dataclass(frozen=True)
class Since:
    """What was decided about the same since an event that nobody has acknowledged.

    `sent`: recipients and channels that have it, or to which it is on its way; `held`: those that are to have it later.
    `corrected`: what it told rested on a record that has since been corrected.
    """

    event_id: UUID
    kind: str
    corrected: bool
    sent: frozenset[tuple[str, str]]
    held: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Routing:
    """What is decided about one notice."""

    deliveries: tuple[Delivery, ...] = ()
    escalations: tuple[Escalation, ...] = ()


def delivery_id(recipient: str, channel: str, event_id: UUID) -> UUID:
    """uuid5 of recipient, channel and event."""
    return uuid5(NAMESPACE, f"{recipient}|{channel}|{event_id}")


def digest_id(deliveries: list[UUID]) -> UUID:
    """uuid5 of the deliveries that a digest carries."""
    return uuid5(NAMESPACE, "digest|" + "|".join(sorted(map(str, deliveries))))


def endpoint(recipient: str, channel: Channel) -> str:
    """The queue of a delivery: the mail server for all mail, else the recipient's own."""
    return EMAIL if channel == "email" else f"{channel}:{recipient}"
