"""Decides the trial's figures from many patients: proportions with exact intervals, survival curves with medians.

Knows no endpoint and no patient; the arithmetic is scipy's. Floats, as statistics are: what they are of is exact.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from math import isnan
from typing import Any, Final

import msgspec

CONFIDENCE: Final = 0.95
DAYS_PER_YEAR: Final = 365.25


class Proportion(msgspec.Struct, frozen=True):
    """A part of the patients with its interval; None of nobody."""

    count: int
    of: int
    percent: float | None
    low: float | None
    high: float | None


class Observation(msgspec.Struct, frozen=True):
    """One patient's time: how many days, and whether it ended with the event."""

    days: int
    event: bool


class Step(msgspec.Struct, frozen=True):
    """The curve from this day on; the interval is None where it is not defined (at 1 and at 0)."""

    days: int
    survival: float
    low: float | None
    high: float | None
    at_risk: int
    """Patients observed until just before this day."""
    events: int
    censored: int


class Estimate(msgspec.Struct, frozen=True):
    """A value with its interval; None where it is not reached."""

    value: float | None
    low: float | None
    high: float | None


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A Kaplan-Meier curve with its median in days."""

    patients: int
    events: int
    median_days: Estimate
    steps: tuple[Step, ...]

    def at(self, days: float) -> Estimate:
        """Probability of being without event at that day; none beyond the last observation, unless it fell to 0."""
        before = [s for s in self.steps if s.days <= days]
        if not before:
            return Estimate(1.0 if self.patients else None, None, None)
        last = before[-1]
        if days > self.steps[-1].days and last.survival > 0:
            return Estimate(None, None, None)
        return Estimate(last.survival, last.low, last.high)

    def at_risk(self, days: int) -> int:
        """Patients observed until that day at least."""
        return next((s.at_risk for s in self.steps if s.days >= days), 0)


def proportion(count: int, of: int, confidence: float = CONFIDENCE) -> Proportion:
    """A proportion with its exact binomial interval (Clopper and Pearson 1934)."""
    if of == 0:
        return Proportion(0, 0, None, None, None)
    interval = _scipy().binomtest(count, of).proportion_ci(confidence, method="exact")
    return Proportion(count, of, 100 * count / of, 100 * float(interval.low), 100 * float(interval.high))


def kaplan_meier(observed: Iterable[Observation] | Mapping[Observation, int], confidence: float = CONFIDENCE) -> Curve:
    """The product-limit curve (Kaplan and Meier 1958) with log-log intervals by Greenwood's variance.

    Takes one observation for each patient, or how many patients have each. The interval of the median is Brookmeyer and
    Crowley's (1982): where the curve's interval holds one half.
    """
    counted = Counter(observed)
    if not counted:
        return Curve(patients=0, events=0, median_days=Estimate(None, None, None), steps=())
    steps = _steps(counted, confidence)
    bounds = ([(s.days, s.survival) for s in steps], _known(steps, "low"), _known(steps, "high"))
    return Curve(
        patients=counted.total(),
        events=sum(n for o, n in counted.items() if o.event),
        median_days=Estimate(*(_half(points) for points in bounds)),
        steps=steps,
    )


def _scipy() -> Any:
    """scipy.stats takes a second to import: only who asks for a figure waits for it."""
    return import_module("scipy.stats")


def _steps(counted: Counter[Observation], confidence: float) -> tuple[Step, ...]:
    stats = _scipy()
    everyone = list(counted.elements())
    sample = stats.CensoredData.right_censored([o.days for o in everyone], [not o.event for o in everyone])
    survival = stats.ecdf(sample).sf
    with warnings.catch_warnings():
        # It warns where the curve is 1 or 0: there is no log-log interval, and none is given.
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = survival.confidence_interval(confidence, method="log-log")
    low, high = interval.low.probabilities, interval.high.probabilities
    rows = zip(survival.quantiles, survival.probabilities, low, high, strict=True)
    steps, at_risk = [], len(everyone)
    for day, s, a, b in rows:
        events, censored = counted[Observation(int(day), True)], counted[Observation(int(day), False)]
        steps.append(_step(int(day), (float(s), float(a), float(b)), at_risk, events, censored))
        at_risk -= events + censored
    return tuple(steps)


def _step(day: int, known: tuple[float, float, float], at_risk: int, events: int, censored: int) -> Step:
    survival, low, high = known
    undefined = isnan(low) or isnan(high) or survival in (0.0, 1.0)
    return Step(
        days=day,
        survival=survival,
        low=None if undefined else low,
        high=None if undefined else high,
        at_risk=at_risk,
        events=events,
        censored=censored,
    )


def _known(steps: Sequence[Step], bound: str) -> list[tuple[int, float]]:
    values = ((s.days, s.survival, getattr(s, bound)) for s in steps)
    # A curve that fell to 0 has done so with certainty: its interval is 0 too.
    return [
        (day, 0.0 if survival == 0 else value) for day, survival, value in values if value is not None or survival == 0
    ]


def _half(points: Sequence[tuple[int, float]]) -> float | None:
    """The first day on which at most one half is without event."""
    return next((float(day) for day, value in points if value <= 0.5), None)
