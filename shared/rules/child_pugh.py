"""Decides the Child-Pugh points of each component as a range: one number where it is known, all that it may
be where not.

Does not decide which value of a patient counts, nor what a trial allows.

Points by Pugh and others 1973 with the INR in place of the prothrombin time, as in current use: bilirubin
and albumin in mg/dL and g/dL; a value exactly at a bound has 2 points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import msgspec

from shared.facts import Laboratory
from shared.quantities import Quantity, above, at_least, at_most, below


class Points(msgspec.Struct, frozen=True):
    """The fewest and the most points that what is known allows."""

    least: int
    most: int


ANY: Final = Points(1, 3)
BILIRUBIN_MG_PER_DL: Final = (Decimal(2), Decimal(3))
ALBUMIN_G_PER_DL: Final = (Decimal("2.8"), Decimal("3.5"))
INR: Final = (Decimal("1.7"), Decimal("2.3"))
ASCITES: Final[Mapping[str, int]] = MappingProxyType({"none": 1, "mild": 2, "moderate-severe": 3})
ENCEPHALOPATHY: Final[Mapping[str, int]] = MappingProxyType({"none": 1, "grade-1-2": 2, "grade-3-4": 3})


def bilirubin(result: Laboratory) -> Points:
    """Below 2 mg/dL 1 point, 2 to 3 2 points, above 3 3 points."""
    return _rising(result.value, "mg/dL", *BILIRUBIN_MG_PER_DL)


def albumin(result: Laboratory) -> Points:
    """Above 3.5 g/dL 1 point, 2.8 to 3.5 2 points, below 2.8 3 points."""
    rising = _rising(result.value, "g/dL", *ALBUMIN_G_PER_DL)
    return Points(4 - rising.most, 4 - rising.least)


def inr(result: Laboratory) -> Points:
    """Below 1.7 1 point, 1.7 to 2.3 2 points, above 2.3 3 points."""
    return _rising(result.value, "1", *INR)


def ascites(grade: str) -> Points:
    """None 1 point, mild 2 points, moderate or severe 3 points."""
    return _graded(ASCITES, grade)


def encephalopathy(grade: str) -> Points:
    """None 1 point, grade 1-2 2 points, grade 3-4 3 points."""
    return _graded(ENCEPHALOPATHY, grade)


def total(components: Iterable[Points]) -> Points:
    """The fewest and the most points altogether."""
    listed = list(components)
    return Points(sum(p.least for p in listed), sum(p.most for p in listed))


def _rising(value: Quantity | None, unit: str, low: Decimal, high: Decimal) -> Points:
    if value is None or value.unit != unit:
        return ANY
    least = 1 if at_least(value, low) is not True else 2 if above(value, high) is not True else 3
    most = 3 if at_most(value, high) is not True else 2 if below(value, low) is not True else 1
    return Points(least, most)


def _graded(points: Mapping[str, int], grade: str) -> Points:
    return Points(points[grade], points[grade]) if grade in points else ANY
