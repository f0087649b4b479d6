"""The table of topics."""

from __future__ import annotations

import re

from shared import topics


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
