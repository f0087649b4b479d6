"""The waterfall: of each patient the best change of the sum of diameters, from most growth to most shrinkage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.cli.response.plots import svg
from services.response.contribution import Contribution
from shared.rules.mrecist import Criteria

_LEAST: Final = -100.0
_HIGHEST: Final = 100.0
"""Growth beyond this is cut off, and written on the bar: it says no more than progression."""


def waterfall(patients: Sequence[Contribution], criteria: Criteria) -> str:
    """Bars by best response, confirmed ones starred; who has no complete sum after baseline has none, and is counted."""
    bars = [(float(p.best_change_percent), p) for p in patients if p.best_change_percent is not None]
    bars.sort(key=lambda b: (-b[0], b[1].patient))
    highest = max([40.0, *(min(change, _HIGHEST) for change, _ in bars)])
    frame = svg.Frame(900, 400, 0, max(len(bars), 1), _LEAST, highest, top=34, bottom=84)
    without = len(patients) - len(bars)
    shown = [(r, c) for r, c in svg.COLOUR.items() if any(p.best == r for _, p in bars)]
    parts = [
        svg.value_axis(frame, range(int(_LEAST), int(highest) + 1, 20), "best change of the sum from baseline, %"),
        svg.legend(frame, shown),
        *(_bar(frame, place, change, patient) for place, (change, patient) in enumerate(bars)),
        svg.line(frame.left, frame.y(0), frame.end, frame.y(0)),
        svg.threshold(frame, float(criteria.pd_increase_percent), f"+{criteria.pd_increase_percent} %"),
        svg.threshold(
            frame,
            -float(criteria.pr_decrease_percent),
            f"−{criteria.pr_decrease_percent} % (partial response)",
            left=True,
        ),
        svg.words(frame.end, 11, "* confirmed response", "end"),
        svg.words(frame.left, frame.height - 6, _note(len(bars), without), "start"),
    ]
    says = "; ".join(f"{p.label} {change:+.1f} %, {p.best}{_star(p)}" for change, p in bars)
    title = f"Waterfall: best change of the sum of diameters of {len(bars)} patients"
    return svg.drawing(frame, title, f"{_note(len(bars), without)} {says}", parts)


def _bar(frame: svg.Frame, place: int, change: float, patient: Contribution) -> str:
    step = frame.x(1) - frame.x(0)
    shown = min(change, _HIGHEST)
    top, bottom = sorted((frame.y(shown), frame.y(0)))
    middle = frame.x(place + 0.5)
    says = f"{patient.label}: {change:+.1f} %, best response {patient.best}{', confirmed' if _star(patient) else ''}"
    parts = [svg.box(frame.x(place) + step * 0.1, top, step * 0.8, bottom - top, svg.COLOUR[patient.best], says)]
    if change > _HIGHEST:
        parts.append(svg.words(middle, top - 3, f"{change:+.0f}"))
    if _star(patient):
        parts.append(svg.words(middle, top - 2, "*", strong=True))
    if step >= 11:
        parts.append(svg.words(middle + 4, frame.base + 8, patient.label, "end", turn=True))
    return "".join(parts)


def _star(patient: Contribution) -> str:
    return " *" if patient.responded_confirmed else ""


def _note(shown: int, without: int) -> str:
    if not without:
        return f"{shown} patients."
    return f"{shown} patients; {without} without a complete sum after baseline not shown."
