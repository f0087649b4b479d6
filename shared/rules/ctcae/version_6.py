"""CTCAE version 6.0: the graded laboratory terms, clause by clause. Decides nothing else.

Source: Common Terminology Criteria for Adverse Events v6.0, US Department of Health and Human Services,
National Cancer Institute (a public-domain publication of the US government).

What the words leave open, and how it is read here: grade 3 of ALT and AST speaks of a baseline "up to 5 x
ULN"; for a higher one the value has that grade or the one below, and both are given. Creatinine counts
multiples of a baseline only where that lies below its lower limit of normal. Creatinine clearance below
10 mL/min, of which the words say nothing, keeps grade 3.
"""

from __future__ import annotations

from typing import Final

from shared.rules.ctcae.both_versions import (
    ALIKE,
    HOSPITALISATION,
    LIFE_THREATENING,
    cd4_decreased,
    hyponatremia,
    inr_increased,
    white_cells_decreased,
)
from shared.rules.ctcae.clauses import beyond, in_words, of_baseline, of_lln, of_uln
from shared.rules.ctcae.criteria import Direction, Term, When

VERSION: Final = "6.0"
SOURCE: Final = "CTCAE v6.0, US National Cancer Institute"
_UP: Final = Direction.INCREASED
_DOWN: Final = Direction.DECREASED
_NORMAL: Final = When.BASELINE_NORMAL

