"""Shapes the response outcomes of a study for its page: each treated patient, the rates, the curves. Pure; derives no response.

What each patient's responses and endpoints are is the response service's; here they are counted and drawn. Lengths of time
are in days, the first and the last day included; changes in percent of the baseline sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from shared.rules.endpoints.estimates import Curve, Observation, kaplan_meier, proportion

DAYS_PER_MONTH: Final = 30.4375
"""A twelfth of a mean year, the usual divisor of trial statistics."""
ENDPOINTS: Final[Mapping[str, str]] = {
    "OS": "Overall survival",
    "PFS": "Progression-free survival",
    "TTP": "Time to progression",
    "DOR": "Duration of response",
}
BEST: Final = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE")
_AT_RISK_EVERY_MONTHS: Final = 3
Outcomes = Mapping[tuple[str, str], Mapping[str, Any]]
"""The contents of one patient's current outcomes by (kind, subject)."""


class VisitPoint(BaseModel):
    """One assessment: its date, its day of treatment, its response, the sum's change from baseline."""

    on: date
    day: int
    response: str
    percent_from_baseline: float | None
    sum_mm: str | None


class Duration(BaseModel):
    """One endpoint of a patient that is a time: until the event, or until when it had not come."""

    on: date
    days: int
    event: bool
    what: str


class TreatedPatient(BaseModel):
    """A treated patient as the plots show them."""

    patient: UUID
    site: str
    start_on: date
    best: str
    best_confirmed: str
    best_change_percent: float | None
    progression_on: date | None
    first_response_on: date | None
    new_therapy_on: date | None
    visits: list[VisitPoint]
    durations: dict[str, Duration]


class Rate(BaseModel):
    """A part of all treated patients, with its exact 95 % interval (Clopper and Pearson)."""

    count: int
    of: int
    percent: float | None
    low: float | None
    high: float | None


class Point(BaseModel):
    """The curve from this day on, in percent without event; the interval where it is defined."""

    day: int
    percent: float
    low: float | None
    high: float | None
    censored: int
    events: int


class SurvivalCurve(BaseModel):
    """A Kaplan-Meier curve: median in months with its 95 % interval, the two-year part in percent, patients at risk."""

    endpoint: str
    name: str
    patients: int
    events: int
    median_months: list[float | None]
    two_years_percent: list[float | None]
    points: list[Point]
    at_risk: dict[int, int]


class ResponseFigures(BaseModel):
    """The trial's response as the records stand now, of the sites that the visitor may see."""

    study: str
    sites: list[str]
    confirmed_is_primary: bool
    treated: int
    orr: Rate
    orr_confirmed: Rate
    dcr: Rate
    dcr_confirmed: Rate
    best: dict[str, int]
    best_confirmed: dict[str, int]
    patients: list[TreatedPatient]
    curves: list[SurvivalCurve]


def figures(study: str, sites: Sequence[str], rows: Iterable[Mapping[str, Any]], *, confirmed: bool) -> ResponseFigures:
    """The figures of these outcome rows (patient, site, kind, subject, content)."""
    found: dict[tuple[UUID, str], dict[tuple[str, str], Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["patient"], row["site"]), {})[row["kind"], row["subject"]] = row["content"]
    treated = [p for (patient, site), o in found.items() if (p := _patient(patient, site, o)) is not None]
    treated.sort(key=lambda p: (p.start_on, str(p.patient)))
    met = {name: [_met(found[p.patient, p.site], name) for p in treated] for name in ("ORR", "DCR")}
    return ResponseFigures(
        study=study,
        sites=list(sites),
        confirmed_is_primary=confirmed,
        treated=len(treated),
        orr=_rate([m for m, _ in met["ORR"]]),
        orr_confirmed=_rate([m for _, m in met["ORR"]]),
        dcr=_rate([m for m, _ in met["DCR"]]),
        dcr_confirmed=_rate([m for _, m in met["DCR"]]),
        best={r: n for r in BEST if (n := sum(p.best == r for p in treated))},
        best_confirmed={r: n for r in BEST if (n := sum(p.best_confirmed == r for p in treated))},
        patients=treated,
        curves=[_curve(short, [p.durations[short] for p in treated if short in p.durations]) for short in ENDPOINTS],
    )


