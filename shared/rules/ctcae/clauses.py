"""Short ways to write the clauses of the CTCAE tables. Decides nothing: numbers and words stand in the tables."""

from __future__ import annotations

from decimal import Decimal

from shared.rules.ctcae.criteria import Criterion, Entry, Reference, When


def of_uln(
    grade: int, factor: str, words: str, *, when: When = When.ALWAYS, circumstance: str | None = None
) -> Criterion:
    """Above a multiple of the upper limit of normal."""
    return Criterion(grade, when, Entry(Decimal(factor), Reference.ULN), words, circumstance)


def of_lln(
    grade: int, factor: str, words: str, *, when: When = When.ALWAYS, circumstance: str | None = None
) -> Criterion:
    """Below a multiple of the lower limit of normal."""
    return Criterion(grade, when, Entry(Decimal(factor), Reference.LLN), words, circumstance)


def of_baseline(  # noqa: PLR0913 - what a clause of the words may say
    grade: int,
    factor: str,
    words: str,
    *,
    when: When = When.BASELINE_ABNORMAL,
    inclusive: bool = False,
    circumstance: str | None = None,
    baseline_up_to: str | None = None,
) -> Criterion:
    """Beyond a multiple of the patient's own baseline."""
    up_to = Decimal(baseline_up_to) if baseline_up_to is not None else None
    return Criterion(
        grade, when, Entry(Decimal(factor), Reference.BASELINE, inclusive), words, circumstance, baseline_up_to=up_to
    )


def beyond(
    grade: int, bounds: str, words: str, *, inclusive: bool = False, circumstance: str | None = None
) -> Criterion:
    """Beyond a number: `10.0 g/dL | 6.2 mmol/L | 100 g/L`, the first in the concept's canonical unit."""
    return Criterion(grade, When.ALWAYS, _stated(bounds, Reference.UNIT, inclusive), words, circumstance)


def above_uln_by(grade: int, amounts: str, words: str) -> Criterion:
    """More than so many units above the upper limit of normal."""
    return Criterion(grade, When.ALWAYS, _stated(amounts, Reference.ABOVE_ULN, inclusive=False), words)


def in_words(grade: int, words: str) -> Criterion:
    """A clause that no number can meet."""
    return Criterion(grade, When.ALWAYS, None, words)


def _stated(bounds: str, of: Reference, inclusive: bool) -> Entry:
    (number, unit), *elsewise = (_number_and_unit(bound) for bound in bounds.split(" | "))
    return Entry(number, of, inclusive, unit, tuple((str(u), n) for n, u in elsewise))


def _number_and_unit(bound: str) -> tuple[Decimal, str | None]:
    number, _, unit = bound.partition(" ")
    return Decimal(number), unit or None
