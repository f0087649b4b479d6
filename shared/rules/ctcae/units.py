"""In which unit a value is held against the words of CTCAE: decides between mass and amount of substance.

The words state the same bound by mass and by mol, each rounded for itself (glucose 40 mg/dL, 2.2 mmol/L), so a value is
graded as its record gives it. Grades nothing.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Final

from shared.facts import Laboratory
from shared.quantities import Quantity, to_canonical
from shared.rules.ctcae.criteria import Term
from shared.rules.ctcae.grading import Reading
from shared.terminology import concept

_SIGNIFICANT_DIGITS: Final = 12


def is_by_mol(unit: str) -> bool:
    """Whether a unit is one of amount of substance."""
    return "mol" in unit.casefold()


def reading_of(result: Laboratory, term: Term, *, like: Laboratory | None = None) -> Reading | None:
    """A result and its limits in a unit in which the words state bounds; None where there is no value.

    `like`: in the unit of that other result, to which it is compared.
    """
    if result.value is None:
        return None
    unit = _unit_of_the_words(term, result.value.unit, (like or result).stated_by)
    value = _in(result.value, unit, term.concept)
    assert value is not None, "it had a value before"
    return Reading(value, _in(result.low, unit, term.concept), _in(result.high, unit, term.concept))


@cache
def convertible(units: tuple[str, ...], *, by_mol: bool) -> tuple[str, ...]:
    """Of the units of the words those of the same kind; all of them where none is."""
    return tuple(u for u in units if is_by_mol(u) is by_mol) or units


@cache
def size(unit: str, concept_id: str) -> Fraction:
    """One of this unit in the concept's canonical unit; raises `UnknownUnit` or `IncompatibleUnit`."""
    return Fraction(to_canonical(Quantity(Decimal(1), unit), concept(concept_id)).value)


def scaled(number: Decimal, factor: Fraction) -> Decimal:
    """A number times a factor: exact where it has a finite decimal, else to 12 digits."""
    if factor == 1:
        return number
    product = Fraction(number) * factor
    exact = Decimal(product.numerator) / Decimal(product.denominator)
    return exact if Fraction(exact) == product else Decimal(f"{exact:.{_SIGNIFICANT_DIGITS}g}")


@cache
def _unit_of_the_words(term: Term, canonical: str, stated_by: str | None) -> str:
    by_mol = is_by_mol(canonical) if stated_by is None else stated_by == "mol"
    alike = convertible(term.units, by_mol=by_mol)
    return canonical if not alike or canonical in alike else alike[0]


def _in(quantity: Quantity | None, unit: str, concept_id: str) -> Quantity | None:
    if quantity is None or quantity.unit == unit:
        return quantity
    return Quantity(scaled(quantity.value, 1 / size(unit, concept_id)), unit, quantity.comparator)
