"""The kinds of criteria on diseases, procedures, imaging and judgement, each with its sourced parameters.

Decides what they may say; evaluates none.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from shared.protocol.criterion import (
    AttestationCode,
    CriterionBase,
    DatedConcept,
    Days,
    DiagnosisConcept,
    ProcedureConcept,
    RecordedCriterion,
)
from shared.protocol.sourced import Section, Sourced

LESION_CONCEPTS: Final = frozenset(
    {
        "lesion-measurement",
        "longest-diameter",
        "viable-diameter",
        "short-axis",
        "lesion-role",
        "lesion-state",
        "arterial-hyperenhancement",
        "washout",
    }
)


class DiagnosisCriterion(RecordedCriterion):
    """The patient has the diagnosis; `pathology` required: confirmed by pathology, not only stated."""

    kind: Literal["diagnosis"]
    concept: DiagnosisConcept
    pathology: Sourced[Literal["required", "not-required"]]

    def concepts(self) -> frozenset[str]:
        """The diagnosis, and what confirms it."""
        return frozenset({self.concept, "pathology-confirmed"})


class ProcedureCriterion(RecordedCriterion):
    """The procedure took place, at any time or within so many days."""

    kind: Literal["procedure"]
    concept: ProcedureConcept
    window_days: Sourced[Days | None]

    def concepts(self) -> frozenset[str]:
        """The procedure."""
        return frozenset({self.concept})


class Happening(Section):
    """One of two dated things to be ordered: the first or the last record of a diagnosis, procedure or drug."""

    concept: DatedConcept
    which: Literal["first", "last"]


class OrderCriterion(CriterionBase):
    """One thing happened at least, and where stated at most, so many days before another.

    Whole days between the two dates: 0 is the same day, which counts as before.
    """

    kind: Literal["order"]
    earlier: Happening
    later: Happening
    at_least_days: Sourced[Annotated[int, Field(ge=0, le=36_500)]]
    at_most_days: Sourced[Annotated[int, Field(ge=0, le=36_500)]] | None = None

    @model_validator(mode="after")
    def _can_be_reached(self) -> OrderCriterion:
        if self.at_most_days is not None and self.at_most_days.value < self.at_least_days.value:
            raise ValueError("`at_most_days` is less than `at_least_days`")
        return self

    def concepts(self) -> frozenset[str]:
        """Both things."""
        return frozenset({self.earlier.concept, self.later.concept})


class TransplantCriterion(CriterionBase):
    """The patient had the procedure, or lives in the status after it, and the diagnosis was known by that day."""

    kind: Literal["transplant-for"]
    procedure: ProcedureConcept
    status: DiagnosisConcept
    diagnosis: DiagnosisConcept

    def concepts(self) -> frozenset[str]:
        """The procedure, the status after it, and the diagnosis with what confirms it."""
        return frozenset({self.procedure, self.status, self.diagnosis, "pathology-confirmed"})


class RecurrenceCriterion(CriterionBase):
    """Recurrence was seen on imaging by one of the methods, after the procedure.

    `window_days` None: a recurrence once shown stays shown, until later imaging denies it.
    """

    kind: Literal["recurrence-after"]
    procedure: ProcedureConcept
    status: DiagnosisConcept
    methods: Sourced[tuple[Literal["ct", "mri"], ...]]
    window_days: Sourced[Days | None]

    def concepts(self) -> frozenset[str]:
        """The imaging verdict with its methods, and the procedure."""
        return frozenset({self.procedure, self.status, "recurrence-on-imaging", *self.methods.value})


class MeasurableLesionCriterion(CriterionBase):
    """At least one lesion imaged in the window is measurable by the response criteria."""

    kind: Literal["measurable-lesion"]
    criteria: Sourced[Literal["mrecist", "recist11"]]
    window_days: Sourced[Days]

    def concepts(self) -> frozenset[str]:
        """Lesion measurements."""
        return LESION_CONCEPTS


class AttestationCriterion(CriterionBase):
    """A named practitioner attests it: nothing else can."""

    kind: Literal["attestation"]
    code: AttestationCode

    def concepts(self) -> frozenset[str]:
        """The attestation."""
        return frozenset({self.code, "attestation"})
