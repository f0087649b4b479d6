"""The Kaplan-Meier plot: part without event over time, interval, censored patients, numbers at risk below."""

from __future__ import annotations

from collections.abc import Iterator

from services.cli.response.plots import svg
from services.response.figures import DAYS_PER_MONTH, Duration
from shared.rules.endpoints.estimates import Curve

_COLOUR = "#2166ac"


def survival(duration: Duration) -> str:
    """The curve of one endpoint."""
    curve = duration.curve
    latest = max([6.0, *(s.days / DAYS_PER_MONTH for s in curve.steps)])
    frame = svg.Frame(560, 340, 0, latest, 0, 1, bottom=88)
    ticks = range(0, int(latest) + 1, svg.month_step(latest))
    below = frame.height - 22
    since = "months since the first response" if duration.endpoint == "DOR" else "months since the first dose"
    parts = [
        svg.value_axis(frame, (0, 0.25, 0.5, 0.75, 1), "part without event", "{:.0%}"),
        svg.area([*_stairs(frame, curve, "low"), *reversed(list(_stairs(frame, curve, "high")))], _COLOUR),
        svg.path(list(_stairs(frame, curve, "survival")), _COLOUR, duration.name, 2),
        *_censored(frame, curve),
        svg.months_axis(frame, since),
        svg.words(6, below + 14, "at risk", "start"),
        *(svg.words(frame.x(t), below + 14, str(curve.at_risk(round(t * DAYS_PER_MONTH)))) for t in ticks),
    ]
    return svg.drawing(frame, f"{duration.name}: Kaplan-Meier curve of {curve.patients} patients", parts)


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
