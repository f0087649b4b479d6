"""The kinds of criteria on what is measured or scored: age, laboratory, drug levels, scales, liver function, markers.

Decides what they may say and refuses bounds that nobody could compare; evaluates none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from shared.protocol.criterion import (
    AttestationCode,
    CriterionBase,
    Days,
    DrugConcept,
    LaboratoryConcept,
    ScaleConcept,
    TroughConcept,
)
from shared.protocol.sourced import Sourced
from shared.terminology import concept

UPPER_LIMIT_OF_NORMAL: Final = "ULN"
"""Unit of a bound that is a multiple of the upper limit of normal, instead of a UCUM unit."""


class AgeCriterion(CriterionBase):
    """Age in completed years, bounds inclusive; without `at_most` there is no upper one."""

    kind: Literal["age"]
    at_least: Sourced[Annotated[int, Field(ge=0, le=150)]]
    at_most: Sourced[Annotated[int, Field(ge=0, le=150)]] | None = None

    def concepts(self) -> frozenset[str]:
        """None: the birth date is always kept."""
        return frozenset()


class BoundedCriterion(CriterionBase):
    """A number with one inclusive bound or two."""

    at_least: Sourced[Decimal] | None = None
    at_most: Sourced[Decimal] | None = None
    window_days: Sourced[Days | None]
    """How old the value may be; None: the newest decides, however old."""

    @model_validator(mode="after")
    def _bounds_leave_room(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give `at_least`, `at_most` or both")
        if self.at_least is not None and self.at_most is not None and self.at_most.value < self.at_least.value:
            raise ValueError("`at_most` is less than `at_least`")
        return self


class QuantityCriterion(BoundedCriterion):
    """A quantity in a unit that can be compared without conversion."""

    concept: str
    unit: str

    @model_validator(mode="after")
    def _above_zero_in_a_unit_we_compare(self) -> Self:
        if any(bound is not None and bound.value <= 0 for bound in (self.at_least, self.at_most)):
            raise ValueError("a bound must be above zero")
        units = [unit for unit in (concept(self.concept).unit, *self._other_units()) if unit is not None]
        if self.unit not in units:
            raise ValueError(f"unit {self.unit!r}: expected {' or '.join(repr(unit) for unit in units)}")
        return self

    def _other_units(self) -> tuple[str, ...]:
        return ()


class LaboratoryCriterion(QuantityCriterion):
    """A laboratory value in the window lies on the right side of an inclusive bound, or between two.

    `unit` is the concept's canonical unit, or ULN for multiples of the upper limit of normal. With
    `settled_by`, a value beyond the bound is unknown, not failed, until a practitioner attests one or the
    other.
    """

    kind: Literal["laboratory"]
    concept: LaboratoryConcept
    settled_by: Sourced[AttestationCode] | None = None

    def _other_units(self) -> tuple[str, ...]:
        return (UPPER_LIMIT_OF_NORMAL,)

    def concepts(self) -> frozenset[str]:
        """The analyte, and the attestation that settles a value beyond the bound."""
        settled = {self.settled_by.value, "attestation"} if self.settled_by else set()
        return frozenset({self.concept, *settled})


class TroughCriterion(QuantityCriterion):
    """The trough level of an immunosuppressant in the window lies within the band."""

    kind: Literal["trough"]
    concept: TroughConcept

    def concepts(self) -> frozenset[str]:
        """The trough, and the drug that it measures."""
        drug = concept(self.concept).drug
        return frozenset({self.concept, *([drug] if drug else [])})


class ScaleCriterion(BoundedCriterion):
    """A performance score in the window lies within the bounds (ECOG 0-1)."""

    kind: Literal["scale"]
    scale: ScaleConcept

    def concepts(self) -> frozenset[str]:
        """The scale."""
        return frozenset({self.scale})


class ChildPughCriterion(CriterionBase):
    """Child-Pugh points, computed from their five components, are at most the bound."""

    kind: Literal["child-pugh"]
    at_most: Sourced[Annotated[int, Field(ge=5, le=15)]]
    laboratory_window_days: Sourced[Days]
    finding_window_days: Sourced[Days]

    def concepts(self) -> frozenset[str]:
        """The five components."""
        return frozenset({"bilirubin-total", "albumin", "inr", "ascites", "encephalopathy"})


class AlbiCriterion(CriterionBase):
    """The ALBI grade, computed from bilirubin and albumin of the window, is at most the bound."""

    kind: Literal["albi"]
    at_most_grade: Sourced[Literal[1, 2]]
    window_days: Sourced[Days]

    def concepts(self) -> frozenset[str]:
        """Both components."""
        return frozenset({"bilirubin-total", "albumin"})


class BiomarkerCriterion(CriterionBase):
    """The marker has the result in the given tissue, sampled before the first of the drugs.

    `cut_off_percent`: a result given as a percentage alone is negative below it.
    """

    kind: Literal["biomarker"]
    biomarker: Literal["pd-l1"]
    result: Sourced[Literal["negative", "positive"]]
    tissue: Sourced[Literal["graft-liver", "tumour"]]
    cut_off_percent: Sourced[Decimal]
    before_drugs: Sourced[tuple[DrugConcept, ...]]

    def concepts(self) -> frozenset[str]:
        """The marker, the tissues and the drugs."""
        return frozenset({self.biomarker, "graft-liver", "tumour", *self.before_drugs.value})
