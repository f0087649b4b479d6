"""How the feed of `make chaos` is disordered: nothing lost, and in order where the feed contract says that order matters."""

from __future__ import annotations

import json

from services.cli.simulate.model import ExpectedFeed, FeedMessage
from tests.benchmark.chaos import faults, feed


def _message(record: str, value: dict[str, object] | None) -> FeedMessage:
    encoded = None if value is None else json.dumps({"resourceType": "Observation", "id": record} | value).encode()
    key = f"Observation/{record}".encode()
    return FeedMessage("fhir-observations", key, encoded, (("site", b"north"),), 1, ExpectedFeed(accepted=1))


FEED = [
    *(_message(f"r{n}", {"meta": {"versionId": "1"}}) for n in range(300)),
    _message("deleted", {"meta": {"versionId": "1"}}),
    _message("deleted", None),
    _message("undated", {"status": "preliminary"}),
    _message("undated", {"status": "final"}),
    *(_message(f"s{n}", {}) for n in range(300)),
]


def test_everything_is_sent_some_of_it_twice_and_in_another_order() -> None:
    """Each message at least once; the same seed gives the same order."""
    sent = feed.disordered(FEED, 1)
    messages = [s.message for s in sent]
    assert {id(m) for m in messages} == {id(m) for m in FEED}
    assert len(messages) > len(FEED)
    assert messages[: len(FEED)] != FEED
    assert feed.disordered(FEED, 1) == sent


def test_versions_without_date_and_number_keep_their_order_and_are_sent_once() -> None:
    """A deletion by tombstone, and a record whose versions state nothing."""
    alone = [s.message for s in feed.disordered(FEED, 1) if s.alone]
    assert alone == [m for m in FEED if m.key in (b"Observation/deleted", b"Observation/undated")]


def test_the_schedule_has_every_kind_of_fault_and_every_kill() -> None:
    """So many kills spread over all services, each service frozen, both servers restarted, the disk full."""
    planned = faults.schedule(24, "apache", 20, each=True)
    killed = [f.of for f in planned if f.name == "killed (-9)"]
    assert len(killed) == 24
    assert set(killed) == set(faults.SERVICES)
    assert {f.of for f in planned if f.name.startswith("frozen")} == set(faults.SERVICES)
    assert {f.name for f in planned if f.of == "postgres"} == {"restarted (immediate)", "connections cut", "disk full"}
    assert {f.name for f in planned if f.of == "broker"} == {"killed (-9), restarted", "stopped, restarted"}
    assert planned == faults.schedule(24, "apache", 20, each=True)
    assert not [f for f in faults.schedule(6, "embedded", 20, each=False) if f.of == "broker"]
