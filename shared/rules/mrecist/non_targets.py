"""Decides the response of the non-target lesions at one visit from their states.

Never reads ascites or effusion: fluid is no progression unless malignancy is proven in it, and no record here
proves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.rules.mrecist.model import NonTargetResponse, Reading
from shared.rules.mrecist.rule import Rule, first_match, otherwise

_BOTH: Final = "mRECIST, Lencioni and Llovet 2010; RECIST 1.1, Eisenhauer 2009"


@dataclass(frozen=True, slots=True)
class NonTargets:
    """The non-target lesions at one visit."""

    readings: tuple[Reading, ...]
    after_complete_response: bool


def assess(non_targets: NonTargets) -> Rule[NonTargets, NonTargetResponse | None]:
    """The rule that gives the non-target response; its answer is None where there are no such lesions."""
    return first_match(RULES, non_targets)


RULES: Final[tuple[Rule[NonTargets, NonTargetResponse | None], ...]] = (
    Rule("no-non-targets", None, "There are no non-target lesions.", _BOTH, lambda n: not n.readings),
    Rule(
        "unequivocal-progression",
        "PD",
        "A non-target lesion progressed unequivocally in the reader's judgement.",
        _BOTH,
        lambda n: any(r.unequivocal_progression for r in n.readings),
    ),
    Rule(
        "reappearance-after-complete-response",
        "PD",
        "After a complete response any non-target lesion that shows disease again is progression.",
        _BOTH,
        lambda n: n.after_complete_response and any(r.present for r in n.readings),
    ),
    Rule(
        "non-target-not-assessed",
        "NE",
        "A non-target lesion was not assessed.",
        _BOTH,
        lambda n: any(r.present is None for r in n.readings),
    ),
    Rule(
        "all-non-targets-gone",
        "CR",
        "No non-target lesion shows arterial enhancement (RECIST 1.1: none is left); nodes are below 10 mm.",
        _BOTH,
        lambda n: not any(r.present for r in n.readings),
    ),
    Rule(
        "non-targets-persist",
        "NON-CR/NON-PD",
        "Non-target lesions persist without progression.",
        _BOTH,
        otherwise,
    ),
)
