"""What all kinds of criteria share: their head, the concepts they may name, the windows they may state.

Decides which concepts a place in a protocol accepts; evaluates nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from shared.protocol.sourced import Origin, Section, Sourced
from shared.terminology import Kind, UnknownConcept, concept

if TYPE_CHECKING:
    from shared.protocol.criteria import Criterion

Days = Annotated[int, Field(gt=0, le=36_500)]
Months = Annotated[int, Field(ge=0, le=240)]


def _of_kind(*kinds: Kind) -> AfterValidator:
    expected = " or ".join(kinds)

    def check(concept_id: str) -> str:
        try:
            found = concept(concept_id)
        except UnknownConcept:
            raise ValueError(f"unknown concept {concept_id!r}: expected a {expected} of the table of codes") from None
        if found.kind not in kinds:
            raise ValueError(f"{concept_id!r} is a {found.kind}, expected a {expected}")
        return concept_id

    return AfterValidator(check)


LaboratoryConcept = Annotated[str, _of_kind(Kind.LABORATORY)]
DiagnosisConcept = Annotated[str, _of_kind(Kind.DIAGNOSIS)]
ProcedureConcept = Annotated[str, _of_kind(Kind.PROCEDURE)]
DrugConcept = Annotated[str, _of_kind(Kind.DRUG)]
TroughConcept = Annotated[str, _of_kind(Kind.TROUGH)]
ScaleConcept = Annotated[str, _of_kind(Kind.SCALE)]
AttestationCode = Annotated[str, _of_kind(Kind.ATTESTATION)]
DatedConcept = Annotated[str, _of_kind(Kind.DIAGNOSIS, Kind.PROCEDURE, Kind.DRUG)]


class CriterionBase(Section, ABC):
    """What every criterion has; `id` is the trial's own numbering (`I11b`)."""

    id: str = Field(pattern=r"^[A-Z][0-9]{1,3}[a-z]?$")
    title: str = Field(min_length=1)
    sources: tuple[Origin, ...] = Field(min_length=1)
    note: str = ""

    @abstractmethod
    def concepts(self) -> frozenset[str]:
        """Concepts of the table of codes whose records this criterion reads."""

    def nested(self) -> tuple[Criterion, ...]:
        """The criteria that this one is made of; none but for groups."""
        return ()


class RecordedCriterion(CriterionBase):
    """A criterion on something that is either recorded or not.

    No record is no knowledge: the answer is unknown, unless the trial says (`unrecorded: absent`, with its
    source) that it takes the records as complete. Exclusions often need that; who states it must mean it.
    """

    unrecorded: Sourced[Literal["unknown", "absent"]] | None = None

    @property
    def takes_silence_as_absence(self) -> bool:
        """Whether no record means that there is none."""
        return self.unrecorded is not None and self.unrecorded.value == "absent"
