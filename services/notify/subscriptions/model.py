"""A FHIR Subscription as notify keeps it, whichever version it was asked for in. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

Version = Literal["R4", "R4B", "R5"]
VERSIONS: Final[tuple[Version, ...]] = ("R4", "R4B", "R5")
Content = Literal["empty", "id-only", "full-resource"]
Status = Literal["requested", "active", "error", "off"]
Filters = tuple[tuple[str, tuple[str, ...]], ...]
"""Filter name and the values one of which must be the event's."""


@dataclass(frozen=True)
class Wanted:
    """What a subscriber asks for."""

    version: Version
    topic: str
    filters: Filters
    address: str
    headers: tuple[tuple[str, str], ...]
    content: Content
    heartbeat_seconds: int | None
    timeout_seconds: int | None
    max_count: int
    ends_at: datetime | None
    says: str


@dataclass(frozen=True)
class Subscription:
    """A subscription and how it stands. `events` counts since it began, whatever became of them."""

    subscription_id: UUID
    owner: str
    wanted: Wanted
    status: Status
    error: str | None
    events: int
    handshakes: int
    asked_at: datetime

    @property
    def endpoint(self) -> str:
        """Its queue."""
        return f"fhir:{self.subscription_id}"

    @property
    def recipient(self) -> str:
        """What the ids of its deliveries are made of: an owner may have several subscriptions."""
        return f"subscription/{self.subscription_id}"
