"""What each field of a message of ours says, and which values it may have today, for whoever reads it without our code.

Decides no value: the rules do, and a test compares. The lists are open: a later release may add a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from shared.fhir.reading import Reason
from shared.rules.mrecist.model import OverallResponse


@dataclass(frozen=True)
class Field:
    """One sentence, and today's values where they are a list."""

    says: str
    values: tuple[str, ...] = ()


_DAY: Final = "YYYY-MM-DD"
STATUSES: Final = ("off_study", "on_treatment", "not_candidate", "ineligible", "potentially_eligible", "eligible")
RESPONSES: Final[tuple[str, ...]] = get_args(OverallResponse)
LEVELS: Final = ("none", "watch", "suspected", "proven")
ENDS: Final = ("resolved", "refuted")
CASES: Final = ("candidate", "confirmed", "refuted")

COMMON: Final = {
    "type": Field("The kind of event; the middle part of the header ce_type"),
    "patient": Field("The patient's pseudonym, as in the message's key; of ResearchStudyPublished the study's own id"),
    "protocol": Field("Id of the trial's protocol"),
    "protocol_version": Field("Version of the protocol by which it was decided"),
    "subject": Field(
        "What of the patient it is about, the same in every event about it: a visit, a CTCAE term, a case, a report; empty where"
        " a patient has but one such thing"
    ),
    "sentence": Field("The event in one English sentence without identifiers, for people: show it, do not parse it"),
    "occurred": Field(
        "Clinical date as recorded: YYYY, YYYY-MM, YYYY-MM-DD or an instant with offset; null where there is none"
    ),
    "evidence": Field("What changed the outcome: the facts that came, or those that went"),
}
_CRITERIA_CHANGED: Final = Field("Ids of the protocol's criteria of which the answer is another than before")
_FROM_LEVEL: Final = Field("The level until now; of a further episode how the one before ended", (*LEVELS, *ENDS))
_REPORT: Final = {
    "clock": Field(
        "Which report", ("site-report", "site-report-of-death", "expedited-fatal", "expedited", "follow-up")
    ),
    "due_at": Field("The deadline: an ISO instant with offset"),
}

