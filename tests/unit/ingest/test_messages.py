"""What a polled Kafka record becomes, whatever its sender put into it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from services.ingest.messages import FeedMessage, from_record, site_of
from shared.sites import Site
from tests.support.feed import Feed

NORTH = Site(site="north", time_zone="UTC", topics=("north-feed",))
SOUTH = Site(site="south", time_zone="UTC")
SITES = {"north": NORTH, "south": SOUTH}


def test_a_record_becomes_a_message() -> None:
    """Place, key, value, headers and time are the record's."""
    message = from_record(_record(), "epoch")
    assert message.position == ("epoch", "t", 3, 7)
    assert (message.key, message.value, message.headers) == (b"k", b"v", {"site": "north"})
    assert message.published_at == datetime(2024, 5, 3, tzinfo=UTC)


@pytest.mark.parametrize("timestamp", [-1, 0, 1_714_694_400_000_000, 2**63 - 1, -(2**62)])
def test_no_timestamp_stops_the_feed(timestamp: int) -> None:
    """A sender that counts in microseconds, or states no time, is read all the same."""
    assert from_record(_record(timestamp=timestamp), "epoch").published_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("raw", "text"), [(b"\xffx", "\N{REPLACEMENT CHARACTER}x"), (b"a\0b", "a\N{REPLACEMENT CHARACTER}b"), (None, "")]
)
def test_no_header_stops_the_feed(raw: bytes | None, text: str) -> None:
    """What is no text, or what Postgres cannot hold, is replaced."""
    assert from_record(_record(headers=[("site", raw)]), "epoch").headers == {"site": text}


def test_the_header_names_the_site() -> None:
    """Even on a topic that belongs to another."""
    assert site_of(_message({"site": "south"}, "north-feed"), SITES) is SOUTH


def test_a_topic_of_one_site_needs_no_header() -> None:
    """Its messages are that site's; on a shared topic, or with an unknown name, it is said what is expected."""
    assert site_of(_message({}, "north-feed"), SITES) is NORTH
    assert "header `site`" in str(site_of(_message({}, "fhir-resources"), SITES))
    assert "configured site" in str(site_of(_message({"site": "east"}, "north-feed"), SITES))


def test_a_dead_letter_has_one_id_for_ever() -> None:
    """The same entry of the same message has the same id; another entry, or another epoch, has another."""
    one, other = Feed().message(b"x"), Feed().message(b"x")
    assert one.dead_letter_id(0) == one.dead_letter_id(0)
    assert len({one.dead_letter_id(0), one.dead_letter_id(1), other.dead_letter_id(0)}) == 3


def _record(**instead: Any) -> SimpleNamespace:
    stated = {
        "topic": "t",
        "partition": 3,
        "offset": 7,
        "key": b"k",
        "value": b"v",
        "headers": [("site", b"north")],
        "timestamp": 1_714_694_400_000,
    }
    return SimpleNamespace(**(stated | instead))


def _message(headers: dict[str, str], topic: str) -> FeedMessage:
    return Feed().message(b"x", site=None, headers=headers, topic=topic)
