"""The table of topics."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from shared import topics
from shared.events import CriterionChanged, encode
from shared.outcomes import Evidence


def test_names_are_unique_and_use_hyphens_only() -> None:
    """Lower-case words joined by hyphens: dots and underscores collide in Kafka's metrics."""
    names = [t.name for t in topics.ALL]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


def test_each_type_has_a_feed_topic() -> None:
    """Three types have their own, all others and Bundles share one."""
    assert topics.feed_topic("Observation") is topics.OBSERVATIONS
    assert topics.feed_topic("Condition") is topics.CONDITIONS
    assert topics.feed_topic("MedicationAdministration") is topics.MEDICATION_ADMINISTRATIONS
    assert topics.feed_topic("Patient") is topics.feed_topic("Bundle") is topics.RESOURCES


def test_settings_are_kafka_settings() -> None:
    """Retention in milliseconds; feed topics take a Bundle of a whole stay."""
    assert topics.TIMELINE_CHANGES.settings["retention.ms"] == "172800000"
    assert all(int(t.settings["max.message.bytes"]) >= 5_000_000 for t in topics.FEED)


@pytest.mark.parametrize(
    "topic", [topics.SCREENING_DECISIONS, topics.RESPONSE_ASSESSMENTS, topics.SAFETY_EVENTS], ids=lambda t: t.name
)
def test_an_event_about_thousands_of_facts_fits_its_topic(topic: topics.Topic) -> None:
    """One that the broker refuses would hold up every event of its service."""
    says = "alanine aminotransferase 412 U/L on 2024-05-02, limit of normal 35 U/L"
    evidence = tuple(
        Evidence(UUID(int=n), f"Observation/{UUID(int=n)}", "12", "2024-05-02", says) for n in range(10_000)
    )
    event = CriterionChanged(
        patient=UUID(int=1), protocol="p", protocol_version="1", subject="", sentence="", evidence=evidence,
        status="eligible", criteria_changed=(),
    )  # fmt: skip
    assert len(encode(event)) < topic.max_message_bytes
