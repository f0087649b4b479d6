"""The swimmer: of each patient the time observed, with response, progression, new therapy and death on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from services.cli.response.patients import label
from services.cli.response.plots import svg
from services.response.figures import DAYS_PER_MONTH
from services.response.treated import Treated

_ROW = 20


def swimmer(patients: Sequence[Treated]) -> str:
    """Bars by best response from the first dose to the last contact or death, the longest on top."""
    rows = sorted(patients, key=lambda p: (p.endpoints.os.days, p.known.patient))
    longest = max([6.0, *(_months(p, p.endpoints.os.on) for p in rows)])
    frame = svg.Frame(900, _ROW * max(len(rows), 1) + 96, 0, longest, 0, max(len(rows), 1), left=84, top=46)
    parts = [svg.months_axis(frame), _key(frame), svg.legend(frame, list(svg.COLOUR.items()))]
    for place, patient in enumerate(rows):
        end, best, y = patient.endpoints.os, patient.course.best.unconfirmed, frame.y(place + 0.5)
        says = f"{label(patient)}: best response {best}, {end.what} on {end.on}"
        width = frame.x(_months(patient, end.on)) - frame.left
        parts += [
            svg.words(frame.left - 6, y + 4, label(patient), "end"),
            svg.box(frame.left, y - 6, width, 12, svg.COLOUR[best], says),
            *(svg.mark(frame.x(_months(patient, on)), y, *sign) for on, *sign in _signs(patient)),
        ]
    return svg.drawing(frame, f"Swimmer: time observed of {len(rows)} patients", parts)


def _signs(patient: Treated) -> Iterator[tuple[date, str, str, str]]:
    first, end = patient.endpoints.ttr, patient.endpoints.os
    if first is not None:
        yield first.on, "triangle", svg.INK, f"first response on {first.on}"
    if patient.course.progression_on is not None:
        yield patient.course.progression_on, "square", "#762a83", f"progression on {patient.course.progression_on}"
    if patient.therapy.on is not None and patient.therapy.on <= end.on:
        yield patient.therapy.on, "circle", "#e08214", f"new anticancer therapy on {patient.therapy.on}"
    if end.event:
        yield end.on, "cross", svg.INK, f"death on {end.on}"


def _key(frame: svg.Frame) -> str:
    signs = (
        ("triangle", svg.INK, "first response"),
        ("square", "#762a83", "progression"),
        ("circle", "#e08214", "new therapy"),
        ("cross", svg.INK, "death"),
    )
    return "".join(
        svg.mark(frame.left + 6 + 120 * i, 30, shape, colour, word)
        + svg.words(frame.left + 16 + 120 * i, 34, word, "start")
        for i, (shape, colour, word) in enumerate(signs)
    )


def _months(patient: Treated, on: date) -> float:
    return (on - patient.start).days / DAYS_PER_MONTH
