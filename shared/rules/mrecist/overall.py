"""Decides the overall response of a visit from its target response, non-target response and new lesions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.rules.mrecist.model import NonTargetResponse, OverallResponse, TargetResponse
from shared.rules.mrecist.rule import Rule, first_match, otherwise

_BOTH: Final = "mRECIST, Lencioni and Llovet 2010; RECIST 1.1, Eisenhauer 2009, tables 1 and 2"


@dataclass(frozen=True, slots=True)
class Parts:
    """The three parts of a visit's response; None where there are no lesions of that kind."""

    target: TargetResponse | None
    non_target: NonTargetResponse | None
    new_lesion: bool
    has_baseline: bool = True


def assess(parts: Parts) -> Rule[Parts, OverallResponse]:
    """The rule that gives the overall response."""
    return first_match(RULES, parts)


def _no_residual_non_target(parts: Parts) -> bool:
    return parts.non_target in (None, "CR")


RULES: Final[tuple[Rule[Parts, OverallResponse], ...]] = (
    Rule(
        "no-baseline",
        "NE",
        "There is no assessment before the first dose to compare with, so no response can be told.",
        _BOTH,
        lambda p: not p.has_baseline,
    ),
    Rule("target-progression", "PD", "The target lesions progressed.", _BOTH, lambda p: p.target == "PD"),
    Rule(
        "non-target-progression",
        "PD",
        "A non-target lesion progressed.",
        _BOTH,
        lambda p: p.non_target == "PD",
    ),
    Rule("new-lesion", "PD", "A new lesion appeared.", _BOTH, lambda p: p.new_lesion),
    Rule(
        "complete-response",
        "CR",
        "All target lesions and all non-target lesions responded completely.",
        _BOTH,
        lambda p: p.target == "CR" and _no_residual_non_target(p),
    ),
    Rule(
        "non-target-complete-response",
        "CR",
        "There are no target lesions, and all non-target lesions responded completely.",
        _BOTH,
        lambda p: p.target is None and p.non_target == "CR",
    ),
    Rule(
        "complete-response-of-targets-only",
        "PR",
        "All target lesions responded completely, but non-target lesions persist or were not all assessed.",
        _BOTH,
        lambda p: p.target == "CR",
    ),
    Rule(
        "partial-response",
        "PR",
        "The target lesions responded partially, and no non-target lesion progressed.",
        _BOTH,
        lambda p: p.target == "PR",
    ),
    Rule(
        "stable-disease",
        "SD",
        "The target lesions are stable, and no non-target lesion progressed.",
        _BOTH,
        lambda p: p.target == "SD",
    ),
    Rule(
        "non-targets-only",
        "NON-CR/NON-PD",
        "There are no target lesions, and non-target lesions persist without progression.",
        _BOTH,
        lambda p: p.target is None and p.non_target == "NON-CR/NON-PD",
    ),
    Rule(
        "not-evaluable",
        "NE",
        "What was assessed shows no progression, and is not enough for a response.",
        _BOTH,
        otherwise,
    ),
)
