"""Decides whether a curve grows: its slope by least squares, with the interval that its noise allows. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from math import isnan
from typing import Final

import msgspec

BLOCKS: Final = 12
"""A curve is read as the means of this many equal stretches: neighbouring samples repeat each other."""
SETTLING: Final = 1 / 3
"""The share at the beginning that is left out: caches fill, pools open, the interpreter warms up."""
_LEAST: Final = 4
_CONFIDENCE: Final = 0.95


class Slope(msgspec.Struct, frozen=True):
    """Growth per hour with its 95 % interval, and where the curve stood."""

    per_hour: float
    low: float
    high: float
    first: float
    last: float
    peak: float

    def grows(self, tolerated_per_hour: float) -> bool:
        """Whether it grows beyond its noise, and by more than is of any importance."""
        return self.low > 0 and self.per_hour > tolerated_per_hour


def slope(curve: Sequence[tuple[float, float]]) -> Slope:
    """The slope of (second, value), after its beginning was left out."""
    begin, end = curve[0][0], curve[-1][0]
    kept = [p for p in curve if p[0] >= begin + SETTLING * (end - begin)]
    points = _means(kept)
    peak = max(v for _, v in curve)
    if len(points) < _LEAST:
        return Slope(0.0, float("-inf"), float("inf"), curve[0][1], curve[-1][1], peak)
    stats = import_module("scipy.stats")  # it brings no types
    fit = stats.linregress([t / 3600 for t, _ in points], [v for _, v in points])
    margin = float(stats.t.ppf((1 + _CONFIDENCE) / 2, len(points) - 2)) * float(fit.stderr)
    margin = 0.0 if isnan(margin) else margin  # nothing ever changed
    per_hour = float(fit.slope)
    found = (per_hour, per_hour - margin, per_hour + margin, points[0][1], points[-1][1], peak)
    return Slope(*(round(x, 3) for x in found))


def _means(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    begin, length = curve[0][0], (curve[-1][0] - curve[0][0]) / BLOCKS or 1.0
    blocks: dict[int, list[tuple[float, float]]] = {}
    for point in curve:
        blocks.setdefault(min(BLOCKS - 1, int((point[0] - begin) / length)), []).append(point)
    return [
        (sum(t for t, _ in block) / len(block), sum(v for _, v in block) / len(block))
        for _, block in sorted(blocks.items())
    ]
