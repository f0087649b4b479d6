"""Decides what one record says of a lesion: its organ, which diameter counts, its size, if it is measurable.

Does not compare two dates and knows no visit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from shared.facts import BodySite, LesionMeasurement, Organ
from shared.rules.mrecist.criteria import Criteria
from shared.timeline import Timeline

Gauge: TypeAlias = Literal["viable", "short-axis", "longest"]
OrganOf: TypeAlias = Callable[[LesionMeasurement], Organ | None]

LIVER: Final = "liver"
PORTA_HEPATIS_NODE: Final = "node-porta-hepatis"
SMALLEST_POSSIBLE_MM: Final = Decimal("0.01")
LARGEST_POSSIBLE_MM: Final = Decimal(1000)
"""Beyond these a diameter other than 0 is a slip of unit or keyboard, so the record does not give a size."""


class UnmeasuredError(ValueError):
    """The record gives no usable size of the lesion; the message says why, in words for a clinician."""


def organ_of(timeline: Timeline) -> OrganOf:
    """How to find the organ of a measurement: its own site, else its BodyStructure's, else its other records.

    The organ is unknown (None) where the BodyStructure, or the other records, name more than one.
    """
    by_structure = _agreed((s.body_structure, s.organ) for s in timeline.of(BodySite))
    measurements = timeline.of(LesionMeasurement)
    by_lesion = _agreed((m.lesion, _own_organ(m, by_structure)) for m in measurements)
    return lambda m: _own_organ(m, by_structure) or by_lesion.get(m.lesion)


def is_node(organ: Organ | None) -> bool:
    """Whether the lesion is a lymph node, judged by its short axis."""
    return organ is not None and organ.partition("-")[0] == "node"


def measurable(measurement: LesionMeasurement, organ: Organ | None, criteria: Criteria) -> bool | None:
    """Whether the lesion is large enough to be a target; None where the record cannot tell.

    mRECIST (Lencioni and Llovet 2010): viable diameter at least 10 mm inside the liver; node short axis at
    least 20 mm at the porta hepatis, 15 mm elsewhere; other lesions, and those in the liver that do not
    enhance, full diameter at least 10 mm as in RECIST 1.1. A short longest diameter settles it, since no
    other exceeds it.
    """
    if measurement.state in ("absent", "too-small-to-measure"):
        return False
    threshold = _least_measurable(organ, criteria)
    gauge = gauge_of(measurement, organ, criteria)
    try:
        if gauge is not None and organ is not None:
            return size_mm(measurement, gauge, criteria) >= threshold
    except UnmeasuredError:
        pass  # perhaps the longest diameter settles it
    try:
        return False if size_mm(measurement, "longest", criteria) < threshold else None
    except UnmeasuredError:
        return None


def gauge_of(measurement: LesionMeasurement, organ: Organ | None, criteria: Criteria) -> Gauge | None:
    """Which diameter of the lesion is followed, fixed by its record at baseline; None: organ not known.

    Nodes by short axis. By mRECIST lesions in the liver by viable diameter, unless they do not enhance; all
    else by its longest diameter. A recorded viable diameter tells by itself how the lesion is followed.
    """
    if is_node(organ):
        return "short-axis"
    if criteria.by_enhancement and (organ == LIVER or (organ is None and measurement.viable_mm is not None)):
        return "longest" if _never_enhanced(measurement) else "viable"
    return "longest" if organ is not None else None


def size_mm(measurement: LesionMeasurement, gauge: Gauge, criteria: Criteria) -> Decimal:
    """What the lesion contributes to the sum of diameters; raises UnmeasuredError with the reason."""
    if measurement.state == "not-evaluable":
        raise UnmeasuredError("recorded as not evaluable")
    size = _recorded(measurement, gauge)
    if size is not None:
        return _plausible(measurement, gauge, size)
    if measurement.state == "absent" or (gauge == "viable" and _is_zero(measurement.longest_mm)):
        return Decimal(0)
    if measurement.state == "too-small-to-measure":
        return criteria.too_small_mm
    raise UnmeasuredError(f"{_NAME[gauge]} not recorded")


def possible(size: Decimal) -> bool:
    """Whether a recorded number can be a diameter at all: 0, or from 0.01 mm to 1 m."""
    return size.is_zero() or (size.is_finite() and SMALLEST_POSSIBLE_MM <= size <= LARGEST_POSSIBLE_MM)


def remains(size: Decimal, gauge: Gauge | None, criteria: Criteria) -> bool:
    """Whether a lesion of that size is still disease: any size above 0, a node from 10 mm short axis."""
    return size >= criteria.normal_node_below_mm if gauge == "short-axis" else size > 0


_NAME: Final[dict[Gauge, str]] = {
    "viable": "viable diameter",
    "short-axis": "short axis",
    "longest": "longest diameter",
}


def _recorded(measurement: LesionMeasurement, gauge: Gauge) -> Decimal | None:
    match gauge:
        case "viable":
            return measurement.viable_mm
        case "short-axis":
            return measurement.short_axis_mm
        case "longest":
            return measurement.longest_mm


def _plausible(measurement: LesionMeasurement, gauge: Gauge, size: Decimal) -> Decimal:
    if not possible(size):
        raise UnmeasuredError(f"{_NAME[gauge]} is not a possible size")
    # A node that has become normal is rightly called absent and still has a short axis.
    if measurement.state == "absent" and size > 0 and gauge != "short-axis":
        raise UnmeasuredError(f"recorded as absent, yet with a {_NAME[gauge]}")
    return size


def _never_enhanced(measurement: LesionMeasurement) -> bool:
    none_viable = measurement.viable_mm is None or _is_zero(measurement.viable_mm)
    return measurement.arterial_hyperenhancement is False and none_viable


def _is_zero(size: Decimal | None) -> bool:
    return size is not None and size.is_zero()


def _least_measurable(organ: Organ | None, criteria: Criteria) -> Decimal:
    if organ == PORTA_HEPATIS_NODE:
        return criteria.porta_hepatis_node_min_mm
    return criteria.node_min_mm if is_node(organ) else criteria.min_diameter_mm


def _own_organ(measurement: LesionMeasurement, by_structure: dict[str, Organ]) -> Organ | None:
    return measurement.organ or by_structure.get(measurement.body_structure or "")


def _agreed(stated: Iterable[tuple[str, Organ | None]]) -> dict[str, Organ]:
    organs: dict[str, set[Organ]] = defaultdict(set)
    for key, organ in stated:
        if organ is not None:
            organs[key].add(organ)
    return {key: next(iter(found)) for key, found in organs.items() if len(found) == 1}
