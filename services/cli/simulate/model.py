"""Decides the shape of a simulation: messages in order of delivery, what is expected of patients and feed.

It does not decide what any scenario contains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

PHASES: Final = (1, 2, 3)

Status = Literal[
    "not_candidate", "ineligible", "potentially_eligible", "eligible", "on_treatment", "off_study", "merged"
]
"""`merged`: the site holds the patient for one with another, and all that is decided is there."""


@dataclass(frozen=True)
class ExpectedFeed:
    """How many delivered resources end how; an unreadable message is one, and so is a deletion."""

    accepted: int = 0
    accepted_with_issues: int = 0
    rejected: int = 0
    out_of_scope: int = 0

    @property
    def published(self) -> int:
        """All resources delivered."""
        return self.accepted + self.accepted_with_issues + self.rejected + self.out_of_scope

    def __add__(self, other: ExpectedFeed) -> ExpectedFeed:
        return ExpectedFeed(
            self.accepted + other.accepted,
            self.accepted_with_issues + other.accepted_with_issues,
            self.rejected + other.rejected,
            self.out_of_scope + other.out_of_scope,
        )

    def as_json(self) -> dict[str, int]:
        """As in the summary of the demonstration."""
        return {
            "published": self.published,
            "accepted": self.accepted,
            "accepted_with_issues": self.accepted_with_issues,
            "rejected": self.rejected,
            "out_of_scope": self.out_of_scope,
        }


@dataclass(frozen=True)
class FeedMessage:
    """One Kafka message; `phase` tells after which pause it is sent, `counts` how its resources must end.

    `rejected_because` says in one phrase why a message that cannot be read cannot be.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    phase: int
    counts: ExpectedFeed
    rejected_because: str | None = None

    @property
    def delivers(self) -> int:
        """How many resources the message delivers."""
        return self.counts.published


@dataclass(frozen=True)
class ExpectedPatient:
    """What must be said of one patient when all phases are evaluated; contents are plain JSON.

    `screening` is `{status, criteria}`; a criterion that is not listed is not stated. `response` and `safety`
    are None where there must be no such outcome; keys that they lack are not stated.
    """

    site: str
    patient: str
    scenario: str
    title: str
    screening: Mapping[str, Any]
    status_after_phase: Mapping[int, Status]
    response: Mapping[str, Any] | None = None
    safety: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, phases as text."""
        return {
            "site": self.site,
            "patient": self.patient,
            "scenario": self.scenario,
            "title": self.title,
            "screening": self.screening,
            "status_after_phase": {str(phase): status for phase, status in self.status_after_phase.items()},
            "response": self.response,
            "safety": self.safety,
        }


@dataclass(frozen=True)
class Simulation:
    """The cohort's feed and what must come of it, evaluated at `as_of`."""

    as_of: date
    seed: int
    messages: tuple[FeedMessage, ...]
    expected: tuple[ExpectedPatient, ...]
    expected_feed: ExpectedFeed
