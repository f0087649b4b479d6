"""The kinds of criteria on drugs: how long taken, at what dose, and what the tumour did meanwhile.

Decides what they may say; evaluates none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.protocol.criterion import (
    CriterionBase,
    Days,
    DiagnosisConcept,
    DrugConcept,
    Months,
    ProcedureConcept,
    RecordedCriterion,
)
from shared.protocol.disease import LESION_CONCEPTS
from shared.protocol.sourced import Sourced

Drugs = Annotated[tuple[DrugConcept, ...], Field(min_length=1)]


class DrugExposureCriterion(RecordedCriterion):
    """One of the drugs was taken for at least so many days in one course, first and last day counted.

    A pause of at most `longest_pause_days` does not end a course. With `window_days`, the course must reach
    into the last so many days; None: whenever it was.
    """

    kind: Literal["drug-exposure"]
    drugs: Sourced[Drugs]
    at_least_days: Sourced[Days]
    longest_pause_days: Sourced[Annotated[int, Field(ge=0, le=365)]]
    window_days: Sourced[Days | None]

    def concepts(self) -> frozenset[str]:
        """The drugs."""
        return frozenset(self.drugs.value)


class DailyDoseCriterion(CriterionBase):
    """The daily dose in force lies within the band, in mg; bounds inclusive."""

    kind: Literal["daily-dose"]
    drug: DrugConcept
    at_least: Sourced[Decimal] | None = None
    at_most: Sourced[Decimal] | None = None
    window_days: Sourced[Days | None]
    """Only records of doses begun in the last so many days count; None: whenever the dose was begun."""

    @model_validator(mode="after")
    def _has_a_bound(self) -> DailyDoseCriterion:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give `at_least`, `at_most` or both")
        if self.at_least is not None and self.at_most is not None and self.at_most.value < self.at_least.value:
            raise ValueError("`at_most` is less than `at_least`")
        return self

    def concepts(self) -> frozenset[str]:
        """The drug."""
        return frozenset({self.drug})


class ProgressionOnDrugCriterion(CriterionBase):
    """The tumour progressed under one of the drugs, assessed at least so many months after its start.

    Courses begun before the procedure do not count where `begun_after_transplant` holds.
    """

    kind: Literal["progression-on-drug"]
    drugs: Sourced[Drugs]
    criteria: Sourced[Literal["mrecist", "recist11"]]
    after_months: Sourced[Months]
    begun_after_transplant: Sourced[bool]
    procedure: ProcedureConcept
    status: DiagnosisConcept

    def concepts(self) -> frozenset[str]:
        """The drugs, the procedure, and what shows progression."""
        return frozenset({*self.drugs.value, self.procedure, self.status, "mrecist-response", *LESION_CONCEPTS})
