"""Responses from SDTM tables as a statistician gives them, with what is wrong in them named."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.cli.response.derive import course
from shared.rules.mrecist import BY_NAME, Course
from shared.sdtm import responses, table, tumours
from shared.sdtm.table import UnusableTableError
from tests.spec.response.courses import response

FOLDER: Final = Path(__file__).parents[4] / "shared" / "data" / "recist-sdtm"
public = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"public example data not found in {FOLDER}")

TU: Final = "USUBJID,TULNKID,TULOC,TUSTRESC,TUEVAL,TUEVALID\nS1,T01,LIVER,TARGET,INVESTIGATOR,\n"
TR_HEAD: Final = "USUBJID,TRLNKID,TRGRPID,TRTESTCD,TRSTRESC,TRSTRESU,TREVAL,TREVALID,TRDTC,VISITNUM"
BASELINE: Final = "S1,T01,TARGET,LDIAM,50,mm,INVESTIGATOR,,2024-04-24,1"


def read(*rows: str, tu: str = TU) -> tumours.Read:
    """What these rows of TR hold."""
    tr = "\n".join((TR_HEAD, *rows))
    return tumours.read(table.parse("tu.csv", tu, tumours.TU_COLUMNS), table.parse("tr.csv", tr, tumours.TR_COLUMNS))


def courses(found: tumours.Read, criteria: str = "recist11") -> list[Course]:
    """The course of each subject by each reader."""
    return [course(r, response(), BY_NAME[criteria]) for r in found.readings]


def answers(found: tumours.Read, criteria: str = "recist11") -> list[str]:
    """The responses of the one subject by the one reader."""
    (only,) = courses(found, criteria)
    return [v.response for v in only.visits]


def visit(size: str, on: str = "2024-06-26", number: str = "2", unit: str = "mm", test: str = "LDIAM") -> str:
    """One row of TR after baseline."""
    return f"S1,T01,TARGET,{test},{size},{unit},INVESTIGATOR,,{on},{number}"


@public
@pytest.mark.parametrize("to_file", [True, False])
def test_the_command_reproduces_every_response_of_the_public_example(tmp_path: Path, to_file: bool) -> None:
    """3 subjects by 3 readers: every overall response with its visit, its date as recorded and its accepted flag."""
    out = tmp_path / "rs.csv"
    files = ["--tu", str(FOLDER / "tu.csv"), "--tr", str(FOLDER / "tr.csv"), *(["--rs", str(out)] if to_file else [])]
    done = CliRunner().invoke(app, ["response", *files, "--criteria", "recist11"])

    assert done.exit_code == 0, done.output
    written = out.read_text(encoding="utf-8") if to_file else done.output
    derived = {_key(r): _said(r) for r in csv.DictReader(written.splitlines()) if r["RSTESTCD"] == "OVRLRESP"}
    recorded = {_key(r): _said(r) for r in _rows(FOLDER / "rs.csv")}
    assert len(recorded) == 24
    assert derived == recorded


@public
@pytest.mark.parametrize("criteria", ["mrecist", "irecist"])
def test_the_public_example_can_be_read_by_the_other_criteria(criteria: str) -> None:
    """iRECIST calls the two progressions unconfirmed; mRECIST uses the full diameters of lesions outside the liver."""
    files = ["--tu", str(FOLDER / "tu.csv"), "--tr", str(FOLDER / "tr.csv")]
    done = CliRunner().invoke(app, ["response", *files, "--criteria", criteria])
    rows = [r for r in csv.DictReader(done.output.splitlines()) if r["RSTESTCD"] == "OVRLRESP"]

    assert done.exit_code == 0
    assert len(rows) == 24
    assert [r["RSSTRESC"] for r in rows].count("iUPD") == (2 if criteria == "irecist" else 0)


def test_rows_become_responses() -> None:
    """Target, overall and best response with SDTM's names."""
    found = read(BASELINE, visit("30"))
    rows = responses.responses(list(zip(found.readings, courses(found), strict=True)), BY_NAME["recist11"]).rows

    assert [(r["RSSEQ"], r["RSTESTCD"], r["RSSTRESC"], r.get("VISITNUM"), r.get("RSDTC")) for r in rows] == [
        (1, "TRGRESP", "PR", "2", "2024-06-26"),
        (2, "OVRLRESP", "PR", "2", "2024-06-26"),
        (3, "BESTRESP", "PR", None, None),
    ]


