"""One statement of an Observation: a concept with its value. Decides nothing; all its readers share it."""

from __future__ import annotations

from msgspec import Struct

from shared.dates import FhirDate
from shared.fhir.elements import Observation, Value
from shared.fhir.meaning import answer
from shared.fhir.reading import Reason, Unreadable
from shared.fhir.record import Record
from shared.terminology import Concept


class Statement(Struct, frozen=True):
    """One code with its value: the Observation itself, or a component (`at` is its place, with a dot)."""

    record: Record
    whole: Observation
    value: Value
    concept: Concept
    occurred: FhirDate | None
    final: bool
    at: str = ""

    def path(self, element: str) -> str:
        """The element of this statement as FHIRPath names it."""
        return self.record.path(self.at + element)

    def boolean(self) -> bool | None:
        """valueBoolean; None where the record says why there is none."""
        if self.value.value_boolean is None and self.value.data_absent_reason is None:
            raise Unreadable(Reason.MISSING, self.path("valueBoolean"), "expected true or false")
        return self.value.value_boolean

    def answered(self) -> str | None:
        """The answer in our own codes; None where the record says why there is none."""
        found = answer(self.value.value_codeable_concept, self.concept.answers)
        if found is None and self.value.data_absent_reason is None:
            form = f"expected one of {', '.join(self.concept.answers)}"
            raise Unreadable(Reason.UNKNOWN_CODE, self.path("valueCodeableConcept"), form)
        return found

    @property
    def lacks_number(self) -> bool:
        """Whether valueQuantity gives no number, and the record says why."""
        stated = self.value.value_quantity
        return stated is not None and not bytes(stated.value) and self.value.data_absent_reason is not None
