"""The elements of each resource type that is read, in FHIR R4 (R4B has the same) and in R5. Decides nothing.

From hl7.org/fhir/R4 and hl7.org/fhir/R5. `*` may repeat, hence is a list. Nested tables name the backbone
elements that are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from shared.fhir.elements import code_set

FhirVersion = Literal["R4", "R5"]
"""The two shapes of resources: R4B is read as R4, whose types that are read it shares."""

_R4: Final[Mapping[str, str]] = {
    "AdverseEvent": """
        actuality category* contributor* date detected encounter event identifier location outcome recordedDate
        recorder referenceDocument* resultingCondition* seriousness severity study* subject
        subjectMedicalHistory* suspectEntity*
    """,
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
_R5: Final[Mapping[str, str]] = {
    "AdverseEvent": """
        actuality category* code contributingFactor* detected encounter expectedInResearchStudy identifier*
        location mitigatingAction* note* occurrenceDateTime occurrencePeriod occurrenceTiming outcome*
        participant* preventiveAction* recordedDate recorder resultingEffect* seriousness status study*
        subject supportingInfo* suspectEntity*
    """,
    "BodyStructure": """
        active description excludedStructure* identifier* image* includedStructure* morphology patient
    """,
    "Condition": """
        abatementAge abatementDateTime abatementPeriod abatementRange abatementString bodySite* category*
        clinicalStatus code encounter evidence* identifier* note* onsetAge onsetDateTime onsetPeriod
        onsetRange onsetString participant* recordedDate severity stage* subject verificationStatus
    """,
    "DiagnosticReport": """
        basedOn* category* code composition conclusion conclusionCode* effectiveDateTime effectivePeriod
        encounter identifier* issued media* note* performer* presentedForm* result* resultsInterpreter*
        specimen* status study* subject supportingInfo*
    """,
    "Encounter": """
        account* actualPeriod admission appointment* basedOn* careTeam* class* diagnosis* dietPreference*
        episodeOfCare* identifier* length location* partOf participant* plannedEndDate plannedStartDate
        priority reason* serviceProvider serviceType* specialArrangement* specialCourtesy* status subject
        subjectStatus type* virtualService*
    """,
    "Medication": """
        batch code definition doseForm identifier* ingredient* marketingAuthorizationHolder status
        totalVolume
    """,
    "MedicationAdministration": """
        basedOn* category* device* dosage encounter eventHistory* identifier* isSubPotent medication note*
        occurenceDateTime occurencePeriod occurenceTiming partOf* performer* reason* recorded request status
        statusReason* subPotentReason* subject supportingInformation*
    """,
    "MedicationDispense": """
        authorizingPrescription* basedOn* category* daysSupply destination dosageInstruction* encounter
        eventHistory* identifier* location medication notPerformedReason note* partOf* performer* quantity
        receiver* recorded renderedDosageInstruction status statusChanged subject substitution
        supportingInformation* type whenHandedOver whenPrepared
    """,
    "MedicationRequest": """
        authoredOn basedOn* category* courseOfTherapyType device* dispenseRequest doNotPerform
        dosageInstruction* effectiveDosePeriod encounter eventHistory* groupIdentifier identifier*
        informationSource* insurance* intent medication note* performer* performerType priorPrescription
        priority reason* recorder renderedDosageInstruction reported requester status statusChanged
        statusReason subject substitution supportingInformation*
    """,
    "MedicationStatement": """
        adherence category* dateAsserted derivedFrom* dosage* effectiveDateTime effectivePeriod
        effectiveTiming encounter identifier* informationSource* medication note* partOf* reason*
        relatedClinicalInformation* renderedDosageInstruction status subject
    """,
    "Observation": """
        basedOn* bodySite bodyStructure category* code component* dataAbsentReason derivedFrom* device
        effectiveDateTime effectiveInstant effectivePeriod effectiveTiming encounter focus* hasMember*
        identifier* instantiatesCanonical instantiatesReference interpretation* issued method note* partOf*
        performer* referenceRange* specimen status subject triggeredBy* valueAttachment valueBoolean
        valueCodeableConcept valueDateTime valueInteger valuePeriod valueQuantity valueRange valueRatio
        valueReference valueSampledData valueString valueTime
    """,
    "Patient": """
        active address* birthDate communication* contact* deceasedBoolean deceasedDateTime gender
        generalPractitioner* identifier* link* managingOrganization maritalStatus multipleBirthBoolean
        multipleBirthInteger name* photo* telecom*
    """,
    "Procedure": """
        basedOn* bodySite* category* code complication* encounter focalDevice* focus followUp* identifier*
        instantiatesCanonical* instantiatesUri* location note* occurrenceAge occurrenceDateTime
        occurrencePeriod occurrenceRange occurrenceString occurrenceTiming outcome partOf* performer*
        reason* recorded recorder report* reportedBoolean reportedReference status statusReason subject
        supportingInfo* used*
    """,
    "Specimen": """
        accessionIdentifier collection combined condition* container* feature* identifier* note* parent*
        processing* receivedTime request* role* status subject type
    """,
}
ELEMENTS: Final[Mapping[FhirVersion, Mapping[str, str]]] = {"R4": _R4, "R5": _R5}

_DOSAGE: Final = """
    additionalInstruction doseAndRate maxDosePerAdministration maxDosePerLifetime maxDosePerPeriod method
    patientInstruction route sequence site text timing
