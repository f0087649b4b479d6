"""What people may state about a patient, and the FHIR record of each statement. Sends nothing; decides nothing clinical.

A statement is an Observation of category `attestation` with a Practitioner as performer: on the feed it is read like any other
record, and what follows from it is decided by the services, not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec

from services.console.access import Right
from shared.fhir.out import attestation
from shared.protocol.criteria import AttestationCriterion, LaboratoryCriterion, with_nested
from shared.protocol.model import Protocol
from shared.terminology import concept

FHIR_VERSION: Final = "4.0"
SHORTEST_REASON: Final = 10


class About(StrEnum):
    """What a statement speaks of: the kind of outcome, or a criterion."""

    CRITERION = "criterion"
    SCREENING = "screening"
    CASE = "adverse-event"
    REJECTION = "rejection"


class Act(msgspec.Struct, frozen=True):
    """One statement that can be made: the attestation's code and value, the words on its button, who may, what it needs."""

    name: str
    code: str
    value: bool
    button: str
    done: str
    rights: tuple[Right, ...]
    needs_reason: bool = False
    is_grave: bool = False


_JUDGE: Final = (Right.JUDGE,)
_SPONSOR: Final = (Right.ASSESS,)
_EITHER: Final = (Right.JUDGE, Right.ASSESS)

ACTS: Final[Mapping[About, tuple[Act, ...]]] = MappingProxyType(
    {
        About.SCREENING: (
            Act("enrol", "enrolled", True, "Enrol", "enrolled", (Right.ENROL,)),
            Act("screen-fail", "screen-failed", True, "Screen-fail", "screen-failed", (Right.ENROL,), True, True),
        ),
        About.CASE: (
            Act("confirm", "sae-confirmed", True, "Confirm the case", "confirmed", _JUDGE),
            Act("refute", "sae-refuted", True, "Refute the case", "refuted", _JUDGE, True, True),
            Act("related", "sae-related-investigator", True, "Related (investigator)", "assessed as related", _JUDGE),
            Act(
                "not-related",
                "sae-related-investigator",
                False,
                "Not related (investigator)",
                "assessed as not related",
                _JUDGE,
                True,
            ),
            Act("sponsor-related", "sae-related-sponsor", True, "Related (sponsor)", "assessed as related", _SPONSOR),
            Act(
                "sponsor-not-related",
                "sae-related-sponsor",
                False,
                "Not related (sponsor)",
                "assessed as not related",
                _SPONSOR,
                True,
            ),
            Act("expected", "sae-expected", True, "Expected", "assessed as expected", _SPONSOR, True),
            Act("unexpected", "sae-expected", False, "Unexpected", "assessed as unexpected", _SPONSOR),
            Act("notified", "sae-notified", True, "Reported to the sponsor", "marked as reported", _EITHER),
            Act("submitted", "sae-submitted", True, "Expedited report submitted", "marked as submitted", _SPONSOR),
            Act("close", "sae-closed", True, "Close the case", "closed", _SPONSOR, True),
        ),
        About.REJECTION: (
            Act(
                "adjudicate",
                "rejection-adjudicated",
                True,
                "It is rejection",
                "adjudicated as rejection",
                _EITHER,
                True,
                True,
            ),
            Act(
                "adjudicate-none",
                "rejection-adjudicated",
                False,
                "It is no rejection",
                "adjudicated as none",
                _EITHER,
                True,
            ),
        ),
    }
)


def for_criteria(protocol: Protocol) -> dict[str, str]:
    """The attestations that criteria of this protocol ask for: code to what is attested, in the words of the criterion."""
    return dict(_attestable(protocol))


def of_criterion(code: str) -> tuple[Act, Act]:
    """To attest a criterion, and to deny it."""
    name = concept(code).display
    return (
        Act("attest", code, True, "Attest", f"attested: {name}", (Right.ATTEST,)),
        Act("deny", code, False, "Deny", f"denied: {name}", (Right.ATTEST,), True, True),
    )


def find(about: About, name: str, subject: str, protocol: Protocol) -> Act | None:
    """The statement of that name; None where it cannot be made about that subject."""
    if about is About.CRITERION:
        known = of_criterion(subject) if subject in for_criteria(protocol) else ()
        return next((a for a in known if a.name == name), None)
    return next((a for a in ACTS[about] if a.name == name), None)


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Who states what of whom, when, and why."""

    act: UUID
    patient: UUID
    code: str
    value: bool
    practitioner: str
    by_name: str
    at: datetime
    """The time of evaluation: a statement dated later would not count yet."""
    sent_at: datetime
    reason: str = ""
    focus: str | None = None
    expires: date | None = None


def observation(s: Statement) -> str:
    """The statement as an R4 Observation; its id is that of the act, so that sending it again changes nothing."""
    return attestation.observation(
        s.code,
        id_=str(s.act),
        patient=s.patient,
        practitioner=s.practitioner,
        at=s.at,
        value=s.value,
        by_name=s.by_name,
        sent_at=s.sent_at,
        expires=s.expires,
        case=s.focus,
        reason=s.reason or None,
    ).model_dump_json()


def _attestable(protocol: Protocol) -> Iterator[tuple[str, str]]:
    for criterion in with_nested((*protocol.screening.inclusion, *protocol.screening.exclusion)):
        match criterion:
            case AttestationCriterion():
                yield criterion.code, f"{criterion.id}: {criterion.title}"
            case LaboratoryCriterion(settled_by=settled) if settled is not None:
                yield settled.value, f"{criterion.id}: {concept(settled.value).display.lower()}"
            case _:
                pass