OF: Final[dict[str, dict[str, Field]]] = {
    "ScreeningStatusChanged": {
        "before": Field("The status until now; null for the first", STATUSES),
        "status": Field("The status from now on", STATUSES),
        "criteria_changed": _CRITERIA_CHANGED,
        "fhir": Field(
            "The same as FHIR R4B: a Bundle of the trial's screening List and of the patient's ResearchSubject"
        ),
    },
    "ResearchStudyPublished": {
        "protocol_hash": Field("SHA-256 of the protocol's content: another content is another hash"),
        "fhir": Field("FHIR R4B: a Bundle of ResearchStudy, and its criteria as Group and as EvidenceVariable"),
    },
    "CriterionChanged": {
        "status": Field("The status, which stays", STATUSES),
        "criteria_changed": _CRITERIA_CHANGED,
    },
    "VisitResponseAssessed": {
        "visit_on": Field(f"Day of the visit: {_DAY}"),
        "before": Field("The response until now; null: none had been derived", RESPONSES),
        "response": Field("The response from now on; null: withdrawn", RESPONSES),
    },
    "BestResponseChanged": {
        "before": Field("The unconfirmed best response until now; null: none", RESPONSES),
        "response": Field("The unconfirmed best response from now on; null: withdrawn", RESPONSES),
        "confirmed": Field("The confirmed best response from now on; null: withdrawn", RESPONSES),
    },
    "ProgressionDated": {
        "before": Field(f"The day until now: {_DAY}; null: none"),
        "progression_on": Field(f"Day of first progression: {_DAY}; null: withdrawn"),
    },
    "EndpointReached": {
        "endpoint": Field("Progression-free survival or overall survival", ("PFS", "OS")),
        "before": Field(f"The day until now: {_DAY}; null: not reached"),
        "reached_on": Field(f"Day of the event: {_DAY}; null: not reached any more"),
    },
    "ToxicityGraded": {
        "term": Field("Name of the CTCAE term, in English; its stable id is `subject`"),
        "before": Field(
            "Worst CTCAE grade until now; 0: a severe grade had resolved, and this is a further one; null: none"
        ),
        "grade": Field("Worst CTCAE grade from now on, of the further one its own; null: withdrawn"),
    },
    "RejectionWatched": {"before": _FROM_LEVEL},
    "RejectionSuspected": {
        "before": _FROM_LEVEL,
        "speaks_for": Field("What speaks for rejection, a sentence each"),
        "speaks_against": Field("What speaks against it, a sentence each"),
    },
    "RejectionProven": {
        "before": Field("The level until now; proven: another severity, onset or counting", LEVELS),
        "severity": Field(
            "By the Banff rejection activity index; null: no biopsy states it",
            ("none", "indeterminate", "mild", "moderate", "severe"),
        ),
        "is_endpoint": Field("Whether it lies in the window in which the protocol counts it"),
    },
    "RejectionRetracted": {
        "before": Field("The level that does not stand any more", LEVELS),
        "level": Field("The level from now on", LEVELS),
    },
    "RejectionResolved": {
        "before": Field("The highest level that the episode had reached", LEVELS),
        "resolved_on": Field(f"Day of the tests that are back: {_DAY}"),
    },
    "AdverseEventFound": {
        "before": Field("Status of the case when it was told last; null: it is new", CASES),
        "criteria": Field(
            "Why it is serious (ICH E2A)",
            ("death", "life-threatening", "hospitalisation", "disability", "congenital-anomaly", "medically-important"),
        ),
        "status": Field("What an investigator has said of it: nothing yet, or a judgement", CASES),
    },
    "AdverseEventRetracted": {"before": Field("Status of the case when it was told last", CASES)},
    "ReportDue": _REPORT,
    "ReportOverdue": _REPORT,
    "SurveillanceGapFound": {
        "last_on": Field(f"Day of the last liver test, or of the first dose where none came after it: {_DAY}"),
        "days": Field("Days that the protocol allows between two tests"),
    },
    "SurveillanceGapClosed": {
        "last_on": Field(f"Day of the last liver test: {_DAY}; null: the treatment that asks for tests was withdrawn")
    },
    "PatientMerged": {
        "before": Field("Pseudonym of the patient into whom it had been merged until now; null: none"),
        "into": Field("Pseudonym of the patient under whom everything goes on"),
    },
    "PatientUnmerged": {"before": Field("Pseudonym of the patient into whom it had been merged")},
    "Evidence": {
        "fact_id": Field("Stable id of the fact"),
        "reference": Field("The record that states it: its FHIR type and pseudonym"),
        "version": Field("Null: a fact is what the current version of its record states"),
        "occurred": COMMON["occurred"],
        "says": Field("The fact in one English phrase, with value and unit"),
    },
    "Hint": {
        "patient": Field("The patient's pseudonym, as in the message's key"),
        "version": Field("The version that the patient's timeline has reached; it only rises"),
        "published_at": Field("When the oldest feed message behind it was published"),
        "lane": Field("backfill: nothing but back-fill is news of this patient"),
    },
    "Pointer": {
        "dead_letter": Field("Id of the dead letter, as in the message's key"),
        "site": Field("The site that sent it; null where that cannot be told"),
        "source": Field("Where on the feed it lies"),
        "entry": Field("Which resource of a Bundle, from 0"),
        "reason": Field("Why it could not be read", tuple(Reason)),
        "path": Field("FHIRPath of the field that is missing or wrong, as far as it is known; never its value"),
    },
    "Position": {
        "topic": Field("Topic of the message"),
        "partition": Field("Partition of the message"),
        "offset": Field("Offset of the message"),
    },
}
"""By the name of the message or of what it holds. Fields that every event has are in COMMON."""


def of(name: str, field: str) -> Field:
    """What a field of a message says."""
    return OF.get(name, {}).get(field) or COMMON[field]
