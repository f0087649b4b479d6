"""THE catalogue of events that Graftwatch publishes: past tense, one struct each, each reads as a sentence.

Decides the shape and the stable id of an event; when one is published is the business of the service that decides.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from shared.outcomes import Evidence

EVENT_NAMESPACE: Final = UUID("9f0d4a7e-3d56-5c0b-8a63-0c1f53d7c2b1")
CONTENT_TYPE: Final = "application/json"


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event says: whom and which protocol it concerns, in one sentence, and on what evidence.

    `patient` is the pseudonym. `occurred` is the clinical date as recorded, None where there is none. `evidence` is what
    changed the outcome: the difference to the outcome before. The sentence holds no identifier.
    """

    patient: UUID
    protocol: str
    protocol_version: str
    subject: str
    sentence: str
    occurred: str | None = None
    evidence: tuple[Evidence, ...] = ()


class ScreeningStatusChanged(Event, frozen=True, kw_only=True, tag="screening-status-changed"):
    """A patient's screening status is another than before; `before` None for the first decision."""

    before: str | None
    status: str
    criteria_changed: tuple[str, ...] = ()
    fhir: dict[str, Any] | None = None
    """The same as FHIR R4B: a Bundle of the change to the trial's screening List and of the patient's ResearchSubject."""


class ResearchStudyPublished(Event, frozen=True, kw_only=True, tag="research-study-published"):
    """A protocol came into force, once for each of its contents; `patient` is the study's own id: it concerns nobody."""

    protocol_hash: str
    fhir: dict[str, Any]
    """FHIR R4B: a Bundle of ResearchStudy, and its criteria as Group and as EvidenceVariable."""


class CriterionChanged(Event, frozen=True, kw_only=True, tag="criterion-changed"):
    """A criterion's answer changed while the status stayed."""

    status: str
    criteria_changed: tuple[str, ...]


class VisitResponseAssessed(Event, frozen=True, kw_only=True, tag="visit-response-assessed"):
    """A visit response was derived, or derived anew after a correction (`before`); `response` None: withdrawn."""

    visit_on: str
    before: str | None
    response: str | None


class BestResponseChanged(Event, frozen=True, kw_only=True, tag="best-response-changed"):
    """The best overall response changed; confirmed and unconfirmed."""

    before: str | None
    response: str | None
    confirmed: str | None


class ProgressionDated(Event, frozen=True, kw_only=True, tag="progression-dated"):
    """The date of first progression was found, moved (back-dating, correction) or withdrawn (None)."""

    before: str | None
    progression_on: str | None


class EndpointReached(Event, frozen=True, kw_only=True, tag="endpoint-reached"):
    """An endpoint that is a time was reached (`reached_on`), on another day than before, or not any more (None)."""

    endpoint: str
    before: str | None
    reached_on: str | None


class ToxicityGraded(Event, frozen=True, kw_only=True, tag="toxicity-graded"):
    """The worst CTCAE grade of a laboratory term after the first dose changed; None: withdrawn."""

    term: str
    before: int | None
    grade: int | None


class RejectionWatched(Event, frozen=True, kw_only=True, tag="rejection-watched"):
    """Liver tests rise against the patient's own baseline in the risk window."""

    before: str


class RejectionSuspected(Event, frozen=True, kw_only=True, tag="rejection-suspected"):
    """The suspicion rule of the protocol is met; never a diagnosis."""

    before: str
    speaks_for: tuple[str, ...]
    speaks_against: tuple[str, ...]


class RejectionProven(Event, frozen=True, kw_only=True, tag="rejection-proven"):
    """Biopsy with diagnosis, confirmed diagnosis or adjudication: counts as the endpoint if within its window."""

    before: str
    severity: str | None
    is_endpoint: bool


class RejectionRetracted(Event, frozen=True, kw_only=True, tag="rejection-retracted"):
    """What had been watched, suspected or proven does not stand any more, and to what level it fell back."""

    before: str
    level: str


class RejectionResolved(Event, frozen=True, kw_only=True, tag="rejection-resolved"):
    """An episode is over: the liver tests that spoke for it are back; what it had reached stays on record."""

    before: str
    resolved_on: str


class AdverseEventFound(Event, frozen=True, kw_only=True, tag="adverse-event-found"):
    """A serious-adverse-event candidate was found, or changed in what matters (`before` not None)."""

    before: str | None
    criteria: tuple[str, ...]
    status: str


class AdverseEventRetracted(Event, frozen=True, kw_only=True, tag="adverse-event-retracted"):
    """The records that made the candidate are gone (corrected or entered in error)."""

    before: str


class ReportDue(Event, frozen=True, kw_only=True, tag="report-due"):
    """A report of a serious adverse event is due soon: a reminder."""

    clock: str
    due_at: str


