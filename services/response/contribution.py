"""Decides what one patient contributes to the trial's figures and plots, as one record that can be stored and read back.

Everything the figures are made of is in it, so that the report and the figures kept live cannot differ. Decides no
endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from services.response.treated import Treated
from shared.outcomes import Outcome, collect
from shared.rules.endpoints import TimeToEvent
from shared.rules.mrecist.model import OverallResponse
from shared.wording import tenths

KIND = "contribution"


class Time(msgspec.Struct, frozen=True):
    """One time to an event or to its censoring, in days, the first and the last included."""

    days: int
    event: bool
    on: date
    what: str
    rule: str


class Seen(msgspec.Struct, frozen=True):
    """One visit: days since the first dose, and the change of a complete sum, cut to one decimal."""

    on: date
    days: int
    response: OverallResponse
    percent_from_baseline: Decimal | None = None


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """One treated patient in the trial's figures; `times` by endpoint (DOR only of responders)."""

    patient: UUID
    start_on: date
    best: OverallResponse
    best_confirmed: OverallResponse
    responded: bool
    responded_confirmed: bool
    controlled: bool
    controlled_confirmed: bool
    times: dict[str, Time]
    visits: tuple[Seen, ...] = ()
    best_change_percent: Decimal | None = None
    first_response_on: date | None = None
    confirmed_on: date | None = None
    progression_on: date | None = None
    new_therapy_on: date | None = None
    missed_visits: int = 0

    @property
    def label(self) -> str:
        """A short name of the patient for tables and plots: the beginning of the pseudonym."""
        return str(self.patient)[:8]


_DECODER: Final = msgspec.json.Decoder(Contribution)


def contribution(patient: Treated) -> Contribution:
    """What this patient contributes."""
    best, ends = patient.course.best, patient.endpoints
    return Contribution(
        patient=patient.known.patient,
        start_on=patient.start,
        best=best.unconfirmed,
        best_confirmed=best.confirmed,
        responded=ends.orr.met,
        responded_confirmed=ends.orr.confirmed_met,
        controlled=ends.dcr.met,
        controlled_confirmed=ends.dcr.confirmed_met,
        times={name: _time(time) for name, time in _times(patient) if time is not None},
        visits=tuple(_visits(patient)),
        best_change_percent=_best_change(patient),
        first_response_on=ends.ttr.on if ends.ttr is not None else None,
        confirmed_on=best.confirmed_on,
        progression_on=patient.course.progression_on,
        new_therapy_on=patient.therapy.on,
        missed_visits=ends.missed_visits,
    )


def of_contribution(patient: Treated) -> Outcome:
    """The outcome of kind `contribution`; what it rests on is cited by the other outcomes of the patient."""
    content: dict[str, Any] = msgspec.to_builtins(contribution(patient))
    return Outcome(KIND, "", content, collect([patient.dose]))


def read_back(content: str | bytes) -> Contribution:
    """The contribution that an outcome holds, from its JSON."""
    return _DECODER.decode(content)


def _times(patient: Treated) -> Iterator[tuple[str, TimeToEvent | None]]:
    ends = patient.endpoints
    yield from (("OS", ends.os), ("PFS", ends.pfs), ("TTP", ends.ttp), ("DOR", ends.dor), ("CDOR", ends.dor_confirmed))


def _time(time: TimeToEvent) -> Time:
    return Time(time.days, time.event, time.on, time.what, time.rule)


def _visits(patient: Treated) -> Iterator[Seen]:
    for visit in patient.course.visits:
        days = (visit.on - patient.start).days
        yield Seen(visit.on, days, visit.response, _cut(visit.percent_from_baseline))


def _best_change(patient: Treated) -> Decimal | None:
    """The lowest change from baseline up to the first progression and before a new therapy."""
    changes, therapy_on = [], patient.therapy.on
    for visit in patient.course.visits:
        if therapy_on is not None and visit.on >= therapy_on:
            break
        if visit.percent_from_baseline is not None:
            changes.append(visit.percent_from_baseline)
        if visit.response == "PD":
            break
    return _cut(min(changes, default=None))


def _cut(percent: Decimal | None) -> Decimal | None:
    return Decimal(tenths(percent)) if percent is not None else None
