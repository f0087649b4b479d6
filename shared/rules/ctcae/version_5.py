"""CTCAE version 5.0: the graded laboratory terms, clause by clause. Decides nothing else.

Source: Common Terminology Criteria for Adverse Events v5.0, US Department of Health and Human Services,
National Cancer Institute, 27 November 2017 (a public-domain publication of the US government).

What the words leave open, and how it is read here: between the limit of normal and 1.5 (ALP, GGT: 2.0) x
an abnormal baseline there is no grade, so it is 0; "abnormal" of a term that increases means above the
upper limit of normal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from shared.rules.ctcae.criteria import Criterion, Direction, Entry, Reference, Term, When

VERSION: Final = "5.0"


def _normal(grade: int, above_uln: str, words: str) -> Criterion:
    return Criterion(grade, When.BASELINE_NORMAL, Entry(Decimal(above_uln), Reference.ULN), words)


def _abnormal(grade: int, of_baseline: str, words: str, *, inclusive: bool = False) -> Criterion:
    entry = Entry(Decimal(of_baseline), Reference.BASELINE, inclusive)
    return Criterion(grade, When.BASELINE_ABNORMAL, entry, words)


_AMINOTRANSFERASE: Final = (
    _normal(1, "1", ">ULN - 3.0 x ULN if baseline was normal"),
    _abnormal(1, "1.5", "1.5 - 3.0 x baseline if baseline was abnormal", inclusive=True),
    _normal(2, "3.0", ">3.0 - 5.0 x ULN if baseline was normal"),
    _abnormal(2, "3.0", ">3.0 - 5.0 x baseline if baseline was abnormal"),
    _normal(3, "5.0", ">5.0 - 20.0 x ULN if baseline was normal"),
    _abnormal(3, "5.0", ">5.0 - 20.0 x baseline if baseline was abnormal"),
    _normal(4, "20.0", ">20.0 x ULN if baseline was normal"),
    _abnormal(4, "20.0", ">20.0 x baseline if baseline was abnormal"),
)

_CHOLESTATIC_ENZYME: Final = (
    _normal(1, "1", ">ULN - 2.5 x ULN if baseline was normal"),
    _abnormal(1, "2.0", "2.0 - 2.5 x baseline if baseline was abnormal", inclusive=True),
    _normal(2, "2.5", ">2.5 - 5.0 x ULN if baseline was normal"),
    _abnormal(2, "2.5", ">2.5 - 5.0 x baseline if baseline was abnormal"),
    _normal(3, "5.0", ">5.0 - 20.0 x ULN if baseline was normal"),
    _abnormal(3, "5.0", ">5.0 - 20.0 x baseline if baseline was abnormal"),
    _normal(4, "20.0", ">20.0 x ULN if baseline was normal"),
    _abnormal(4, "20.0", ">20.0 x baseline if baseline was abnormal"),
)

_BILIRUBIN: Final = (
    _normal(1, "1", ">ULN - 1.5 x ULN if baseline was normal"),
    _abnormal(1, "1.0", "> 1.0 - 1.5 x baseline if baseline was abnormal"),
    _normal(2, "1.5", ">1.5 - 3.0 x ULN if baseline was normal"),
    _abnormal(2, "1.5", ">1.5 - 3.0 x baseline if baseline was abnormal"),
    _normal(3, "3.0", ">3.0 - 10.0 x ULN if baseline was normal"),
    _abnormal(3, "3.0", ">3.0 - 10.0 x baseline if baseline was abnormal"),
    _normal(4, "10.0", ">10.0 x ULN if baseline was normal"),
    _abnormal(4, "10.0", ">10.0 x baseline if baseline was abnormal"),
)

TERMS: Final = (
    Term("alt", "Alanine aminotransferase increased", "ALT", Direction.INCREASED, _AMINOTRANSFERASE),
    Term("ast", "Aspartate aminotransferase increased", "AST", Direction.INCREASED, _AMINOTRANSFERASE),
    Term("alp", "Alkaline phosphatase increased", "ALP", Direction.INCREASED, _CHOLESTATIC_ENZYME),
    Term("ggt", "GGT increased", "GGT", Direction.INCREASED, _CHOLESTATIC_ENZYME),
    Term("bilirubin-total", "Blood bilirubin increased", "bilirubin", Direction.INCREASED, _BILIRUBIN),
)
