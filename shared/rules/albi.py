"""Decides the albumin-bilirubin (ALBI) grade as a range: one grade where it is known, all that it may be where not.

Does not decide which value of a patient counts, nor what a trial allows.

Johnson and others 2015: score = 0.66 × log10(bilirubin in µmol/L) - 0.085 × albumin in g/L; grade 1 up to -2.60,
grade 2 above that up to -1.39, grade 3 above.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

import msgspec

from shared.facts import Laboratory
from shared.quantities import Quantity
from shared.terminology import concept

GRADE_1_UP_TO: Final = Decimal("-2.60")
GRADE_2_UP_TO: Final = Decimal("-1.39")
PER_LOG_BILIRUBIN: Final = Decimal("0.66")
PER_ALBUMIN: Final = Decimal("-0.085")
_PRECISE: Final = Context(prec=28)
_GRAMS_PER_LITRE_IN_G_PER_DL: Final = Decimal(10)
_UNBOUNDED: Final = None


class Grades(msgspec.Struct, frozen=True):
    """The best and the worst grade that what is known allows."""

    best: int
    worst: int


ANY: Final = Grades(1, 3)


def grade(bilirubin: Laboratory, albumin: Laboratory) -> Grades:
    """The grade of one bilirubin (mg/dL) with one albumin (g/dL); a comparator leaves a range."""
    if not _usable(bilirubin.value, "mg/dL") or not _usable(albumin.value, "g/dL"):
        return ANY
    least_bilirubin, most_bilirubin = _extent(bilirubin.value)
    least_albumin, most_albumin = _extent(albumin.value)
    best = 1 if least_bilirubin is _UNBOUNDED or most_albumin is _UNBOUNDED else _grade(least_bilirubin, most_albumin)
    worst = 3 if most_bilirubin is _UNBOUNDED else _grade(most_bilirubin, least_albumin or Decimal(0))
    return Grades(best, worst)


def score(bilirubin_mg_per_dl: Decimal, albumin_g_per_dl: Decimal) -> Decimal:
    """The ALBI score of two exact values."""
    micromoles = _PRECISE.multiply(bilirubin_mg_per_dl, _micromoles_per_litre())
    from_bilirubin = _PRECISE.multiply(PER_LOG_BILIRUBIN, _PRECISE.log10(micromoles))
    albumin = _PRECISE.multiply(albumin_g_per_dl, _GRAMS_PER_LITRE_IN_G_PER_DL)
    return _PRECISE.add(from_bilirubin, _PRECISE.multiply(PER_ALBUMIN, albumin))


def _grade(bilirubin: Decimal, albumin: Decimal) -> int:
    value = score(bilirubin, albumin)
    return 1 if value <= GRADE_1_UP_TO else 2 if value <= GRADE_2_UP_TO else 3


def _usable(value: Quantity | None, unit: str) -> bool:
    return value is not None and value.unit == unit and value.value > 0


def _extent(value: Quantity | None) -> tuple[Decimal | None, Decimal | None]:
    """The least and the most that it may be; None: unbounded (or, below, down to zero)."""
    assert value is not None, "asked of usable values only"
    match value.comparator:
        case None:
            return value.value, value.value
        case "<" | "<=":
            return _UNBOUNDED, value.value
        case ">" | ">=":
            return value.value, _UNBOUNDED


def _micromoles_per_litre() -> Decimal:
    """How many µmol/L one mg/dL of bilirubin is."""
    mass = concept("bilirubin-total").molar_mass
    assert mass is not None, "the table of codes has it"
    return _PRECISE.divide(Decimal(10_000), mass.grams_per_mole)
