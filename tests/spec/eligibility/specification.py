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

    @property
    def id(self) -> str:
        """Names the case in test output."""
        return f"{self.criterion}-{self.verdict}-{self.clause}"


@cache
def protocol() -> Protocol:
    """The first trial, as it comes with the product."""
    return load()[PROTOCOL_ID]


def answers(facts: tuple[AnyFact, ...], at: datetime) -> dict[str, Answer]:
    """The answer to every criterion, those within groups too, by id."""
    screened = screen(build.timeline(*facts), protocol(), at)
    return dict(found for s in screened for found in _with_parts(s.criterion, s.answer))


def _with_parts(criterion: Criterion, answer: Answer) -> Iterator[tuple[str, Answer]]:
    yield criterion.id, answer
    for part, answered in zip(criterion.nested(), answer.parts, strict=True):
        yield from _with_parts(part, answered)
