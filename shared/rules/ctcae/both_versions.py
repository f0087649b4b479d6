"""Terms whose words are the same in CTCAE 5.0 and 6.0, and the terms that differ only in spelling. Decides nothing else.

Source of every row: Common Terminology Criteria for Adverse Events, v5.0 (27 November 2017) and v6.0, US National
Cancer Institute (public-domain publications of the US government), the term of that name.
"""

from __future__ import annotations

from typing import Final

from shared.rules.ctcae.clauses import above_uln_by, beyond, in_words, of_baseline, of_lln, of_uln
from shared.rules.ctcae.criteria import Direction, Term, When

_UP: Final = Direction.INCREASED
_DOWN: Final = Direction.DECREASED
_ABNORMAL: Final = When.BASELINE_ABNORMAL
_NORMAL: Final = When.BASELINE_NORMAL
LIFE_THREATENING: Final = "life-threatening consequences"
HOSPITALISATION: Final = "hospitalization indicated"
_CORRECTED: Final = "The value is taken as already corrected for albumin."

ANEMIA: Final = Term(
    "haemoglobin",
    "Anemia",
    "haemoglobin",
    _DOWN,
    (
        of_lln(1, "1", "Hemoglobin (Hgb) <LLN - 10.0 g/dL; <LLN - 6.2 mmol/L; <LLN - 100 g/L"),
        beyond(2, "10.0 g/dL | 6.2 mmol/L | 100 g/L", "Hgb <10.0 - 8.0 g/dL; <6.2 - 4.9 mmol/L; <100 - 80g/L"),
        beyond(3, "8.0 g/dL | 4.9 mmol/L | 80 g/L", "Hgb <8.0 g/dL; <4.9 mmol/L; <80 g/L"),
        in_words(3, "transfusion indicated"),
        in_words(4, "Life-threatening consequences; urgent intervention indicated"),
    ),
)
LEUKOCYTOSIS: Final = Term(
    "wbc",
    "Leukocytosis",
    "leukocytes",
    _UP,
    (
        beyond(3, "100 10*9/L", ">100,000/mm3"),
        in_words(4, "Clinical manifestations of leucostasis; urgent intervention indicated"),
    ),
)
APTT: Final = Term(
    "aptt",
    "Activated partial thromboplastin time prolonged",
    "aPTT",
    _UP,
    (
        of_uln(1, "1", ">ULN - 1.5 x ULN"),
        of_uln(2, "1.5", ">1.5 - 2.5 x ULN"),
        of_uln(3, "2.5", ">2.5 x ULN"),
        in_words(3, "bleeding"),
    ),
)
LDH: Final = Term("ldh", "Blood lactate dehydrogenase increased", "LDH", _UP, (of_uln(1, "1", ">ULN"),))
CHOLESTEROL: Final = Term(
    "cholesterol",
    "Cholesterol high",
    "cholesterol",
    _UP,
    (
        of_uln(1, "1", ">ULN - 300 mg/dL; >ULN - 7.75 mmol/L"),
        beyond(2, "300 mg/dL | 7.75 mmol/L", ">300 - 400 mg/dL; >7.75 - 10.34 mmol/L"),
        beyond(3, "400 mg/dL | 10.34 mmol/L", ">400 - 500 mg/dL; >10.34 - 12.92 mmol/L"),
        beyond(4, "500 mg/dL | 12.92 mmol/L", ">500 mg/dL; >12.92 mmol/L"),
    ),
)
FIBRINOGEN: Final = Term(
    "fibrinogen",
    "Fibrinogen decreased",
    "fibrinogen",
    _DOWN,
    (
        of_lln(1, "1", "<1.0 - 0.75 x LLN", when=_NORMAL),
        of_baseline(1, "1", "if abnormal, <25% decrease from baseline"),
        of_lln(2, "0.75", "<0.75 - 0.5 x LLN", when=_NORMAL),
        of_baseline(2, "0.75", "if abnormal, 25 - <50% decrease from baseline", inclusive=True),
        of_lln(3, "0.5", "<0.5 - 0.25 x LLN", when=_NORMAL),
        of_baseline(3, "0.5", "if abnormal, 50 - <75% decrease from baseline", inclusive=True),
        of_lln(4, "0.25", "<0.25 x LLN", when=_NORMAL),
        of_baseline(4, "0.25", "if abnormal, 75% decrease from baseline", inclusive=True),
        beyond(4, "50 mg/dL", "absolute value <50 mg/dL"),
    ),
    note="A decrease from an abnormal baseline begins below it; an unchanged value is grade 0.",
)
HAPTOGLOBIN: Final = Term("haptoglobin", "Haptoglobin decreased", "haptoglobin", _DOWN, (of_lln(1, "1", "<LLN"),))
HAEMOGLOBIN_INCREASED: Final = Term(
    "haemoglobin",
    "Hemoglobin increased",
    "haemoglobin",
    _UP,
    (
        above_uln_by(1, "0 g/dL | 0 g/L", "Increase in >0 - 2 g/Dl above ULN"),
        above_uln_by(2, "2 g/dL | 20 g/L", "Increase in >2 - 4 g/dL above ULN"),
        above_uln_by(3, "4 g/dL | 40 g/L", "Increase in >4 g/dL above ULN"),
    ),
)
LYMPHOCYTES_INCREASED: Final = Term(
    "lymphocytes",
    "Lymphocyte count increased",
    "lymphocytes",
    _UP,
    (
        beyond(2, "4 10*9/L", ">4000/mm3 - 20,000/mm3"),
        beyond(3, "20 10*9/L", ">20,000/mm3"),
    ),
)
ACIDOSIS: Final = Term(
    "ph",
    "Acidosis",
    "pH",
    _DOWN,
    (
        of_lln(1, "1", "pH <normal, but >=7.3"),
        beyond(3, "7.3", "pH <7.3"),
        in_words(4, "Life-threatening consequences"),
    ),
)
ALKALOSIS: Final = Term(
    "ph",
    "Alkalosis",
    "pH",
    _UP,
    (
        of_uln(1, "1", "pH >normal, but <=7.5"),
        beyond(3, "7.5", "pH >7.5"),
        in_words(4, "Life-threatening consequences"),
    ),
)
HYPERCALCEMIA: Final = Term(
    "calcium",
    "Hypercalcemia",
    "calcium",
    _UP,
    (
        of_uln(1, "1", "Corrected serum calcium of >ULN - 11.5 mg/dL; >ULN - 2.9 mmol/L"),
        in_words(1, "Ionized calcium  >ULN - 1.5 mmol/L"),
        beyond(2, "11.5 mg/dL | 2.9 mmol/L", "Corrected serum calcium of >11.5 - 12.5 mg/dL; >2.9 - 3.1 mmol/L"),
        in_words(2, "Ionized calcium >1.5 - 1.6 mmol/L; symptomatic"),
        beyond(3, "12.5 mg/dL | 3.1 mmol/L", "Corrected serum calcium of >12.5 - 13.5 mg/dL;>3.1 - 3.4 mmol/L"),
        in_words(3, f"Ionized calcium  >1.6 - 1.8 mmol/L; {HOSPITALISATION}"),
        beyond(4, "13.5 mg/dL | 3.4 mmol/L", "Corrected serum calcium of >13.5 mg/dL; >3.4 mmol/L"),
        in_words(4, f"Ionized calcium  >1.8 mmol/L; {LIFE_THREATENING}"),
    ),
    note=_CORRECTED,
)
HYPERCALCEMIA_IONISED: Final = Term(
    "calcium-ionised",
    "Hypercalcemia (Ionized)",
    "ionised calcium",
    _UP,
    (
        in_words(1, "Corrected serum calcium of >ULN - 11.5 mg/dL; >ULN - 2.9 mmol/L"),
        of_uln(1, "1", "Ionized calcium  >ULN - 1.5 mmol/L"),
        in_words(2, "Corrected serum calcium of >11.5 - 12.5 mg/dL; >2.9 - 3.1 mmol/L"),
        beyond(2, "1.5 mmol/L", "Ionized calcium >1.5 - 1.6 mmol/L"),
        in_words(2, "symptomatic"),
        in_words(3, "Corrected serum calcium of >12.5 - 13.5 mg/dL;>3.1 - 3.4 mmol/L"),
        beyond(3, "1.6 mmol/L", "Ionized calcium  >1.6 - 1.8 mmol/L"),
        in_words(3, HOSPITALISATION),
        in_words(4, "Corrected serum calcium of >13.5 mg/dL; >3.4 mmol/L"),
        beyond(4, "1.8 mmol/L", "Ionized calcium  >1.8 mmol/L"),
        in_words(4, LIFE_THREATENING),
    ),
)
HYPOCALCEMIA: Final = Term(
    "calcium",
    "Hypocalcemia",
    "calcium",
    _DOWN,
    (
        of_lln(1, "1", "Corrected serum calcium of <LLN - 8.0 mg/dL; <LLN - 2.0 mmol/L"),
        in_words(1, "Ionized calcium  <LLN - 1.0 mmol/L"),
        beyond(2, "8.0 mg/dL | 2.0 mmol/L", "Corrected serum calcium of <8.0 - 7.0 mg/dL; <2.0 - 1.75 mmol/L"),
        in_words(2, "Ionized calcium  <1.0 - 0.9 mmol/L; symptomatic"),
        beyond(3, "7.0 mg/dL | 1.75 mmol/L", "Corrected serum calcium of <7.0 - 6.0 mg/dL; <1.75 - 1.5 mmol/L"),
        in_words(3, f"Ionized calcium  <0.9 - 0.8 mmol/L; {HOSPITALISATION}"),
        beyond(4, "6.0 mg/dL | 1.5 mmol/L", "Corrected serum calcium of  <6.0 mg/dL; <1.5 mmol/L"),
        in_words(4, f"Ionized calcium  <0.8 mmol/L; {LIFE_THREATENING}"),
    ),
    note=_CORRECTED,
)
HYPOCALCEMIA_IONISED: Final = Term(
    "calcium-ionised",
    "Hypocalcemia (Ionized)",
    "ionised calcium",
    _DOWN,
    (
        in_words(1, "Corrected serum calcium of <LLN - 8.0 mg/dL; <LLN - 2.0 mmol/L"),
        of_lln(1, "1", "Ionized calcium  <LLN - 1.0 mmol/L"),
        in_words(2, "Corrected serum calcium of <8.0 - 7.0 mg/dL; <2.0 - 1.75 mmol/L"),
        beyond(2, "1.0 mmol/L", "Ionized calcium  <1.0 - 0.9 mmol/L"),
        in_words(2, "symptomatic"),
        in_words(3, "Corrected serum calcium of <7.0 - 6.0 mg/dL; <1.75 - 1.5 mmol/L"),
        beyond(3, "0.9 mmol/L", "Ionized calcium  <0.9 - 0.8 mmol/L"),
        in_words(3, HOSPITALISATION),
        in_words(4, "Corrected serum calcium of  <6.0 mg/dL; <1.5 mmol/L"),
        beyond(4, "0.8 mmol/L", "Ionized calcium  <0.8 mmol/L"),
        in_words(4, LIFE_THREATENING),
    ),
)
HYPERKALEMIA: Final = Term(
    "potassium",
    "Hyperkalemia",
    "potassium",
    _UP,
    (
        of_uln(1, "1", ">ULN - 5.5 mmol/L"),
        beyond(2, "5.5 mmol/L", ">5.5 - 6.0 mmol/L"),
        in_words(2, "intervention initiated"),
        beyond(3, "6.0 mmol/L", ">6.0 - 7.0 mmol/L"),
        in_words(3, HOSPITALISATION),
        beyond(4, "7.0 mmol/L", ">7.0 mmol/L"),
        in_words(4, LIFE_THREATENING),
    ),
)
HYPERMAGNESEMIA: Final = Term(
    "magnesium",
    "Hypermagnesemia",
    "magnesium",
    _UP,
    (
        of_uln(1, "1", ">ULN - 3.0 mg/dL; >ULN - 1.23 mmol/L"),
        beyond(3, "3.0 mg/dL | 1.23 mmol/L", ">3.0 - 8.0 mg/dL; >1.23 - 3.30 mmol/L"),
        beyond(4, "8.0 mg/dL | 3.30 mmol/L", ">8.0 mg/dL; >3.30 mmol/L"),
        in_words(4, LIFE_THREATENING),
    ),
)
HYPERNATREMIA: Final = Term(
    "sodium",
    "Hypernatremia",
    "sodium",
    _UP,
    (
        of_uln(1, "1", ">ULN - 150 mmol/L"),
        beyond(2, "150 mmol/L", ">150 - 155 mmol/L"),
        in_words(2, "intervention initiated"),
        beyond(3, "155 mmol/L", ">155 - 160 mmol/L"),
        in_words(3, HOSPITALISATION),
        beyond(4, "160 mmol/L", ">160 mmol/L"),
        in_words(4, LIFE_THREATENING),
    ),
)
HYPERTRIGLYCERIDEMIA: Final = Term(
    "triglycerides",
    "Hypertriglyceridemia",
    "triglycerides",
    _UP,
    (
        beyond(1, "150 mg/dL | 1.71 mmol/L", "150 mg/dL - 300 mg/dL; 1.71 mmol/L - 3.42 mmol/L", inclusive=True),
        beyond(2, "300 mg/dL | 3.42 mmol/L", ">300 mg/dL - 500 mg/dL;  >3.42 mmol/L - 5.7 mmol/L"),
        beyond(3, "500 mg/dL | 5.7 mmol/L", ">500 mg/dL - 1000 mg/dL;  >5.7 mmol/L - 11.4 mmol/L"),
        beyond(4, "1000 mg/dL | 11.4 mmol/L", ">1000 mg/dL; >11.4 mmol/L"),
        in_words(4, LIFE_THREATENING),
    ),
)
HYPERURICEMIA: Final = Term(
    "urate",
    "Hyperuricemia",
    "urate",
    _UP,
    (
        of_uln(1, "1", ">ULN without physiologic consequences", circumstance="without physiologic consequences"),
        of_uln(3, "1", ">ULN with physiologic consequences", circumstance="with physiologic consequences"),
        in_words(4, "Life-threatening consequences"),
    ),
)
HYPOALBUMINEMIA: Final = Term(
    "albumin",
    "Hypoalbuminemia",
    "albumin",
    _DOWN,
    (
        of_lln(1, "1", "<LLN - 3 g/dL; <LLN - 30 g/L"),
        beyond(2, "3 g/dL | 30 g/L", "<3 - 2 g/dL; <30 - 20 g/L"),
        beyond(3, "2 g/dL | 20 g/L", "<2 g/dL; <20 g/L"),
        in_words(4, "Life-threatening consequences; urgent intervention indicated"),
    ),
)
HYPOGLYCEMIA: Final = Term(
    "glucose",
    "Hypoglycemia",
    "glucose",
    _DOWN,
    (
        of_lln(1, "1", "<LLN - 55 mg/dL; <LLN - 3.0 mmol/L"),
        beyond(2, "55 mg/dL | 3.0 mmol/L", "<55 - 40 mg/dL; <3.0 - 2.2 mmol/L"),
        beyond(3, "40 mg/dL | 2.2 mmol/L", "<40 - 30 mg/dL; <2.2 - 1.7 mmol/L"),
        beyond(4, "30 mg/dL | 1.7 mmol/L", "<30 mg/dL; <1.7 mmol/L"),
        in_words(4, f"{LIFE_THREATENING}; seizures"),
    ),
)
HYPOKALEMIA: Final = Term(
    "potassium",
    "Hypokalemia",
    "potassium",
    _DOWN,
    (
        of_lln(1, "1", "<LLN - 3.0 mmol/L", circumstance="without symptoms"),
        of_lln(2, "1", "Symptomatic with <LLN - 3.0 mmol/L", circumstance="symptomatic"),
        in_words(2, "intervention indicated"),
        beyond(3, "3.0 mmol/L", "<3.0 - 2.5 mmol/L"),
        in_words(3, HOSPITALISATION),
        beyond(4, "2.5 mmol/L", "<2.5 mmol/L"),
        in_words(4, LIFE_THREATENING),
    ),
)
HYPOMAGNESEMIA: Final = Term(
    "magnesium",
    "Hypomagnesemia",
    "magnesium",
    _DOWN,
    (
        of_lln(1, "1", "<LLN - 1.2 mg/dL; <LLN - 0.5 mmol/L"),
        beyond(2, "1.2 mg/dL | 0.5 mmol/L", "<1.2 - 0.9 mg/dL; <0.5 - 0.4 mmol/L"),
        beyond(3, "0.9 mg/dL | 0.4 mmol/L", "<0.9 - 0.7 mg/dL; <0.4 - 0.3 mmol/L"),
        beyond(4, "0.7 mg/dL | 0.3 mmol/L", "<0.7 mg/dL; <0.3 mmol/L"),
        in_words(4, LIFE_THREATENING),
    ),
)
ALIKE: Final = (
    ANEMIA,
    LEUKOCYTOSIS,
    APTT,
    LDH,
    CHOLESTEROL,
    FIBRINOGEN,
    HAPTOGLOBIN,
    HAEMOGLOBIN_INCREASED,
    LYMPHOCYTES_INCREASED,
    ACIDOSIS,
    ALKALOSIS,
    HYPERCALCEMIA,
    HYPERCALCEMIA_IONISED,
    HYPOCALCEMIA,
    HYPOCALCEMIA_IONISED,
    HYPERKALEMIA,
    HYPERMAGNESEMIA,
    HYPERNATREMIA,
    HYPERTRIGLYCERIDEMIA,
    HYPERURICEMIA,
    HYPOALBUMINEMIA,
    HYPOGLYCEMIA,
    HYPOKALEMIA,
    HYPOMAGNESEMIA,
)
"""Terms that read the same in both versions."""


