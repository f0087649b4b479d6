"""The FHIR data types and the elements of each resource type that are read, and no others: of R4 and of R5.

Decides shapes only; where R5 named an element anew both names stand, and whichever is sent is read. Codes stay
text and numbers stay as written: what they mean is decided by who reads them.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

ABSENT: Final = Raw(b"")


def code_set(text: str) -> frozenset[str]:
    """Codes written as words."""
    return frozenset(text.split())


class Element(Struct, rename="camel", gc=False):
    """Anything that FHIR names in camel case; elements that we do not name are skipped."""


class Meta(Element):
    """Which version of the record this is."""

    last_updated: str | None = None
    version_id: str | None = None


class Identifier(Element):
    """A business identifier."""

    system: str | None = None
    value: str | None = None


class Coding(Element):
    """One code of one system."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Element):
    """Codings of one meaning, and its words."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Reference(Element):
    """A reference, literal or by identifier."""

    reference: str | None = None
    type: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


class CodeableReference(Element):
    """A concept, or a reference to what stands for it (R5)."""

    concept: CodeableConcept | None = None
    reference: Reference | None = None


class FhirQuantity(Element):
    """A measured amount; `value` stays as written: 1.00 keeps its digits, a text is not taken for one."""

    value: Raw = ABSENT
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Period(Element):
    """A time span."""

    start: str | None = None
    end: str | None = None


class Age(Element):
    """ReferenceRange.age."""

    low: FhirQuantity | None = None
    high: FhirQuantity | None = None


class ReferenceRange(Element):
    """Limits stated with a result."""

    low: FhirQuantity | None = None
    high: FhirQuantity | None = None
    type: CodeableConcept | None = None
    applies_to: tuple[CodeableConcept, ...] = ()
    age: Age | None = None


class Value(Element):
    """Observation.value[x] and what belongs to it, alike in the Observation and in each component."""

    code: CodeableConcept | None = None
    value_quantity: FhirQuantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_date_time: Raw = ABSENT
    value_range: Raw = ABSENT
    value_ratio: Raw = ABSENT
    data_absent_reason: CodeableConcept | None = None
    reference_range: Raw = ABSENT
    """Read of a laboratory result alone, once for all results that state the same."""


class Annotation(Element):
    """Words added to a record; their author and time are not read."""

    text: str | None = None


class Observation(Value):
    """Observation; R5 adds `bodyStructure`."""

    status: str | None = None
    category: tuple[CodeableConcept, ...] = ()
    subject: Reference | None = None
    focus: tuple[Reference, ...] = ()
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    performer: tuple[Reference, ...] = ()
    body_site: CodeableConcept | None = None
    body_structure: Reference | None = None
    method: CodeableConcept | None = None
    specimen: Reference | None = None
    component: tuple[Value, ...] = ()
    note: Raw = ABSENT
    """Read of an attestation alone: of other records its shape is nobody's concern."""


class Evidence(Element):
    """Condition.evidence; a CodeableReference in R5."""

    code: tuple[CodeableConcept, ...] = ()
    detail: tuple[Reference, ...] = ()
    concept: CodeableConcept | None = None
    reference: Reference | None = None


class Condition(Element):
    """Condition."""

    subject: Reference | None = None
    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    recorded_date: str | None = None
    evidence: tuple[Evidence, ...] = ()


class Extension(Element):
    """An extension, simple or of parts."""

    url: str | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_date_time: str | None = None
    value_boolean: bool | None = None
    value_reference: Reference | None = None
    extension: tuple[Extension, ...] = ()


class Procedure(Element):
    """Procedure; `occurrence[x]` is R5."""

    status: str | None = None
    subject: Reference | None = None
    body_site: tuple[CodeableConcept, ...] = ()
    extension: tuple[Extension, ...] = ()
    performed_date_time: str | None = None
    performed_period: Period | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None


class DoseAndRate(Element):
    """Dosage.doseAndRate."""

    dose_quantity: FhirQuantity | None = None


class Repeat(Element):
    """Timing.repeat."""

    bounds_period: Period | None = None
    frequency: int | None = None
    period: Raw = ABSENT
    period_unit: str | None = None


class Timing(Element):
    """Dosage.timing."""

    repeat: Repeat | None = None


class Dosage(Element):
    """Dosage of a statement, a request or a dispense; `dose` that of an administration."""

    dose: FhirQuantity | None = None
    dose_and_rate: tuple[DoseAndRate, ...] = ()
    timing: Timing | None = None
    route: CodeableConcept | None = None


class MedicationAdministration(Element):
    """MedicationAdministration; `occurence[x]` is R5, and R5's spelling; some write it with two r."""

    status: str | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    occurence_date_time: str | None = None
    occurence_period: Period | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    dosage: Dosage | None = None


class Adherence(Element):
    """MedicationStatement.adherence (R5)."""

    code: CodeableConcept | None = None


class MedicationStatement(Element):
    """MedicationStatement; `adherence` is R5."""

    status: str | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    adherence: Adherence | None = None
    dosage: tuple[Dosage, ...] = ()


class MedicationRequest(Element):
    """MedicationRequest; `effectiveDosePeriod` is R5."""

    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    subject: Reference | None = None
    authored_on: str | None = None
    effective_dose_period: Period | None = None
    dosage_instruction: tuple[Dosage, ...] = ()


