"""`graftwatch response`: responses from SDTM TU and TR, one derivation for each subject and reader; no stack is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid5

import typer

from services.cli.response import choice
from services.cli.stack import StackError
from shared.facts import FACT_NAMESPACE
from shared.protocol.model import Response
from shared.rules.mrecist import BY_NAME, Course, Criteria, derive
from shared.sdtm import dataset, responses, table, tumours
from shared.sdtm.table import TableRow, UnusableTableError
from shared.timeline import offline

_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)


class Named(StrEnum):
    """The criteria by the name they have on the command line."""

    RECIST11 = "recist11"
    MRECIST = "mrecist"
    IRECIST = "irecist"


def response(
    tu: Annotated[Path, typer.Option(help="SDTM TU as CSV: the lesions that each reader identified.")],
    tr: Annotated[Path, typer.Option(help="SDTM TR as CSV: their sizes and states.")],
    criteria: Annotated[Named, typer.Option(help="The response criteria.")],
    rs: Annotated[Path | None, typer.Option(help="Write SDTM RS to this file; to standard output otherwise.")] = None,
    viable_test: Annotated[
        str, typer.Option(help="TRTESTCD of the viable (arterially enhancing) diameter; CDISC's list has none.")
    ] = tumours.VIABLE,
    protocol: Annotated[
        str | None, typer.Option(help="Protocol id or file: confirmation and minimal durations are its.")
    ] = None,
) -> None:
    """Derive every response from tumour measurements, one derivation for each subject and reader.

    Rows that cannot be used are named on standard error, and the exit code is 1: what they say stays unknown.
    """
    try:
        read = tumours.read(_rows(tu, tumours.TU_COLUMNS), _rows(tr, tumours.TR_COLUMNS), viable_test)
    except UnusableTableError as error:
        raise StackError(str(error)) from None
    chosen, parameters = BY_NAME[criteria.value], choice.protocol(protocol).response
    derived = [(reading, course(reading, parameters, chosen)) for reading in read.readings]
    written = dataset.to_csv(responses.responses(derived, chosen))
    if rs is None:
        sys.stdout.write(written)
    else:
        rs.write_text(written, encoding="utf-8")
        typer.echo(f"{rs}: {len(written.splitlines()) - 1} responses of {len(derived)} readings")
    for fault in read.faults:
        typer.echo(str(fault), err=True)
    if read.faults:
        raise typer.Exit(1)


def course(reading: tumours.Reading, parameters: Response, criteria: Criteria) -> Course:
    """The course of one subject by one reader, from the last day of the baseline visit on."""
    window = parameters.baseline_window_days.model_copy(update={"value": reading.baseline_days})
    accepted = parameters.accepted_reader.model_copy(update={"value": None})
    fitted = parameters.model_copy(update={"baseline_window_days": window, "accepted_reader": accepted})
    timeline = offline(uuid5(FACT_NAMESPACE, reading.subject), reading.lesions, _ALWAYS)
    return derive(timeline, reading.start, fitted, criteria, _ALWAYS)


def _rows(path: Path, required: Sequence[str]) -> tuple[TableRow, ...]:
    try:
        return table.parse(str(path), path.read_text(encoding="utf-8"), required)
    except OSError as error:
        raise StackError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise StackError(f"{path}: is not UTF-8 text; save it as CSV in UTF-8") from None
