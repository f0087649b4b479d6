"""A published rule as an object, with its clinical sentence and source; in an ordered list the first wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Rule(Generic[S, A]):
    """`answer` is given where `applies`; `says` is the clinical sentence, as a physician would put it."""

    name: str
    answer: A
    says: str
    source: str
    applies: Callable[[S], bool]


def first_match(rules: Sequence[Rule[S, A]], situation: S) -> Rule[S, A]:
    """The first rule that applies; every list of rules ends with one that always does."""
    for rule in rules:
        if rule.applies(situation):
            return rule
    raise AssertionError("the last rule of a list applies always")


def otherwise(_: object) -> bool:
    """Applies always: for the last rule of a list."""
    return True
