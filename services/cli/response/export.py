"""`graftwatch export sdtm|adam`: the trial's tables at a data cut-off, as CSV and Dataset-JSON 1.1. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from services.cli import installation
from services.cli.response import choice
from services.cli.response.patients import treated_patients
from services.cli.response.report import Chosen, CutOff, Demo, Home
from services.response.readings import own_course
from services.response.treated import Treated
from shared.protocol.model import Protocol
from shared.rules.mrecist import Course
from shared.runtime import clock
from shared.sdtm import analysis, findings, responses
from shared.sdtm.analysis import Analysed
from shared.sdtm.dataset import Dataset, Row, to_csv, to_dataset_json
from shared.sdtm.subject import Subject


class Standard(StrEnum):
    """Which tables."""

    SDTM = "sdtm"
    ADAM = "adam"


def export(
    standard: Annotated[Standard, typer.Argument(help="sdtm: TU, TR, RS; adam: ADRS, ADTTE.")],
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    at: CutOff,
    protocol: Chosen = None,
    demo: Demo = False,
    home: Home = Path(".graftwatch"),
) -> None:
    """Write the trial's tables for statisticians, each as CSV and as CDISC Dataset-JSON 1.1."""
    chosen = choice.protocol(protocol)
    with installation.database(home.resolve() / "demo" if demo else home.resolve()) as url:
        patients = asyncio.run(treated_patients(url, chosen, at.date()))
    folder.mkdir(parents=True, exist_ok=True)
    study, created_at = chosen.registry or chosen.id, clock.wall()
    for dataset in tables(standard, patients, chosen, choice.end_of(at.date())):
        name = dataset.name.lower()
        (folder / f"{name}.csv").write_text(to_csv(dataset), encoding="utf-8")
        (folder / f"{name}.json").write_bytes(to_dataset_json(dataset, study, created_at))
        typer.echo(f"{folder / name}.csv, .json: {len(dataset.rows)} rows of {len(patients)} patients")


def tables(standard: Standard, patients: Sequence[Treated], protocol: Protocol, at: datetime) -> tuple[Dataset, ...]:
    """The tables of the standard at a data cut-off; RS has one derivation for each reader, the accepted one's first."""
    study = protocol.registry or protocol.id
    subjects = [Subject(study, str(p.known.patient), p.known, p.course) for p in patients]
    rows = [r for s, p in zip(subjects, patients, strict=True) for r in _of_readers(s, p, protocol, at)]
    rs = responses.of_rows(rows)
    if standard is Standard.SDTM:
        return findings.identifications(subjects), findings.measurements(subjects), rs
    analysed = [Analysed(s, p.endpoints) for s, p in zip(subjects, patients, strict=True)]
    return analysis.response_records(analysed, rs), analysis.time_records(analysed, rs)


def _of_readers(subject: Subject, patient: Treated, protocol: Protocol, at: datetime) -> Iterator[Row]:
    """The accepted derivation, then each other reader's own."""
    yield from _responses(subject, subject.course, protocol)
    for reader in subject.reader_keys:
        if reader != subject.course.reader:
            own = own_course(patient, protocol, at, reader)
            yield from _responses(subject, own, protocol)


def _responses(subject: Subject, course: Course, protocol: Protocol) -> Iterator[Row]:
    category = responses.CATEGORY[protocol.response.criteria.value]
    about = {
        "STUDYID": subject.study,
        "USUBJID": subject.id,
        "RSEVAL": "INVESTIGATOR",
        "RSEVALID": subject.reader(course.reader),
        "RSACPTFL": "Y" if subject.accepts(course.reader) else None,
    }
    for place, visit in enumerate(course.visits):
        number, name = subject.visit_of(visit, place)
        at = {**about, "VISITNUM": number, "VISIT": name, "RSDTC": visit.on.isoformat()}
        yield from (responses.row(at, test, said, category) for test, said in responses.parts(visit, visit.response))
    if course.visits:
        yield responses.row(about, "BESTRESP", course.best.unconfirmed, category)
