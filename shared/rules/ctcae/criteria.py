"""What a laboratory criterion of CTCAE consists of: its words, and the bound at which a grade is entered.

Decides nothing; the tables of the versions are written in it, and `grading` applies them.

A criterion states only where its grade begins. It ends where the next one begins, so that the grades of a
term are nested, no value falls between two, and a worse value can never have the lower grade.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Final

import msgspec


class Reference(StrEnum):
    """What the number of a bound multiplies: a limit of normal, the patient's baseline, or a unit."""

    ULN = "upper limit of normal"
    LLN = "lower limit of normal"
    BASELINE = "baseline"
    UNIT = "unit"
    ABOVE_ULN = "so many units above the upper limit of normal"


class When(StrEnum):
    """To which patients a criterion applies, by their baseline."""

    ALWAYS = "always"
    BASELINE_NORMAL = "baseline normal"
    BASELINE_ABNORMAL = "baseline abnormal"
    BASELINE_LOW = "baseline below the lower limit of normal"


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
    """UCUM, for `Reference.UNIT` and `ABOVE_ULN` alone: the concept's canonical unit; None for a bare number."""
    elsewise: tuple[tuple[str, Decimal], ...] = ()
    """The same bound in the other units in which the words state it; rounded there, so not convertible."""

    def number_in(self, unit: str) -> Decimal | None:
        """The bound's number in a unit that the words name; a bare number has none."""
        if self.unit is None or unit == self.unit:
            return self.factor
        return next((number for named, number in self.elsewise if named == unit), None)


class Criterion(msgspec.Struct, frozen=True):
    """One clause of a grade, in the words of the criteria, and where it begins."""

    grade: int
    when: When
    entry: Entry | None
    """None for a clause that no number can meet ("transfusion indicated")."""
    words: str
    circumstance: str | None = None
    """What else the clause asks for, and a number cannot show: one of the term's `circumstances`."""
    baseline_up_to: Decimal | None = None
    """The clause speaks only of baselines up to this multiple of the ULN."""


BOTH_WAYS: Final = frozenset(
    {
        "calcium",
        "calcium-ionised",
        "glucose",
        "haemoglobin",
        "lymphocytes",
        "magnesium",
        "ph",
        "potassium",
        "sodium",
        "wbc",
    }
)
"""What is graded when it is too high and when it is too low, in some version."""
_IS_ALSO: Final = {"glucose": ("glucose-fasting",)}
"""A fasting glucose is a glucose: a low one is graded too. The words of high ones tell the two apart."""


@dataclass(frozen=True)
class Term:
    """One CTCAE term and the laboratory concept that it grades."""

    concept: str
    name: str
    short: str
    """As it stands in a sentence: `ALT`."""
    direction: Direction
    criteria: tuple[Criterion, ...]
    note: str = ""
    """What the words leave open, and how it is read here."""

    @cached_property
    def id(self) -> str:
        """The stable name of what it grades, the same in every version: `alt`, `potassium-increased`."""
        return f"{self.concept}-{self.direction}" if self.concept in BOTH_WAYS else self.concept

    @cached_property
    def concepts(self) -> tuple[str, ...]:
        """The laboratory concepts whose results it grades."""
        is_low = self.direction is Direction.DECREASED
        return (self.concept, *(_IS_ALSO.get(self.concept, ()) if is_low else ()))

    @cached_property
    def measured(self) -> tuple[tuple[Criterion, Entry], ...]:
        """The clauses that a number can meet, each with its bound."""
        return tuple((c, c.entry) for c in self.criteria if c.entry is not None)

    @cached_property
    def circumstances(self) -> tuple[str | None, ...]:
        """Every circumstance that the words distinguish; one, None, where they distinguish none."""
        named = tuple(dict.fromkeys(c.circumstance for c in self.criteria if c.circumstance is not None))
        return named or (None,)

    @cached_property
    def baselines(self) -> frozenset[When]:
        """The states of the baseline that the words distinguish."""
        return frozenset(c.when for c in self.criteria) - {When.ALWAYS}

    @cached_property
    def baseline_up_to(self) -> Decimal | None:
        """The multiple of the ULN up to which some clause speaks of baselines."""
        return next((c.baseline_up_to for c in self.criteria if c.baseline_up_to is not None), None)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The units in which the words state bounds (UCUM); empty where they are multiples or bare numbers."""
        stated = [(str(e.unit), *(unit for unit, _ in e.elsewise)) for _, e in self.measured if e.unit is not None]
        return tuple(dict.fromkeys(unit for units in stated for unit in units))

    def words_of(self, grade: int) -> str:
        """The whole text of a grade, its clauses joined as the criteria write them."""
        return "; ".join(c.words for c in self.criteria if c.grade == grade and c.words)
