"""Reads an incoming CSV table, keeping the line of every row, so that what is wrong can be named. Decides nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec

_ABSENT = frozenset({"", "NA", "."})
"""What statistics programs write for a missing value."""


class UnusableTableError(ValueError):
    """The table cannot be read at all; the message names the file and what to do."""


class Fault(msgspec.Struct, frozen=True, order=True):
    """What is wrong with one row: named by file, line and column, never by its value."""

    file: str
    line: int
    column: str
    says: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.column}: {self.says}"


class TableRow(msgspec.Struct, frozen=True):
    """One row with its place."""

    file: str
    line: int
    cells: dict[str, str]

    def get(self, column: str) -> str | None:
        """The value, None where it is missing."""
        value = self.cells.get(column, "").strip()
        return None if value in _ABSENT else value

    def fault(self, column: str, says: str) -> Fault:
        """What is wrong with this row."""
        return Fault(self.file, self.line, column, says)


def parse(file: str, text: str, required: Sequence[str]) -> tuple[TableRow, ...]:
    """The rows of a CSV table with a heading line; raises UnusableTableError where a required column is missing."""
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        heading = [name.strip().upper() for name in next(lines, [])]
        missing = [name for name in required if name not in heading]
        if missing:
            raise UnusableTableError(
                f"{file}:1: the column {', '.join(missing)} is missing; the first line names the columns"
            )
        rows = []
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(heading):
                raise UnusableTableError(
                    f"{file}:{lines.line_num}: {len(cells)} values where the first line names {len(heading)} columns"
                )
            rows.append(TableRow(file, lines.line_num, dict(zip(heading, cells, strict=True))))
    except csv.Error as error:
        raise UnusableTableError(f"{file}:{lines.line_num}: is not CSV ({error})") from None
    return tuple(rows)
