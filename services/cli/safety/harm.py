"""The trial's figures of harm as a section of the report: rows and HTML. Decides nothing: `services.safety.figures` does."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, Final

from services.safety.figures import Harm, Incidence, SafetyFigures

_AT_DAYS: Final = (56, 90, 180, 365, 730)
"""Days after the first dose at which the incidence of rejection is shown."""


def rows(found: SafetyFigures) -> Iterator[tuple[Any, ...]]:
    """As the other figures: name, patients, events, value, low, high, unit."""
    for name, harm in _harms(found):
        yield name, harm.treated, harm.patients, harm.percent, None, None, "%"
        rate = harm.rate
        yield (
            f"{name}, first one",
            harm.treated,
            harm.patients,
            rate.per_100_patient_years,
            rate.low,
            rate.high,
            "per 100 patient-years",
        )
    for point in _shown(found):
        name = f"rejection by day {point.days}, death competing"
        yield name, found.treated, found.rejections, point.percent, point.low, point.high, "%"
    yield "rejection", found.treated, found.rejections, None, None, None, "patients"
    yield "deaths", found.treated, found.deaths, None, None, None, "patients"
    stopping = found.stopping
    probability = round(100 * stopping.probability_above, 2)
    yield "rejection rate above the bound", stopping.treated, stopping.rejections, probability, None, None, "%"
    yield "stop from", stopping.treated, stopping.rejections, stopping.stop_from, None, None, "patients"
    yield "reports overdue", found.treated, found.overdue_reports, None, None, None, "reports"
    yield "surveillance gaps", found.treated, found.surveillance_gaps, None, None, None, "patients"


def section(found: SafetyFigures) -> str:
    """The section as HTML."""
    stopping = found.stopping
    limit = f"stop from {stopping.stop_from} of {stopping.treated}" if stopping.stop_from else "no boundary yet"
    reached = "<strong>reached</strong>" if stopping.is_reached else "not reached"
    harms = "".join(_harm_row(name, harm) for name, harm in _harms(found))
    points = "".join(_point_row(point) for point in _shown(found))
    return (
        "<h2>Harm</h2>"
        "<table><thead><tr><th>patients with at least one</th><th>patients</th><th>per 100 patient-years (95 %)</th>"
        f"</tr></thead><tbody>{harms}</tbody></table>"
        "<p class=note>Time at risk ends with the first event, death or the cut-off; exact (Poisson) intervals.</p>"
        "<table><thead><tr><th>graft rejection by day</th><th>cumulative incidence (95 %)</th></tr></thead>"
        f"<tbody>{points or '<tr><td colspan=2>none proven</td></tr>'}</tbody></table>"
        "<p class=note>Proven rejection during the treatment; death competes (Aalen and Johansen).</p>"
        f"<p>Stopping boundary {reached}: {stopping.rejections} of {stopping.treated} with rejection, rate above the "
        f"bound with probability {stopping.probability_above}; {escape(limit)}. "
        f"{found.deaths} died; reports overdue: {found.overdue_reports}; patients with a gap of surveillance: "
        f"{found.surveillance_gaps}.</p>"
    )


def _harms(found: SafetyFigures) -> tuple[tuple[str, Harm], ...]:
    return (("SAE, related or not assessed", found.sae), ("SAE, any cause", found.sae_all_causes))


def _harm_row(name: str, harm: Harm) -> str:
    percent = f"{harm.patients} of {harm.treated}" + (f": {harm.percent} %" if harm.percent is not None else "")
    rate = harm.rate
    shown = (
        "&ndash;" if rate.per_100_patient_years is None else f"{rate.per_100_patient_years} ({rate.low}, {rate.high})"
    )
    return f"<tr><td>{escape(name)}</td><td>{percent}</td><td>{shown}</td></tr>"


def _shown(found: SafetyFigures) -> list[Incidence]:
    """The curve at the days shown and at its end; before the first event there is nothing to show."""
    curve = found.rejection_incidence
    at = [max((p for p in curve if p.days <= day), key=lambda p: p.days, default=None) for day in _AT_DAYS]
    kept = {p.days: p for p in (*at, *curve[-1:]) if p is not None}
    return [kept[days] for days in sorted(kept)]


def _point_row(point: Incidence) -> str:
    low, high = ("&ndash;" if v is None else str(v) for v in (point.low, point.high))
    return f"<tr><td>{point.days}</td><td>{point.percent} % ({low}, {high})</td></tr>"