def best_change(visits: Sequence[VisitPoint], new_therapy_on: date | None) -> float | None:
    """The lowest change from baseline up to the first progression and before a new therapy, in percent."""
    changes = []
    for visit in visits:
        if new_therapy_on is not None and visit.on >= new_therapy_on:
            break
        if visit.percent_from_baseline is not None:
            changes.append(visit.percent_from_baseline)
        if visit.response == "PD":
            break
    return min(changes, default=None)


def _patient(patient: UUID, site: str, outcomes: Outcomes) -> TreatedPatient | None:
    survival, best = outcomes.get(("endpoint", "OS")), outcomes.get(("best-response", ""))
    if survival is None or best is None:
        return None
    start_on = date.fromisoformat(survival["start_on"])
    visits = sorted(
        (_visit(c, start_on) for (kind, _), c in outcomes.items() if kind == "assessment"), key=lambda v: v.on
    )
    therapy_on = _day(best["new_therapy_on"])
    return TreatedPatient(
        patient=patient,
        site=site,
        start_on=start_on,
        best=best["unconfirmed"],
        best_confirmed=best["confirmed"],
        best_change_percent=best_change(visits, therapy_on),
        progression_on=_day(outcomes.get(("progression", ""), {}).get("progression_on")),
        first_response_on=_day(outcomes.get(("endpoint", "TTR"), {}).get("on")),
        new_therapy_on=therapy_on,
        visits=visits,
        durations={
            short: Duration(on=c["on"], days=c["days"], event=c["event"], what=c["what"])
            for short in ENDPOINTS
            if (c := outcomes.get(("endpoint", short))) is not None
        },
    )


def _visit(content: Mapping[str, Any], start_on: date) -> VisitPoint:
    on = date.fromisoformat(content["visit_on"])
    change = content["percent_from_baseline"]
    return VisitPoint(
        on=on,
        day=(on - start_on).days + 1,
        response=content["response"],
        percent_from_baseline=float(change) if change is not None else None,
        sum_mm=content["sum_mm"],
    )


def _met(outcomes: Outcomes, endpoint: str) -> tuple[bool, bool]:
    content = outcomes.get(("endpoint", endpoint), {})
    return bool(content.get("unconfirmed")), bool(content.get("confirmed"))


def _rate(met: Sequence[bool]) -> Rate:
    found = proportion(sum(met), len(met))
    return Rate(count=found.count, of=found.of, percent=found.percent, low=found.low, high=found.high)


def _curve(short: str, times: Sequence[Duration]) -> SurvivalCurve:
    curve = kaplan_meier([Observation(t.days, t.event) for t in times])
    two_years = curve.at(24 * DAYS_PER_MONTH)
    median = curve.median_days
    return SurvivalCurve(
        endpoint=short,
        name=ENDPOINTS[short],
        patients=curve.patients,
        events=curve.events,
        median_months=[None if v is None else v / DAYS_PER_MONTH for v in (median.value, median.low, median.high)],
        two_years_percent=[None if v is None else 100 * v for v in (two_years.value, two_years.low, two_years.high)],
        points=[
            Point(
                day=s.days,
                percent=100 * s.survival,
                low=None if s.low is None else 100 * s.low,
                high=None if s.high is None else 100 * s.high,
                censored=s.censored,
                events=s.events,
            )
            for s in curve.steps
        ],
        at_risk=_at_risk(curve),
    )


def _at_risk(curve: Curve) -> dict[int, int]:
    """Patients still observed without event, by month, to the last month in which there is one."""
    last = max((s.days for s in curve.steps), default=0) / DAYS_PER_MONTH
    months = range(0, int(last) + 1, _AT_RISK_EVERY_MONTHS)
    return {month: curve.at_risk(round(month * DAYS_PER_MONTH)) for month in months}


def _day(stated: str | None) -> date | None:
    return date.fromisoformat(stated) if stated else None
