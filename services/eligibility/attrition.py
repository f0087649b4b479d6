"""Where a trial loses its patients: counts over the current screening outcomes, criterion by criterion.

Decides nothing about a patient: it counts what was decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from services.eligibility.status import ELIGIBLE, INELIGIBLE, NOT_CANDIDATE, POTENTIALLY_ELIGIBLE, STATUSES, allows
from shared.outcomes import Verdict
from shared.protocol.model import Protocol

BEING_SCREENED: Final = (INELIGIBLE, POTENTIALLY_ELIGIBLE, ELIGIBLE)
"""Statuses in which the criteria are open; on treatment and off study they are frozen, and not counted."""


class CriterionCount(msgspec.Struct, frozen=True):
    """One criterion over all patients who are being screened."""

    id: str
    title: str
    role: str
    fails: int
    unknown: int
    conflict: int
    fails_only_this: int
    """Patients whose only failure this is, whatever else is still unknown."""
    stands_alone: int
    """Patients for whom all other criteria are settled well: this one alone, failed or open, keeps them out."""
    remaining: int
    """Patients who fail neither this criterion nor any before it, in the order of the protocol."""


class Attrition(msgspec.Struct, frozen=True):
    """The flow of patients through one protocol's screening."""

    protocol: str
    version: str
    title: str
    patients: int
    statuses: dict[str, int]
    lacking: dict[str, int]
    """Of those who are no candidates: how many lack evidence of what (`hcc`; `hcc and transplant`)."""
    screened: int
    criteria: tuple[CriterionCount, ...]


def count(protocol: Protocol, outcomes: Iterable[Mapping[str, Any]]) -> Attrition:
    """Count the contents of all current screening outcomes of a protocol."""
    contents = list(outcomes)
    statuses = Counter(str(content["status"]) for content in contents)
    groups = [group.name for group in protocol.screening.candidate_when.value]
    lacking = Counter(
        " and ".join(name for name in groups if name not in content["candidate_evidence"])
        for content in contents
        if content["status"] == NOT_CANDIDATE
    )
    screened = [content["criteria"] for content in contents if content["status"] in BEING_SCREENED]
    return Attrition(
        protocol.id,
        protocol.version,
        protocol.title,
        len(contents),
        {status: statuses[status] for status in STATUSES},
        dict(sorted(lacking.items())),
        len(screened),
        _by_criterion(protocol, screened),
    )


def _by_criterion(protocol: Protocol, screened: Sequence[Sequence[Mapping[str, Any]]]) -> tuple[CriterionCount, ...]:
    answered = [{entry["id"]: allows(entry) for entry in entries} for entries in screened]
    roles = [(c, "inclusion") for c in protocol.screening.inclusion]
    roles += [(c, "exclusion") for c in protocol.screening.exclusion]
    before: list[str] = []
    counts = []
    for criterion, role in roles:
        before.append(criterion.id)
        counts.append(_count(criterion.id, criterion.title, role, answered, before))
    return tuple(counts)


def _count(
    id_: str, title: str, role: str, answered: Sequence[Mapping[str, Verdict]], until_here: Sequence[str]
) -> CriterionCount:
    own = Counter(verdicts.get(id_) for verdicts in answered)
    return CriterionCount(
        id_,
        title,
        role,
        own[Verdict.NOT_MET],
        own[Verdict.UNKNOWN],
        own[Verdict.CONFLICT],
        sum([i for i, v in verdicts.items() if v is Verdict.NOT_MET] == [id_] for verdicts in answered),
        sum([i for i, v in verdicts.items() if v is not Verdict.MET] == [id_] for verdicts in answered),
        sum(all(verdicts.get(i) is not Verdict.NOT_MET for i in until_here) for verdicts in answered),
    )
