"""Bayesian stopping boundary for the rate of an event: decides from how many patients with it a trial should stop.

Does not stop anything; a committee does. The rate has a beta prior; the boundary is reached where the posterior
probability that it lies above the unacceptable rate is at least the certainty asked for (Thall and Simon 1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib import import_module
from random import Random
from typing import Any

import msgspec


class Boundary(msgspec.Struct, frozen=True):
    """The rule: a beta prior worth so many events and others, the bound, the certainty, the first look."""

    prior_events: Decimal
    prior_others: Decimal
    unacceptable_rate: Decimal
    certainty: Decimal
    first_look: int


class Operating(msgspec.Struct, frozen=True):
    """How the rule behaves at a true rate: how often it stops, and after how many patients on average."""

    true_rate: float
    stops: float
    mean_patients: float


@cache
def _beta() -> Any:
    # scipy brings no types and takes a second to load: only who asks for a boundary pays for it.
    return import_module("scipy.stats").beta


def probability_above(rule: Boundary, events: int, patients: int) -> float:
    """The posterior probability that the rate lies above the unacceptable one."""
    a, b = float(rule.prior_events) + events, float(rule.prior_others) + patients - events
    return float(_beta().sf(float(rule.unacceptable_rate), a, b))


def stops_from(rule: Boundary, patients: int) -> int | None:
    """The smallest number of patients with the event at which to stop; None if no number is enough."""
    if patients < rule.first_look:
        return None
    certainty = float(rule.certainty)
    return next((e for e in range(patients + 1) if probability_above(rule, e, patients) >= certainty), None)


def table(rule: Boundary, up_to: int) -> tuple[tuple[int, int], ...]:
    """Patients treated, and with how many events to stop, for each number of patients from the first look."""
    stops = ((n, stops_from(rule, n)) for n in range(rule.first_look, up_to + 1))
    return tuple((n, e) for n, e in stops if e is not None)


def operating(rule: Boundary, rates: Sequence[float], patients: int, trials: int, seed: int) -> tuple[Operating, ...]:
    """Simulated trials that look after every patient: how often, and how early, they stop at each true rate."""
    limits = dict(table(rule, patients))
    random = Random(seed)
    return tuple(_at(rate, limits, patients, trials, random) for rate in rates)


def _at(rate: float, limits: dict[int, int], patients: int, trials: int, random: Random) -> Operating:
    stopped = treated = 0
    for _ in range(trials):
        n, is_stopped = _one(rate, limits, patients, random)
        stopped += is_stopped
        treated += n
    return Operating(rate, stopped / trials, treated / trials)


def _one(rate: float, limits: dict[int, int], patients: int, random: Random) -> tuple[int, bool]:
    events = 0
    for n in range(1, patients + 1):
        events += random.random() < rate
        if n in limits and events >= limits[n]:
            return n, True
    return patients, False
