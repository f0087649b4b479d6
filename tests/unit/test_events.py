"""The catalogue of events: every event has a topic, a type and a stable id, and reads back as it was."""

from __future__ import annotations

from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest

from shared import events
from shared.outcomes import Evidence

CATALOGUE = events.CATALOGUE
EVIDENCE = Evidence(UUID(int=3), "Observation/1", "2", "2024-05", "platelets 140 × 10⁹/L")
EXAMPLES = {
    UUID: UUID(int=2),
    str: "x",
    int: 3,
    bool: True,
    tuple[str, ...]: ("a", "b"),
    dict[str, Any]: {"resourceType": "Bundle"},
}


def test_the_catalogue_and_the_topics_name_the_same_events() -> None:
    """No event without a topic, no topic for an event that does not exist."""
    assert set(CATALOGUE) == set(get_args(events.AnyEvent))
    assert not set(events.TOPIC_OF) & set(events.OF_EVERY_SERVICE)


def test_a_merge_is_told_on_the_topic_of_whoever_decides() -> None:
    """Each deciding service tells it on its own topic; any other event has one topic."""
    merged, watched = example(events.PatientMerged), example(events.RejectionWatched)
    topics = {events.topic_of(merged, service) for service in ("eligibility", "response", "safety")}
    assert topics == {"screening-decisions", "response-assessments", "safety-events"}
    assert events.topic_of(watched, "eligibility") == "safety-events"


def test_types_are_unique_and_follow_one_form() -> None:
    """`graftwatch.<past tense>.v1`."""
    names = [f"graftwatch.{kind.__struct_config__.tag}.v1" for kind in CATALOGUE]
    assert len(set(names)) == len(names)
    assert [events.type_name(example(kind)) for kind in CATALOGUE] == names


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.__name__)
def test_an_event_reads_back(kind: type[events.Event]) -> None:
    """Encoding is the identity, and the same bytes every time."""
    event = example(kind)
    assert events.decode(events.encode(event)) == event
    assert events.encode(event) == events.encode(events.decode(events.encode(event)))


def test_ids_differ_by_outcome_and_by_type() -> None:
    """The same type about the same outcome is the same event."""
    watched, proven = example(events.RejectionWatched), example(events.RejectionProven)
    ids = {events.event_id(UUID(int=o), e) for o in (1, 2) for e in (watched, proven)}
    assert len(ids) == 4
    assert events.event_id(UUID(int=1), watched) in ids


def example(kind: type[events.Event]) -> Any:
    """An event of this kind with every field set."""
    stated: dict[str, Any] = {"evidence": (EVIDENCE,), "patient": UUID(int=1)}
    for field in msgspec.structs.fields(kind):
        if field.name not in stated:
            options = [field.type, *get_args(field.type)]
            stated[field.name] = next(EXAMPLES[t] for t in options if t in EXAMPLES)
    return kind(**stated)
