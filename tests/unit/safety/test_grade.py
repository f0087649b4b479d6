"""`graftwatch grade`: what is read, what is added, and what is said of rows that cannot be graded."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.cli.safety.graded_rows import graded
from services.cli.safety.laboratory_rows import LaboratoryRow
from services.cli.stack import StackError

HEAD = "id,term,value,unit,lln,uln,baseline,baseline_lln,baseline_uln\n"


def run(path: Path, *options: str) -> list[dict[str, str]]:
    """The rows that the command writes."""
    result = CliRunner().invoke(app, ["grade", str(path), *options], catch_exceptions=False)
    assert result.exit_code == 0
    return list(csv.DictReader(io.StringIO(result.output)))


def written(folder: Path, text: str) -> Path:
    """A file of laboratory values."""
    path = folder / "labs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_column_is_kept_and_three_are_added(tmp_path: Path) -> None:
    """Version 5 is the default; the worked example of the two versions: grade 1 in one, 3 in the other."""
    path = written(tmp_path, HEAD + "a1,ALANINE aminotransferase increased,250,U/L,7,40,100,7,40\n")
    (five,), (six,) = run(path), run(path, "--ctcae", "6")
    assert list(five) == [*HEAD.strip().split(","), "grade", "grade_low", "reason"]
    assert (five["id"], five["grade"], six["grade"]) == ("a1", "1", "3")
    assert five["reason"] == "1.5 - 3.0 x baseline if baseline was abnormal"


def test_it_writes_a_file_where_asked(tmp_path: Path) -> None:
    """Nothing goes to the terminal then."""
    out = tmp_path / "out.csv"
    result = CliRunner().invoke(app, ["grade", str(written(tmp_path, HEAD)), "--out", str(out)])
    assert (result.exit_code, result.output) == (0, "")
    assert out.read_text(encoding="utf-8").startswith(HEAD.strip())


@pytest.mark.parametrize(
    ("row", "grade", "low"),
    [
        (LaboratoryRow("1742-6", "130", "U/L", uln="40", baseline="30", baseline_uln="40"), "2", "2"),
        (LaboratoryRow("2823-3", "6.5", "mmol/L", "3.5", "5"), "3", "3"),
        (LaboratoryRow("2823-3", "3.2", "mmol/L", "3.5", "5"), "2", "1"),
        (LaboratoryRow("2823-3", "4.0", "mmol/L", "3.5", "5"), "0", "0"),
        (LaboratoryRow("2823-3", "6.5", "mmol/L"), "3", "3"),
        (LaboratoryRow("1558-6", "29", "mg/dL", "60", "100"), "4", "4"),
        (LaboratoryRow("Anemia", "7", "g/dL"), "3", "3"),
        (LaboratoryRow("Anemia", "70", "g/L"), "3", "3"),
        (LaboratoryRow("Anemia", "6.2", "mmol/L", lln="8"), "1", "1"),
        (LaboratoryRow("Hypercalcemia", "2.9", "mmol/L", uln="2.6"), "1", "1"),
        (LaboratoryRow("Hypercalcemia", "11.6", "mg/dL", uln="10.5"), "2", "2"),
        (LaboratoryRow("Platelet count decreased", "49999", "/mm3"), "3", "3"),
        (LaboratoryRow("Lipase increased", "150", uln="50"), "3", "2"),
        (LaboratoryRow("INR increased", "1.3"), "1", "0"),
        (LaboratoryRow("INR increased", "2.6"), "3", "0"),
    ],
)
def test_a_row_has_the_highest_grade_its_number_allows_and_the_lowest(row: LaboratoryRow, grade: str, low: str) -> None:
    """By term or LOINC, in any unit of the words; an absolute bound needs no limit."""
    found = graded(row, "5.0")
    assert (found.grade, found.grade_low) == (grade, low), found.reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (LaboratoryRow("Anemia", "11", "g/dL"), "lower limit of normal"),
        (LaboratoryRow("Anemia", "14"), "the unit is missing"),
        (LaboratoryRow("Anemia", "7", "mm[Hg]"), "does not measure"),
        (LaboratoryRow("Anemia", "", "g/dL"), "value is missing"),
        (LaboratoryRow("Anemia", "seven", "g/dL"), "not a number"),
        (LaboratoryRow("Anemia", "-7", "g/dL"), "from 0 upwards"),
        (LaboratoryRow("Anemia", "NaN", "g/dL"), "from 0 upwards"),
        (LaboratoryRow("Fatigue", "7"), "neither a laboratory term"),
        (LaboratoryRow("1742-6", "130", "U/L", uln="40"), "no baseline"),
        (LaboratoryRow("1742-6", "130", "U/L", baseline="30", baseline_uln="40"), "upper limit of normal"),
        (LaboratoryRow("Creatinine increased", "2", "mg/dL", uln="1"), "no baseline"),
    ],
)
def test_what_cannot_be_graded_says_why(row: LaboratoryRow, reason: str) -> None:
    """The grade is empty, never 0, and the reason never holds the value."""
    found = graded(row, "5.0")
    assert found.grade == ""
    assert reason in found.reason
    assert found.reason.startswith("not gradable")


def test_a_row_with_too_many_cells_is_not_graded_and_stops_no_other(tmp_path: Path) -> None:
    """An unquoted comma shifts what follows it: such a row must not be graded by the wrong cells."""
    path = written(tmp_path, HEAD + "a1,Anemia,7,5,g/dL,,,,,\na2,Anemia,7,g/dL,,,,,\n")
    first, second = run(path)
    assert (first["grade"], second["grade"]) == ("", "3")
    assert "more cells than columns" in first["reason"]


def test_a_term_of_the_other_version_is_pointed_to() -> None:
    """Platelets are graded under another name in each version."""
    assert "CTCAE 6.0 has it" in graded(LaboratoryRow("Thrombocytopenia", "7", "10*9/L"), "5.0").reason


def test_sdtm_is_read(tmp_path: Path) -> None:
    """LB: the baseline is the flagged row of the same subject and test, limits and units the standard ones."""
    path = written(
        tmp_path,
        "USUBJID,LBTESTCD,LBSTRESN,LBSTRESU,LBSTNRLO,LBSTNRHI,LBBLFL\n"
        "s1,ALT,30,U/L,7,40,Y\ns1,ALT,210,U/L,7,40,\ns2,ALT,210,U/L,7,40,\ns1,K,6.5,mmol/L,3.5,5,\n",
    )
    assert [row["grade"] for row in run(path)] == ["0", "3", "", "3"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("value\n1\n", "no column term"), ("", "empty"), ("term,value,grade\n", "already has a column grade")],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """The fault and what is expected are named; there is no traceback."""
    result = CliRunner().invoke(app, ["grade", str(written(tmp_path, text))])
    assert isinstance(result.exception, StackError)
    assert says in str(result.exception)
