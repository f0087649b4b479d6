"""What a rule answers about one criterion, and how contradicting answers of equal standing combine.

Decides nothing about a patient.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from shared.outcomes import Evidence, Verdict
from shared.protocol.criteria import RecordedCriterion


class Answer(msgspec.Struct, frozen=True):
    """The verdict on one criterion: in a sentence, with its evidence, what is missing, and until when it
    stands.

    `valid_until` is the first instant at which time alone may change it; None: never.
    """

    verdict: Verdict
    says: str
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    valid_until: datetime | None = None
    parts: tuple[Answer, ...] = ()
    """The answers of a group's criteria, in their order."""


def agreed(verdicts: Iterable[Verdict]) -> Verdict:
    """What records of equal standing say together: both sides are a conflict; one undecided leaves all
    unknown.
    """
    stated = set(verdicts)
    if {Verdict.MET, Verdict.NOT_MET} <= stated or Verdict.CONFLICT in stated:
        return Verdict.CONFLICT
    return stated.pop() if len(stated) == 1 else Verdict.UNKNOWN


def from_bool(answer: bool | None) -> Verdict:
    """Met, not met, or unknown where a comparison cannot tell."""
    if answer is None:
        return Verdict.UNKNOWN
    return Verdict.MET if answer else Verdict.NOT_MET


def silent(criterion: RecordedCriterion, says: str, missing: str) -> Answer:
    """The answer where nothing is recorded: unknown, unless the protocol takes its silence as absence."""
    if criterion.takes_silence_as_absence:
        return Answer(Verdict.NOT_MET, f"{says}, which this protocol takes as none")
    return Answer(Verdict.UNKNOWN, says, missing=(missing,))


def earliest(*instants: datetime | None) -> datetime | None:
    """The first of the instants that there are."""
    return min((i for i in instants if i is not None), default=None)
