"""The Kaplan-Meier plot: part without event over time, interval, censored patients, numbers at risk below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.cli.response.plots import svg
from services.response.figures import DAYS_PER_MONTH, Duration
from shared.rules.endpoints.estimates import Curve, Estimate

_COLOUR: Final = "#2166ac"
_SINCE: Final = {
    "DOR": "months since the first response",
    "CDOR": "months since the first response that was confirmed",
}


def survival(duration: Duration) -> str:
    """The curve of one endpoint."""
    curve = duration.curve
    latest = max([6.0, *(s.days / DAYS_PER_MONTH for s in curve.steps)])
    frame = svg.Frame(560, 390, 0, latest, 0, 1, left=72, top=40, bottom=104)
    parts = [
        svg.value_axis(frame, (0, 0.25, 0.5, 0.75, 1), "without event, %", "{:.0%}"),
        svg.line(frame.left, frame.top, frame.left, frame.base),
        svg.area([*_stairs(frame, curve, "low"), *reversed(list(_stairs(frame, curve, "high")))], _COLOUR),
        _median(frame, duration),
        svg.path(list(_stairs(frame, curve, "survival")), _COLOUR, duration.name, 2),
        *_censored(frame, curve),
        svg.months_axis(frame, _SINCE.get(duration.endpoint, "months since the first dose")),
        svg.words(frame.end, 12, _says(duration), "end"),
        svg.words(frame.end, 28, "| censored; shaded: 95 % interval", "end"),
        *_at_risk(frame, curve),
    ]
    title = f"{duration.name}: Kaplan-Meier curve of {curve.patients} patients"
    return svg.drawing(frame, title, _says(duration), parts)


def _says(duration: Duration) -> str:
    curve = duration.curve
    return f"{curve.events} events of {curve.patients}; median {_interval(duration.median_months)} months"


def _interval(e: Estimate) -> str:
    """`12.3 (95 % 8.0-NR)`; NR: not reached."""
    value, low, high = ("NR" if v is None else f"{v:.1f}" for v in (e.value, e.low, e.high))
    return f"{value} (95 % {low}–{high})"


def _median(frame: svg.Frame, duration: Duration) -> str:
    """A dashed line from one half to the curve and down to the median."""
    median = duration.median_months.value
    if median is None:
        return ""
    x, half = frame.x(median), frame.y(0.5)
    return svg.line(frame.left, half, x, half, svg.GREY, "4 3") + svg.line(x, half, x, frame.base, svg.GREY, "4 3")


def _stairs(frame: svg.Frame, curve: Curve, bound: str) -> Iterator[tuple[float, float]]:
    """The curve, or a bound of its interval, as corners; where there is no interval, the curve itself."""
    height = 1.0
    yield frame.x(0), frame.y(height)
    for step in curve.steps:
        at, value = frame.x(step.days / DAYS_PER_MONTH), getattr(step, bound)
        yield at, frame.y(height)
        height = step.survival if value is None else value
        yield at, frame.y(height)


def _censored(frame: svg.Frame, curve: Curve) -> Iterator[str]:
    for step in curve.steps:
        if step.censored:
            x, y = frame.x(step.days / DAYS_PER_MONTH), frame.y(step.survival)
            yield svg.line(x, y - 5, x, y + 5, _COLOUR, width=1.5)


def _at_risk(frame: svg.Frame, curve: Curve) -> Iterator[str]:
    """Below each tick how many were still observed, and how many had had the event by then."""
    y = frame.base + 58
    yield svg.line(frame.left, y - 14, frame.end, y - 14, svg.FAINT)
    yield svg.words(4, y, "at risk", "start") + svg.words(4, y + 16, "events", "start")
    for tick in svg.month_ticks(frame.x_to):
        days = round(tick * DAYS_PER_MONTH)
        happened = sum(s.events for s in curve.steps if s.days <= days)
        yield svg.words(frame.x(tick), y, str(curve.at_risk(days)))
        yield svg.words(frame.x(tick), y + 16, str(happened))
