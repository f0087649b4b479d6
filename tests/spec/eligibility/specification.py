"""The form of the specification of screening: one case is a clause of the protocol by example.

The cases are data (`cases_*.py`), so that they can be rendered into the manual as well as run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from services.eligibility.answers import Answer
from services.eligibility.evaluate import screen
from shared.facts import AnyFact
from shared.outcomes import Verdict
from shared.protocol.criteria import Criterion
from shared.protocol.load import load
from shared.protocol.model import Protocol
from shared.timeline import Timeline
from tests.support import build

PROTOCOL_ID: Final = "camrelizumab-hcc-transplant"
TODAY: Final = "2024-05-05"


@dataclass(frozen=True)
class Case:
    """At `at` (noon), these facts make this verdict on the criterion; `says` is part of its sentence.

    `missing` is part of what is named as missing; `until` the time at which the answer may change by itself.
    """

    criterion: str
    clause: str
    facts: tuple[AnyFact, ...]
    verdict: Verdict
    at: str = TODAY
    says: str = ""
    missing: str = ""
    until: str | None = None
    unit: str = ""
    """The unit in which the record states its value, where the case is about that: `concept unit`."""

    @property
    def id(self) -> str:
        """Names the case in test output."""
        return f"{self.criterion}-{self.verdict}-{self.clause}"


@dataclass(frozen=True)
class Revision:
    """A record that is corrected or retracted: at `at` (noon), before it and after it, the criterion has these answers.

    `kept` are the other facts, `first` what the record stated, `then` what its next version states; nothing, if it was
    entered in error.
    """

    criterion: str
    clause: str
    first: AnyFact
    then: AnyFact | None
    before: Verdict
    after: Verdict
    kept: tuple[AnyFact, ...] = ()
    missing: str = ""
    at: str = TODAY

    @property
    def kind(self) -> str:
        """Whether the record was corrected or retracted."""
        return "retracted" if self.then is None else "corrected"

    @property
    def id(self) -> str:
        """Names the case in test output."""
        return f"{self.criterion}-{self.kind}-{self.clause}"


@cache
def protocol() -> Protocol:
    """The first trial, as it comes with the product."""
    return load()[PROTOCOL_ID]


def answers(facts: tuple[AnyFact, ...], at: datetime) -> dict[str, Answer]:
    """The answer to every criterion, those within groups too, by id."""
    return answered(build.timeline(*facts), protocol(), at)


def answered(timeline: Timeline, by: Protocol, at: datetime) -> dict[str, Answer]:
    """The same of a timeline, by any protocol."""
    return dict(found for s in screen(timeline, by, at) for found in _with_parts(s.criterion, s.answer))


def _with_parts(criterion: Criterion, answer: Answer) -> Iterator[tuple[str, Answer]]:
    yield criterion.id, answer
    for part, answered in zip(criterion.nested(), answer.parts, strict=True):
        yield from _with_parts(part, answered)
