"""The spider: of each patient the change of the sum of diameters from visit to visit."""

from __future__ import annotations

from collections.abc import Sequence

from services.cli.response.plots import svg
from services.response.contribution import Contribution
from services.response.figures import DAYS_PER_MONTH
from shared.rules.mrecist import Criteria

_HIGHEST = 150.0


def spider(patients: Sequence[Contribution], criteria: Criteria) -> str:
    """One line for each patient from 0 at the first dose; a visit without a complete sum has no point."""
    lines = [(p, points) for p in patients if len(points := _points(p)) > 1]
    latest = max([6.0, *(month for _, points in lines for month, _, _ in points)])
    highest = max([40.0, *(change for _, points in lines for _, change, _ in points)])
    frame = svg.Frame(900, 400, 0, latest, -100, highest, top=34, bottom=66)
    without = len(patients) - len(lines)
    note = f"{len(lines)} patients" + (
        f"; {without} without a complete sum after baseline not shown." if without else "."
    )
    parts = [
        svg.value_axis(frame, range(-100, int(highest) + 1, 20), "change of the sum from baseline, %"),
        svg.months_axis(frame),
        svg.legend(frame, [(r, c) for r, c in svg.COLOUR.items() if any(p.best == r for p, _ in lines)]),
        svg.signs(frame, [("cross", svg.INK, "first progression, by whatever lesion")], 24),
        svg.line(frame.left, frame.y(0), frame.end, frame.y(0)),
        *(_line(frame, patient, points) for patient, points in lines),
        svg.threshold(
            frame, float(criteria.pd_increase_percent), f"+{criteria.pd_increase_percent} % (from nadir: progression)"
        ),
        svg.threshold(
            frame, -float(criteria.pr_decrease_percent), f"−{criteria.pr_decrease_percent} % (partial response)"
        ),
        svg.words(frame.left, frame.height - 6, note, "start"),
    ]
    says = "; ".join(f"{p.label}, best {p.best}, last change {points[-1][1]:+.1f} %" for p, points in lines)
    title = f"Spider: change of the sum of diameters over time of {len(lines)} patients"
    return svg.drawing(frame, title, f"{note} {says}", parts)


def _line(frame: svg.Frame, patient: Contribution, points: Sequence[tuple[float, float, bool]]) -> str:
    colour = svg.COLOUR[patient.best]
    placed = [(frame.x(month), frame.y(change)) for month, change, _ in points]
    drawn = [svg.path(placed, colour, f"{patient.label}, best response {patient.best}")]
    for (x, y), (month, change, progressed) in zip(placed, points, strict=True):
        says = f"{patient.label}, month {month:.1f}: {change:+.1f} %"
        drawn.append(svg.mark(x, y, "cross" if progressed else "dot", svg.INK if progressed else colour, says))
    return "".join(drawn)


def _points(patient: Contribution) -> list[tuple[float, float, bool]]:
    """Month, change, whether the visit was the first progression."""
    later = [
        (v.days / DAYS_PER_MONTH, min(float(v.percent_from_baseline), _HIGHEST), v.on == patient.progression_on)
        for v in patient.visits
        if v.percent_from_baseline is not None
    ]
    return [(0.0, 0.0, False), *later]
