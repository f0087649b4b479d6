"""The closed set of criterion kinds that a protocol file can state, each with its sourced parameters.

Decides what a criterion may say and refuses what nobody could evaluate; evaluates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from shared.protocol.sourced import Origin, Section, Sourced
from shared.terminology import Kind, UnknownConcept, concept

UPPER_LIMIT_OF_NORMAL: Final = "ULN"
"""Unit of a bound that is a multiple of the upper limit of normal, instead of a UCUM unit."""

Days = Annotated[int, Field(gt=0, le=36_500)]
Months = Annotated[int, Field(ge=0, le=240)]


def _of_kind(kind: Kind) -> AfterValidator:
    def check(concept_id: str) -> str:
        try:
            found = concept(concept_id)
        except UnknownConcept:
            raise ValueError(f"unknown concept {concept_id!r}: expected a {kind} of the table of codes") from None
        if found.kind is not kind:
            raise ValueError(f"{concept_id!r} is a {found.kind}, expected a {kind}")
        return concept_id

    return AfterValidator(check)


LaboratoryConcept = Annotated[str, _of_kind(Kind.LABORATORY)]
DiagnosisConcept = Annotated[str, _of_kind(Kind.DIAGNOSIS)]
ProcedureConcept = Annotated[str, _of_kind(Kind.PROCEDURE)]
DrugConcept = Annotated[str, _of_kind(Kind.DRUG)]
TroughConcept = Annotated[str, _of_kind(Kind.TROUGH)]
AttestationCode = Annotated[str, _of_kind(Kind.ATTESTATION)]


class CriterionBase(Section):
    """What every criterion has; `id` is the trial's own numbering (`I11b`)."""

    id: str = Field(pattern=r"^[A-Z][0-9]{1,3}[a-z]?$")
    title: str = Field(min_length=1)
    sources: tuple[Origin, ...] = Field(min_length=1)
    note: str = ""

    def concepts(self) -> frozenset[str]:
        """Concepts of the table of codes whose records this criterion reads."""
        raise NotImplementedError

    def nested(self) -> tuple[Criterion, ...]:
        """The criteria that this one is made of; none but for groups."""
        return ()


class DiagnosisCriterion(CriterionBase):
    """The patient has the diagnosis; `pathology` required: confirmed by pathology, not only stated."""

    kind: Literal["diagnosis"]
    concept: DiagnosisConcept
    pathology: Sourced[Literal["required", "not-required"]]

    def concepts(self) -> frozenset[str]:
        """The diagnosis, and what confirms it."""
        return frozenset({self.concept, "pathology-confirmed"})


class TransplantCriterion(CriterionBase):
    """The patient had the procedure, or lives in the status after it, and the diagnosis was known by that
    day.
    """

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


class AttestationCriterion(CriterionBase):
    """A named practitioner attests it: nothing else can."""

    kind: Literal["attestation"]
    code: AttestationCode

    def concepts(self) -> frozenset[str]:
        """The attestation."""
        return frozenset({self.code, "attestation"})


class ProgressionOnDrugCriterion(CriterionBase):
    """The tumour progressed under one of the drugs, assessed at least so many months after its start.

    Courses begun before the procedure do not count where `begun_after_transplant` holds.
    """

    kind: Literal["progression-on-drug"]
    drugs: Sourced[Annotated[tuple[DrugConcept, ...], Field(min_length=1)]]
    criteria: Sourced[Literal["mrecist", "recist11"]]
    after_months: Sourced[Months]
    begun_after_transplant: Sourced[bool]
    procedure: ProcedureConcept
    status: DiagnosisConcept

    def concepts(self) -> frozenset[str]:
        """The drugs, the procedure, and what shows progression."""
        return frozenset({*self.drugs.value, self.procedure, self.status, "mrecist-response", *_LESIONS})


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


class AgeCriterion(CriterionBase):
    """Age in completed years, both bounds inclusive."""

    kind: Literal["age"]
    at_least: Sourced[int]
    at_most: Sourced[int]

    def concepts(self) -> frozenset[str]:
        """None: the birth date is always kept."""
        return frozenset()


class MeasurableLesionCriterion(CriterionBase):
    """At least one lesion imaged in the window is measurable by the response criteria."""

    kind: Literal["measurable-lesion"]
    criteria: Sourced[Literal["mrecist", "recist11"]]
    window_days: Sourced[Days]

    def concepts(self) -> frozenset[str]:
        """Lesion measurements."""
        return _LESIONS


class ChildPughCriterion(CriterionBase):
    """Child-Pugh points, computed from their five components, are at most the bound."""

    kind: Literal["child-pugh"]
    at_most: Sourced[Annotated[int, Field(ge=5, le=15)]]
    laboratory_window_days: Sourced[Days]
    finding_window_days: Sourced[Days]

    def concepts(self) -> frozenset[str]:
        """The five components."""
        return frozenset({"bilirubin-total", "albumin", "inr", "ascites", "encephalopathy"})


class LaboratoryCriterion(CriterionBase):
    """A laboratory value in the window lies on the right side of an inclusive bound.

    `unit` is the concept's canonical unit, or ULN for multiples of the upper limit of normal. With
    `settled_by`, a value beyond the bound is unknown, not failed, until a practitioner attests one or the
    other.
    """

    kind: Literal["laboratory"]
    concept: LaboratoryConcept
    at_least: Sourced[Decimal] | None = None
    at_most: Sourced[Decimal] | None = None
    unit: str
    window_days: Sourced[Days]
    settled_by: Sourced[AttestationCode] | None = None

    @model_validator(mode="after")
    def _one_bound_in_a_unit_we_compare(self) -> LaboratoryCriterion:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give either `at_least` or `at_most`")
        if self.bound.value <= 0:
            raise ValueError("a bound must be above zero")
        canonical = concept(self.concept).unit
        if self.unit not in (canonical, UPPER_LIMIT_OF_NORMAL):
            raise ValueError(f"unit {self.unit!r}: expected {canonical!r} or {UPPER_LIMIT_OF_NORMAL!r}")
        return self

    @property
    def bound(self) -> Sourced[Decimal]:
        """The one bound there is."""
        bound = self.at_least or self.at_most
        assert bound is not None, "the validator saw to it"
        return bound

    def concepts(self) -> frozenset[str]:
        """The analyte, and the attestation that settles a value beyond the bound."""
        settled = {self.settled_by.value, "attestation"} if self.settled_by else set()
        return frozenset({self.concept, *settled})


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
    | TransplantCriterion
    | RecurrenceCriterion
    | AttestationCriterion
    | ProgressionOnDrugCriterion
    | BiomarkerCriterion
    | AgeCriterion
    | MeasurableLesionCriterion
    | ChildPughCriterion
    | LaboratoryCriterion
    | AllOf
    | AnyOf
    | AtLeast
    | Not,
    Field(discriminator="kind"),
]

_LESIONS: Final = frozenset(
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

for _group in (AllOf, AnyOf, AtLeast, Not):
    _group.model_rebuild()


def with_nested(criteria: tuple[Criterion, ...]) -> Iterator[Criterion]:
    """These criteria and all that they are made of, depth first."""
    for criterion in criteria:
        yield criterion
        yield from with_nested(criterion.nested())
