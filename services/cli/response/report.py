"""`graftwatch report`: the trial's figures at a data cut-off, as HTML, JSON and CSV. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from services.cli import installation
from services.cli.response import choice
from services.cli.response.page import page
from services.cli.response.patients import treated_patients
from services.cli.safety import harm
from services.response.contribution import contribution
from services.response.figures import Figures, figures
from services.response.treated import Treated
from services.safety.figures import SafetyFigures
from services.safety.figures import figures as harms
from shared.sdtm.dataset import Column, Dataset, Row, to_csv

CutOff = Annotated[
    datetime, typer.Option("--at", formats=["%Y-%m-%d"], help="The data cut-off: later records do not count.")
]
Home = Annotated[Path, typer.Option(help="The directory of the local stack.")]
Demo = Annotated[bool, typer.Option("--demo", help="Of the last demonstration.")]
Chosen = Annotated[str | None, typer.Option("--protocol", help="Protocol id or file.")]
_FIGURES: Final = ("figure", "patients", "events", "value", "low", "high", "unit")


def report(
    at: CutOff,
    out: Annotated[Path, typer.Option(help="Folder to write report.html, figures.json, figures.csv, patients.csv to.")],
    protocol: Chosen = None,
    demo: Demo = False,
    home: Home = Path(".graftwatch"),
) -> None:
    """Write the trial's figures: response, survival, harm, rejection and its boundary; plots; every patient."""
    chosen, cut_off = choice.protocol(protocol), at.date()
    with installation.database(home.resolve() / "demo" if demo else home.resolve()) as url:
        patients = asyncio.run(treated_patients(url, chosen, cut_off))
    counted = [contribution(p) for p in patients]
    found, harmed = figures(counted), harms([p.known for p in patients], chosen, choice.end_of(cut_off))
    about: dict[str, Any] = {"protocol": chosen.id, "version": chosen.version, "cut_off": cut_off.isoformat()}
    said = about | {"figures": found, "safety": harmed, "patients": counted}
    written = {
        "report.html": page(chosen, cut_off, found, patients, harm.section(harmed)).encode(),
        "figures.json": msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n",
        "figures.csv": to_csv(_figures(found, harmed)).encode(),
        "patients.csv": to_csv(_patients(patients)).encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in written.items():
        (out / name).write_bytes(content)
    typer.echo(f"{out}: {', '.join(written)} of {found.treated} treated patients")


def _figures(found: Figures, harmed: SafetyFigures) -> Dataset:
    rows = [dict(zip(_FIGURES, row, strict=True)) for row in (*_figure_rows(found), *harm.rows(harmed))]
    return Dataset("FIGURES", "Figures of the trial", tuple(Column(n, n) for n in _FIGURES), (), tuple(rows))


def _figure_rows(found: Figures) -> Iterator[tuple[Any, ...]]:
    for rate in found.rates:
        for how, part in (("unconfirmed", rate.unconfirmed), ("confirmed", rate.confirmed)):
            yield f"{rate.endpoint} {how}", part.of, part.count, *_rounded(part.percent, part.low, part.high), "%"
    for d in found.durations:
        counts = (d.curve.patients, d.curve.events)
        for name, e, unit in (("median", d.median_months, "months"), ("at 2 years", d.two_years_percent, "%")):
            yield f"{d.endpoint} {name}", *counts, *_rounded(e.value, e.low, e.high), unit


def _rounded(*values: float | None) -> tuple[str | None, ...]:
    return tuple(None if v is None else f"{v:.2f}" for v in values)


def _patients(patients: Sequence[Treated]) -> Dataset:
    rows = tuple(_patient(p) for p in patients)
    names = tuple(rows[0]) if rows else ("patient",)
    return Dataset("PATIENTS", "Endpoints of every patient", tuple(Column(n, n) for n in names), ("patient",), rows)


def _patient(patient: Treated) -> Row:
    best, ends = patient.course.best, patient.endpoints
    row: dict[str, Any] = {
        "patient": str(patient.known.patient)[:8],
        "first_dose_on": _iso(patient.start),
        "best": best.unconfirmed,
        "best_confirmed": best.confirmed,
        "progression_on": _iso(patient.course.progression_on),
        "first_response_on": _iso(ends.ttr.on if ends.ttr else None),
        "missed_visits": ends.missed_visits,
    }
    for name, time in (("pfs", ends.pfs), ("ttp", ends.ttp), ("os", ends.os), ("dor", ends.dor)):
        row[f"{name}_days"] = time.days if time else None
        row[f"{name}_event"] = ("Y" if time.event else "N") if time else None
        row[f"{name}_on"] = _iso(time.on if time else None)
        row[f"{name}_reason"] = time.rule if time else None
    return row


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
