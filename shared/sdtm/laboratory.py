"""CDISC short names of the laboratory tests that CTCAE grades: the one table, read and written. Decides nothing."""

from typing import Final

# CDISC controlled terminology, LBTESTCD, for the tests that CTCAE grades.
TESTS: Final = {
    "ALB": "albumin",
    "ALP": "alp",
    "ALT": "alt",
    "AMYLASE": "amylase",
    "APTT": "aptt",
    "AST": "ast",
    "BILI": "bilirubin-total",
    "CA": "calcium",
    "CACR": "calcium",
    "CAION": "calcium-ionised",
    "CD4": "cd4",
    "CHOL": "cholesterol",
    "CK": "creatine-kinase",
    "CREAT": "creatinine",
    "CREATCLR": "creatinine-clearance",
    "FIBRINO": "fibrinogen",
    "GGT": "ggt",
    "GLUC": "glucose",
    "HAPTOG": "haptoglobin",
    "HDL": "hdl",
    "HGB": "haemoglobin",
    "INR": "inr",
    "K": "potassium",
    "LDH": "ldh",
    "LDL": "ldl",
    "LIPASET": "lipase",
    "LYM": "lymphocytes",
    "MG": "magnesium",
    "NEUT": "neutrophils",
    "PH": "ph",
    "PLAT": "platelets",
    "SODIUM": "sodium",
    "TRIG": "triglycerides",
    "URATE": "urate",
    "WBC": "wbc",
}
"""LBTESTCD and the concept that it measures; of two names of one concept the first is written."""
NAMES: Final = {concept: name for name, concept in reversed(TESTS.items())}
"""The name under which a concept is written."""


def name_of(concept: str) -> str:
    """LBTESTCD of a concept; a fasting glucose is written as glucose."""
    return NAMES[concept.removesuffix("-fasting")]