def test_mrecist_needs_the_viable_diameter() -> None:
    """Without it the sum of a lesion in the liver is unknown; with it, it decides."""
    without = read(BASELINE, visit("30"))
    viable = read(BASELINE, BASELINE.replace("LDIAM", "VIABLE"), visit("50"), visit("20", test="VIABLE"))

    assert answers(without, "mrecist") == ["NE"]
    assert answers(viable, "mrecist") == ["PR"]


def test_a_sponsor_s_own_code_of_the_viable_diameter_can_be_given() -> None:
    """CDISC's list has none, so that each sponsor extends it."""
    rows = (BASELINE, BASELINE.replace("LDIAM", "LDIAMV"), visit("50"), visit("20", test="LDIAMV"))
    tr = table.parse("tr.csv", "\n".join((TR_HEAD, *rows)), tumours.TR_COLUMNS)
    found = tumours.read(table.parse("tu.csv", TU, tumours.TU_COLUMNS), tr, viable="LDIAMV")

    assert not found.faults
    assert answers(found, "mrecist") == ["PR"]


@pytest.mark.parametrize(("location", "expected"), [("LUNG", "PR"), ("LYMPH NODE", "CR")])
def test_the_one_diameter_that_counts_is_that_of_the_organ(location: str, expected: str) -> None:
    """DIAMETER is the longest one, of a node the short axis: 8 mm is a normal node."""
    tu = TU.replace("LIVER", location)
    found = read(BASELINE.replace("LDIAM", "DIAMETER"), visit("8", test="DIAMETER"), tu=tu)

    assert answers(found) == [expected]


def test_centimetres_are_converted_and_unplanned_visits_stay_in_order() -> None:
    """5 cm are 50 mm; visit 2.1 lies between 2 and 3."""
    found = read(BASELINE, visit("5", unit="cm"), visit("60", "2024-07-20", "2.1"), visit("30", "2024-08-21", "3"))

    assert answers(found) == ["SD", "PD", "PR"]
    assert [responses.visit_number(v.number or 0) for v in courses(found)[0].visits] == ["2", "2.1", "3"]


def test_a_flagged_baseline_comes_before_the_lowest_visit_number() -> None:
    """TRLOBXFL says which visit is the baseline."""
    head, rows = (
        f"{TR_HEAD},TRLOBXFL",
        (
            "S1,T01,TARGET,LDIAM,90,mm,INVESTIGATOR,,2024-04-10,1,",
            f"{visit('50', '2024-04-24')},Y",
            f"{visit('48', number='3')},",
        ),
    )
    tr = table.parse("tr.csv", "\n".join((head, *rows)), tumours.TR_COLUMNS)
    found = tumours.read(table.parse("tu.csv", TU, tumours.TU_COLUMNS), tr)
    (only,) = courses(found)

    assert only.baseline is not None
    assert only.baseline.sum_mm == 50
    assert [v.response for v in only.visits] == ["SD"]


