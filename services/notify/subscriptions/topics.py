"""THE subscription topics: one for each event topic, and what a subscription may filter by. Decides nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from shared import topics
from shared.events import OF_EVERY_SERVICE, TOPIC_OF

BASE: Final = "https://graftwatch.example/fhir/SubscriptionTopic"
KIND_SYSTEM: Final = "https://graftwatch.example/fhir/CodeSystem/event"
PSEUDONYM_SYSTEM: Final = "https://graftwatch.example/fhir/pseudonym"
STUDY_SYSTEM: Final = "https://graftwatch.example/fhir/study"
SITE_SYSTEM: Final = "https://graftwatch.example/fhir/site"
FOCUS: Final = "Communication"
FILTERS: Final = {
    "category": "the kind of event, such as rejection-suspected",
    "priority": "routine, urgent, asap or stat",
    "study": "the protocol",
    "site": "the hospital",
    "subject": "the patient's pseudonym",
}
"""What a subscription may be narrowed by; several values are alternatives, several filters must all hold."""


@dataclass(frozen=True)
class Topic:
    """A subscription topic; its kinds are those of the event topic of the same name."""

    name: str
    title: str
    kinds: tuple[str, ...]

    @property
    def url(self) -> str:
        """The canonical URL."""
        return f"{BASE}/{self.name}"


_TITLES: Final = {
    topics.SCREENING_DECISIONS.name: "Screening decisions",
    topics.RESPONSE_ASSESSMENTS.name: "Tumour response assessments",
    topics.SAFETY_EVENTS.name: "Safety events: toxicity, graft rejection, serious adverse events",
}


def _kinds(name: str) -> tuple[str, ...]:
    kinds = [*OF_EVERY_SERVICE, *(kind for kind, topic in TOPIC_OF.items() if topic == name)]
    return tuple(sorted(str(kind.__struct_config__.tag) for kind in kinds))


ALL: Final = tuple(Topic(name, title, _kinds(name)) for name, title in _TITLES.items())
BY_URL: Final = {topic.url: topic for topic in ALL}


def resource(topic: Topic, version: str) -> dict[str, Any]:
    """The SubscriptionTopic (R4B and R5; R4 has no such resource)."""
    body: dict[str, Any] = {
        "resourceType": "SubscriptionTopic",
        "id": topic.name,
        "url": topic.url,
        "version": "1",
        "title": topic.title,
        "status": "active",
        "description": f"Events: {', '.join(topic.kinds)}. The focus is the Communication that records the notice.",
        "resourceTrigger": [
            {
                "description": "an event was decided about for this subscriber",
                "resource": f"http://hl7.org/fhir/StructureDefinition/{FOCUS}",
                "supportedInteraction": ["create"],
            }
        ],
        "canFilterBy": [
            {"description": says, "resource": FOCUS, "filterParameter": name} for name, says in FILTERS.items()
        ],
        "notificationShape": [{"resource": FOCUS}],
    }
    if version == "R5":
        body["name"] = "".join(word.title() for word in topic.name.split("-"))
    return body
