"""The trial's report as one HTML page that needs nothing else: figures, plots, every patient. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from html import escape
from typing import Final

from services.cli.response.patients import label
from services.cli.response.plots import spider, survival, swimmer, waterfall
from services.response.endpoint_outcomes import of_time
from services.response.figures import Duration, Figures, Rate
from services.response.treated import Treated
from shared.protocol.model import Protocol
from shared.rules.endpoints.estimates import Estimate, Proportion

_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;color:#222;max-width:960px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}table{border-collapse:collapse;width:100%;font-size:.92em}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}td.n{text-align:right}
svg{max-width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#222}.note{color:#555;font-size:.9em}
.curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:1rem}figure{margin:0}
figcaption{font-weight:600}@media print{h2{break-after:avoid}figure{break-inside:avoid}}
"""


def page(protocol: Protocol, cut_off: date, found: Figures, patients: Sequence[Treated]) -> str:
    """The whole report."""
    title = f"{protocol.title}: response and survival at {cut_off}"
    body = (
        f"<h1>{escape(protocol.title)}</h1>",
        f"<p>Protocol {escape(protocol.id)} version {escape(protocol.version)}, data cut-off {cut_off}: records dated up "
        f"to that day, as they stand now. {found.treated} treated patients.</p>",
        "<h2>Response</h2>",
        _table(("", "unconfirmed", "confirmed"), [_rate(r) for r in found.rates]),
        _best(found),
        "<p class=note>Everyone treated is in the denominator; exact (Clopper-Pearson) 95 % intervals. "
        f"Primary by the protocol: {'confirmed' if protocol.response.primary_confirmed.value else 'unconfirmed'}.</p>",
        "<h2>Times to an event</h2>",
        _table(
            ("", "patients", "events", "median, months (95 %)", "without event at 2 years"),
            map(_duration, found.durations),
        ),
        "<p class=note>Kaplan-Meier; log-log 95 % intervals; median by Brookmeyer and Crowley. &ndash;: not reached.</p>",
        '<div class="curves">',
        *(f"<figure><figcaption>{d.name}</figcaption>{survival(d)}</figure>" for d in found.durations),
        "</div>",
        _figure("Best change of the sum of diameters", waterfall(patients)),
        _figure("Change of the sum of diameters over time", spider(patients)),
        _figure("Time observed", swimmer(patients)),
        "<h2>Patients</h2>",
        _table(
            ("patient", "first dose", "best (confirmed)", "progression-free survival", "overall survival", "marker"),
            map(_patient, patients),
        ),
        "<p class=note>The tumour marker is shown beside the response and decides nothing.</p>",
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _figure(title: str, plot: str) -> str:
    return f"<h2>{title}</h2><figure>{plot}</figure>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(h)}</th>" for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _rate(rate: Rate) -> tuple[str, ...]:
    return rate.name, percent(rate.unconfirmed), percent(rate.confirmed)


def percent(part: Proportion) -> str:
    """`3 of 12: 25.0 % (5.5-57.2)`."""
    if part.percent is None or part.low is None or part.high is None:
        return "nobody treated"
    return f"{part.count} of {part.of}: {part.percent:.1f} % ({part.low:.1f}&ndash;{part.high:.1f})"


def _best(found: Figures) -> str:
    said = "; ".join(f"{r} {n} ({found.best_confirmed.get(r, 0)})" for r, n in found.best.items())
    return f"<p>Best response (confirmed): {escape(said) or 'none yet'}.</p>"


def _duration(duration: Duration) -> tuple[str, ...]:
    curve = duration.curve
    return (
        duration.name,
        str(curve.patients),
        str(curve.events),
        _estimate(duration.median_months, ""),
        _estimate(duration.two_years_percent, " %"),
    )


def _estimate(estimate: Estimate, unit: str) -> str:
    value, low, high = ("&ndash;" if v is None else f"{v:.1f}" for v in (estimate.value, estimate.low, estimate.high))
    return f"{value}{unit if estimate.value is not None else ''} ({low}, {high})"


def _patient(patient: Treated) -> tuple[str, ...]:
    best, ends = patient.course.best, patient.endpoints
    return (
        f"<code>{label(patient)}</code>",
        patient.start.isoformat(),
        f"{best.unconfirmed} ({best.confirmed})",
        escape(of_time(ends.pfs).partition(": ")[2]),
        escape(of_time(ends.os).partition(": ")[2]),
        escape(patient.marker.says) if patient.marker else "not recorded",
    )
