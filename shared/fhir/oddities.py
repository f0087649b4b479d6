"""Decides what is odd about a resource in scope: elements that R4 does not know, or that it misses.

Cheap and the same every time, so that "accepted with issues" never depends on sampling. A full judgement of
conformance is `conformance`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Raw

from shared.fhir import elements as fhir
from shared.fhir.elements import code_set
from shared.fhir.reading import Issue, IssueCode, Unreadable
from shared.fhir.record import Record, decode

_RESOURCE: Final = "resourceType id meta implicitRules language text contained* extension* modifierExtension*"
_BACKBONE: Final = code_set("id extension modifierExtension")

# FHIR R4 (hl7.org/fhir/R4), the elements of each type that is read; `*` may repeat, hence is a list. R4B has the same.
_ELEMENTS: Final[Mapping[str, str]] = {
    "BodyStructure": """
        active description identifier* image* location locationQualifier* morphology patient
    """,
    "Condition": """
        abatementAge abatementDateTime abatementPeriod abatementRange abatementString asserter bodySite*
        category* clinicalStatus code encounter evidence* identifier* note* onsetAge onsetDateTime
        onsetPeriod onsetRange onsetString recordedDate recorder severity stage* subject verificationStatus
    """,
    "DiagnosticReport": """
        basedOn* category* code conclusion conclusionCode* effectiveDateTime effectivePeriod encounter
        identifier* imagingStudy* issued media* performer* presentedForm* result* resultsInterpreter*
        specimen* status subject
    """,
    "Encounter": """
        account* appointment* basedOn* class classHistory* diagnosis* episodeOfCare* hospitalization
        identifier* length location* partOf participant* period priority reasonCode* reasonReference*
        serviceProvider serviceType status statusHistory* subject type*
    """,
    "Medication": """
        amount batch code form identifier* ingredient* manufacturer status
    """,
    "MedicationAdministration": """
        category context device* dosage effectiveDateTime effectivePeriod eventHistory* identifier*
        instantiates* medicationCodeableConcept medicationReference note* partOf* performer* reasonCode*
        reasonReference* request status statusReason* subject supportingInformation*
    """,
    "MedicationDispense": """
        authorizingPrescription* category context daysSupply destination detectedIssue* dosageInstruction*
        eventHistory* identifier* location medicationCodeableConcept medicationReference note* partOf*
        performer* quantity receiver* status statusReasonCodeableConcept statusReasonReference subject
        substitution supportingInformation* type whenHandedOver whenPrepared
    """,
    "MedicationRequest": """
        authoredOn basedOn* category* courseOfTherapyType detectedIssue* dispenseRequest doNotPerform
        dosageInstruction* encounter eventHistory* groupIdentifier identifier* instantiatesCanonical*
        instantiatesUri* insurance* intent medicationCodeableConcept medicationReference note* performer
        performerType priorPrescription priority reasonCode* reasonReference* recorder reportedBoolean
        reportedReference requester status statusReason subject substitution supportingInformation*
    """,
    "MedicationStatement": """
        basedOn* category context dateAsserted derivedFrom* dosage* effectiveDateTime effectivePeriod
        identifier* informationSource medicationCodeableConcept medicationReference note* partOf*
        reasonCode* reasonReference* status statusReason* subject
    """,
    "Observation": """
        basedOn* bodySite category* code component* dataAbsentReason derivedFrom* device effectiveDateTime
        effectiveInstant effectivePeriod effectiveTiming encounter focus* hasMember* identifier*
        interpretation* issued method note* partOf* performer* referenceRange* specimen status subject
        valueBoolean valueCodeableConcept valueDateTime valueInteger valuePeriod valueQuantity valueRange
        valueRatio valueSampledData valueString valueTime
    """,
    "Patient": """
        active address* birthDate communication* contact* deceasedBoolean deceasedDateTime gender
        generalPractitioner* identifier* link* managingOrganization maritalStatus multipleBirthBoolean
        multipleBirthInteger name* photo* telecom*
    """,
    "Procedure": """
        asserter basedOn* bodySite* category code complication* complicationDetail* encounter focalDevice*
        followUp* identifier* instantiatesCanonical* instantiatesUri* location note* outcome partOf*
        performedAge performedDateTime performedPeriod performedRange performedString performer* reasonCode*
        reasonReference* recorder report* status statusReason subject usedCode* usedReference*
    """,
    "Specimen": """
        accessionIdentifier collection condition* container* identifier* note* parent* processing*
        receivedTime request* status subject type
    """,
}
_NESTED: Final[Mapping[str, frozenset[str]]] = {
    "Condition.evidence": code_set("code detail"),
    "Encounter.hospitalization": code_set(
        """
        admitSource destination dietPreference dischargeDisposition origin preAdmissionIdentifier
        reAdmission specialArrangement specialCourtesy
        """
    ),
    "MedicationAdministration.dosage": code_set("dose method rateQuantity rateRatio route site text"),
    "MedicationDispense.dosageInstruction": code_set(
        """
        additionalInstruction asNeededBoolean asNeededCodeableConcept doseAndRate
        maxDosePerAdministration maxDosePerLifetime maxDosePerPeriod method patientInstruction route
        sequence site text timing
        """
    ),
    "MedicationRequest.dosageInstruction": code_set(
        """
        additionalInstruction asNeededBoolean asNeededCodeableConcept doseAndRate
        maxDosePerAdministration maxDosePerLifetime maxDosePerPeriod method patientInstruction route
        sequence site text timing
        """
    ),
    "MedicationStatement.dosage": code_set(
        """
        additionalInstruction asNeededBoolean asNeededCodeableConcept doseAndRate
        maxDosePerAdministration maxDosePerLifetime maxDosePerPeriod method patientInstruction route
        sequence site text timing
        """
    ),
    "Observation.component": code_set(
        """
        code dataAbsentReason interpretation referenceRange valueBoolean valueCodeableConcept
        valueDateTime valueInteger valuePeriod valueQuantity valueRange valueRatio valueSampledData
        valueString valueTime
        """
    ),
    "Observation.referenceRange": code_set("age appliesTo high low text type"),
    "Specimen.collection": code_set(
        """
        bodySite collectedDateTime collectedPeriod collector duration fastingStatusCodeableConcept
        fastingStatusDuration method quantity
        """
    ),
}
# Required by R4 and not needed to read the facts: what is needed is refused where it is missing.
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {"DiagnosticReport": ("code",)}


def find_oddities(record: Record) -> tuple[Issue, ...]:
    """The elements that R4 does not know and those that it requires; sorted."""
    known, found = _REPEATS[record.type], list[Issue]()
    for name, raw in record.elements.items():
        if name not in known:
            found.append(_unknown(record.type, name))
        elif (repeats := known[name]) is not None and repeats is not bytes(raw).startswith(b"["):
            says = "R4 has a list here" if repeats else "R4 has one here, not a list"
            found.append(Issue(IssueCode.WRONG_TYPE, record.path(name), says))
    for name, path in _NESTED_OF[record.type]:
        if name in record.elements:
            found += _nested(record.elements[name], path)
    for name in _REQUIRED.get(record.type, ()):
        if name not in record.elements:
            found.append(Issue(IssueCode.MISSING_ELEMENT, f"{record.type}.{name}", "R4 requires it"))
    return tuple(sorted(set(found))) if found else ()


def _nested(raw: Raw, path: str) -> Iterator[Issue]:
    """Unknown elements of a backbone element, single or repeated."""
    known = _NESTED_ALLOWED[path]
    try:
        parts = decode(fhir.ARRAY, raw, path) if bytes(raw).lstrip()[:1] == b"[" else (raw,)
        for part in parts:
            names = decode(fhir.OBJECT, part, path)
            if not known.issuperset(names):
                yield from (_unknown(path, name) for name in names if name not in known)
    except Unreadable as error:
        yield Issue(IssueCode.WRONG_TYPE, error.path, error.says)


def _unknown(path: str, name: str) -> Issue:
    # The name is the sender's text: only one that could be an element's is repeated.
    shown = name if name.isascii() and name.isidentifier() and len(name) <= 64 else "?"
    return Issue(IssueCode.UNKNOWN_ELEMENT, f"{path}.{shown}", "R4 does not know this element")


def _with_extensions(names: frozenset[str]) -> frozenset[str]:
    """Primitive elements may have a sibling `_name` for their extensions."""
    return names | {f"_{name}" for name in names}


def _repeats(words: str) -> Mapping[str, bool | None]:
    """Whether each element may repeat; None for the extensions of a primitive, which follow their element."""
    named = {word.rstrip("*"): word.endswith("*") for word in f"{words} {_RESOURCE}".split()}
    return dict.fromkeys((f"_{name}" for name in named), None) | named


_REPEATS: Final = {type_: _repeats(words) for type_, words in _ELEMENTS.items()}
_NESTED_ALLOWED: Final = {path: _with_extensions(names | _BACKBONE) for path, names in _NESTED.items()}
_NESTED_OF: Final = {
    type_: tuple((path.partition(".")[2], path) for path in _NESTED if path.startswith(f"{type_}."))
    for type_ in _ELEMENTS
}
