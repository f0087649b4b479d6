"""Decides which site a feed message belongs to, and numbers what it delivers. Reads no resource itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

import msgspec

from shared import topics
from shared.fhir.reading import Link
from shared.sites import Site

DEAD_LETTER_NAMESPACE = UUID("0d1f8a52-7a6e-5c86-b0aa-2f6d3a0a6d94")


class FeedMessage(msgspec.Struct, frozen=True):
    """One message as polled: bytes, headers, and its place in the feed."""

    epoch: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str]
    published_at: datetime
    unstorable: bool = False
    """Whether storing what it holds has failed: then it is kept as a dead letter, unread."""
    links: tuple[Link, ...] = ()
    """Of a dead letter that is read again: what the Bundle said beside it."""
    first_entry: int = 0
    """Of a dead letter that is read again: which entry of the Bundle it was."""

    @property
    def is_backfill(self) -> bool:
        """Whether it is back-filled (by its topic, or its header `lane`): live messages go before it."""
        return self.topic == topics.BACKFILL.name or self.headers.get("lane") == "backfill"

    @property
    def position(self) -> tuple[str, str, int, int]:
        """Epoch, topic, partition and offset: unique as long as the epoch is right."""
        return self.epoch, self.topic, self.partition, self.offset

    def dead_letter_id(self, entry: int) -> UUID:
        """Stable id of the dead letter of one entry of this message."""
        return uuid5(DEAD_LETTER_NAMESPACE, "/".join(map(str, (*self.position, entry))))


def from_record(record: Any, epoch: str) -> FeedMessage:
    """A polled Kafka record as a feed message; header values that are no UTF-8 are replaced, never fatal."""
    return FeedMessage(
        epoch,
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        _headers(tuple(record.headers)),
        _instant(record.timestamp),
    )


def _instant(milliseconds: int) -> datetime:
    """When a record says it was published; the epoch where that is no time (another unit, or none stated)."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)


@lru_cache(maxsize=1024)  # most messages of a site have the same
def _headers(stated: tuple[tuple[str, bytes | None], ...]) -> Mapping[str, str]:
    return MappingProxyType({name: _text(value) for name, value in stated})


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def site_of(message: FeedMessage, sites: Mapping[str, Site]) -> Site | str:
    """The site a message belongs to: its `site` header, else the site that owns the topic; else what is wrong."""
    stated = message.headers.get("site")
    if stated is None:
        owners = [s for s in sites.values() if message.topic in s.topics]
        return owners[0] if len(owners) == 1 else "expected a header `site`: no single site owns this topic"
    return sites.get(stated) or "expected the header `site` to name a configured site (deploy/sites/<site>.yaml)"
