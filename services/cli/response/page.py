"""The trial's report as one HTML page that needs nothing else: figures, plots, every patient. Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from html import escape
from typing import Final

from services.cli.response.parameters import rows as parameter_rows
from services.cli.response.plots import spider, survival, swimmer, waterfall
from services.response.contribution import Contribution, contribution
from services.response.endpoint_outcomes import of_time
from services.response.figures import TWO_YEARS_DAYS, Duration, Figures, Rate
from services.response.treated import Treated
from shared.protocol.model import Protocol
from shared.rules.endpoints.estimates import Estimate, Proportion
from shared.rules.mrecist import BY_NAME

_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;color:#222;max-width:960px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}table{border-collapse:collapse;width:100%;font-size:.92em}
caption{text-align:left;font-weight:600;padding:.3rem .6rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}td.n{text-align:right}
svg{max-width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#222}.note{color:#555;font-size:.9em}
.curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:1.2rem}figure{margin:0}
figcaption{font-weight:600}summary{cursor:pointer;color:#555;font-size:.9em}.assumed{background:#fff7e0}
@page{size:A4;margin:14mm}@media print{body{max-width:none;margin:0;font-size:11px}h2{break-after:avoid}
figure,tr{break-inside:avoid}details{display:none}.curves{grid-template-columns:1fr 1fr}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def page(protocol: Protocol, cut_off: date, found: Figures, patients: Sequence[Treated], harm: str) -> str:
    """The whole report; `harm` is its section on safety."""
    title = f"{protocol.title}: response, survival and harm at {cut_off}"
    counted = [contribution(p) for p in patients]
    body = (
        *_head(protocol, cut_off, found),
        *_response(protocol, found),
        *_times(found, counted),
        harm,
        *_plots(protocol, counted),
        "<h2>Patients</h2>",
        _table(
            ("patient", "first dose", "best (confirmed)", "progression-free survival", "overall survival", "marker"),
            map(_patient, patients),
        ),
        "<p class=note>The tumour marker is shown beside the response and decides nothing.</p>",
        "<h2>Parameters of the evaluation</h2>",
        _parameters(protocol),
        f"<p class=note>{escape(BY_NAME[protocol.response.criteria.value].citation)}. Shaded: assumed, as the trial's "
        "public text does not state it.</p>",
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _head(protocol: Protocol, cut_off: date, found: Figures) -> Iterator[str]:
    yield f"<h1>{escape(protocol.title)}</h1>"
    yield (
        f"<p>Protocol {escape(protocol.id)} version {escape(protocol.version)}, data cut-off {cut_off}: records dated up "
        f"to that day, as they stand now. {found.treated} treated patients; median follow-up "
        f"{_estimate(found.follow_up_months, ' months')} (reverse Kaplan-Meier).</p>"
    )


def _response(protocol: Protocol, found: Figures) -> Iterator[str]:
    yield "<h2>Response</h2>"
    yield _table(("", "unconfirmed", "confirmed"), [_rate(r) for r in found.rates])
    yield _table(
        ("best response", "unconfirmed", "confirmed"),
        [
            (r, *(_share(best.get(r, 0), found.treated) for best in (found.best, found.best_confirmed)))
            for r in dict.fromkeys((*found.best, *found.best_confirmed))
        ],
    )
    yield (
        "<p class=note>Everyone treated is in the denominator; exact (Clopper-Pearson) 95 % intervals. "
        f"Primary by the protocol: {'confirmed' if protocol.response.primary_confirmed.value else 'unconfirmed'}.</p>"
    )


def _times(found: Figures, patients: Sequence[Contribution]) -> Iterator[str]:
    yield "<h2>Times to an event</h2>"
    heads = ("", "patients", "events", "median, months (95 %)", "without event at 2 years (95 %)", "at risk then")
    yield _table(heads, map(_duration, found.durations))
    yield ("<p class=note>Kaplan-Meier; log-log 95 % intervals; median by Brookmeyer and Crowley. NR: not reached.</p>")
    yield _table(
        ("", "how each patient's time ended"), [(d.name, _ends(d.endpoint, patients)) for d in found.durations]
    )
    yield '<div class="curves">'
    for d in found.durations:
        yield f"<figure><figcaption>{d.name}</figcaption>{survival(d)}{_steps(d)}</figure>"
    yield "</div>"


def _plots(protocol: Protocol, patients: Sequence[Contribution]) -> Iterator[str]:
    criteria = BY_NAME[protocol.response.criteria.value]
    for title, plot in (
        ("Best change of the sum of diameters", waterfall(patients, criteria)),
        ("Change of the sum of diameters over time", spider(patients, criteria)),
        ("Time observed", swimmer(patients)),
    ):
        yield f"<h2>{title}</h2><figure>{plot}</figure>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _rate(rate: Rate) -> tuple[str, ...]:
    return rate.name, percent(rate.unconfirmed), percent(rate.confirmed)


def percent(part: Proportion) -> str:
    """`3 of 12: 25.0 % (5.5-57.2)`."""
    if part.percent is None or part.low is None or part.high is None:
        return "nobody treated"
    return f"{part.count} of {part.of}: {part.percent:.1f} % ({part.low:.1f}&ndash;{part.high:.1f})"


def _share(count: int, of: int) -> str:
    return f"{count} ({100 * count / of:.1f} %)" if of else "0"


def _duration(duration: Duration) -> tuple[str, ...]:
    curve = duration.curve
    return (
        duration.name,
        str(curve.patients),
        str(curve.events),
        _estimate(duration.median_months),
        _estimate(duration.two_years_percent, " %"),
        str(curve.at_risk(round(TWO_YEARS_DAYS))),
    )


def _estimate(estimate: Estimate, unit: str = "") -> str:
    value, low, high = ("NR" if v is None else f"{v:.1f}" for v in (estimate.value, estimate.low, estimate.high))
    return f"{value}{unit if estimate.value is not None else ''} ({low}&ndash;{high})"


def _ends(endpoint: str, patients: Sequence[Contribution]) -> str:
    """Every event and every kind of censoring, with how many patients it ended."""
    times = [p.times[endpoint] for p in patients if endpoint in p.times]
    said = Counter(t.what if t.event else f"censored: {t.rule.replace('-', ' ')}" for t in times)
    return escape("; ".join(f"{what} {n}" for what, n in sorted(said.items()))) or "nobody"


def _steps(duration: Duration) -> str:
    """The curve as a table, for who cannot see it and for who wants the numbers."""
    rows = (
        (
            str(s.days),
            str(s.at_risk),
            str(s.events),
            str(s.censored),
            f"{s.survival:.4f}",
            _bound(s.low),
            _bound(s.high),
        )
        for s in duration.curve.steps
    )
    heads = ("day", "at risk", "events", "censored", "without event", "95 % from", "to")
    return f"<details><summary>the numbers of this curve</summary>{_table(heads, rows)}</details>"


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _patient(patient: Treated) -> tuple[str, ...]:
    best, ends = patient.course.best, patient.endpoints
    return (
        f"<code>{str(patient.known.patient)[:8]}</code>",
        patient.start.isoformat(),
        f"{best.unconfirmed} ({best.confirmed})",
        escape(of_time(ends.pfs).partition(": ")[2]),
        escape(of_time(ends.os).partition(": ")[2]),
        escape(patient.marker.says) if patient.marker else "not recorded",
    )


def _parameters(protocol: Protocol) -> str:
    body = "".join(
        f"<tr{' class=assumed' if stated.assumed else ''}><td>{escape(name)}</td><td>{escape(value)}</td>"
        f"<td>{stated.source}</td><td>{escape(stated.note)}</td></tr>"
        for name, value, stated in parameter_rows(protocol)
    )
    head = "".join(f'<th scope="col">{h}</th>' for h in ("parameter", "value", "source", "note"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
