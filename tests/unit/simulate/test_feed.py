"""How the cohort is delivered, how its resources must be counted, and that the good ones are good FHIR R4."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from services.cli.simulate import ExpectedFeed, FeedMessage, Simulation
from shared.topics import BACKFILL, FEED, feed_topic


def resources(message: FeedMessage) -> list[dict[str, Any]]:
    """The resources of a readable message."""
    delivered = json.loads(message.value or b"{}")
    if delivered.get("resourceType") == "Bundle":
        return [entry["resource"] for entry in delivered["entry"] if "resource" in entry]
    return [delivered]


def readable(simulation: Simulation) -> Iterator[FeedMessage]:
    """The messages that hold resources and no fault."""
    return (m for m in simulation.messages if m.value is not None and m.rejected_because is None)


def test_the_counts_add_up(simulation: Simulation) -> None:
    """Published is the sum of the four, and of what all messages deliver."""
    feed = simulation.expected_feed.as_json()
    assert feed["published"] == sum(count for name, count in feed.items() if name != "published")
    assert feed["published"] == sum(m.delivers for m in simulation.messages)
    assert all(feed.values())


def test_a_message_counts_each_resource_once(simulation: Simulation) -> None:
    """A single resource, a deletion or an unreadable message is one; a Bundle is its entries."""
    for message in simulation.messages:
        try:
            delivered = json.loads(message.value or b"")
        except ValueError:
            delivered = {}
        is_bundle = isinstance(delivered, dict) and delivered.get("resourceType") == "Bundle"
        assert message.delivers == (len(delivered["entry"]) if is_bundle else 1)


def test_only_faults_are_rejected(simulation: Simulation) -> None:
    """A message has a reason to be rejected if and only if something of it is counted as rejected."""
    for message in simulation.messages:
        assert (message.rejected_because is not None) == (message.counts.rejected > 0)


def test_good_resources_conform_to_fhir(simulation: Simulation) -> None:
    """fhir.resources accepts every resource but those with issues, and refuses each of those."""
    unlike = ExpectedFeed(accepted_with_issues=1)
    for message in set(readable(simulation)):
        for resource in resources(message):
            model = get_fhir_model_class(resource["resourceType"])
            if message.counts == unlike:
                with pytest.raises(ValidationError):
                    model.model_validate(resource)
            else:
                model.model_validate(resource)


@pytest.mark.parametrize(
    "reason",
    [
        "not JSON",
        "truncated JSON",
        "empty message",
        "unknown resourceType",
        "missing subject",
        "impossible date",
        "unknown unit",
        "number expected, text found",
        "null value without Type/id as key",
    ],
)
def test_every_kind_of_fault_is_there(simulation: Simulation, reason: str) -> None:
    """The feed holds each kind of message that cannot be read."""
    assert reason in {m.rejected_because for m in simulation.messages}


def test_resources_go_to_the_topic_of_their_type(simulation: Simulation) -> None:
    """Every message lies on the topic of its type; Bundles and the rest on the common one."""
    assert {m.topic for m in simulation.messages} == {topic.name for topic in FEED} - {BACKFILL.name}
    for message in readable(simulation):
        assert message.topic == feed_topic(json.loads(message.value or b"")["resourceType"]).name


def test_there_are_exact_duplicates_and_late_versions(simulation: Simulation) -> None:
    """Some messages come twice, and some records' second version comes before their first."""
    assert max(Counter(simulation.messages).values()) >= 3
    versions = defaultdict(list)
    for message in readable(simulation):
        if message.key is not None:
            meta = json.loads(message.value or b"").get("meta", {"versionId": "0"})
            versions[message.headers, message.key].append(meta["versionId"])
    assert any(order == ["2", "1"] for order in versions.values())


def test_there_are_deletions_and_bundles(simulation: Simulation) -> None:
    """A tombstone, a DELETE entry, a transaction and a collection occur."""
    bodies = [m.value or b"" for m in simulation.messages]
    assert any(m.value is None and (m.key or b"").startswith(b"Observation/") for m in simulation.messages)
    assert any(b'"method":"DELETE"' in body for body in bodies)
    assert any(b'"type":"transaction"' in body and b'"urn:uuid:' in body for body in bodies)
    assert any(b'"type":"collection"' in body for body in bodies)


def test_one_bundle_has_about_5_mb(simulation: Simulation) -> None:
    """The largest message is a Bundle of 5 MB that is fine."""
    largest = max(simulation.messages, key=lambda m: len(m.value or b""))
    assert 4_500_000 < len(largest.value or b"") < 6_000_000
    assert largest.counts.rejected == 0


def test_references_inside_a_bundle_resolve(simulation: Simulation) -> None:
    """Every urn:uuid that an entry refers to is the fullUrl of an entry of the same Bundle."""
    for message in readable(simulation):
        if b'"urn:uuid:' in (message.value or b""):
            bundle = json.loads(message.value or b"")
            known = {entry["fullUrl"] for entry in bundle["entry"]}
            used = {r for r in _references(bundle) if r.startswith("urn:uuid:")}
            assert used <= known


def test_some_references_arrive_before_what_they_name(simulation: Simulation) -> None:
    """A result comes before its specimen, and a drug record before its Medication."""
    seen: set[tuple[object, bytes | None]] = set()
    early = set()
    for message in readable(simulation):
        seen.add((message.headers, message.key))
        for reference in _references(json.loads(message.value or b"")):
            if (message.headers, reference.encode()) not in seen:
                early.add(reference.split("/")[0])
    assert {"Specimen", "Medication", "DiagnosticReport", "BodyStructure"} <= early


def test_a_few_resources_are_unversioned(simulation: Simulation) -> None:
    """Nearly every resource has a version and a time of update."""
    lacking = [r for m in readable(simulation) for r in resources(m) if "meta" not in r]
    assert 0 < len(lacking) < 20


def test_feed_messages_are_values(simulation: Simulation) -> None:
    """A copy of a message is equal to it: duplicates are exact."""
    message = simulation.messages[0]
    assert replace(message) == message


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
