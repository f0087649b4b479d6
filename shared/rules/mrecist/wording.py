"""How lesions are put into words. Decides nothing; names no key of a lesion or a reader."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from shared.facts import LesionMeasurement, Organ
from shared.rules.mrecist.lesions import possible
from shared.wording import plain

_SITE: Final = {
    None: "at an unknown site",
    "node": "in a lymph node",
    "node-porta-hepatis": "in a node at the porta hepatis",
    "adrenal": "in the adrenal gland",
    "bone": "in bone",
}


def where(organ: Organ | None) -> str:
    """`in the liver`, `in a lymph node`."""
    return _SITE.get(organ, f"in the {organ}")


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
