"""Grades one row of laboratory values by CTCAE: decides which term it names and which reading its cells make.

Every bound and every comparison is the rules' own (`shared/rules/ctcae`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cache
from typing import Final, cast

from services.cli.safety.laboratory_rows import LaboratoryRow
from shared.codes import LOINC
from shared.quantities import Comparator, Quantity, QuantityError, UnknownUnit
from shared.rules.ctcae import VERSIONS, Grading, Reading, Term, grade
from shared.rules.ctcae.units import convertible, is_by_mol, scaled, size
from shared.terminology import concept

_COMPARATORS: Final = ("<=", ">=", "<", ">")
# Units as tables write them in capitals, which UCUM reads as others or not at all.
_CAPITALS: Final = {
    unit.casefold(): unit
    for unit in ("g/dL", "g/L", "mg/dL", "mg/L", "mmol/L", "umol/L", "10*9/L", "10^9/L", "mL/min", "mL/s", "meq/L")
}


class Unreadable(ValueError):  # noqa: N818 - named for what it says
    """A cell that cannot be read; the text says which and why, never its value."""


@dataclass(frozen=True)
class GradedRow:
    """What is added to a row; `grade` empty where the value is not gradable."""

    grade: str
    grade_low: str
    reason: str


def graded(row: LaboratoryRow, version: str) -> GradedRow:
    """The grade of one row by that version of CTCAE, or the reason why there is none."""
    try:
        terms = terms_named(row.term, version)
        gradings = [(term, _grading(term, row)) for term in terms]
    except (Unreadable, QuantityError) as fault:
        return GradedRow("", "", f"not gradable: {fault}")
    return _as_row(gradings)


def terms_named(name: str, version: str) -> tuple[Term, ...]:
    """The CTCAE terms that a cell names: by the term itself, or all of what its LOINC code measures."""
    found = _by_name(version).get(" ".join(name.split()).casefold())
    if found:
        return found
    others = [v for v in VERSIONS if v != version and " ".join(name.split()).casefold() in _by_name(v)]
    hint = f" (CTCAE {others[0]} has it)" if others else ""
    raise Unreadable(f"neither a laboratory term of CTCAE {version} nor a LOINC code of one{hint}")


@cache
def _by_name(version: str) -> dict[str, tuple[Term, ...]]:
    named: dict[str, tuple[Term, ...]] = {}
    for term in VERSIONS[version]:
        for measure in term.concepts:
            for key in (measure, *(row.code.value for row in concept(measure).codes if row.code.system == LOINC)):
                named[key] = (*named.get(key, ()), term)
    return named | {term.name.casefold(): (term,) for term in VERSIONS[version]}


def _grading(term: Term, row: LaboratoryRow) -> Grading:
    value, lln, uln, base, base_lln, base_uln = (
        _quantity(field, text, row.unit, term)
        for field, text in (
            ("value", row.value),
            ("lln", row.lln),
            ("uln", row.uln),
            ("baseline", row.baseline),
            ("baseline_lln", row.baseline_lln),
            ("baseline_uln", row.baseline_uln),
        )
    )
    if value is None:
        raise Unreadable("value is missing")
    baseline = Reading(base, base_lln, base_uln) if base is not None else None
    return grade(term, Reading(value, lln, uln), baseline)


def _quantity(field: str, text: str, unit: str, term: Term) -> Quantity | None:
    if not text:
        return None
    comparator = next((c for c in _COMPARATORS if text.startswith(c)), None)
    try:
        number = Decimal(text.removeprefix(comparator or "").strip())
    except InvalidOperation:
        raise Unreadable(f"{field} is not a number (expected 42.5, or <42.5)") from None
    if not number.is_finite() or number < 0:
        raise Unreadable(f"{field} is not a number from 0 upwards")
    if not term.units or not unit:
        return Quantity(number, "", cast("Comparator | None", comparator))
    wanted, factor = _conversion(unit, term)
    return Quantity(scaled(number, factor), wanted, cast("Comparator | None", comparator))


def _conversion(unit: str, term: Term) -> tuple[str, Fraction]:
    """The unit in which the words state bounds for a value in this one, and the factor to it.

    By mass or by mol as the value comes: the words' bounds in the two are rounded apart from each other.
    """
    return _cached_conversion(unit, term.concept, term.units)


@cache
def _cached_conversion(unit: str, concept_id: str, stated: tuple[str, ...]) -> tuple[str, Fraction]:
    size = _size(unit, concept_id)
    alike = convertible(stated, by_mol=is_by_mol(unit))
    wanted = next((u for u in alike if _size(u, concept_id) == size), alike[0])
    return wanted, size / _size(wanted, concept_id)


def _size(unit: str, concept_id: str) -> Fraction:
    """One of this unit in the concept's canonical unit."""
    try:
        return size(unit, concept_id)
    except UnknownUnit:
        spelt = _CAPITALS.get("".join(unit.split()).casefold())
        if spelt is None:
            raise
        return size(spelt, concept_id)


def _as_row(gradings: Sequence[tuple[Term, Grading]]) -> GradedRow:
    """The worst grade of the terms that the row names; not gradable if none is above 0 and one is open."""
    settled = [(term, g) for term, g in gradings if g.is_settled and g.grade is not None]
    worst = max((g.grade or 0 for _, g in settled), default=0)
    if worst or len(settled) == len(gradings):
        term, grading = next((t, g) for t, g in settled if (g.grade or 0) == worst)
        named = f"{term.name}: " if len(gradings) > 1 and worst else ""
        note = f" ({term.note})" if term.note and worst else ""
        return GradedRow(str(worst), str(grading.grade_low), f"{named}{grading.reason}{note}")
    unsettled = [(t, g) for t, g in gradings if not g.is_settled]
    proven = max(g.grade_low for _, g in unsettled)
    reasons = [f"{t.name + ' ' if len(gradings) > 1 else ''}{g.reason}" for t, g in unsettled]
    return GradedRow("", str(proven) if proven else "", f"not gradable: {'; '.join(reasons)}")
