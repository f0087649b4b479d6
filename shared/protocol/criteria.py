"""The closed set of criterion kinds that a protocol file can state, and the groups that combine them.

Decides which kinds there are: a new one is added to the union `Criterion`. What each may say is in `disease`,
`measured` and `therapy`; nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from shared.protocol.criterion import (
    AttestationCode,
    CriterionBase,
    DrugConcept,
    LaboratoryConcept,
    RecordedCriterion,
)
from shared.protocol.disease import (
    AttestationCriterion,
    DiagnosisCriterion,
    Happening,
    MeasurableLesionCriterion,
    OrderCriterion,
    ProcedureCriterion,
    RecurrenceCriterion,
    TransplantCriterion,
)
from shared.protocol.measured import (
    UPPER_LIMIT_OF_NORMAL,
    AgeCriterion,
    AlbiCriterion,
    BiomarkerCriterion,
    BoundedCriterion,
    ChildPughCriterion,
    LaboratoryCriterion,
    ScaleCriterion,
    TroughCriterion,
)
from shared.protocol.therapy import DailyDoseCriterion, DrugExposureCriterion, ProgressionOnDrugCriterion

__all__ = [
    "UPPER_LIMIT_OF_NORMAL",
    "AgeCriterion",
    "AlbiCriterion",
    "AllOf",
    "AnyOf",
    "AtLeast",
    "AttestationCode",
    "AttestationCriterion",
    "BiomarkerCriterion",
    "BoundedCriterion",
    "ChildPughCriterion",
    "Criterion",
    "CriterionBase",
    "DailyDoseCriterion",
    "DiagnosisCriterion",
    "DrugConcept",
    "DrugExposureCriterion",
    "Happening",
    "LaboratoryConcept",
    "LaboratoryCriterion",
    "MeasurableLesionCriterion",
    "Not",
    "OrderCriterion",
    "ProcedureCriterion",
    "ProgressionOnDrugCriterion",
    "RecordedCriterion",
    "RecurrenceCriterion",
    "ScaleCriterion",
    "TransplantCriterion",
    "TroughCriterion",
    "with_nested",
]


class GroupBase(CriterionBase):
    """A criterion made of others, combined by Kleene's strong logic."""

    of: tuple[Criterion, ...] = Field(min_length=1)

    def nested(self) -> tuple[Criterion, ...]:
        """Its parts."""
        return self.of

    def concepts(self) -> frozenset[str]:
        """Everything that its parts read."""
        return frozenset().union(*(part.concepts() for part in self.of))


class AllOf(GroupBase):
    """Every part is met."""

    kind: Literal["all"]


class AnyOf(GroupBase):
    """At least one part is met."""

    kind: Literal["any"]


class AtLeast(GroupBase):
    """At least `n` parts are met."""

    kind: Literal["at-least"]
    n: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _can_be_reached(self) -> AtLeast:
        if self.n > len(self.of):
            raise ValueError(f"n is {self.n}, but there are only {len(self.of)} criteria")
        return self


class Not(GroupBase):
    """Its one part is not met."""

    kind: Literal["not"]
    of: tuple[Criterion, ...] = Field(min_length=1, max_length=1)


Criterion = Annotated[
    DiagnosisCriterion
    | ProcedureCriterion
    | TransplantCriterion
    | OrderCriterion
    | RecurrenceCriterion
    | MeasurableLesionCriterion
    | AttestationCriterion
    | AgeCriterion
    | LaboratoryCriterion
    | TroughCriterion
    | ScaleCriterion
    | ChildPughCriterion
    | AlbiCriterion
    | BiomarkerCriterion
    | DrugExposureCriterion
    | DailyDoseCriterion
    | ProgressionOnDrugCriterion
    | AllOf
    | AnyOf
    | AtLeast
    | Not,
    Field(discriminator="kind"),
]

_GROUPS: Final = (AllOf, AnyOf, AtLeast, Not)
for _group in _GROUPS:
    _group.model_rebuild()


def with_nested(criteria: tuple[Criterion, ...]) -> Iterator[Criterion]:
    """These criteria and all that they are made of, depth first."""
    for criterion in criteria:
        yield criterion
        yield from with_nested(criterion.nested())
