"""CTCAE grades of laboratory results: criteria as tables, a module per version, one way to apply them.

Decides the grade that a value proves; never which results belong to a patient's treatment, nor whom a
grade concerns.
"""

from shared.rules.ctcae.criteria import Criterion, Direction, Entry, Reference, Term, When
from shared.rules.ctcae.grading import Grading, Reading, baseline_is_abnormal, grade, has_risen, reaches
from shared.rules.ctcae.version_5 import TERMS as TERMS_V5

__all__ = [
    "TERMS_V5",
    "Criterion",
    "Direction",
    "Entry",
    "Grading",
    "Reading",
    "Reference",
    "Term",
    "When",
    "baseline_is_abnormal",
    "grade",
    "has_risen",
    "reaches",
]
