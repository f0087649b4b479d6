"""The form of an outgoing table: named, labelled columns and rows; as CSV and as CDISC Dataset-JSON 1.1. Decides nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Final, Literal, TypeAlias

import msgspec

DATASET_JSON_VERSION: Final = "1.1.0"
SYSTEM: Final = {"name": "Graftwatch", "version": version("graftwatch")}
Cell: TypeAlias = str | int | Decimal | None
Row: TypeAlias = Mapping[str, Cell]


class Column(msgspec.Struct, frozen=True):
    """One variable: name, label of at most 40 characters, logical type (`date`: a numeric date of ADaM)."""

    name: str
    label: str
    type: Literal["string", "integer", "decimal", "date"] = "string"


class Dataset(msgspec.Struct, frozen=True):
    """One table: its name (TR, ADTTE), label, columns, the columns that identify a row, rows."""

    name: str
    label: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    rows: tuple[Row, ...]


def to_csv(dataset: Dataset) -> str:
    """With a heading line; an absent value is empty."""
    written = io.StringIO()
    names = [c.name for c in dataset.columns]
    table = csv.DictWriter(written, names, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows({k: v for k, v in row.items() if v is not None} for row in dataset.rows)
    return written.getvalue()


def to_dataset_json(dataset: Dataset, study: str, created_at: datetime) -> bytes:
    """CDISC Dataset-JSON 1.1: metadata and rows as arrays; an absent value is null, a decimal a string.

    Attributes stand in the order of the specification, which streaming readers rely on.
    """
    content = {
        "datasetJSONCreationDateTime": created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datasetJSONVersion": DATASET_JSON_VERSION,
        "fileOID": f"{study}.{dataset.name}.{created_at:%Y%m%dT%H%M%SZ}",
        "originator": SYSTEM["name"],
        "sourceSystem": SYSTEM,
        "studyOID": study,
        "itemGroupOID": f"IG.{dataset.name}",
        "records": len(dataset.rows),
        "name": dataset.name,
        "label": dataset.label,
        "columns": [_column(dataset, c) for c in dataset.columns],
        "rows": [[_cell(row.get(c.name)) for c in dataset.columns] for row in dataset.rows],
    }
    return msgspec.json.encode(content)


def _column(dataset: Dataset, column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {
        "itemOID": f"IT.{dataset.name}.{column.name}",
        "name": column.name,
        "label": column.label,
        "dataType": column.type,
    }
    if column.type == "decimal":
        described["targetDataType"] = "decimal"
    if column.type == "date":  # a numeric date of ADaM, sent as ISO 8601
        described |= {"targetDataType": "integer", "displayFormat": "E8601DA."}
    if column.name in dataset.keys:
        described["keySequence"] = dataset.keys.index(column.name) + 1
    return described


def _cell(value: Cell) -> str | int | None:
    return str(value) if isinstance(value, Decimal) else value


def numbered(rows: Sequence[Row], subject: str, sequence: str) -> tuple[Row, ...]:
    """The rows with their sequence number within the subject, in the order given."""
    last: dict[Cell, int] = {}
    found = []
    for row in rows:
        last[row[subject]] = last.get(row[subject], 0) + 1
        found.append({**row, sequence: last[row[subject]]})
    return tuple(found)
