"""How lesions, sizes and days are put into words. Decides nothing; names no key of a lesion or a reader."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Final

from shared.facts import LesionMeasurement, Organ
from shared.rules.mrecist.lesions import possible

_SITE: Final = {
    None: "at an unknown site",
    "node": "in a lymph node",
    "node-porta-hepatis": "in a node at the porta hepatis",
    "adrenal": "in the adrenal gland",
    "bone": "in bone",
}
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def where(organ: Organ | None) -> str:
    """`in the liver`, `in a lymph node`."""
    return _SITE.get(organ, f"in the {organ}")


def plain(number: Decimal) -> str:
    """A number without exponent and trailing zeros: `41`, `17.5`."""
    return f"{number.normalize():f}" if number else "0"


def tenths(number: Decimal) -> str:
    """A percentage to one decimal, cut and not rounded, so that 29.96 % never reads as 30 %."""
    return plain(number.quantize(Decimal("0.1"), rounding=ROUND_DOWN))


def on_day(day: date) -> str:
    """`3 May 2024`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def describe(measurement: LesionMeasurement, organ: Organ | None) -> str:
    """What one record says of a lesion, as evidence."""
    sizes = {
        "viable diameter": measurement.viable_mm,
        "short axis": measurement.short_axis_mm,
        "longest diameter": measurement.longest_mm,
    }
    said = [f"{name} {_size(size)}" for name, size in sizes.items() if size is not None]
    said += [measurement.state.replace("-", " ")] if measurement.state is not None else []
    role = measurement.role or "unclassified"
    return f"{role} lesion {where(organ)}: {', '.join(said) or 'nothing measured'}"


def _size(size: Decimal) -> str:
    return f"{plain(size)} mm" if possible(size) else "impossible"
