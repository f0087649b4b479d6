"""The waterfall: of each patient the best change of the sum of diameters, from most growth to most shrinkage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.cli.response.patients import label
from services.cli.response.plots import svg
from services.response.treated import Treated

_LEAST: Final = -100.0
_PROGRESSION, _RESPONSE = 20.0, -30.0


def waterfall(patients: Sequence[Treated]) -> str:
    """Bars by best response; a patient without a complete sum after the first dose has none."""
    bars = sorted(((change, p) for p in patients if (change := best_change(p)) is not None), key=lambda b: -b[0])
    highest = max([40.0, *(change for change, _ in bars)])
    frame = svg.Frame(900, 360, 0, max(len(bars), 1), _LEAST, highest, top=30, bottom=80)
    step = frame.x(1) - frame.x(0)
    parts = [
        svg.value_axis(frame, range(int(_LEAST), int(highest) + 1, 20), "best change from baseline, %"),
        svg.legend(
            frame, [(r, c) for r, c in svg.COLOUR.items() if any(p.course.best.unconfirmed == r for _, p in bars)]
        ),
    ]
    for place, (change, patient) in enumerate(bars):
        best = patient.course.best.unconfirmed
        top, bottom = sorted((frame.y(change), frame.y(0)))
        says = f"{label(patient)}: {change:+.1f} %, best response {best}"
        parts.append(svg.box(frame.x(place) + step * 0.1, top, step * 0.8, bottom - top, svg.COLOUR[best], says))
        parts.append(svg.words(frame.x(place + 0.5) + 4, frame.height - 72, label(patient), "end", turn=True))
    parts += [
        svg.line(frame.left, frame.y(v), frame.width - frame.right, frame.y(v), dash="5 4")
        for v in (_PROGRESSION, _RESPONSE)
    ]
    parts.append(svg.line(frame.left, frame.y(0), frame.width - frame.right, frame.y(0)))
    return svg.drawing(frame, f"Waterfall: best change of the sum of diameters of {len(bars)} patients", parts)


def best_change(patient: Treated) -> float | None:
    """The lowest change from baseline up to the first progression and before a new therapy, in percent."""
    course, therapy_on = patient.course, patient.therapy.on
    changes = []
    for visit in course.visits:
        if therapy_on is not None and visit.on >= therapy_on:
            break
        if visit.percent_from_baseline is not None:
            changes.append(float(visit.percent_from_baseline))
        if visit.response == "PD":
            break
    return min(changes, default=None)