"""
_DOSAGE_R4: Final = code_set(_DOSAGE + "asNeededBoolean asNeededCodeableConcept")
_DOSAGE_R5: Final = code_set(_DOSAGE + "asNeeded asNeededFor")
_COMPONENT: Final = """
    code dataAbsentReason interpretation referenceRange valueBoolean valueCodeableConcept valueDateTime
    valueInteger valuePeriod valueQuantity valueRange valueRatio valueSampledData valueString valueTime
"""
_COLLECTION: Final = """
    bodySite collectedDateTime collectedPeriod collector duration fastingStatusCodeableConcept
    fastingStatusDuration method quantity
"""
_GIVEN: Final = code_set("dose method rateQuantity rateRatio route site text")

NESTED: Final[Mapping[FhirVersion, Mapping[str, frozenset[str]]]] = {
    "R4": {
        "AdverseEvent.suspectEntity": code_set("causality instance"),
        "Condition.evidence": code_set("code detail"),
        "Encounter.hospitalization": code_set(
            """
            admitSource destination dietPreference dischargeDisposition origin preAdmissionIdentifier
            reAdmission specialArrangement specialCourtesy
            """
        ),
        "MedicationAdministration.dosage": _GIVEN,
        "MedicationDispense.dosageInstruction": _DOSAGE_R4,
        "MedicationRequest.dosageInstruction": _DOSAGE_R4,
        "MedicationStatement.dosage": _DOSAGE_R4,
        "Observation.component": code_set(_COMPONENT),
        "Observation.referenceRange": code_set("age appliesTo high low text type"),
        "Specimen.collection": code_set(_COLLECTION),
    },
    "R5": {
        "AdverseEvent.suspectEntity": code_set("causality instanceCodeableConcept instanceReference"),
        "BodyStructure.includedStructure": code_set(
            "bodyLandmarkOrientation laterality qualifier spatialReference structure"
        ),
        "Condition.evidence": code_set("concept reference"),
        "Encounter.admission": code_set(
            "admitSource destination dischargeDisposition origin preAdmissionIdentifier reAdmission"
        ),
        "MedicationAdministration.dosage": _GIVEN,
        "MedicationDispense.dosageInstruction": _DOSAGE_R5,
        "MedicationRequest.dosageInstruction": _DOSAGE_R5,
        "MedicationStatement.adherence": code_set("code reason"),
        "MedicationStatement.dosage": _DOSAGE_R5,
        "Observation.component": code_set(_COMPONENT + "valueAttachment valueReference"),
        "Observation.referenceRange": code_set("age appliesTo high low normalValue text type"),
        "Specimen.collection": code_set(_COLLECTION + "device procedure"),
    },
}