_AMINOTRANSFERASE: Final = (
    of_uln(1, "1", ">ULN - 3.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
    of_baseline(1, "1.0", "1.0 - 1.5 x baseline if baseline was >ULN", inclusive=True),
    of_uln(2, "3.0", ">3.0 - 5.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
    of_baseline(2, "1.5", ">1.5 - 2.0 x baseline if baseline was >ULN"),
    of_uln(3, "5.0", ">5.0 - 20.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
    of_baseline(3, "2.0", ">2.0 - 4.0 x baseline if baseline was >ULN up to 5 x ULN", baseline_up_to="5"),
    of_uln(4, "20.0", ">20.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
    of_baseline(4, "4.0", ">4.0 x baseline if baseline was >ULN"),
)

_ASYMPTOMATIC: Final = "asymptomatic"
_SYMPTOMS: Final = "with signs or symptoms"
_MILD: Final = "asymptomatic or with mild signs or symptoms"
_LITRE: Final = "10^9/L"
_GLUCOSE: Final = (
    beyond(3, "250 mg/dL | 13.9 mmol/L", ">250 - 500 mg/dL; >13.9 - 27.8 mmol/L"),
    in_words(3, HOSPITALISATION),
    beyond(4, "500 mg/dL | 27.8 mmol/L", ">500 mg/dL; >27.8 mmol/L"),
    in_words(4, LIFE_THREATENING),
)

TERMS: Final = (
    Term("alt", "Alanine aminotransferase increased", "ALT", _UP, _AMINOTRANSFERASE),
    Term("ast", "Aspartate aminotransferase increased", "AST", _UP, _AMINOTRANSFERASE),
    Term(
        "alp",
        "Alkaline phosphatase increased",
        "ALP",
        _UP,
        (
            # One clause: above both, so above whichever is the higher, which the baseline's own limit tells.
            of_uln(1, "1", ">Baseline and ULN", when=_NORMAL),
            of_baseline(1, "1", ""),
        ),
    ),
    Term(
        "ggt",
        "GGT increased",
        "GGT",
        _UP,
        (
            of_uln(1, "1", ">ULN - 2.5 x ULN if baseline was normal or less than normal", when=_NORMAL),
            of_baseline(1, "1.0", "1.0 - 1.5 x baseline if baseline was >ULN", inclusive=True),
            of_uln(2, "2.5", ">2.5 - 5.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
            of_baseline(2, "1.5", ">1.5 - 3.0 x baseline if baseline was >ULN"),
            of_uln(3, "5.0", ">5.0 - 20.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
            of_baseline(3, "3.0", ">3.0 - 10.0 x baseline if baseline was >ULN"),
            of_uln(4, "20.0", ">20.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
            of_baseline(4, "10.0", ">10.0 x baseline if baseline was >ULN"),
        ),
    ),
    Term(
        "bilirubin-total",
        "Blood bilirubin increased",
        "bilirubin",
        _UP,
        (
            of_uln(1, "1", ">ULN - 1.5 x ULN if baseline was normal or less than normal", when=_NORMAL),
            of_baseline(1, "1.0", "1.0 - 1.5 x baseline if baseline was >ULN", inclusive=True),
            of_uln(2, "1.5", ">1.5 - 3.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
            of_baseline(2, "1.5", ">1.5 - 2.5 x baseline if baseline was >ULN"),
            of_uln(3, "3.0", ">3.0 - 10.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
            of_baseline(3, "2.5", ">2.5 - 10.0 x baseline if baseline was >ULN"),
            of_uln(4, "10.0", ">10.0 x ULN if baseline was normal or less than normal", when=_NORMAL),
            of_baseline(4, "10.0", ">10.0 x baseline if baseline was >ULN"),
        ),
    ),
    *ALIKE,
    cd4_decreased(_LITRE),
    white_cells_decreased(_LITRE),
    inr_increased(">2.5 x baseline if on anticoagulation", "bleeding"),
    hyponatremia(
        "125 - <130 mmol/L and asymptomatic",
        "125 - <130 mmol/L symptomatic",
        "120 - <125 mmol/L regardless of symptoms",
    ),
    Term(
        "platelets",
        "Thrombocytopenia",
        "platelets",
        _DOWN,
        (
            of_lln(1, "1", "<LLN - 75,000/mm3; <LLN - 75.0 x 10^9/L"),
            beyond(2, "75 10*9/L", "<75,000 - 50,000/mm3; <75.0 - 50.0 x 10^9/L"),
            beyond(3, "50 10*9/L", "<50,000 - 10,000/mm3; <50.0 - 10.0 x 10^9/L"),
            in_words(3, "transfusion indicated"),
            beyond(4, "10 10*9/L", "<10,000/mm3; 10.0 x 10^9/L"),
            in_words(4, "life-threatening consequences; urgent intervention indicated"),
        ),
    ),
    Term(
        "creatinine-clearance",
        "Creatinine clearance decreased",
        "creatinine clearance",
        _DOWN,
        (
            beyond(2, "49 mL/min", "26 - 49 ml/min", inclusive=True),
            beyond(3, "25 mL/min", "10 - 25 ml/min", inclusive=True),
        ),
        note="Below 10 mL/min, of which the words say nothing, the grade stays 3.",
    ),
    Term(
        "creatinine",
        "Creatinine increased",
        "creatinine",
        _UP,
        (
            of_uln(1, "1", ">ULN - 1.5 x ULN"),
            of_baseline(2, "1.5", ">1.5 - 3.0 x if baseline is below LLN", when=When.BASELINE_LOW),
            of_uln(2, "1.5", ">1.5 - 3.0 x ULN"),
            of_baseline(3, "3.0", ">3.0 x if baseline is below LLN", when=When.BASELINE_LOW),
            of_uln(3, "3.0", ">3.0 - 6.0 x ULN"),
            of_uln(4, "6.0", ">6.0 x ULN"),
        ),
    ),
    Term("hdl", "HDL decreased", "HDL cholesterol", _DOWN, (of_lln(1, "1", "<LLN"),)),
    Term("ldl", "LDL increased", "LDL cholesterol", _UP, (of_uln(1, "1", ">ULN"),)),
    Term(
        "lipase",
        "Lipase increased",
        "lipase",
        _UP,
        (
            of_uln(1, "1", ">ULN - 1.5 x ULN"),
            of_uln(2, "1.5", ">1.5 - 3.0 x ULN"),
            of_uln(2, "3.0", ">3.0 - 5.0 x ULN and asymptomatic", circumstance=_ASYMPTOMATIC),
            of_uln(3, "3.0", ">3.0 - 5.0 x ULN with signs or symptoms", circumstance=_SYMPTOMS),
            of_uln(3, "5.0", ">5.0 x ULN and asymptomatic", circumstance=_ASYMPTOMATIC),
            of_uln(4, "5.0", ">5.0 x ULN and with signs or symptoms", circumstance=_SYMPTOMS),
        ),
    ),
    Term(
        "amylase",
        "Serum amylase increased",
        "amylase",
        _UP,
        (
            of_uln(1, "1", ">ULN - 1.5 x ULN"),
            of_uln(2, "1.5", ">1.5 - 2.0 x ULN"),
            of_uln(2, "2.0", ">2.0 - 5.0 x ULN and asymptomatic or with mild signs or symptoms", circumstance=_MILD),
            of_uln(
                3,
                "2.0",
                ">2.0 - 5.0 x ULN with moderate or severe signs or symptoms",
                circumstance=_SYMPTOMS,
            ),
            of_uln(3, "5.0", ">5.0 x ULN and asymptomatic", circumstance=_MILD),
            of_uln(4, "5.0", ">5.0 x ULN and with signs or symptoms", circumstance=_SYMPTOMS),
        ),
    ),
    Term(
        "neutrophils",
        "Neutrophil count decreased",
        "neutrophils",
        _DOWN,
        (
            beyond(1, "1.5 10*9/L", "<1500 - 1000/mm3; <1.5 - 1.0 x 10^9/L"),
            beyond(2, "1.0 10*9/L", "<1000 - 500/mm3; <1.0 - 0.5 x 10^9/L"),
            beyond(3, "0.5 10*9/L", "<500 - 100/mm3; <0.5 - 0.1 x 10^9/L"),
            beyond(4, "0.1 10*9/L", "<100/mm3; <0.1 x 10^9/L"),
        ),
    ),
    Term("glucose", "Hyperglycemia", "glucose", _UP, _GLUCOSE),
    Term(
        "glucose-fasting",
        "Hyperglycemia (Fasting)",
        "fasting glucose",
        _UP,
        (
            of_uln(1, "1", "Fasting glucose value >ULN - 160 mg/dL; Fasting glucose value >ULN - 8.9 mmol/L"),
            beyond(
                2,
                "160 mg/dL | 8.9 mmol/L",
                "Fasting glucose value >160 - 250 mg/dL; Fasting glucose value >8.9 - 13.9 mmol/L",
            ),
            *_GLUCOSE,
        ),
    ),
)
