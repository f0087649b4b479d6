"""The trial's figures of harm as of a date: decides who counts, from the safety outcomes of the treated patients.

The arithmetic is `shared.rules.incidence`; a refuted case, one outside its window and a part of another case do not
count. The seed's endpoint is caused by the treatment: related or unassessed cases, with all causes beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from services.safety.evaluate import evaluate
from services.safety.treated import Treated, treated
from shared.outcomes import Outcome
from shared.protocol.model import Protocol
from shared.rules.incidence.competing import End, Followed, Point, cumulative_incidence
from shared.rules.incidence.rates import Rate, rate
from shared.rules.incidence.stopping import Boundary, probability_above, stops_from
from shared.timeline import Timeline

MONTH_DAYS: Final = 30.4375


class Harm(msgspec.Struct, frozen=True):
    """Patients with at least one serious adverse event, and the rate of the first by exposure."""

    patients: int
    treated: int
    percent: float | None
    rate: Rate


class Incidence(msgspec.Struct, frozen=True):
    """The cumulative incidence from a day after the first dose on."""

    days: int
    at_risk: int
    percent: float
    low: float | None
    high: float | None


class Stopping(msgspec.Struct, frozen=True):
    """Where the trial stands against its boundary; `stop_from` None: no number of events would be enough yet."""

    rejections: int
    treated: int
    probability_above: float
    stop_from: int | None
    is_reached: bool


class SafetyFigures(msgspec.Struct, frozen=True):
    """Everything as of a date."""

    protocol: str
    version: str
    as_of: str
    treated: int
    sae: Harm
    sae_all_causes: Harm
    rejections: int
    deaths: int
    rejection_incidence: tuple[Incidence, ...]
    stopping: Stopping
    overdue_reports: int
    surveillance_gaps: int


class _Patient(msgspec.Struct, frozen=True):
    """What counts of one treated patient."""

    observed_days: int
    sae_day: int | None
    sae_any_day: int | None
    rejection: Followed
    died: bool
    overdue: int
    has_gap: bool


def figures(timelines: Iterable[Timeline], protocol: Protocol, at: datetime) -> SafetyFigures:
    """The figures of all who had a first dose by then."""
    found = [_patient(t, p, protocol, at) for t in timelines if (p := treated(t, protocol, at)) is not None]
    rejections = sum(p.rejection.end is End.EVENT for p in found)
    return SafetyFigures(
        protocol=protocol.id,
        version=protocol.version,
        as_of=at.isoformat(),
        treated=len(found),
        sae=_harm([(p.sae_day, p.observed_days) for p in found]),
        sae_all_causes=_harm([(p.sae_any_day, p.observed_days) for p in found]),
        rejections=rejections,
        deaths=sum(p.died for p in found),
        rejection_incidence=tuple(_incidence(p) for p in cumulative_incidence([p.rejection for p in found])),
        stopping=_stopping(protocol, rejections, len(found)),
        overdue_reports=sum(p.overdue for p in found),
        surveillance_gaps=sum(p.has_gap for p in found),
    )


def boundary(protocol: Protocol) -> Boundary:
    """The protocol's stopping rule."""
    rule = protocol.safety.stopping
    return Boundary(
        rule.prior_events.value,
        rule.prior_others.value,
        rule.unacceptable_rate.value,
        rule.certainty.value,
        rule.first_look.value,
    )


def _patient(timeline: Timeline, patient: Treated, protocol: Protocol, at: datetime) -> _Patient:
    outcomes = evaluate(timeline, protocol, at).outcomes
    cases = [o.content for o in outcomes if o.kind == "adverse-event" and _counts(o.content)]
    died_on = next((o.content["onset_on"] for o in outcomes if (o.kind, o.subject) == ("adverse-event", "death")), None)
    death = _day(patient, died_on)
    until = min(patient.days_since_first_dose_on(at.date()), protocol.treatment.months.value * MONTH_DAYS)
    observed = max(int(until) if death is None else min(int(until), death), 0)
    return _Patient(
        observed,
        _first(patient, [c for c in cases if c["is_related"]]),
        _first(patient, cases),
        _rejection(patient, outcomes, observed, death),
        any((o.kind, o.subject) == ("adverse-event", "death") for o in outcomes),
        sum(o.content["state"] == "overdue" for o in outcomes if o.kind == "clock"),
        any(o.content["is_gap"] for o in outcomes if o.kind == "surveillance"),
    )


def _rejection(patient: Treated, outcomes: Sequence[Outcome], observed: int, death: int | None) -> Followed:
    """A proven rejection during the treatment is the event, a death before it competes with it."""
    found = next(o.content for o in outcomes if o.kind == "rejection")
    onset = _day(patient, found["onset_on"]) if found["level"] == "proven" and found["is_endpoint"] else None
    if onset is not None and onset <= observed:
        return Followed(onset, End.EVENT)
    return Followed(observed, End.COMPETING if death is not None and death <= observed else End.CENSORED)


def _counts(case: dict[str, Any]) -> bool:
    stands = case["status"] != "refuted" and case["merged_into"] is None
    return stands and case["in_window"] is not False and bool(case["seriousness"])


def _first(patient: Treated, cases: Sequence[dict[str, Any]]) -> int | None:
    """The day of the first case; one without a day counts from the start, so that it is not lost."""
    return min((_day(patient, c["onset_on"]) or 0 for c in cases), default=None)


def _day(patient: Treated, on: str | None) -> int | None:
    """Days from the first dose; 0 for a date of which only month or year is known, so that it is not lost."""
    if on is None:
        return None
    return max(patient.day_of(on) or 0, 0)


def _harm(patients: Sequence[tuple[int | None, int]]) -> Harm:
    harmed = [day for day, _ in patients if day is not None]
    days = sum(min(observed, day) if day is not None else observed for day, observed in patients)
    percent = round(100 * len(harmed) / len(patients), 1) if patients else None
    return Harm(len(harmed), len(patients), percent, rate(len(harmed), days))


def _incidence(point: Point) -> Incidence:
    low, high = (round(100 * v, 1) if v is not None else None for v in (point.low, point.high))
    return Incidence(point.days, point.at_risk, round(100 * float(point.incidence), 1), low, high)


def _stopping(protocol: Protocol, rejections: int, patients: int) -> Stopping:
    rule = boundary(protocol)
    stop_from = stops_from(rule, patients)
    is_reached = stop_from is not None and rejections >= stop_from
    probability = round(probability_above(rule, rejections, patients), 4)
    return Stopping(rejections, patients, probability, stop_from, is_reached)