class ReportOverdue(Event, frozen=True, kw_only=True, tag="report-overdue"):
    """The deadline of a report of a serious adverse event passed without it; told too where it was made late unseen."""

    clock: str
    due_at: str


class SurveillanceGapFound(Event, frozen=True, kw_only=True, tag="surveillance-gap-found"):
    """No liver test in the risk window for longer than the protocol allows."""

    last_on: str
    days: int


class SurveillanceGapClosed(Event, frozen=True, kw_only=True, tag="surveillance-gap-closed"):
    """A gap of surveillance is over: a liver test came, nobody asks for one any more, or the dose was withdrawn (None)."""

    last_on: str | None


class PatientMerged(Event, frozen=True, kw_only=True, tag="patient-merged"):
    """The site holds the patient and `into` for one person: what was decided is closed here, and goes on there."""

    before: UUID | None
    """Into whom it had been merged until now."""
    into: UUID


class PatientUnmerged(Event, frozen=True, kw_only=True, tag="patient-unmerged"):
    """The site has taken a merge back: the patient is decided on by its own records again."""

    before: UUID


AnyEvent = (
    ScreeningStatusChanged
    | ResearchStudyPublished
    | CriterionChanged
    | VisitResponseAssessed
    | BestResponseChanged
    | ProgressionDated
    | EndpointReached
    | ToxicityGraded
    | RejectionWatched
    | RejectionSuspected
    | RejectionProven
    | RejectionRetracted
    | RejectionResolved
    | AdverseEventFound
    | AdverseEventRetracted
    | ReportDue
    | ReportOverdue
    | SurveillanceGapFound
    | SurveillanceGapClosed
    | PatientMerged
    | PatientUnmerged
)

TOPIC_OF: Final[dict[type[Event], str]] = {
    ScreeningStatusChanged: "screening-decisions",
    ResearchStudyPublished: "screening-decisions",
    CriterionChanged: "screening-decisions",
    VisitResponseAssessed: "response-assessments",
    BestResponseChanged: "response-assessments",
    ProgressionDated: "response-assessments",
    EndpointReached: "response-assessments",
    ToxicityGraded: "safety-events",
    RejectionWatched: "safety-events",
    RejectionSuspected: "safety-events",
    RejectionProven: "safety-events",
    RejectionRetracted: "safety-events",
    RejectionResolved: "safety-events",
    AdverseEventFound: "safety-events",
    AdverseEventRetracted: "safety-events",
    ReportDue: "safety-events",
    ReportOverdue: "safety-events",
    SurveillanceGapFound: "safety-events",
    SurveillanceGapClosed: "safety-events",
}

TOPIC_OF_SERVICE: Final = {
    "eligibility": "screening-decisions",
    "response": "response-assessments",
    "safety": "safety-events",
}
OF_EVERY_SERVICE: Final[tuple[type[Event], ...]] = (PatientMerged, PatientUnmerged)
"""Told by each deciding service on its own topic, with one id: it is one piece of news."""

_ENCODER: Final = msgspec.json.Encoder(order="deterministic", decimal_format="string")
_DECODER: Final[msgspec.json.Decoder[AnyEvent]] = msgspec.json.Decoder(AnyEvent)


CATALOGUE: Final[tuple[type[Event], ...]] = (*TOPIC_OF, *OF_EVERY_SERVICE)


def topics_of(kind: type[Event]) -> tuple[str, ...]:
    """The topics that may carry a kind of event."""
    return tuple(TOPIC_OF_SERVICE.values()) if kind in OF_EVERY_SERVICE else (TOPIC_OF[kind],)


def topic_of(event: Event, service: str) -> str:
    """The topic on which a service publishes an event."""
    return TOPIC_OF_SERVICE[service] if isinstance(event, OF_EVERY_SERVICE) else TOPIC_OF[type(event)]


def type_name(event: Event) -> str:
    """The CloudEvents type: `graftwatch.<event>.v1`."""
    return f"graftwatch.{event.__struct_config__.tag}.v1"


def event_id(outcome_id: UUID, event: Event) -> UUID:
    """The stable id of an event: uuid5 of the outcome that it announces and its type."""
    return uuid5(EVENT_NAMESPACE, f"{outcome_id}/{type_name(event)}")


def encode(event: AnyEvent) -> bytes:
    """The event as JSON."""
    return _ENCODER.encode(event)


def decode(raw: bytes) -> AnyEvent:
    """Read an event back."""
    return _DECODER.decode(raw)


def to_builtins(struct: msgspec.Struct) -> dict[str, Any]:
    """A struct as plain JSON types (decimals and dates as strings), for outcome contents."""
    built: dict[str, Any] = msgspec.to_builtins(struct)
    return built
