"""The course of the trial's treatment: first and last dose. Decides what counts as a dose; judges no outcome of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec

from shared.facts import DrugExposure
from shared.timeline import Timeline


class TreatmentCourse(msgspec.Struct, frozen=True):
    """The doses of the trial's drug that count, in clinical order; empty before the first."""

    doses: tuple[DrugExposure, ...] = ()

    @property
    def first(self) -> DrugExposure | None:
        """The first dose: start of treatment, day 1 of every endpoint."""
        return self.doses[0] if self.doses else None

    @property
    def last(self) -> DrugExposure | None:
        """The last dose so far."""
        return self.doses[-1] if self.doses else None

    @property
    def first_on(self) -> date | None:
        """Calendar day (site's time zone) of the first dose."""
        return _day(self.first)

    @property
    def last_on(self) -> date | None:
        """Calendar day (site's time zone) of the last dose."""
        return _day(self.last)

    @property
    def first_at(self) -> datetime | None:
        """Earliest instant that the first dose may mean."""
        return self.first.occurred.first if self.first and self.first.occurred else None


def course(timeline: Timeline, drug: str) -> TreatmentCourse:
    """The counted doses of a drug, from MedicationAdministration only.

    An administration with status completed, in-progress, stopped or on-hold is a dose, a halted first infusion too;
    not-done, entered-in-error and unknown are none, nor is a recorded dose of 0 (clinical rules, section 1). One
    without a date cannot start the treatment and is left out.
    """
    return TreatmentCourse(tuple(e for e in timeline.of(DrugExposure) if _is_dose(e, drug)))


def exposures(timeline: Timeline, drugs: Sequence[str]) -> tuple[DrugExposure, ...]:
    """What is recorded of taking any of the drugs, from every kind of record, in clinical order."""
    return tuple(e for e in timeline.of(DrugExposure) if e.drug in drugs and e.taken is not False)


def _is_dose(exposure: DrugExposure, drug: str) -> bool:
    return (
        exposure.drug == drug
        and exposure.record == "administration"
        and exposure.taken is True
        and exposure.occurred is not None
        and not (exposure.dose is not None and exposure.dose.value == Decimal(0))
    )


def _day(dose: DrugExposure | None) -> date | None:
    return dose.occurred.day if dose is not None and dose.occurred is not None else None
