"""Decides the trial's figures from its treated patients: response and control rates, survival curves, medians.

Decides no patient's endpoint; everyone treated is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from services.response.contribution import KIND, Contribution, read_back
from services.response.evaluate import RULES_VERSION
from shared.protocol.model import Protocol
from shared.rules.endpoints.estimates import Curve, Estimate, Observation, Proportion, kaplan_meier, proportion
from shared.rules.mrecist.best import ORDER

__all__ = ["KIND", "RULES_VERSION", "Figures", "Tally", "begin", "figures"]

DAYS_PER_MONTH: Final = 30.4375
TWO_YEARS_DAYS: Final = 24 * DAYS_PER_MONTH
_RATES: Final = {"ORR": "Objective response rate", "DCR": "Disease control rate"}
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


class Tally:
    """What the figures are made of, counted patient by patient: keeps no patient, whatever the size of the trial."""

    def __init__(self) -> None:
        self.treated = 0
        self._met: Counter[tuple[str, bool]] = Counter()
        self._best: Counter[str] = Counter()
        self._best_confirmed: Counter[str] = Counter()
        self._times: dict[str, Counter[Observation]] = {}

    def count(self, patients: Iterable[Contribution]) -> None:
        """Count these patients too."""
        for p in patients:
            self.treated += 1
            self._met["ORR", False] += p.responded
            self._met["ORR", True] += p.responded_confirmed
            self._met["DCR", False] += p.controlled
            self._met["DCR", True] += p.controlled_confirmed
            self._best[p.best] += 1
            self._best_confirmed[p.best_confirmed] += 1
            for endpoint, time in p.times.items():
                self._times.setdefault(endpoint, Counter())[Observation(time.days, time.event)] += 1

    def read(self, contributions: Iterable[str]) -> None:
        """Count what these outcomes hold, given as their JSON."""
        self.count(map(read_back, contributions))

    def figures(self) -> Figures:
        """The figures of all who were counted."""
        return Figures(
            treated=self.treated,
            rates=tuple(self._rate(short, name) for short, name in _RATES.items()),
            best=_in_order(self._best),
            best_confirmed=_in_order(self._best_confirmed),
            durations=tuple(self._duration(short, name) for short, name in _DURATIONS.items()),
            follow_up_months=self._follow_up(),
        )

    def of_trial(self, protocol: Protocol) -> dict[str, Any]:
        """What is kept live of a trial beside its patients, as plain JSON."""
        content: dict[str, Any] = msgspec.to_builtins(
            {"primary_confirmed": protocol.response.primary_confirmed.value, "figures": self.figures()}
        )
        return content

    def _rate(self, endpoint: str, name: str) -> Rate:
        unconfirmed, confirmed = (proportion(self._met[endpoint, c], self.treated) for c in (False, True))
        return Rate(endpoint, name, unconfirmed, confirmed)

    def _duration(self, endpoint: str, name: str) -> Duration:
        curve = kaplan_meier(self._times.get(endpoint, ()))
        return Duration(
            endpoint,
            name,
            _scaled(curve.median_days, 1 / DAYS_PER_MONTH),
            _scaled(curve.at(TWO_YEARS_DAYS), 100),
            curve,
        )

    def _follow_up(self) -> Estimate:
        survival = self._times.get("OS", Counter())
        until_seen = {Observation(o.days, not o.event): n for o, n in survival.items()}
        return _scaled(kaplan_meier(until_seen).median_days, 1 / DAYS_PER_MONTH)


def begin() -> Tally:
    """Nobody is counted yet."""
    return Tally()


def figures(patients: Iterable[Contribution]) -> Figures:
    """The figures of these patients."""
    tally = Tally()
    tally.count(patients)
    return tally.figures()


def _in_order(best: Counter[str]) -> dict[str, int]:
    return {r: n for r in ORDER if (n := best[r])}


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    values = (estimate.value, estimate.low, estimate.high)
    return Estimate(*(None if v is None else v * factor for v in values))
