"""Decides the trial's figures from its treated patients: response and control rates, survival curves, medians.

Decides no patient's endpoint; everyone treated is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from services.response.contribution import KIND, Contribution, read_back
from services.response.evaluate import RULES_VERSION
from shared.protocol.model import Protocol
from shared.rules.endpoints.estimates import Curve, Estimate, Observation, Proportion, kaplan_meier, proportion
from shared.rules.mrecist.best import ORDER

__all__ = ["KIND", "RULES_VERSION", "Figures", "figures", "of_trial"]

DAYS_PER_MONTH: Final = 30.4375
TWO_YEARS_DAYS: Final = 24 * DAYS_PER_MONTH
_DURATIONS: Final = {
    "OS": "Overall survival",
    "PFS": "Progression-free survival",
    "TTP": "Time to progression",
    "DOR": "Duration of response",
    "CDOR": "Duration of confirmed response",
}


class Duration(msgspec.Struct, frozen=True):
    """One endpoint that is a time: its curve, its median in months, the part without event at two years in percent."""

    endpoint: str
    name: str
    median_months: Estimate
    two_years_percent: Estimate
    curve: Curve


class Rate(msgspec.Struct, frozen=True):
    """A part of all treated patients, by unconfirmed and by confirmed best response."""

    endpoint: str
    name: str
    unconfirmed: Proportion
    confirmed: Proportion


class Figures(msgspec.Struct, frozen=True):
    """Every figure of the trial at one data cut-off."""

    treated: int
    rates: tuple[Rate, ...]
    best: dict[str, int]
    """How many patients have which best response, unconfirmed."""
    best_confirmed: dict[str, int]
    durations: tuple[Duration, ...]
    follow_up_months: Estimate
    """Median follow-up by the reverse Kaplan-Meier method (Schemper and Smith 1996): death censors it."""


def figures(patients: Sequence[Contribution]) -> Figures:
    """The figures of these patients."""
    return Figures(
        treated=len(patients),
        rates=(
            Rate(
                "ORR",
                "Objective response rate",
                _part(p.responded for p in patients),
                _part(p.responded_confirmed for p in patients),
            ),
            Rate(
                "DCR",
                "Disease control rate",
                _part(p.controlled for p in patients),
                _part(p.controlled_confirmed for p in patients),
            ),
        ),
        best=_counted([p.best for p in patients]),
        best_confirmed=_counted([p.best_confirmed for p in patients]),
        durations=tuple(_duration(short, name, patients) for short, name in _DURATIONS.items()),
        follow_up_months=_follow_up(patients),
    )


def of_trial(contributions: Iterable[Mapping[str, Any]], protocol: Protocol) -> dict[str, Any]:
    """What is kept live of a trial, as plain JSON: its figures, and every patient for the plots, by start of treatment."""
    patients = sorted((read_back(dict(c)) for c in contributions), key=lambda p: (p.start_on, p.patient))
    content: dict[str, Any] = msgspec.to_builtins(
        {
            "primary_confirmed": protocol.response.primary_confirmed.value,
            "figures": figures(patients),
            "patients": patients,
        }
    )
    return content


def _part(met: Iterable[bool]) -> Proportion:
    counted = list(met)
    return proportion(sum(counted), len(counted))


def _counted(best: Sequence[str]) -> dict[str, int]:
    return {r: n for r in ORDER if (n := best.count(r))}


def _duration(endpoint: str, name: str, patients: Sequence[Contribution]) -> Duration:
    times = [p.times[endpoint] for p in patients if endpoint in p.times]
    curve = kaplan_meier([Observation(t.days, t.event) for t in times])
    return Duration(
        endpoint,
        name,
        _scaled(curve.median_days, 1 / DAYS_PER_MONTH),
        _scaled(curve.at(TWO_YEARS_DAYS), 100),
        curve,
    )


def _follow_up(patients: Sequence[Contribution]) -> Estimate:
    times = [p.times["OS"] for p in patients]
    return _scaled(kaplan_meier([Observation(t.days, not t.event) for t in times]).median_days, 1 / DAYS_PER_MONTH)


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    values = (estimate.value, estimate.low, estimate.high)
    return Estimate(*(None if v is None else v * factor for v in values))
