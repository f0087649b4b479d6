"""CTCAE grades of laboratory results: criteria as tables, a module per version, one way to apply them.

Decides the grade that a value proves; never which results belong to a patient's treatment, nor whom a
grade concerns.
"""

from typing import Final

from shared.rules.ctcae import version_5, version_6
from shared.rules.ctcae.criteria import Criterion, Direction, Entry, Reference, Term, When
from shared.rules.ctcae.grading import Grading, Reading, baseline_is_abnormal, grade, has_risen, reaches
from shared.rules.ctcae.units import reading_of

TERMS_V5: Final = version_5.TERMS
TERMS_V6: Final = version_6.TERMS
VERSIONS: Final[dict[str, tuple[Term, ...]]] = {version_5.VERSION: TERMS_V5, version_6.VERSION: TERMS_V6}
"""The graded terms of each version."""
CONCEPTS: Final = {version: frozenset(c for t in terms for c in t.concepts) for version, terms in VERSIONS.items()}
"""The laboratory concepts that a version grades: what a protocol under it asks of the feed."""
SOURCES: Final[dict[str, str]] = {version_5.VERSION: version_5.SOURCE, version_6.VERSION: version_6.SOURCE}

__all__ = [
    "CONCEPTS",
    "SOURCES",
    "TERMS_V5",
    "TERMS_V6",
    "VERSIONS",
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
    "reading_of",
]
