"""What a laboratory criterion of CTCAE consists of: its words, and the bound at which a grade is entered.

Decides nothing; the tables of the versions are written in it, and `grading` applies them.

A criterion states only where its grade begins. It ends where the next one begins, so that the grades of a
term are nested, no value falls between two, and a worse value can never have the lower grade.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class Reference(StrEnum):
    """What the number of a bound multiplies: a limit of normal, the patient's baseline, or a unit."""

    ULN = "upper limit of normal"
    LLN = "lower limit of normal"
    BASELINE = "baseline"
    UNIT = "unit"


class When(StrEnum):
    """To which patients a criterion applies."""

    ALWAYS = "always"
    BASELINE_NORMAL = "baseline normal"
    BASELINE_ABNORMAL = "baseline abnormal"


class Direction(StrEnum):
    """Whether high or low values are the toxic ones."""

    INCREASED = "increased"
    DECREASED = "decreased"


class Entry(msgspec.Struct, frozen=True):
    """The bound at which a grade begins; `inclusive` where the words name it ("1.5 - 3.0 x baseline")."""

    factor: Decimal
    of: Reference
    inclusive: bool = False
    unit: str | None = None
    """The concept's canonical unit, for `Reference.UNIT` alone."""


class Criterion(msgspec.Struct, frozen=True):
    """One clause of a grade, in the words of the criteria, and where it begins."""

    grade: int
    when: When
    entry: Entry
    words: str


class Term(msgspec.Struct, frozen=True):
    """One CTCAE term and the laboratory concept that it grades."""

    concept: str
    name: str
    short: str
    """As it stands in a sentence: `ALT`."""
    direction: Direction
    criteria: tuple[Criterion, ...]

    def words_of(self, grade: int) -> str:
        """The whole text of a grade, its clauses joined as the criteria write them."""
        return "; ".join(c.words for c in self.criteria if c.grade == grade)
