"""Decides the CTCAE grade that a value proves, given its limits of normal and the baseline.

Does not choose the baseline, and never assumes one: what the words need and nobody recorded stays open. A
grade is given only where every possibility agrees that it is reached at least; otherwise the value is not
gradable, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from shared.quantities import Quantity, above, at_least, at_most, below, times
from shared.rules.ctcae.criteria import Criterion, Direction, Entry, Reference, Term, When

_SMALLEST: Final = Decimal("1E-30")
_LARGEST: Final = Decimal("1E30")
"""No limit of normal of any analyte in any unit lies outside; its multiples can be computed exactly."""

_Reached = tuple[Criterion, bool | None]
"""A criterion, and whether the value has entered its grade: None where that is open."""


class Reading(msgspec.Struct, frozen=True):
    """A value in its concept's canonical unit, with the limits of normal that belong to it."""

    value: Quantity
    low: Quantity | None = None
    high: Quantity | None = None


class Grading(msgspec.Struct, frozen=True):
    """The grade that a value proves (None: not gradable), and the lowest and highest it may have.

    `grade` below `grade_high` reads "at least". `reason` is the criterion's own words, or what is missing.
    """

    grade: int | None
    grade_low: int
    grade_high: int
    reason: str

    @property
    def is_exact(self) -> bool:
        """Whether nothing that is missing could change the grade."""
        return self.grade_low == self.grade_high


def grade(term: Term, result: Reading, baseline: Reading | None) -> Grading:
    """Grade a result exactly by the words: "> ULN - 3.0 x ULN" includes 3.0 x ULN (CTCAE).

    Without a baseline both variants of the words are tried, the abnormal one with any baseline above the
    limit.
    """
    variants = [_reached(term, result, baseline, when) for when in _possible_variants(term, baseline)]
    lowest = min(_highest_grade(reached, {True}) for reached in variants)
    highest = max(_highest_grade(reached, {True, None}) for reached in variants)
    if lowest == highest:
        return Grading(lowest, lowest, highest, _words(variants, lowest))
    missing = _missing(term, result, baseline)
    return Grading(lowest or None, lowest, highest, f"may be grade {lowest} to {highest}: {missing}")


def reaches(factor: Decimal, result: Reading, baseline: Reading | None) -> bool | None:
    """Whether a result is at least this multiple of its ULN, or of the baseline where that is abnormal.

    None where a missing limit or baseline, or an open-ended value, leaves it open.
    """
    answers = {
        _passes(result, baseline, Entry(factor, reference, inclusive=True), Direction.INCREASED)
        for reference in _possible_references(baseline)
    }
    return answers.pop() if len(answers) == 1 else None


def has_risen(factor: Decimal, result: Reading, baseline: Reading) -> bool | None:
    """Whether a result is at least this multiple of the baseline, and above the upper limit of normal.

    A result without a limit is held against the baseline's; None where what is recorded leaves it open.
    """
    limited = Reading(result.value, high=result.high or baseline.high)
    bounds = (Entry(factor, Reference.BASELINE, inclusive=True), Entry(Decimal(1), Reference.ULN))
    answers = {_passes(limited, baseline, bound, Direction.INCREASED) for bound in bounds}
    if False in answers:
        return False
    return None if None in answers else True


def baseline_is_abnormal(baseline: Reading | None, direction: Direction) -> bool | None:
    """Whether the baseline lies beyond its own limit, on the toxic side; None where that is not known."""
    if baseline is None:
        return None
    limit = _usable(baseline.high if direction is Direction.INCREASED else baseline.low, baseline.value)
    if limit is None:
        return None
    return above(baseline.value, limit) if direction is Direction.INCREASED else below(baseline.value, limit)


def _possible_variants(term: Term, baseline: Reading | None) -> tuple[When, ...]:
    match baseline_is_abnormal(baseline, term.direction):
        case True:
            return (When.BASELINE_ABNORMAL,)
        case False:
            return (When.BASELINE_NORMAL,)
        case None:
            return (When.BASELINE_NORMAL, When.BASELINE_ABNORMAL)


def _possible_references(baseline: Reading | None) -> tuple[Reference, ...]:
    match baseline_is_abnormal(baseline, Direction.INCREASED):
        case True:
            return (Reference.BASELINE,)
        case False:
            return (Reference.ULN,)
        case None:
            return (Reference.ULN, Reference.BASELINE)


def _reached(term: Term, result: Reading, baseline: Reading | None, when: When) -> list[_Reached]:
    applicable = [c for c in term.criteria if c.when in (When.ALWAYS, when)]
    return [(c, _passes(result, baseline, c.entry, term.direction)) for c in applicable]


def _passes(result: Reading, baseline: Reading | None, entry: Entry, direction: Direction) -> bool | None:
    reference = _reference(result, baseline, entry, direction)
    if reference is None:
        return None
    bound = times(reference, entry.factor)
    match direction, entry.inclusive:
        case Direction.INCREASED, True:
            return at_least(result.value, bound)
        case Direction.INCREASED, False:
            return above(result.value, bound)
        case Direction.DECREASED, True:
            return at_most(result.value, bound)
        case _:
            return below(result.value, bound)


def _reference(result: Reading, baseline: Reading | None, entry: Entry, direction: Direction) -> Quantity | None:
    match entry.of:
        case Reference.UNIT:
            return _usable(Quantity(Decimal(1), entry.unit or ""), result.value)
        case Reference.ULN:
            return _usable(result.high, result.value)
        case Reference.LLN:
            return _usable(result.low, result.value)
        case Reference.BASELINE if baseline is not None:
            return _usable(baseline.value, result.value)
        case Reference.BASELINE:
            return _any_abnormal_baseline(result, direction)


def _any_abnormal_baseline(result: Reading, direction: Direction) -> Quantity | None:
    """What an unknown abnormal baseline may be: anything beyond the limit of normal."""
    increased = direction is Direction.INCREASED
    limit = _usable(result.high if increased else result.low, result.value)
    return Quantity(limit.value, limit.unit, ">" if increased else "<") if limit is not None else None


def _usable(reference: Quantity | None, value: Quantity) -> Quantity | None:
    """A limit or baseline that can be compared with the value; zero is an empty field, not a limit."""
    if reference is None or reference.unit != value.unit:
        return None
    return reference if _SMALLEST < reference.value < _LARGEST else None


def _highest_grade(reached: Sequence[_Reached], answers: set[bool | None]) -> int:
    return max((criterion.grade for criterion, answer in reached if answer in answers), default=0)


def _words(variants: Sequence[Sequence[_Reached]], proven: int) -> str:
    words = [c.words for reached in variants for c, answer in reached if c.grade == proven and answer]
    return "; ".join(words) if words else "below grade 1"


def _missing(term: Term, result: Reading, baseline: Reading | None) -> str:
    """What would settle the grade, the most telling first."""
    increased = term.direction is Direction.INCREASED
    limit = result.high if increased else result.low
    faults = []
    if _usable(limit, result.value) is None:
        faults.append(f"the result has no usable {Reference.ULN if increased else Reference.LLN}")
    if baseline is None:
        faults.append("no baseline is known")
    elif baseline_is_abnormal(baseline, term.direction) is None:
        faults.append("whether the baseline was normal is not known")
    if result.value.comparator is not None:
        faults.append("the value is open-ended")
    return ", ".join(faults) or "the baseline cannot be compared exactly"