def test_each_reader_is_read_alone() -> None:
    """Two readers of one subject give two courses; one without baseline has no response."""
    tu = TU + "S1,T01,LIVER,TARGET,INDEPENDENT ASSESSOR,READER 2\n"
    second = visit("10").replace("INVESTIGATOR,", "INDEPENDENT ASSESSOR,READER 2")
    found = read(BASELINE, visit("30"), second, tu=tu)

    assert [
        (r.evaluator_id, [v.response for v in c.visits]) for r, c in zip(found.readings, courses(found), strict=True)
    ] == [
        (None, ["PR"]),
        ("READER 2", ["NE"]),
    ]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (visit("30", unit=""), "tr.csv:3: TRSTRESU: is missing, so the size is unknown; the row is left out"),
        (visit("30", unit="inch"), "tr.csv:3: TRSTRESU: expected mm or cm; the row is left out"),
        (visit("30", on=""), "tr.csv:3: TRDTC: is missing; the row is left out"),
        (
            visit("30", on="June"),
            "tr.csv:3: TRDTC: expected a FHIR date (YYYY, YYYY-MM, YYYY-MM-DD or a dateTime with offset); the row is left out",
        ),
        (visit("-30"), "tr.csv:3: TRSTRESC: is not a possible size of a lesion; the row is left out"),
        (visit("3000"), "tr.csv:3: TRSTRESC: is not a possible size of a lesion; the row is left out"),
        (visit("big"), "tr.csv:3: TRSTRESC: is not a number; the row is left out"),
        (visit("30", number="two"), "tr.csv:3: VISITNUM: is not a number; the row is left out"),
        (
            visit("30", test="WEIGHT"),
            "tr.csv:3: TRTESTCD: expected TUMSTATE, LDIAM, LPERP, SAXIS, DIAMETER, VIABLE, APHE, WASHOUT or a derived sum; "
            "the row is left out",
        ),
        (
            visit("30").replace("T01", "T09"),
            "tr.csv:3: TRLNKID: this reader identified no such lesion in TU; the row is left out",
        ),
        (visit("30").replace("T01", ""), "tr.csv:3: TRLNKID: is missing; the row is left out"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_not_guessed(row: str, fault: str) -> None:
    """By file, line and column, never by its value; what it would have said stays unknown."""
    found = read(BASELINE, row)

    assert [str(f) for f in found.faults] == [fault]
    assert answers(found) == []


def test_two_values_of_one_lesion_and_day_are_named_and_neither_counts() -> None:
    """The visit is not evaluable."""
    found = read(BASELINE, visit("30"), visit("45"))

    assert [str(f) for f in found.faults] == [
        "tr.csv:4: TRSTRESC: another row has another value for this lesion and day; neither counts"
    ]
    assert answers(found) == ["NE"]


def test_a_lesion_that_changes_organ_is_named() -> None:
    """The organ of the first row counts."""
    found = read(BASELINE, visit("30"), tu=TU + "S1,T01,LUNG,TARGET,INVESTIGATOR,\n")

    assert [str(f) for f in found.faults] == [
        "tu.csv:3: TULOC: this lesion lies in another organ in an earlier row; the first one counts"
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("USUBJID,TULNKID\nS1,T01\n", "tu.csv:1: the column TULOC, TUSTRESC, TUEVAL is missing"),
        (TU + "S1,T02\n", "tu.csv:3: 2 values where the first line names 6 columns"),
        ("", "tu.csv:1: the column USUBJID"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(text: str, says: str) -> None:
    """With the line and what is expected there."""
    with pytest.raises(UnusableTableError, match=says):
        table.parse("tu.csv", text, tumours.TU_COLUMNS)


def test_the_command_names_bad_rows_and_ends_with_1(tmp_path: Path) -> None:
    """The responses that can be derived are written all the same."""
    (tmp_path / "tu.csv").write_text(TU, encoding="utf-8")
    (tmp_path / "tr.csv").write_text(
        "\n".join((TR_HEAD, BASELINE, visit("30"), visit("x", number="3"))), encoding="utf-8"
    )
    out = tmp_path / "rs.csv"
    command = ["response", "--tu", str(tmp_path / "tu.csv"), "--tr", str(tmp_path / "tr.csv"), "--rs", str(out)]
    done = CliRunner().invoke(app, [*command, "--criteria", "recist11"])

    assert done.exit_code == 1
    assert "tr.csv:4: TRSTRESC: is not a number; the row is left out" in done.output
    assert [r["RSSTRESC"] for r in _rows(out) if r["RSTESTCD"] == "OVRLRESP"] == ["PR"]


def _rows(path: Path) -> Sequence[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _key(row: dict[str, str]) -> tuple[str, str, str]:
    return row["USUBJID"], _stated(row["RSEVALID"]) or row["RSEVAL"], row["VISITNUM"]


def _said(row: dict[str, str]) -> tuple[str, str, str]:
    return row["RSSTRESC"], row["RSDTC"], _stated(row["RSACPTFL"])


def _stated(value: str) -> str:
    return "" if value == "NA" else value
