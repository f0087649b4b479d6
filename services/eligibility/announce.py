"""What is worth telling when a patient's screening outcome changes, and in which words.

Decides from the two outcomes alone; who is told, and how, is the business of notify.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final
from uuid import UUID

from services.eligibility.status import (
    ELIGIBLE,
    INELIGIBLE,
    NOT_CANDIDATE,
    OFF_STUDY,
    POTENTIALLY_ELIGIBLE,
    allows,
)
from shared.events import AnyEvent, CriterionChanged, ResearchStudyPublished, ScreeningStatusChanged
from shared.outcomes import Evidence, Outcome, Verdict
from shared.protocol.load import protocol_hash
from shared.protocol.model import Protocol

_MOST_REASONS: Final = 3
_SCREENED: Final = (POTENTIALLY_ELIGIBLE, ELIGIBLE)


def announce(patient: UUID, protocol: Protocol, before: Outcome | None, after: Outcome | None) -> tuple[AnyEvent, ...]:
    """A changed status; or, while a patient is being screened, a changed answer to a criterion.

    Nothing for patients who never concerned the trial: a first `not_candidate`, or the death of one.
    """
    if after is None or not _concerns_the_trial(before, after):
        return ()
    was, status = _status(before), _status(after)
    changed = changed_criteria(before, after)
    about: dict[str, Any] = {
        "patient": patient,
        "protocol": protocol.id,
        "protocol_version": protocol.version,
        "subject": after.subject,
        "status": status,
        "criteria_changed": tuple(entry["id"] for entry in changed),
        "evidence": (cause := _cause(before, after)),
        "occurred": max((e.occurred for e in cause if e.occurred is not None), default=None),
    }
    if was != status:
        sentence = _moved(was, after, changed)
        as_fhir = _fhir().status_change(protocol, patient, str(status), sentence)
        return (ScreeningStatusChanged(before=was, sentence=sentence, fhir=as_fhir, **about),)
    if changed and status in _SCREENED:
        sentence = f"still {status.replace('_', ' ')}; {_reasons(changed)}"
        return (CriterionChanged(sentence=sentence, **about),)
    return ()


def introduce(protocol: Protocol) -> tuple[AnyEvent, ...]:
    """What is told once of a protocol that comes into force: the trial and its criteria as FHIR."""
    criteria = len(protocol.screening.inclusion) + len(protocol.screening.exclusion)
    return (
        ResearchStudyPublished(
            patient=UUID(_fhir().study_id(protocol)),
            protocol=protocol.id,
            protocol_version=protocol.version,
            subject="",
            sentence=f"screening for {protocol.title}, protocol version {protocol.version}, {criteria} criteria",
            protocol_hash=protocol_hash(protocol),
            fhir=_fhir().trial(protocol),
        ),
    )


def _fhir() -> ModuleType:
    """The builders of FHIR, loaded with the first event: their classes take a second, and commands that tell nothing wait."""
    from shared.fhir.out import changes  # noqa: PLC0415

    return changes


def _concerns_the_trial(before: Outcome | None, after: Outcome) -> bool:
    if _status(before) not in (None, NOT_CANDIDATE):
        return True
    unconcerned = _status(after) == NOT_CANDIDATE or (_status(after) == OFF_STUDY and not after.content["criteria"])
    return not unconcerned


def _moved(was: str | None, after: Outcome, changed: list[dict[str, Any]]) -> str:
    """The status in one sentence; losing ground is said as such, with what changed."""
    status = after.content["status"]
    lost = _failing(status, changed)
    if was == ELIGIBLE and status in (INELIGIBLE, POTENTIALLY_ELIGIBLE) and lost:
        return f"no longer eligible: {_reasons(lost)}"
    if was == POTENTIALLY_ELIGIBLE and status == INELIGIBLE and lost:
        return f"no longer potentially eligible: {_reasons(lost)}"
    if was == INELIGIBLE and status == POTENTIALLY_ELIGIBLE and changed:
        return f"no longer ineligible: {_reasons(changed)}"
    return str(after.content["says"])


def _failing(status: str, changed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the changed criteria those that explain the status: the failed ones, or those that are open now."""
    if status == INELIGIBLE:
        return [e for e in changed if allows(e) is Verdict.NOT_MET]
    return [e for e in changed if allows(e) is not Verdict.MET]


def _reasons(entries: list[dict[str, Any]]) -> str:
    told = [_reason(entry) for entry in entries[:_MOST_REASONS]]
    more = len(entries) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _reason(entry: dict[str, Any]) -> str:
    kind = "criterion" if entry["role"] == "inclusion" else "exclusion"
    missing = f", missing {', '.join(entry['missing'])}" if entry["missing"] else ""
    return f"{entry['says']} ({kind} {entry['id']} {entry['verdict']}{missing})"


def changed_criteria(before: Outcome | None, after: Outcome) -> list[dict[str, Any]]:
    """The criteria whose verdict is another than before; none where there is nothing to compare with."""
    if before is None:
        return []
    verdicts = {entry["id"]: entry["verdict"] for entry in before.content["criteria"]}
    return [e for e in after.content["criteria"] if verdicts.get(e["id"], e["verdict"]) != e["verdict"]]


def _cause(before: Outcome | None, after: Outcome) -> tuple[Evidence, ...]:
    """The difference of evidence: what is new, else what is gone (a record withdrawn, a result too old)."""
    earlier = before.evidence if before is not None else ()
    known, used = frozenset(earlier), frozenset(after.evidence)
    new = tuple(e for e in after.evidence if e not in known)
    return new or tuple(e for e in earlier if e not in used)


def _status(outcome: Outcome | None) -> str | None:
    return None if outcome is None else str(outcome.content["status"])
