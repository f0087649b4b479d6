"""`graftwatch grade LABS.csv`: CTCAE grades of a file of laboratory values. Decides nothing: rules and cells do."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from services.cli.safety import laboratory_rows
from services.cli.safety.graded_rows import GradedRow, graded
from services.cli.stack import StackError

ADDED: Final = ("grade", "grade_low", "reason")
_TOO_LONG: Final = GradedRow("", "", "not gradable: more cells than columns (a comma that is not quoted?)")
_VERSIONS: Final = {"5": "5.0", "5.0": "5.0", "6": "6.0", "6.0": "6.0"}


def grade(
    labs: Annotated[
        Path,
        typer.Argument(help="CSV with term (CTCAE term or LOINC), value, unit, lln, uln, baseline, …; or SDTM LB."),
    ],
    ctcae: Annotated[str, typer.Option(help="Version of CTCAE: 5 or 6.")] = "5",
    out: Annotated[Path | None, typer.Option(help="Write here instead of to the terminal.")] = None,
) -> None:
    """Grade laboratory values: every column is kept; grade (empty: not gradable), grade_low and reason are added."""
    if ctcae not in _VERSIONS:
        raise StackError(f"--ctcae: expected 5 or 6, got {ctcae!r}")
    columns, rows = _read(labs)
    read = zip(rows, laboratory_rows.read(rows, columns), strict=True)
    results = [_TOO_LONG if None in row else graded(values, _VERSIONS[ctcae]) for row, values in read]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, *ADDED])
    for row, result in zip(rows, results, strict=True):
        writer.writerow([*(row.get(c) or "" for c in columns), result.grade, result.grade_low, result.reason])
    _write(text.getvalue(), out)


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StackError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise StackError(f"{path}: expected UTF-8 text") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns, rows = (
            list(reader.fieldnames or ()),
            list(reader),
        )
    except csv.Error as error:
        raise StackError(f"{path}, line {reader.line_num}: not CSV ({error})") from None
    if not columns:
        raise StackError(f"{path}: empty; expected a line of column names")
    if taken := [c for c in columns if c.strip().casefold() in ADDED]:
        raise StackError(f"{path}: already has a column {', '.join(taken)}; rename it, since one of that name is added")
    return columns, rows


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StackError(f"--out {out}: cannot be written ({error.strerror})") from None
