"""Exposure-adjusted rates: decides events per 100 patient-years with the exact Poisson interval (Garwood 1936).

Does not decide what counts as an event or as exposure.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import msgspec

DAYS_PER_YEAR: Final = 365.25
_TAIL: Final = 0.025


class Rate(msgspec.Struct, frozen=True):
    """Patients with an event, the patient-years until it, and events per 100 of them; None without exposure."""

    patients: int
    patient_years: float
    per_100_patient_years: float | None
    low: float | None
    high: float | None


def rate(patients: int, days: int) -> Rate:
    """The rate of a first event: each patient is exposed until it, or until the end of observation."""
    years = days / DAYS_PER_YEAR
    if days <= 0:
        return Rate(patients, 0.0, None, None, None)
    # scipy brings no types and takes a second to load: only who asks for a rate pays for it.
    chi2 = import_module("scipy.stats").chi2
    low = float(chi2.ppf(_TAIL, 2 * patients)) / 2 if patients else 0.0
    high = float(chi2.ppf(1 - _TAIL, 2 * (patients + 1))) / 2
    per_100 = (round(100 * value / years, 2) for value in (patients, low, high))
    return Rate(patients, round(years, 3), *per_100)
