"""Decides the CTCAE grade that a value proves, given its limits of normal and the baseline.

Does not choose the baseline, and never assumes one: what the words need and nobody recorded stays open. A
grade is given only where every possibility agrees that it is reached at least; otherwise the value is not
gradable, with the reason. What a number can never show (symptoms, anticoagulation) is no gap in the record:
the grade is then the highest that the number allows, and the lowest stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Context, Decimal, Inexact
from typing import Final

import msgspec

from shared.quantities import Quantity, above, at_least, at_most, below
from shared.rules.ctcae.criteria import Criterion, Direction, Entry, Reference, Term, When

_SMALLEST: Final = Decimal("1E-30")
_LARGEST: Final = Decimal("1E30")
"""No limit of normal of any analyte in any unit lies outside; its multiples can be computed exactly."""
_EXACT: Final = Context(prec=300, traps=[Inexact])

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
    is_exact: bool = True
    """Whether nothing that is missing could change the grade; circumstances that a number cannot show may."""
    is_settled: bool = True
    """Whether the grade is that of the number in some circumstance, not only the least that is proven."""


class _Range(msgspec.Struct, frozen=True):
    """The lowest and highest grade of a value in one circumstance, and the clauses that prove the lowest."""

    lowest: int
    highest: int
    words: tuple[str, ...]


def grade(term: Term, result: Reading, baseline: Reading | None) -> Grading:
    """Grade a result exactly by the words: "> ULN - 3.0 x ULN" includes 3.0 x ULN (CTCAE).

    Without a baseline both variants of the words are tried, the abnormal one with any baseline above the
    limit.
    """
    whens = _possible_baselines(term, baseline)
    answers = _answers(term, result, baseline, frozenset().union(*whens))
    ranges = [_range(reached, whens) for reached in _by_circumstance(term, answers, baseline)]
    proven, highest = max(r.lowest for r in ranges), max(r.highest for r in ranges)
    is_exact = all(r.lowest == r.highest for r in ranges)
    if proven == 0 < highest:
        missing = _missing(term, result, baseline)
        return Grading(None, 0, highest, f"may be grade 0 to {highest}: {missing}", is_exact=False, is_settled=False)
    lowest = min(r.lowest for r in ranges)
    is_settled = any(r.lowest == r.highest == proven for r in ranges)
    words = _words(ranges, proven)
    if not is_settled:
        words = f"may be grade {lowest} to {highest}: {_missing(term, result, baseline)}"
    elif not is_exact:
        words += f" (may be grade {lowest} to {highest}: {_missing(term, result, baseline)})"
    elif lowest < proven:
        words += f" (grade {lowest} {_otherwise(term)})"
    return Grading(proven, lowest, highest, words, is_exact, is_settled)


def reaches(factor: Decimal, result: Reading, baseline: Reading | None) -> bool | None:
    """Whether a result is at least this multiple of its ULN, or of the baseline where that is abnormal.

    None where a missing limit or baseline, or an open-ended value, leaves it open.
    """
    answers = {
        _passes(result, baseline, Entry(factor, reference, inclusive=True), Direction.INCREASED, When.BASELINE_ABNORMAL)
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


def _possible_baselines(term: Term, baseline: Reading | None) -> list[frozenset[When]]:
    """Every state that the baseline may be in, as far as the words ask for it."""
    possible = [frozenset({When.ALWAYS})]
    if When.BASELINE_ABNORMAL in term.baselines or When.BASELINE_NORMAL in term.baselines:
        states = _either(baseline_is_abnormal(baseline, term.direction), When.BASELINE_ABNORMAL, When.BASELINE_NORMAL)
        possible = [p | {state} for p in possible for state in states]
    if When.BASELINE_LOW in term.baselines:
        states = _either(baseline_is_abnormal(baseline, Direction.DECREASED), When.BASELINE_LOW, When.ALWAYS)
        possible = [p | {state} for p in possible for state in states]
    return possible


def _either(answer: bool | None, yes: When, no: When) -> tuple[When, ...]:
    if answer is None:
        return (no, yes)
    return (yes,) if answer else (no,)


def _possible_references(baseline: Reading | None) -> tuple[Reference, ...]:
    match baseline_is_abnormal(baseline, Direction.INCREASED):
        case True:
            return (Reference.BASELINE,)
        case False:
            return (Reference.ULN,)
        case None:
            return (Reference.ULN, Reference.BASELINE)


def _answers(term: Term, result: Reading, baseline: Reading | None, whens: frozenset[When]) -> list[_Reached]:
    return [
        (criterion, _passes(result, baseline, entry, term.direction, criterion.when))
        for criterion, entry in term.measured
        if criterion.when in whens
    ]


def _by_circumstance(term: Term, answers: list[_Reached], baseline: Reading | None) -> Iterator[list[_Reached]]:
    """The answers as they are in each circumstance that the words distinguish."""
    for circumstance in term.circumstances:
        reached = [a for a in answers if a[0].circumstance in (None, circumstance)]
        yield reached
        if term.baseline_up_to is not None and _may_exceed(term.baseline_up_to, baseline):
            yield [a for a in reached if a[0].baseline_up_to is None]


def _may_exceed(multiple: Decimal, baseline: Reading | None) -> bool:
    """Whether a baseline that is known lies above this multiple of its own limit."""
    if baseline is None:
        return False
    return _passes(baseline, None, Entry(multiple, Reference.ULN), Direction.INCREASED) is True


def _range(reached: Sequence[_Reached], whens: Iterable[frozenset[When]]) -> _Range:
    variants = [[a for a in reached if a[0].when in when] for when in whens]
    lowest = min(_highest_grade(v, {True}) for v in variants)
    highest = max(_highest_grade(v, {True, None}) for v in variants)
    words = [c.words for v in variants for c, answer in v if c.grade == lowest and answer]
    return _Range(lowest, highest, tuple(words))


def _passes(
    result: Reading, baseline: Reading | None, entry: Entry, direction: Direction, when: When = When.ALWAYS
) -> bool | None:
    bound = _bound(result, baseline, entry, direction, when)
    if bound is None:
        return None
    value = result.value
    if value.comparator is None and bound.comparator is None:
        return _beyond(value.value, bound.value, direction, entry.inclusive)
    match direction, entry.inclusive:
        case Direction.INCREASED, True:
            return at_least(value, bound)
        case Direction.INCREASED, False:
            return above(value, bound)
        case Direction.DECREASED, True:
            return at_most(value, bound)
        case _:
            return below(value, bound)


def _beyond(value: Decimal, bound: Decimal, direction: Direction, inclusive: bool) -> bool:
    if value == bound:
        return inclusive
    return (value > bound) is (direction is Direction.INCREASED)


def _bound(
    result: Reading, baseline: Reading | None, entry: Entry, direction: Direction, when: When
) -> Quantity | None:
    match entry.of:
        case Reference.UNIT:
            number = entry.number_in(result.value.unit)
            return Quantity(number, result.value.unit) if number is not None else None
        case Reference.ABOVE_ULN:
            amount, limit = entry.number_in(result.value.unit), _usable(result.high, result.value)
            if amount is None or limit is None:
                return None
            return Quantity(_EXACT.add(limit.value, amount), limit.unit, limit.comparator)
        case Reference.ULN:
            return _multiple(_usable(result.high, result.value), entry.factor)
        case Reference.LLN:
            return _multiple(_usable(result.low, result.value), entry.factor)
        case Reference.BASELINE if baseline is not None:
            return _multiple(_usable(baseline.value, result.value), entry.factor)
        case Reference.BASELINE:
            return _multiple(_any_baseline(result, direction, when), entry.factor)


def _any_baseline(result: Reading, direction: Direction, when: When) -> Quantity | None:
    """What an unknown baseline may be: one that the words ask to be abnormal, anything beyond the limit."""
    if when not in (When.BASELINE_ABNORMAL, When.BASELINE_LOW):
        return None
    is_high = when is When.BASELINE_ABNORMAL and direction is Direction.INCREASED
    limit = _usable(result.high if is_high else result.low, result.value)
    return Quantity(limit.value, limit.unit, ">" if is_high else "<") if limit is not None else None


def _multiple(reference: Quantity | None, factor: Decimal) -> Quantity | None:
    if reference is None or factor == 1:
        return reference
    return Quantity(_EXACT.multiply(reference.value, factor), reference.unit, reference.comparator)


def _usable(reference: Quantity | None, value: Quantity) -> Quantity | None:
    """A limit or baseline that can be compared with the value; zero is an empty field, not a limit."""
    if reference is None or reference.unit != value.unit:
        return None
    return reference if _SMALLEST < reference.value < _LARGEST else None


def _highest_grade(reached: Sequence[_Reached], answers: set[bool | None]) -> int:
    return max((criterion.grade for criterion, answer in reached if answer in answers), default=0)


def _words(ranges: Sequence[_Range], proven: int) -> str:
    words = dict.fromkeys(w for r in ranges if r.lowest == proven for w in r.words if w)
    return "; ".join(words) if words and proven else "below grade 1"


def _otherwise(term: Term) -> str:
    """What makes the lower grade: a circumstance, or a baseline that the words do not speak of."""
    if term.circumstances == (None,):
        return f"if a baseline above {term.baseline_up_to} x ULN does not count"
    return f"depending on what a number cannot show: {', '.join(str(c) for c in term.circumstances)}"


def _missing(term: Term, result: Reading, baseline: Reading | None) -> str:
    """What would settle the grade, the most telling first."""
    faults = [*_missing_unit(term, result), *_missing_limit(term, result), *_missing_baseline(term, baseline)]
    if result.value.comparator is not None:
        faults.append("the value is open-ended")
    return ", ".join(faults) or "the baseline cannot be compared exactly"


def _missing_unit(term: Term, result: Reading) -> Iterator[str]:
    if term.units and not result.value.unit:
        yield f"the unit is missing (expected {' or '.join(term.units)})"
    elif term.units and result.value.unit not in term.units:
        yield f"the criteria state no bound in this unit (expected {' or '.join(term.units)})"


def _missing_limit(term: Term, result: Reading) -> Iterator[str]:
    asked = {entry.of for _, entry in term.measured}
    if asked & {Reference.ULN, Reference.ABOVE_ULN} and _usable(result.high, result.value) is None:
        yield f"the result has no usable {Reference.ULN}"
    if Reference.LLN in asked and _usable(result.low, result.value) is None:
        yield f"the result has no usable {Reference.LLN}"


def _missing_baseline(term: Term, baseline: Reading | None) -> Iterator[str]:
    if not term.baselines and all(entry.of is not Reference.BASELINE for _, entry in term.measured):
        return
    if baseline is None:
        yield "no baseline is known"
    elif term.baselines:
        low = When.BASELINE_LOW in term.baselines
        if baseline_is_abnormal(baseline, Direction.DECREASED if low else term.direction) is None:
            yield "whether the baseline was normal is not known"