class MedicationDispense(Element):
    """MedicationDispense."""

    status: str | None = None
    subject: Reference | None = None
    when_handed_over: str | None = None
    when_prepared: str | None = None
    dosage_instruction: tuple[Dosage, ...] = ()


class Ingredient(Element):
    """Medication.ingredient; `item` is R5."""

    item_codeable_concept: CodeableConcept | None = None
    item: CodeableReference | None = None


class Medication(Element):
    """Medication."""

    status: str | None = None
    code: CodeableConcept | None = None
    ingredient: tuple[Ingredient, ...] = ()


class Hospitalization(Element):
    """Encounter.hospitalization, in R5 Encounter.admission."""

    admit_source: CodeableConcept | None = None


class Encounter(Element):
    """Encounter; in R5 `class` is a list, and `actualPeriod` and `admission` are the period and the hospitalization."""

    status: str | None = None
    class_: Coding | tuple[CodeableConcept, ...] | None = msgspec.field(default=None, name="class")
    priority: CodeableConcept | None = None
    subject: Reference | None = None
    period: Period | None = None
    actual_period: Period | None = None
    hospitalization: Hospitalization | None = None
    admission: Hospitalization | None = None


class CollectionSite(CodeableConcept):
    """Specimen.collection.bodySite: a CodeableConcept, in R5 inside a CodeableReference."""

    concept: CodeableConcept | None = None


class Collection(Element):
    """Specimen.collection."""

    collected_date_time: str | None = None
    collected_period: Period | None = None
    body_site: CollectionSite | None = None


class Specimen(Element):
    """Specimen."""

    status: str | None = None
    type: CodeableConcept | None = None
    subject: Reference | None = None
    collection: Collection | None = None


class IncludedStructure(Element):
    """BodyStructure.includedStructure (R5)."""

    structure: CodeableConcept | None = None


class BodyStructure(Element):
    """BodyStructure; `includedStructure` is R5."""

    location: CodeableConcept | None = None
    included_structure: tuple[IncludedStructure, ...] = ()
    patient: Reference | None = None


class DiagnosticReport(Element):
    """DiagnosticReport."""

    status: str | None = None
    category: tuple[CodeableConcept, ...] = ()
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    conclusion_code: tuple[CodeableConcept, ...] = ()


class PatientLink(Element):
    """Patient.link."""

    other: Reference | None = None
    type: str | None = None


class Patient(Element):
    """Patient."""

    gender: str | None = None
    birth_date: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None
    link: tuple[PatientLink, ...] = ()


class Causality(Element):
    """AdverseEvent.suspectEntity.causality: `assessment` in R4, `entityRelatedness` in R5."""

    assessment: CodeableConcept | None = None
    entity_relatedness: CodeableConcept | None = None

    @property
    def opinions(self) -> tuple[CodeableConcept | None, ...]:
        """What is said of the relation, wherever it stands."""
        return self.assessment, self.entity_relatedness


class SuspectEntity(Element):
    """AdverseEvent.suspectEntity; `instance` is R4, `instance[x]` R5. Several causalities in R4, one in R5."""

    instance: Reference | None = None
    instance_reference: Reference | None = None
    instance_codeable_concept: CodeableConcept | None = None
    causality: Causality | tuple[Causality, ...] | None = None

    @property
    def causes(self) -> tuple[Causality, ...]:
        """The causalities, one or several."""
        if self.causality is None:
            return ()
        return (self.causality,) if isinstance(self.causality, Causality) else self.causality


class AdverseEvent(Element):
    """AdverseEvent; `status`, `code` and `occurrence[x]` are R5's, `event`, `date` and `severity` R4's."""

    status: str | None = None
    actuality: str | None = None
    event: CodeableConcept | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    date: str | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    detected: str | None = None
    recorded_date: str | None = None
    seriousness: CodeableConcept | None = None
    severity: CodeableConcept | None = None
    outcome: CodeableConcept | tuple[CodeableConcept, ...] | None = None
    suspect_entity: tuple[SuspectEntity, ...] = ()
    extension: tuple[Extension, ...] = ()


class Request(Element):
    """Bundle.entry.request."""

    method: str | None = None
    url: str | None = None


class Response(Element):
    """Bundle.entry.response: in a history, the version that the entry speaks of."""

    etag: str | None = None
    last_modified: str | None = None


class Entry(Element):
    """Bundle.entry."""

    full_url: str | None = None
    resource: Raw = ABSENT
    request: Request | None = None
    response: Response | None = None


OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
ARRAY: Final = msgspec.json.Decoder(tuple[Raw, ...])
TEXT: Final = msgspec.json.Decoder(str)
META: Final = msgspec.json.Decoder(Meta)
IDENTIFIERS: Final = msgspec.json.Decoder(tuple[Identifier, ...])
CONCEPT: Final = msgspec.json.Decoder(CodeableConcept)
CONCEPTS: Final = msgspec.json.Decoder(tuple[CodeableConcept, ...])
CODEABLE_REFERENCE: Final = msgspec.json.Decoder(CodeableReference)
REFERENCE: Final = msgspec.json.Decoder(Reference)
REFERENCE_RANGES: Final = msgspec.json.Decoder(tuple[ReferenceRange, ...])
ENTRY: Final = msgspec.json.Decoder(Entry)
