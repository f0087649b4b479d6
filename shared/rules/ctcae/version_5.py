"""CTCAE version 5.0: the graded laboratory terms, clause by clause. Decides nothing else.

Source: Common Terminology Criteria for Adverse Events v5.0, US Department of Health and Human Services,
National Cancer Institute, 27 November 2017 (a public-domain publication of the US government).

What the words leave open, and how it is read here: between the limit of normal and 1.5 (ALP, GGT: 2.0) x
an abnormal baseline there is no grade, so it is 0; "abnormal" of a term that increases means above the
upper limit of normal.
"""

from __future__ import annotations

from typing import Final

from shared.rules.ctcae.both_versions import ALIKE, cd4_decreased, hyponatremia, inr_increased, white_cells_decreased
from shared.rules.ctcae.clauses import beyond, of_baseline, of_lln, of_uln
from shared.rules.ctcae.criteria import Criterion, Direction, Term, When

VERSION: Final = "5.0"
SOURCE: Final = "CTCAE v5.0, US National Cancer Institute, 27 November 2017"
_UP: Final = Direction.INCREASED
_DOWN: Final = Direction.DECREASED
_NORMAL: Final = When.BASELINE_NORMAL

_AMINOTRANSFERASE: Final = (
    of_uln(1, "1", ">ULN - 3.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(1, "1.5", "1.5 - 3.0 x baseline if baseline was abnormal", inclusive=True),
    of_uln(2, "3.0", ">3.0 - 5.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(2, "3.0", ">3.0 - 5.0 x baseline if baseline was abnormal"),
    of_uln(3, "5.0", ">5.0 - 20.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(3, "5.0", ">5.0 - 20.0 x baseline if baseline was abnormal"),
    of_uln(4, "20.0", ">20.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(4, "20.0", ">20.0 x baseline if baseline was abnormal"),
)

_CHOLESTATIC_ENZYME: Final = (
    of_uln(1, "1", ">ULN - 2.5 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(1, "2.0", "2.0 - 2.5 x baseline if baseline was abnormal", inclusive=True),
    of_uln(2, "2.5", ">2.5 - 5.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(2, "2.5", ">2.5 - 5.0 x baseline if baseline was abnormal"),
    of_uln(3, "5.0", ">5.0 - 20.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(3, "5.0", ">5.0 - 20.0 x baseline if baseline was abnormal"),
    of_uln(4, "20.0", ">20.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(4, "20.0", ">20.0 x baseline if baseline was abnormal"),
)

_BILIRUBIN: Final = (
    of_uln(1, "1", ">ULN - 1.5 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(1, "1.0", "> 1.0 - 1.5 x baseline if baseline was abnormal"),
    of_uln(2, "1.5", ">1.5 - 3.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(2, "1.5", ">1.5 - 3.0 x baseline if baseline was abnormal"),
    of_uln(3, "3.0", ">3.0 - 10.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(3, "3.0", ">3.0 - 10.0 x baseline if baseline was abnormal"),
    of_uln(4, "10.0", ">10.0 x ULN if baseline was normal", when=_NORMAL),
    of_baseline(4, "10.0", ">10.0 x baseline if baseline was abnormal"),
)

_ASYMPTOMATIC: Final = "asymptomatic"
_SYMPTOMS: Final = "with signs or symptoms"


def _pancreatic_enzyme() -> tuple[Criterion, ...]:
    return (
        of_uln(1, "1", ">ULN - 1.5 x ULN"),
        of_uln(2, "1.5", ">1.5 - 2.0 x ULN"),
        of_uln(2, "2.0", ">2.0 - 5.0 x ULN and asymptomatic", circumstance=_ASYMPTOMATIC),
        of_uln(3, "2.0", ">2.0 - 5.0 x ULN with signs or symptoms", circumstance=_SYMPTOMS),
        of_uln(3, "5.0", ">5.0 x ULN and asymptomatic", circumstance=_ASYMPTOMATIC),
        of_uln(4, "5.0", ">5.0 x ULN and with signs or symptoms", circumstance=_SYMPTOMS),
    )


_LITRE: Final = "10e9 /L"

TERMS: Final = (
    Term("alt", "Alanine aminotransferase increased", "ALT", _UP, _AMINOTRANSFERASE),
    Term("ast", "Aspartate aminotransferase increased", "AST", _UP, _AMINOTRANSFERASE),
    Term("alp", "Alkaline phosphatase increased", "ALP", _UP, _CHOLESTATIC_ENZYME),
    Term("ggt", "GGT increased", "GGT", _UP, _CHOLESTATIC_ENZYME),
    Term("bilirubin-total", "Blood bilirubin increased", "bilirubin", _UP, _BILIRUBIN),
    *ALIKE,
    cd4_decreased(_LITRE),
    white_cells_decreased(_LITRE),
    inr_increased(">2.5 times above baseline if on anticoagulation"),
    hyponatremia(
        "125-129 mmol/L and asymptomatic",
        "125-129 mmol/L symptomatic",
        "120-124 mmol/L regardless of symptoms",
    ),
    Term(
        "creatine-kinase",
        "CPK increased",
        "CK",
        _UP,
        (
            of_uln(1, "1", ">ULN - 2.5 x ULN"),
            of_uln(2, "2.5", ">2.5 x ULN - 5 x ULN"),
            of_uln(3, "5", ">5 x ULN - 10 x ULN"),
            of_uln(4, "10", ">10 x ULN"),
        ),
    ),
    Term(
        "creatinine",
        "Creatinine increased",
        "creatinine",
        _UP,
        (
            of_uln(1, "1", ">ULN - 1.5 x ULN"),
            of_baseline(2, "1.5", ">1.5 - 3.0 x baseline", when=When.ALWAYS),
            of_uln(2, "1.5", ">1.5 - 3.0 x ULN"),
            of_baseline(3, "3.0", ">3.0 baseline", when=When.ALWAYS),
            of_uln(3, "3.0", ">3.0 - 6.0 x ULN"),
            of_uln(4, "6.0", ">6.0 x ULN"),
        ),
        note="Either clause makes the grade, whatever the baseline.",
    ),
    Term("lipase", "Lipase increased", "lipase", _UP, _pancreatic_enzyme()),
    Term("amylase", "Serum amylase increased", "amylase", _UP, _pancreatic_enzyme()),
    Term(
        "lymphocytes",
        "Lymphocyte count decreased",
        "lymphocytes",
        _DOWN,
        (
            of_lln(1, "1", "<LLN - 800/mm3; <LLN - 0.8 x 10e9/L"),
            beyond(2, "0.8 10*9/L", "<800 - 500/mm3; <0.8 - 0.5 x 10e9 /L"),
            beyond(3, "0.5 10*9/L", "<500 - 200/mm3; <0.5 - 0.2 x 10e9 /L"),
            beyond(4, "0.2 10*9/L", "<200/mm3; <0.2 x 10e9 /L"),
        ),
    ),
    Term(
        "neutrophils",
        "Neutrophil count decreased",
        "neutrophils",
        _DOWN,
        (
            of_lln(1, "1", "<LLN - 1500/mm3; <LLN - 1.5 x 10e9 /L"),
            beyond(2, "1.5 10*9/L", "<1500 - 1000/mm3; <1.5 - 1.0 x 10e9 /L"),
            beyond(3, "1.0 10*9/L", "<1000 - 500/mm3; <1.0 - 0.5 x 10e9 /L"),
            beyond(4, "0.5 10*9/L", "<500/mm3; <0.5 x 10e9 /L"),
        ),
    ),
    Term(
        "platelets",
        "Platelet count decreased",
        "platelets",
        _DOWN,
        (
            of_lln(1, "1", "<LLN - 75,000/mm3; <LLN - 75.0 x 10e9 /L"),
            beyond(2, "75 10*9/L", "<75,000 - 50,000/mm3; <75.0 - 50.0 x 10e9 /L"),
            beyond(3, "50 10*9/L", "<50,000 - 25,000/mm3; <50.0 - 25.0 x 10e9 /L"),
            beyond(4, "25 10*9/L", "<25,000/mm3; <25.0 x 10e9 /L"),
        ),
    ),
)