def cd4_decreased(power: str) -> Term:
    """The same numbers in both versions; `power` as the version spells it (`10e9 /L`, `10^9/L`)."""
    return Term(
        "cd4",
        "CD4 lymphocytes decreased",
        "CD4 lymphocytes",
        _DOWN,
        (
            of_lln(1, "1", f"<LLN - 500/mm3; <LLN - 0.5 x {power}"),
            beyond(2, "0.5 10*9/L", f"<500 - 200/mm3; <0.5 - 0.2 x {power}"),
            # Both versions misprint the bound in litres; the one in mm3 is whole.
            beyond(3, "0.2 10*9/L", f"<200 - 50/mm3; <0.2 x 0.05 - {power}"),
            beyond(4, "0.05 10*9/L", f"<50/mm3; <0.05 x {power}"),
        ),
    )


def white_cells_decreased(power: str) -> Term:
    """The same numbers in both versions; `power` as the version spells it."""
    return Term(
        "wbc",
        "White blood cell decreased",
        "leukocytes",
        _DOWN,
        (
            of_lln(1, "1", f"<LLN - 3000/mm3; <LLN - 3.0 x {power}"),
            beyond(2, "3.0 10*9/L", f"<3000 - 2000/mm3; <3.0 - 2.0 x {power}"),
            beyond(3, "2.0 10*9/L", f"<2000 - 1000/mm3; <2.0 - 1.0 x {power}"),
            beyond(4, "1.0 10*9/L", f"<1000/mm3; <1.0 x {power}"),
        ),
    )


