"""The swimmer: of each patient the time observed, with response, progression, new therapy and death on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from services.cli.response.plots import svg
from services.response.contribution import Contribution
from services.response.figures import DAYS_PER_MONTH

_ROW: Final = 18
_SIGNS: Final = (
    ("triangle", svg.INK, "first response"),
    ("diamond", svg.INK, "response confirmed"),
    ("square", svg.PROGRESSED, "progression"),
    ("circle", svg.THERAPY, "new anticancer therapy"),
    ("cross", svg.INK, "death"),
    ("arrow", svg.INK, "alive, observed on"),
)


def swimmer(patients: Sequence[Contribution]) -> str:
    """Bars by best response from the first dose to the last contact or death, the longest on top."""
    rows = sorted(patients, key=lambda p: (p.times["OS"].days, p.patient))
    longest = max([6.0, *(_months(p, p.times["OS"].on) for p in rows)]) * 1.03
    frame = svg.Frame(900, _ROW * max(len(rows), 1) + 100, 0, longest, 0, max(len(rows), 1), left=84, top=48)
    parts = [
        svg.legend(frame, list(svg.COLOUR.items())),
        svg.signs(frame, _SIGNS, 28),
        svg.months_axis(frame),
        *(_row(frame, place, patient) for place, patient in enumerate(rows)),
    ]
    says = "; ".join(", ".join((f"{p.label}: best {p.best}", *(s for *_, s in _events(p)))) for p in reversed(rows))
    return svg.drawing(frame, f"Swimmer: time observed of {len(rows)} patients", says, parts)


def _row(frame: svg.Frame, place: int, patient: Contribution) -> str:
    end, y = patient.times["OS"], frame.y(place + 0.5)
    width = frame.x(_months(patient, end.on)) - frame.left
    says = f"{patient.label}: best response {patient.best}, {end.what} on {end.on}"
    bar = svg.box(frame.left, y - 5, width, 10, svg.COLOUR[patient.best], says)
    marks = (
        svg.mark(frame.x(_months(patient, on)), y, shape, colour, said) for on, shape, colour, said in _events(patient)
    )
    return svg.words(frame.left - 6, y + 4, patient.label, "end") + bar + "".join(marks)


def _events(patient: Contribution) -> Iterator[tuple[date, str, str, str]]:
    """Day, shape, colour, and what happened."""
    end = patient.times["OS"]
    if patient.first_response_on is not None:
        yield patient.first_response_on, "triangle", svg.INK, f"first response on {patient.first_response_on}"
    if patient.confirmed_on is not None:
        yield patient.confirmed_on, "diamond", svg.INK, f"response confirmed on {patient.confirmed_on}"
    if patient.progression_on is not None and patient.progression_on <= end.on:
        yield patient.progression_on, "square", svg.PROGRESSED, f"progression on {patient.progression_on}"
    if patient.new_therapy_on is not None and patient.new_therapy_on <= end.on:
        yield patient.new_therapy_on, "circle", svg.THERAPY, f"new anticancer therapy on {patient.new_therapy_on}"
    if end.event:
        yield end.on, "cross", svg.INK, f"death on {end.on}"
    elif end.rule == "alive-when-last-seen":
        yield end.on, "arrow", svg.INK, f"last known alive on {end.on}"


def _months(patient: Contribution, on: date) -> float:
    return (on - patient.start_on).days / DAYS_PER_MONTH
