"""Decides the trial's figures from its treated patients: response and control rates, survival curves, medians.

Decides no patient's endpoint; everyone treated is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from services.response.treated import Treated
from shared.rules.endpoints import Endpoints, TimeToEvent
from shared.rules.endpoints.estimates import Curve, Estimate, Observation, Proportion, kaplan_meier, proportion
from shared.rules.mrecist.best import ORDER

DAYS_PER_MONTH: Final = 30.4375
TWO_YEARS_DAYS: Final = 24 * DAYS_PER_MONTH
_DURATIONS: Final[tuple[tuple[str, str, Callable[[Endpoints], TimeToEvent | None]], ...]] = (
    ("OS", "Overall survival", lambda e: e.os),
    ("PFS", "Progression-free survival", lambda e: e.pfs),
    ("TTP", "Time to progression", lambda e: e.ttp),
    ("DOR", "Duration of response", lambda e: e.dor),
)


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


def figures(patients: Sequence[Treated]) -> Figures:
    """The figures of these patients."""
    endpoints = [p.endpoints for p in patients]
    best = [p.course.best for p in patients]
    return Figures(
        treated=len(patients),
        rates=(
            _rate("ORR", "Objective response rate", [(e.orr.met, e.orr.confirmed_met) for e in endpoints]),
            _rate("DCR", "Disease control rate", [(e.dcr.met, e.dcr.confirmed_met) for e in endpoints]),
        ),
        best={r: n for r in ORDER if (n := sum(b.unconfirmed == r for b in best))},
        best_confirmed={r: n for r in ORDER if (n := sum(b.confirmed == r for b in best))},
        durations=tuple(_duration(short, name, [of(e) for e in endpoints]) for short, name, of in _DURATIONS),
    )


def _rate(endpoint: str, name: str, met: Sequence[tuple[bool, bool]]) -> Rate:
    return Rate(endpoint, name, *(proportion(sum(column), len(met)) for column in _columns(met)))


def _columns(met: Sequence[tuple[bool, bool]]) -> tuple[list[bool], list[bool]]:
    return [plain for plain, _ in met], [confirmed for _, confirmed in met]


def _duration(endpoint: str, name: str, times: Sequence[TimeToEvent | None]) -> Duration:
    curve = kaplan_meier([Observation(t.days, t.event) for t in times if t is not None])
    return Duration(
        endpoint,
        name,
        _scaled(curve.median_days, 1 / DAYS_PER_MONTH),
        _scaled(curve.at(TWO_YEARS_DAYS), 100),
        curve,
    )


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    values = (estimate.value, estimate.low, estimate.high)
    return Estimate(*(None if v is None else v * factor for v in values))