def inr_increased(grade_3: str, *more: str) -> Term:
    """The same numbers in both versions; the words of grade 3 differ."""
    off, on = "not on anticoagulation", "on anticoagulation"
    return Term(
        "inr",
        "INR increased",
        "INR",
        _UP,
        (
            beyond(1, "1.2", ">1.2 - 1.5", circumstance=off),
            of_baseline(1, "1", ">1 - 1.5 x baseline if on anticoagulation", when=When.ALWAYS, circumstance=on),
            in_words(1, "monitoring only indicated"),
            beyond(2, "1.5", ">1.5 - 2.5", circumstance=off),
            of_baseline(2, "1.5", ">1.5 - 2.5 x baseline if on anticoagulation", when=When.ALWAYS, circumstance=on),
            in_words(2, "dose adjustment indicated"),
            beyond(3, "2.5", ">2.5", circumstance=off),
            of_baseline(3, "2.5", grade_3, when=When.ALWAYS, circumstance=on),
            *(in_words(3, words) for words in more),
        ),
    )


def hyponatremia(grade_2: str, symptomatic: str, regardless: str) -> Term:
    """The same bounds in both versions: v6 writes "<130" where v5 writes whole numbers ("125-129")."""
    return Term(
        "sodium",
        "Hyponatremia",
        "sodium",
        _DOWN,
        (
            of_lln(1, "1", "<LLN - 130 mmol/L"),
            beyond(2, "130 mmol/L", grade_2, circumstance="asymptomatic"),
            beyond(3, "130 mmol/L", symptomatic, circumstance="symptomatic"),
            beyond(3, "125 mmol/L", regardless),
            beyond(4, "120 mmol/L", "<120 mmol/L"),
            in_words(4, LIFE_THREATENING),
        ),
        note="Between two whole numbers of version 5.0 the words of version 6.0 decide.",
    )
