"""Every table keeps the rules of CDISC Dataset-JSON 1.1 (specification of 5 December 2024), transcribed from its text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from services.cli.response.export import Standard, tables
from shared.sdtm.dataset import to_dataset_json
from tests.spec.response.treated import SHIPPED
from tests.unit.response.trial import AT, trial

TOP: Final = (
    *("datasetJSONCreationDateTime", "datasetJSONVersion", "fileOID", "dbLastModifiedDateTime", "originator"),
    *("sourceSystem", "studyOID", "metaDataVersionOID", "metaDataRef", "itemGroupOID", "records", "name", "label"),
    *("columns", "rows"),
)
"""Attributes in the order of the specification."""
REQUIRED: Final = {
    "datasetJSONCreationDateTime",
    "datasetJSONVersion",
    "itemGroupOID",
    "records",
    "name",
    "label",
    "columns",
}
COLUMN: Final = ("itemOID", "name", "label", "dataType", "targetDataType", "length", "displayFormat", "keySequence")
JSON_TYPE: Final[dict[str, type[Any]]] = {"string": str, "integer": int, "decimal": str, "date": str}
TARGETS: Final[dict[str, set[str | None]]] = {
    "string": {None},
    "integer": {None},
    "decimal": {"decimal"},
    "date": {None, "integer"},
}
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(([+-]\d\d:\d\d)|Z)?")


def written() -> list[tuple[str, dict[str, Any]]]:
    """Every table of a small trial as read back."""
    created = datetime(2025, 2, 1, tzinfo=UTC)
    made = [d for standard in Standard for d in tables(standard, trial(), SHIPPED, AT)]
    return [(d.name, json.loads(to_dataset_json(d, "NCT04564313", created))) for d in made]


TABLES: Final = written()


@pytest.mark.parametrize(("name", "table"), TABLES, ids=[name for name, _ in TABLES])
def test_the_metadata_of_the_table(name: str, table: dict[str, Any]) -> None:
    """Required attributes, no others, in order, each of its form."""
    assert table.keys() >= REQUIRED
    assert list(table) == [a for a in TOP if a in table]
    assert MOMENT.fullmatch(table["datasetJSONCreationDateTime"])
    assert re.fullmatch(r"1\.1(\.(0|([1-9][0-9]*)))?", table["datasetJSONVersion"])
    assert table["sourceSystem"].keys() == {"name", "version"}
    assert all(table[a] for a in ("fileOID", "studyOID", "itemGroupOID", "name"))
    assert (table["name"], table["records"]) == (name, len(table["rows"]))


@pytest.mark.parametrize(("name", "table"), TABLES, ids=[name for name, _ in TABLES])
def test_the_columns_of_the_table(name: str, table: dict[str, Any]) -> None:
    """Names once, of at most 8 characters, labels of at most 40; types that go together; keys numbered from 1."""
    columns = table["columns"]
    for column in columns:
        assert column.keys() >= {"itemOID", "name", "label", "dataType"}
        assert list(column) == [a for a in COLUMN if a in column]
        assert column.get("targetDataType") in TARGETS[column["dataType"]]
        assert column["itemOID"] == f"IT.{name}.{column['name']}"
        assert (len(column["name"]) <= 8, len(column["label"]) <= 40) == (True, True)
    names = [c["name"] for c in columns]
    keys = sorted(c["keySequence"] for c in columns if "keySequence" in c)
    assert len(names) == len(set(names))
    assert keys == list(range(1, len(keys) + 1)) != []


@pytest.mark.parametrize(("name", "table"), TABLES, ids=[name for name, _ in TABLES])
def test_the_rows_of_the_table(name: str, table: dict[str, Any]) -> None:
    """One value for each column, of the JSON type of its logical type or null; dates and decimals in their form."""
    assert table["rows"], name
    for row in table["rows"]:
        assert len(row) == len(table["columns"])
        for column, value in zip(table["columns"], row, strict=True):
            if value is None:
                continue
            assert isinstance(value, JSON_TYPE[column["dataType"]]), column["name"]
            if column["dataType"] == "date":
                assert datetime.fromisoformat(value)
            if column["dataType"] == "decimal":
                assert re.fullmatch(r"-?\d+(\.\d+)?", value)
