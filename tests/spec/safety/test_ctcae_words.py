"""Every bound of CTCAE 5.0 and 6.0, read off the published words, holds on both sides and at the bound."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.cli.safety.graded_rows import GradedRow, graded
from services.cli.safety.laboratory_rows import LaboratoryRow
from shared.rules.ctcae import VERSIONS
from tests.spec.safety import ctcae_in_words as published
from tests.spec.safety.ctcae_in_words import STEP, Clause

pytestmark = pytest.mark.skipif(
    not published.FOLDER.exists(), reason="the published words are not there (../shared/data/ctcae)"
)
CLAUSES = [(v, c) for v in (5, 6) if published.FOLDER.exists() for c in published.clauses(v)]


def _grade(version: int, clause: Clause, value: Decimal) -> tuple[int, int]:
    def text(number: Decimal | None) -> str:
        return "" if number is None else f"{number:f}"

    row = LaboratoryRow(
        clause.term,
        text(value),
        clause.unit,
        lln=text(clause.lln),
        uln=text(clause.uln),
        baseline=text(clause.baseline),
        baseline_lln=text(clause.lln),
        baseline_uln=text(clause.uln),
    )
    found = graded(row, f"{version}.0")
    assert found.grade, (value, found.reason)
    return int(found.grade_low), int(found.grade)


@pytest.mark.parametrize(("version", "clause"), CLAUSES, ids=[f"v{v}-{c.term}-{c.grade}-{c.words}" for v, c in CLAUSES])
def test_a_clause_begins_and_ends_where_its_words_say(version: int, clause: Clause) -> None:
    """Crossing the first bound changes the grade to that of the clause; at the last bound it still holds."""
    step = STEP if clause.rises else -STEP
    before = clause.begins - (step if clause.inclusive else 0)
    within = clause.begins + (0 if clause.inclusive else step)
    low, high = _grade(version, clause, within)
    assert low <= clause.grade <= high
    earlier = _grade(version, clause, before)
    assert earlier < (low, high)
    # Without symptoms grade 2 of an enzyme goes on where the words begin a second clause of it.
    assert earlier[0] < clause.grade or "asymptomatic" in clause.words
    if clause.ends is not None:
        low, high = _grade(version, clause, clause.ends)
        assert low <= clause.grade <= high


def test_nearly_every_clause_of_the_words_is_read() -> None:
    """The reading above is no empty exercise: it finds the bounds of all terms but those listed by hand."""
    for version in (5, 6):
        read = {c.term for v, c in CLAUSES if v == version}
        assert read == {row["TERM"] for row in published.listed(version)} - set(published.BY_HAND[version])
    assert len(CLAUSES) > 250


@pytest.mark.parametrize(
    ("version", "term", "value", "limits", "expected"),
    [
        (v, *case)
        for v in (5, 6)
        for case in (
            ("Acidosis", "7.3", {"lln": "7.35"}, (1, 1)),
            ("Acidosis", "7.29", {"lln": "7.35"}, (3, 3)),
            ("Acidosis", "7.35", {"lln": "7.35"}, (0, 0)),
            ("Alkalosis", "7.5", {"uln": "7.45"}, (1, 1)),
            ("Alkalosis", "7.51", {"uln": "7.45"}, (3, 3)),
            ("Alkalosis", "7.45", {"uln": "7.45"}, (0, 0)),
            ("Hemoglobin increased", "17", {"uln": "17", "unit": "g/dL"}, (0, 0)),
            ("Hemoglobin increased", "17.1", {"uln": "17", "unit": "g/dL"}, (1, 1)),
            ("Hemoglobin increased", "19", {"uln": "17", "unit": "g/dL"}, (1, 1)),
            ("Hemoglobin increased", "210", {"uln": "170", "unit": "g/L"}, (2, 2)),
            ("Hemoglobin increased", "211", {"uln": "170", "unit": "g/L"}, (3, 3)),
            ("Hyponatremia", "130", {"lln": "135", "unit": "mmol/L"}, (1, 1)),
            ("Hyponatremia", "129", {"lln": "135", "unit": "mmol/L"}, (2, 3)),
            ("Hyponatremia", "125", {"lln": "135", "unit": "mmol/L"}, (2, 3)),
            ("Hyponatremia", "124", {"lln": "135", "unit": "mmol/L"}, (3, 3)),
            ("Hyponatremia", "120", {"lln": "135", "unit": "mmol/L"}, (3, 3)),
            ("Hyponatremia", "119", {"lln": "135", "unit": "mmol/L"}, (4, 4)),
            ("Fibrinogen decreased", "150", {"lln": "200", "baseline": "180", "baseline_lln": "200"}, (1, 1)),
            ("Fibrinogen decreased", "180", {"lln": "200", "baseline": "180", "baseline_lln": "200"}, (0, 0)),
            ("Fibrinogen decreased", "135", {"lln": "200", "baseline": "180", "baseline_lln": "200"}, (2, 2)),
            ("Fibrinogen decreased", "90", {"lln": "200", "baseline": "180", "baseline_lln": "200"}, (3, 3)),
            ("Fibrinogen decreased", "49", {"lln": "200", "baseline": "180", "baseline_lln": "200"}, (4, 4)),
            ("Fibrinogen decreased", "50", {"lln": "200", "baseline": "220", "baseline_lln": "200"}, (3, 3)),
            ("CD4 lymphocytes decreased", "0.2", {"unit": "10^9/L"}, (2, 2)),
            ("CD4 lymphocytes decreased", "0.19", {"unit": "10^9/L"}, (3, 3)),
        )
    ]
    + [
        (6, "Creatinine clearance decreased", "49.1", {"unit": "mL/min"}, (0, 0)),
        (6, "Creatinine clearance decreased", "49", {"unit": "ml/min"}, (2, 2)),
        (6, "Creatinine clearance decreased", "26", {"unit": "mL/min"}, (2, 2)),
        (6, "Creatinine clearance decreased", "25", {"unit": "mL/min"}, (3, 3)),
        (6, "Creatinine clearance decreased", "9", {"unit": "mL/min"}, (3, 3)),
        (6, "Thrombocytopenia", "10", {"unit": "10^9/L"}, (3, 3)),
        (6, "Thrombocytopenia", "9.9", {"unit": "10^9/L"}, (4, 4)),
        (6, "Alkaline phosphatase increased", "250", {"uln": "120", "baseline": "200", "baseline_uln": "120"}, (1, 1)),
        (6, "Alkaline phosphatase increased", "200", {"uln": "120", "baseline": "200", "baseline_uln": "120"}, (0, 0)),
        (6, "Alkaline phosphatase increased", "120", {"uln": "120", "baseline": "90", "baseline_uln": "120"}, (0, 0)),
        (6, "Alkaline phosphatase increased", "121", {"uln": "120", "baseline": "90", "baseline_uln": "120"}, (1, 1)),
        (
            6,
            "Alanine aminotransferase increased",
            "900",
            {"uln": "40", "baseline": "300", "baseline_uln": "40"},
            (2, 3),
        ),
    ],
)
def test_the_clauses_of_another_form(
    version: int, term: str, value: str, limits: dict[str, str], expected: tuple[int, int]
) -> None:
    """pH, increases above the limit, whole numbers, falls from a baseline, and the two misprinted bounds."""
    unit = {"unit": "mg/dL"} if term.startswith("Fibrinogen") else {}
    found: GradedRow = graded(LaboratoryRow(term, value, **(limits | unit)), f"{version}.0")
    assert (found.grade_low, found.grade) == (str(expected[0]), str(expected[1])), found.reason


@pytest.mark.parametrize("version", [5, 6])
def test_the_table_quotes_every_published_term_word_for_word(version: int) -> None:
    """No laboratory term is left out, none is added, and each grade reads as published (spaces aside)."""
    table = {term.name: term for term in VERSIONS[f"{version}.0"]}
    rows = published.listed(version)
    assert table.keys() == {row["TERM"] for row in rows}
    for row in rows:
        for grade in range(1, 5):
            words = row.get(f"GRADE_{grade}", "-")
            stated = "" if words == "-" else "".join(words.split())
            assert "".join(table[row["TERM"]].words_of(grade).split()) == stated, (row["TERM"], grade)
