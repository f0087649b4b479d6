"""THE table of topics: what each carries, keyed by what, from whom, to whom, for how long. Decides nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DAY_MS: Final = 24 * 60 * 60 * 1000
DEFAULT_PARTITIONS: Final = 12


@dataclass(frozen=True)
class Topic:
    """One topic; `retention_days` and `max_message_bytes` become topic settings, `partitions` may be configured."""

    name: str
    carries: str
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    retention_days: int
    max_message_bytes: int = 1_048_576
    partitions: int = DEFAULT_PARTITIONS

    @property
    def settings(self) -> dict[str, str]:
        """Kafka topic settings."""
        return {
            "cleanup.policy": "delete",  # whatever the broker's default: compaction would drop records of one key
            "retention.ms": str(self.retention_days * DAY_MS),
            "max.message.bytes": str(self.max_message_bytes),
        }


FEED_MESSAGE_BYTES: Final = 16 * 1_048_576
"""Largest feed message accepted: a Bundle of a whole stay is several MB."""

EVENT_BYTES: Final = FEED_MESSAGE_BYTES
"""An event cites its evidence, of somebody who was followed for years thousands of facts; one that is refused stops the relay."""

HOSPITAL: Final = "hospital"

OBSERVATIONS = Topic(
    "fhir-observations",
    "FHIR Observation as JSON",
    "any",
    (HOSPITAL, "intake", "console"),
    ("ingest",),
    30,
    FEED_MESSAGE_BYTES,
)
CONDITIONS = Topic(
    "fhir-conditions", "FHIR Condition as JSON", "any", (HOSPITAL, "intake"), ("ingest",), 30, FEED_MESSAGE_BYTES
)
MEDICATION_ADMINISTRATIONS = Topic(
    "fhir-medication-administrations",
    "FHIR MedicationAdministration as JSON",
    "any",
    (HOSPITAL, "intake"),
    ("ingest",),
    30,
    FEED_MESSAGE_BYTES,
)
RESOURCES = Topic(
    "fhir-resources",
    "every other FHIR type, and Bundles, as JSON",
    "any",
    (HOSPITAL, "intake"),
    ("ingest",),
    30,
    FEED_MESSAGE_BYTES,
)
BACKFILL = Topic(
    "fhir-backfill",
    "any FHIR type, and Bundles, as JSON, that may wait: read while nothing live waits",
    "any",
    (HOSPITAL,),
    ("ingest",),
    30,
    FEED_MESSAGE_BYTES,
)
TIMELINE_CHANGES = Topic(
    "timeline-changes",
    "hint: a patient's timeline is at a version (no clinical content)",
    "patient key",
    ("ingest",),
    ("eligibility", "response", "safety"),
    2,
)
SCREENING_DECISIONS = Topic(
    "screening-decisions", "CloudEvents of screening", "patient key", ("eligibility",), ("notify",), 30, EVENT_BYTES
)
RESPONSE_ASSESSMENTS = Topic(
    "response-assessments", "CloudEvents of tumour response", "patient key", ("response",), ("notify",), 30, EVENT_BYTES
)
SAFETY_EVENTS = Topic(
    "safety-events",
    "CloudEvents of safety, reminders included",
    "patient key",
    ("safety",),
    ("notify",),
    30,
    EVENT_BYTES,
)
DEAD_LETTERS = Topic(
    "dead-letters",
    "pointer to a dead letter (id, source position, reason, path)",
    "dead letter id",
    ("ingest",),
    (),
    30,
)

FEED: Final = (OBSERVATIONS, CONDITIONS, MEDICATION_ADMINISTRATIONS, RESOURCES, BACKFILL)
ALL: Final = (*FEED, TIMELINE_CHANGES, SCREENING_DECISIONS, RESPONSE_ASSESSMENTS, SAFETY_EVENTS, DEAD_LETTERS)

_FEED_BY_TYPE: Final = {
    "Observation": OBSERVATIONS,
    "Condition": CONDITIONS,
    "MedicationAdministration": MEDICATION_ADMINISTRATIONS,
}


def feed_topic(resource_type: str) -> Topic:
    """The feed topic on which a live resource of this type belongs."""
    return _FEED_BY_TYPE.get(resource_type, RESOURCES)
