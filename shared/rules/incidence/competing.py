"""Cumulative incidence of an event with death as competing risk: decides the Aalen-Johansen estimate, exactly.

Does not decide what the event is or who is at risk. Estimates are fractions; only their errors are floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Final

import msgspec

_Z: Final = NormalDist().inv_cdf(0.975)


class End(StrEnum):
    """How a patient's time ended."""

    EVENT = "event"
    COMPETING = "competing"
    CENSORED = "censored"


class Followed(msgspec.Struct, frozen=True):
    """One patient: days from the start, and how they ended."""

    days: int
    end: End


class Point(msgspec.Struct, frozen=True):
    """The curve from this day on, with a 95 % interval; None where it is not defined."""

    days: int
    at_risk: int
    events: int
    competing: int
    incidence: Fraction
    low: float | None
    high: float | None


def cumulative_incidence(followed: Sequence[Followed]) -> tuple[Point, ...]:
    """The curve at every day with an event or a competing one (Aalen and Johansen 1978).

    Who is censored on a day is still at risk on it. The variance is the delta-method one (Marubini and Valsecchi
    1995, 10.13), its interval by log(-log), so that it stays between 0 and 1.
    """
    points: list[Point] = []
    surviving, incidence = Fraction(1), Fraction(0)
    terms: list[tuple[Fraction, int, int, int, Fraction]] = []
    for day in sorted({f.days for f in followed if f.end is not End.CENSORED}):
        at_risk = sum(f.days >= day for f in followed)
        events = sum(f.days == day and f.end is End.EVENT for f in followed)
        competing = sum(f.days == day and f.end is End.COMPETING for f in followed)
        before = surviving
        incidence += before * Fraction(events, at_risk)
        surviving *= 1 - Fraction(events + competing, at_risk)
        terms.append((incidence, at_risk, events, competing, before))
        low, high = _interval(float(incidence), _variance(terms))
        points.append(Point(day, at_risk, events, competing, incidence, low, high))
    return tuple(points)


def incidence_at(points: Sequence[Point], days: int) -> Point | None:
    """The curve at a day; None before the first step, where the incidence is 0."""
    return next((p for p in reversed(points) if p.days <= days), None)


def _variance(terms: Sequence[tuple[Fraction, int, int, int, Fraction]]) -> float:
    now = float(terms[-1][0])
    total = 0.0
    for incidence, at_risk, events, competing, before in terms:
        n, d, here, s = at_risk, events + competing, now - float(incidence), float(before)
        if n > d:
            total += here**2 * d / (n * (n - d))
        total += s**2 * (n - events) / n * events / n**2
        total -= 2 * here * s * events / n**2
    return max(total, 0.0)


def _interval(incidence: float, variance: float) -> tuple[float | None, float | None]:
    if not 0 < incidence < 1 or variance == 0:
        return None, None
    spread = _Z * sqrt(variance) / (incidence * log(incidence))
    return incidence ** exp(-spread), incidence ** exp(spread)
