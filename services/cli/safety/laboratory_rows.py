"""Rows of laboratory values as a spreadsheet or SDTM LB holds them: decides which cell means what.

Does not grade them; a cell that cannot be read leaves its row ungraded, never the file unread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.cli.stack import StackError
from shared.sdtm.laboratory import TESTS

Row = Mapping[str, str]
REQUIRED: Final = ("term", "value")


@dataclass(frozen=True)
class LaboratoryRow:
    """One value to grade, every cell as text; what a column does not say is empty."""

    term: str
    value: str
    unit: str = ""
    lln: str = ""
    uln: str = ""
    baseline: str = ""
    baseline_lln: str = ""
    baseline_uln: str = ""


def read(rows: Sequence[Row], columns: Sequence[str]) -> list[LaboratoryRow]:
    """The rows as values to grade: our own columns, or those of SDTM LB; raises StackError for neither."""
    named = {column.strip().casefold(): column for column in columns}
    if "lbtestcd" in named:
        return _sdtm(rows, named)
    missing = [column for column in REQUIRED if column not in named]
    if missing:
        raise StackError(
            f"LABS.csv: no column {' and '.join(missing)}; expected term, value, unit, lln, uln, baseline, baseline_lln, "
            "baseline_uln, or the columns of SDTM LB (LBTESTCD, LBSTRESN, …)"
        )
    fields = LaboratoryRow.__dataclass_fields__
    return [LaboratoryRow(**{f: _cell(row, named.get(f)) for f in fields}) for row in rows]


def _sdtm(rows: Sequence[Row], named: Mapping[str, str]) -> list[LaboratoryRow]:
    """SDTM LB: standard results before original ones; the baseline is the subject's row flagged LBBLFL or LBLOBXFL."""
    cells = [{key: _cell(row, column) for key, column in named.items()} for row in rows]
    baselines = {_test(c): c for c in reversed(cells) if "Y" in (c.get("lbblfl"), c.get("lblobxfl"))}
    return [_sdtm_row(c, baselines.get(_test(c), {})) for c in cells]


def _sdtm_row(cells: Row, baseline: Row) -> LaboratoryRow:
    value, unit, lln, uln = _result(cells)
    base, base_unit, base_lln, base_uln = _result(baseline)
    comparable = base_unit == unit
    return LaboratoryRow(
        cells.get("lbloinc") or TESTS.get(cells["lbtestcd"].upper(), cells["lbtestcd"]),
        value,
        unit,
        lln,
        uln,
        base if comparable else "",
        base_lln if comparable else "",
        base_uln if comparable else "",
    )


def _result(cells: Row) -> tuple[str, str, str, str]:
    """Value, unit and limits of normal: standardised, else as received; each set from one place only."""
    standard = [cells.get(c, "") for c in ("lbstresn", "lbstresu", "lbstnrlo", "lbstnrhi")]
    if not standard[0]:
        standard[0] = cells.get("lbstresc", "")
    original = [cells.get(c, "") for c in ("lborres", "lborresu", "lbornrlo", "lbornrhi")]
    value, unit, lln, uln = standard if standard[0] else original
    return value, unit, lln, uln


def _test(cells: Row) -> tuple[str, ...]:
    return tuple(cells.get(c, "") for c in ("usubjid", "lbtestcd", "lbspec", "lbmethod"))


def _cell(row: Row, column: str | None) -> str:
    return (row.get(column) or "").strip() if column is not None else ""
