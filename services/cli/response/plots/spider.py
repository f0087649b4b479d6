"""The spider: of each patient the change of the sum of diameters from visit to visit."""

from __future__ import annotations

from collections.abc import Sequence

from services.cli.response.patients import label
from services.cli.response.plots import svg
from services.response.figures import DAYS_PER_MONTH
from services.response.treated import Treated


def spider(patients: Sequence[Treated]) -> str:
    """One line for each patient from 0 at the first dose; a visit without a complete sum has no point."""
    lines = [(p.course.best.unconfirmed, label(p), points) for p in patients if len(points := _points(p)) > 1]
    latest = max([6.0, *(month for _, _, points in lines for month, _ in points)])
    highest = max([40.0, *(change for _, _, points in lines for _, change in points)])
    frame = svg.Frame(900, 360, 0, latest, -100, highest, top=30)
    parts = [
        svg.value_axis(frame, range(-100, int(highest) + 1, 20), "change from baseline, %"),
        svg.months_axis(frame),
        svg.legend(frame, [(r, c) for r, c in svg.COLOUR.items() if any(best == r for best, _, _ in lines)]),
    ]
    for best, name, points in lines:
        placed = [(frame.x(month), frame.y(change)) for month, change in points]
        parts.append(svg.path(placed, svg.COLOUR[best], f"{name}, best response {best}"))
        parts.append(svg.mark(*placed[-1], "circle", svg.COLOUR[best], f"{name}: {points[-1][1]:+.1f} %"))
    parts += [svg.line(frame.left, frame.y(v), frame.width - frame.right, frame.y(v), dash="5 4") for v in (20, -30)]
    return svg.drawing(frame, f"Spider: change of the sum of diameters over time of {len(lines)} patients", parts)


def _points(patient: Treated) -> list[tuple[float, float]]:
    later = [
        ((v.on - patient.start).days / DAYS_PER_MONTH, float(v.percent_from_baseline))
        for v in patient.course.visits
        if v.percent_from_baseline is not None
    ]
    return [(0.0, 0.0), *later]
