"""Decides the response of the target lesions at one visit from their sum of diameters.

Does not choose targets, does not look at other lesions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from shared.rules.mrecist.criteria import Criteria
from shared.rules.mrecist.model import Reading, TargetResponse
from shared.rules.mrecist.rule import Rule, first_match, otherwise

_BOTH: Final = "mRECIST, Lencioni and Llovet 2010; RECIST 1.1, Eisenhauer 2009"


@dataclass(frozen=True, slots=True)
class Targets:
    """The target lesions at one visit, and what they are compared with.

    `nadir_mm` is the smallest complete sum before this visit, baseline included; None where there was none.
    """

    criteria: Criteria
    readings: tuple[Reading, ...]
    baseline_sum_mm: Decimal | None
    nadir_mm: Decimal | None
    after_complete_response: bool
    roles_recorded: bool = True

    @property
    def measured_mm(self) -> Decimal | None:
        """Sum of the targets that were measured: the least that the sum can be."""
        sizes = [r.size_mm for r in self.readings if r.size_mm is not None]
        return sum(sizes, Decimal(0)) if sizes else None

    @property
    def sum_mm(self) -> Decimal | None:
        """The complete sum; None if any target was not measured."""
        return complete_sum_mm(self.readings)


def complete_sum_mm(readings: Sequence[Reading]) -> Decimal | None:
    """Sum of diameters of the targets; None without targets, or if any of them was not measured."""
    if not readings or any(r.size_mm is None for r in readings):
        return None
    return sum((r.size_mm for r in readings if r.size_mm is not None), Decimal(0))


def assess(targets: Targets) -> Rule[Targets, TargetResponse | None]:
    """The rule that gives the target response; its answer is None where there are no target lesions."""
    return first_match(RULES, targets)


def _none_followed(targets: Targets) -> bool:
    return not targets.readings


def _reappeared(targets: Targets) -> bool:
    return targets.after_complete_response and any(r.present for r in targets.readings)


def _all_gone(targets: Targets) -> bool:
    return targets.baseline_sum_mm != 0 and all(r.present is False for r in targets.readings)


def _grown_from_nadir(targets: Targets) -> bool:
    if targets.measured_mm is None or targets.nadir_mm is None:
        return False
    increase = targets.measured_mm - targets.nadir_mm
    relative = increase * 100 >= targets.criteria.pd_increase_percent * targets.nadir_mm
    return increase > 0 and increase >= targets.criteria.pd_min_increase_mm and relative


def _incomplete(targets: Targets) -> bool:
    return targets.sum_mm is None


def _no_baseline_sum(targets: Targets) -> bool:
    return not targets.baseline_sum_mm


def _shrunk_from_baseline(targets: Targets) -> bool:
    if targets.sum_mm is None or targets.baseline_sum_mm is None:
        return False
    decrease = targets.baseline_sum_mm - targets.sum_mm
    return decrease * 100 >= targets.criteria.pr_decrease_percent * targets.baseline_sum_mm


RULES: Final[tuple[Rule[Targets, TargetResponse | None], ...]] = (
    Rule(
        "roles-not-recorded",
        "NE",
        "Which lesions are targets was not recorded at baseline, so no sum of diameters can be formed.",
        "a reader chooses the targets; the product does not",
        lambda targets: not targets.roles_recorded,
    ),
    Rule("no-targets", None, "There are no target lesions.", _BOTH, _none_followed),
    Rule(
        "reappearance-after-complete-response",
        "PD",
        "After a complete response any target that shows disease again is progression, whatever its size.",
        _BOTH,
        _reappeared,
    ),
    Rule(
        "all-targets-gone",
        "CR",
        "No target shows arterial enhancement (RECIST 1.1: none is left); node targets are below 10 mm.",
        _BOTH,
        _all_gone,
    ),
    Rule(
        "increase-from-nadir",
        "PD",
        "The measured targets add up to at least 20 % more than the smallest complete sum before, and exceed "
        "it by at least the minimum of the criteria (RECIST 1.1: 5 mm), which alone decides where it was 0.",
        _BOTH,
        _grown_from_nadir,
    ),
    Rule("target-not-assessed", "NE", "A target was not assessed.", _BOTH, _incomplete),
    Rule(
        "no-baseline-sum",
        "NE",
        "There is no sum of diameters at baseline to compare with.",
        _BOTH,
        _no_baseline_sum,
    ),
    Rule(
        "decrease-from-baseline",
        "PR",
        "The sum of diameters is at least 30 % below baseline.",
        _BOTH,
        _shrunk_from_baseline,
    ),
    Rule(
        "neither",
        "SD",
        "The sum of diameters meets neither partial response nor progression.",
        _BOTH,
        otherwise,
    ),
)
