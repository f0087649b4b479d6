"""Reads the bounds of CTCAE off its own published words, apart from the product's tables.

Reads clauses of the form `>3.0 - 5.0 x ULN`, `<LLN - 500/mm3`, `150 mg/dL - 300 mg/dL`; the few of another form are
listed by hand in the test. Each clause gives points: at where it begins, just beyond, and at where it ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[3].parent / "shared" / "data" / "ctcae"
STEP: Final = Decimal("0.0001")
LLN: Final = Decimal(10)
_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_OF = r"x ULN|x LLN|x baseline|x if|times above baseline|baseline|mg/dL|g/dL|mmol/L|g/L|/mm3|x 10e9 ?/L|x 10\^9/L"
_CLAUSE = re.compile(
    rf"(?P<sign>[<>])?\s*(?P<a>ULN|LLN|{_NUMBER})\s*(?P<of_a>{_OF})?(?:\s*-\s*(?P<b>{_NUMBER})\s*(?P<of_b>{_OF})?)?",
    re.IGNORECASE,
)
_UNITS: Final = {"/mm3": "/mm3", "x 10e9 /L": "10*9/L", "x 10e9/L": "10*9/L", "x 10^9/L": "10*9/L"}
BY_HAND: Final = {
    5: ("Acidosis", "Alkalosis", "Hemoglobin increased", "Hyponatremia"),
    6: (
        "Acidosis",
        "Alkalosis",
        "Hemoglobin increased",
        "Hyponatremia",
        "Alkaline phosphatase increased",
        "Creatinine clearance decreased",
    ),
}
_MISPRINTED: Final = ("<0.2 x 0.05 - 10", "10.0 x 10^9/L")
_IN_WORDS: Final = re.compile(r"ionized calcium", re.IGNORECASE)


@dataclass(frozen=True)
class Clause:
    """One clause: the grade, and where it begins and ends for a patient whose limits and baseline are these."""

    term: str
    grade: int
    words: str
    rises: bool
    begins: Decimal
    inclusive: bool
    ends: Decimal | None
    unit: str
    uln: Decimal | None
    lln: Decimal | None
    baseline: Decimal | None


def listed(version: int) -> list[dict[str, str]]:
    """The published terms of a version."""
    rows: list[dict[str, str]] = json.loads((FOLDER / f"ctcae-v{version}-laboratory.json").read_text(encoding="utf-8"))
    return rows


def clauses(version: int) -> Iterator[Clause]:
    """Every clause with a bound that can be read off its words."""
    for row in listed(version):
        if row["TERM"] in BY_HAND[version]:
            continue
        for grade in range(1, 5):
            for words in _split(row, grade):
                clause = _clause(row, grade, words)
                if clause is not None:
                    yield clause


def _split(row: dict[str, str], grade: int) -> list[str]:
    words = [w.strip() for w in row.get(f"GRADE_{grade}", "-").split(";")]
    ionised = "Ionized" in row["TERM"]
    # The calcium terms share their words: "Corrected serum calcium of …; …; Ionized calcium …".
    if "calcium" in row.get("GRADE_1", ""):
        return [w for w in words if bool(_IN_WORDS.search(w)) is ionised]
    return words


def _clause(row: dict[str, str], grade: int, words: str) -> Clause | None:
    found = _CLAUSE.search(words)
    if found is None or "decrease from baseline" in words or any(m in words for m in _MISPRINTED):
        return None
    rises = row["DIRECTION"] == "H"
    of = found["of_b"] or found["of_a"] or ""
    uln, lln, baseline = _patient(row["TERM"], words, rises)
    scale = _scale(of, words, uln, lln, baseline)
    limit = {"ULN": uln, "LLN": lln}.get(found["a"].upper())
    begins = limit if limit is not None else _number(found["a"]) * scale
    ends = _number(found["b"]) * scale if found["b"] else None
    unit = _UNITS.get(of, of) if "/" in of else "mg/dL" if row["TERM"].startswith("Fibrinogen") else ""
    return Clause(row["TERM"], grade, words, rises, begins, found["sign"] is None, ends, unit, uln, lln, baseline)


def _patient(term: str, words: str, rises: bool) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Limits and baseline of a patient to whom the clause applies, so chosen that no other clause interferes."""
    if "baseline was abnormal" in words or "baseline was >ULN" in words:
        return Decimal(100), None, Decimal(200)
    if term.startswith("Creatinine") and "ULN" in words:
        return Decimal(100), LLN, Decimal(100)
    if term.startswith("Fibrinogen"):
        lln = Decimal(100 if "absolute" in words else 1000)
        return None, lln, lln * 2
    if "below LLN" in words:
        return Decimal(100_000), LLN, Decimal(5)
    if "baseline" in words.lower() and "normal" not in words and "ULN" not in words:
        return Decimal(100_000), None, Decimal(10)
    if re.search(rf"(ULN|LLN)\s*-\s*{_NUMBER}\s*(?!x [UL]LN)", words) and "x ULN" not in words and "x LLN" not in words:
        # "<LLN - 500/mm3": the limit must lie before the number.
        end = _CLAUSE.search(words)
        assert end is not None
        last = _number(end["b"])
        return (last * Decimal("0.9"), None, None) if rises else (None, last * Decimal("1.1"), None)
    return (Decimal(100), None, Decimal(80)) if rises else (None, Decimal(100), Decimal(120))


def _scale(of: str, words: str, uln: Decimal | None, lln: Decimal | None, baseline: Decimal | None) -> Decimal:
    scale: Decimal | None = Decimal(1)
    if "baseline" in of or of.startswith("x if") or ("baseline" in words and "normal" not in words and "ULN" not in of):
        scale = baseline
    elif "ULN" in of:
        scale = uln
    elif "LLN" in of:
        scale = lln
    return scale if scale is not None else Decimal(1)


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))
