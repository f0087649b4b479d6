"""Specification of the reader: the same clinical statement in R4 and in R5 is the same fact; which version a resource is."""

from __future__ import annotations

from typing import Any, Final

import pytest
from msgspec.structs import replace

from shared.facts import DrugExposure, EncounterStay, LesionMeasurement
from shared.fhir.reading import IssueCode, Reason
from shared.fhir.versions import FhirVersion, stated_version
from tests.support.records import (
    ATC,
    HL7,
    ICD,
    LOCAL,
    LOINC,
    SITE,
    SNOMED,
    Resource,
    accept,
    amount,
    as_json,
    coded,
    context,
    day,
    facts_of,
    lab,
    leave,
    observation,
    reject,
    resource,
    without,
)

CAMRELIZUMAB: Final = coded(LOCAL, "camrelizumab")
SORAFENIB: Final = {"text": "Sorafenib 200 mg"}
CITED: Final = {"reference": "Medication/m1"}
MEDICATION: Final[Resource] = {"resourceType": "Medication", "id": "m1", "code": coded(ATC, "L04AD02")}
PERIOD: Final = {"start": "2024-05-03", "end": "2024-05-07"}
IMP: Final = {"system": HL7 + "v3-ActCode", "code": "IMP"}
R4_PROFILE: Final = {"profile": ["http://hl7.org/fhir/StructureDefinition/Observation|4.0.1"]}
R5_PROFILE: Final = {"profile": ["http://hl7.org/fhir/5.0/StructureDefinition/Condition"]}
ADHERENCE: Final = "http://hl7.org/fhir/CodeSystem/medication-statement-adherence"


def administration(**elements: Any) -> Resource:
    """An administration that was completed."""
    return resource("MedicationAdministration", **({"status": "completed"} | elements))


def statement(**elements: Any) -> Resource:
    """A statement about sorafenib since 3 May 2024."""
    return resource("MedicationStatement", effectivePeriod={"start": "2024-05-03"}, **elements)


def adherence(code: str) -> Resource:
    """MedicationStatement.adherence."""
    return {"code": coded(ADHERENCE, code)}


def stay(**elements: Any) -> Resource:
    """An Encounter with the element `class`, which Python cannot name."""
    stated = elements.pop("class_")
    return resource("Encounter", **elements) | {"class": stated}


def condition(**elements: Any) -> Resource:
    """A confirmed hepatocellular carcinoma."""
    verified = coded(HL7 + "condition-ver-status", "confirmed")
    usual = {"code": coded(ICD, "C22.0"), "verificationStatus": verified, "onsetDateTime": "2019-02"}
    return resource("Condition", **(usual | elements))


def body_structure(**elements: Any) -> Resource:
    """A BodyStructure."""
    return without(resource("BodyStructure", patient={"reference": "Patient/p1"}, **elements), "subject")


def lesion(**elements: Any) -> Resource:
    """A lesion of 21 mm."""
    return observation(coded(LOINC, "21889-1"), valueQuantity=amount("21", "mm"), **elements)


IN_BOTH: Final[dict[str, tuple[Resource, Resource]]] = {
    "MedicationAdministration: drug and date": (
        administration(medicationCodeableConcept=CAMRELIZUMAB, effectiveDateTime="2024-05-03"),
        administration(medication={"concept": CAMRELIZUMAB}, occurenceDateTime="2024-05-03"),
    ),
    "MedicationAdministration: Medication and period": (
        administration(medicationReference=CITED, effectivePeriod=PERIOD),
        administration(medication={"reference": CITED}, occurencePeriod=PERIOD),
    ),
    "MedicationAdministration: dose": (
        administration(
            medicationCodeableConcept=CAMRELIZUMAB,
            effectiveDateTime="2024-05-03",
            dosage={"dose": amount("200", "mg"), "route": coded(SNOMED, "47625008")},
        ),
        administration(
            medication={"concept": CAMRELIZUMAB},
            occurenceDateTime="2024-05-03",
            dosage={"dose": amount("200", "mg"), "route": coded(SNOMED, "47625008")},
        ),
    ),
    "MedicationStatement: taken": (
        statement(status="active", medicationCodeableConcept=SORAFENIB),
        statement(status="recorded", medication={"concept": SORAFENIB}, adherence=adherence("taking-as-directed")),
    ),
    "MedicationStatement: not taken": (
        statement(status="not-taken", medicationCodeableConcept=SORAFENIB),
        statement(status="recorded", medication={"concept": SORAFENIB}, adherence=adherence("not-taking")),
    ),
    "MedicationStatement: stopped": (
        statement(status="stopped", medicationCodeableConcept=SORAFENIB),
        statement(status="recorded", medication={"concept": SORAFENIB}, adherence=adherence("stopped-as-directed")),
    ),
    "MedicationRequest": (
        resource(
            "MedicationRequest",
            status="active",
            intent="order",
            authoredOn="2024-05-01",
            medicationReference=CITED,
            dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": PERIOD}}}],
        ),
        resource(
            "MedicationRequest",
            status="active",
            intent="order",
            authoredOn="2024-05-01",
            medication={"reference": CITED},
            effectiveDosePeriod=PERIOD,
            dosageInstruction=[{"asNeeded": False}],
        ),
    ),
    "MedicationDispense": (
        resource(
            "MedicationDispense",
            status="completed",
            medicationCodeableConcept=SORAFENIB,
            whenHandedOver="2024-05-03",
        ),
        resource(
            "MedicationDispense", status="completed", medication={"concept": SORAFENIB}, whenHandedOver="2024-05-03"
        ),
    ),
    "Encounter: finished, planned": (
        stay(
            status="finished",
            class_=IMP,
            period=PERIOD,
            priority=coded(HL7 + "v3-ActPriority", "EL"),
            hospitalization={"reAdmission": {"text": "no"}},
        ),
        stay(
            status="completed",
            class_=[{"coding": [IMP]}],
            actualPeriod=PERIOD,
            priority=coded(HL7 + "v3-ActPriority", "EL"),
            admission={"reAdmission": {"text": "no"}},
        ),
    ),
    "Encounter: on leave": (
        stay(status="onleave", class_=IMP, period={"start": "2024-05-03"}),
        stay(status="on-hold", class_=[{"coding": [IMP]}], actualPeriod={"start": "2024-05-03"}),
    ),
    "Condition: evidence by report": (
        condition(evidence=[{"detail": [{"reference": "DiagnosticReport/d1"}]}]),
        condition(evidence=[{"reference": {"reference": "DiagnosticReport/d1"}}], meta=R5_PROFILE),
    ),
    "Condition: evidence by code": (
        condition(evidence=[{"code": [coded(LOCAL, "pathology-confirmed")]}]),
        condition(evidence=[{"concept": coded(LOCAL, "pathology-confirmed")}], meta=R5_PROFILE),
    ),
    "Procedure": (
        resource("Procedure", status="completed", code=coded(SNOMED, "18027006"), performedDateTime="2020-02-01"),
        resource("Procedure", status="completed", code=coded(SNOMED, "18027006"), occurrenceDateTime="2020-02-01"),
    ),
    "Procedure over a period": (
        resource("Procedure", status="completed", code=coded(SNOMED, "18027006"), performedPeriod=PERIOD),
        resource("Procedure", status="completed", code=coded(SNOMED, "18027006"), occurrencePeriod=PERIOD),
    ),
    "BodyStructure": (
        body_structure(location=coded(SNOMED, "10200004")),
        body_structure(includedStructure=[{"structure": coded(SNOMED, "10200004")}]),
    ),
    "Observation: lesion of a BodyStructure": (
        lesion(focus=[{"reference": "BodyStructure/b1"}]),
        lesion(bodyStructure={"reference": "BodyStructure/b1"}),
    ),
    "Specimen": (
        resource("Specimen", collection={"bodySite": coded(LOCAL, "graft-liver"), "collectedDateTime": "2024-05-03"}),
        resource(
            "Specimen",
            combined="grouped",
            collection={"bodySite": {"concept": coded(LOCAL, "graft-liver")}, "collectedDateTime": "2024-05-03"},
        ),
    ),
}


@pytest.mark.parametrize(("r4", "r5"), IN_BOTH.values(), ids=IN_BOTH.keys())
def test_a_statement_is_the_same_fact_in_both_versions(r4: Resource, r5: Resource) -> None:
    """What a record states does not depend on the version of FHIR that it is written in; neither is odd in its own."""
    stored = context(medication=lambda _site, _id: as_json(MEDICATION))
    older, newer = accept(r4, using=stored), accept(r5, using=stored)
    assert older.facts
    assert older.facts == newer.facts
    assert (older.fhir_version, newer.fhir_version) == ("R4", "R5")
    assert older.issues == newer.issues == ()


def test_a_diagnosis_of_the_pathologist_in_r5() -> None:
    """R5 writes the conclusion of a report as R4 does; a report that is being changed settles nothing."""
    r4 = resource(
        "DiagnosticReport",
        status="final",
        category=[coded(HL7 + "v2-0074", "PAT")],
        code={"text": "Biopsy"},
        effectiveDateTime="2024-05-03",
        conclusionCode=[coded(ICD, "T86.41")],
    )
    r5 = r4 | {"study": [{"reference": "ImagingStudy/i1"}]}
    assert facts_of(r5) == facts_of(r4) != []
    assert facts_of(r5 | {"status": "modified"}) == []


def test_the_ingredient_of_an_r5_medication_names_the_drug() -> None:
    """A Medication without a code is known by its ingredients, in either version."""
    r5 = {"resourceType": "Medication", "id": "m1", "ingredient": [{"item": {"concept": coded(ATC, "L04AD02")}}]}
    stored = context(medication=lambda _site, _id: as_json(r5))
    (fact,) = facts_of(administration(medication={"reference": CITED}, occurenceDateTime="2024"), using=stored)
    assert isinstance(fact, DrugExposure)
    assert fact.drug == "tacrolimus"


def test_a_recorded_statement_without_adherence_says_that_it_was_taken() -> None:
    """R5 states consumption unless adherence says otherwise, but not that it goes on; a draft states nothing."""
    (fact,) = facts_of(statement(status="recorded", medication={"concept": SORAFENIB}))
    assert isinstance(fact, DrugExposure)
    assert (fact.status, fact.taken) == ("recorded", True)
    assert facts_of(statement(status="draft", medication={"concept": SORAFENIB})) == []


def test_an_adherence_that_nobody_knows_leaves_the_taking_unknown() -> None:
    """A code outside of the adherence codes says neither yes nor no, and is noted."""
    reading = accept(
        statement(status="recorded", medication={"concept": SORAFENIB}, adherence={"code": {"text": "mostly"}})
    )
    (fact,) = reading.facts
    assert isinstance(fact, DrugExposure)
    assert fact.taken is None
    assert [issue.path for issue in reading.issues] == ["MedicationStatement.adherence.code"]


def test_an_r5_administration_without_its_date_is_refused() -> None:
    """An administration must be dated in R5 as in R4."""
    assert reject(administration(medication={"concept": CAMRELIZUMAB})).reason is Reason.MISSING
    empty = administration(medication={}, occurenceDateTime="2024")
    assert (reject(empty).reason, reject(empty).path) == (Reason.MISSING, "MedicationAdministration.medication[x]")


def test_the_spelling_of_occurrence_costs_no_drug() -> None:
    """R5 spells the date of an administration with one r; who corrects it is read, with an issue."""
    given = administration(medication={"concept": CAMRELIZUMAB}, occurrenceDateTime="2024-05-03")
    reading = accept(given)
    (fact,) = reading.facts
    assert fact.occurred == day()
    assert [issue.path for issue in reading.issues] == ["MedicationAdministration.occurrenceDateTime"]


def test_an_r5_encounter_still_needs_a_class() -> None:
    """An empty list of classes is none; of several the first that is known counts."""
    assert reject(stay(status="completed", class_=[])).reason is Reason.MISSING
    (fact,) = facts_of(stay(status="completed", class_=[{"text": "ward"}, {"coding": [IMP]}], actualPeriod=PERIOD))
    assert isinstance(fact, EncounterStay)
    assert fact.stay == "inpatient"


def test_a_structure_of_several_organs_names_none() -> None:
    """An R5 BodyStructure that includes liver and lung does not say where a lesion lies."""
    both = [{"structure": coded(SNOMED, "10200004")}, {"structure": coded(SNOMED, "39607008")}]
    reading = accept(body_structure(includedStructure=both))
    assert [issue.code for issue in reading.issues] == [IssueCode.UNMAPPED_CODE]
    assert [getattr(fact, "organ", "?") for fact in reading.facts] == [None]


def test_focus_identifies_a_lesion_before_its_structure() -> None:
    """A lesion keeps the identity that its focus gives, and the BodyStructure that states the organ."""
    (fact,) = facts_of(lesion(focus=[{"identifier": {"value": "L1"}}], bodyStructure={"reference": "BodyStructure/b1"}))
    assert isinstance(fact, LesionMeasurement)
    assert fact.body_structure == "b1"
    assert fact.lesion != "b1"


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("4.0", "R4"),
        ("4.0.1", "R4"),
        ("r4", "R4"),
        ("4.3", "R4"),
        ("4.3.0", "R4"),
        ("R4B", "R4"),
        (" 5.0 ", "R5"),
        ("5.0.0", "R5"),
        ("R5", "R5"),
        ("3.0.2", None),
        ("6.0.0", None),
        ("", None),
        (None, None),
    ],
)
def test_the_versions_that_a_header_may_state(header: str | None, version: FhirVersion | None) -> None:
    """R4, R4B and R5 by name or number; R4B is read as R4; any other text says nothing."""
    assert stated_version(header) == version


R5_SITE: Final = SITE.model_copy(update={"fhir_version": "R5"})
OTHER_PROFILE: Final = {"profile": ["http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-tumor-size|5.0.0"]}


@pytest.mark.parametrize(
    ("stated", "site", "header", "version"),
    [
        (lab(), SITE, None, "R4"),
        (lab(), R5_SITE, None, "R5"),
        (lab(meta=R4_PROFILE), R5_SITE, None, "R4"),
        (lab(meta=R5_PROFILE), SITE, None, "R5"),
        (lab(meta=OTHER_PROFILE), SITE, None, "R4"),
        (lab(triggeredBy=[]), SITE, None, "R5"),
        (lab(meta=R4_PROFILE, triggeredBy=[]), SITE, None, "R4"),
        (lab(meta=R5_PROFILE), R5_SITE, "R4", "R4"),
        (lab(), SITE, "R5", "R5"),
        (stay(status="finished", class_=[{"coding": [IMP]}]), SITE, None, "R5"),
        (stay(status="finished", class_=IMP), R5_SITE, None, "R4"),
        (
            administration(medicationCodeableConcept=CAMRELIZUMAB, effectiveDateTime="2024", encounter={}),
            SITE,
            None,
            "R4",
        ),
    ],
)
def test_which_version_a_resource_is(stated: Resource, site: Any, header: FhirVersion | None, version: str) -> None:
    """The message's header decides, then a profile of FHIR itself, then the shape if it tells, then the site."""
    assert accept(stated, site, replace(context(), fhir_version=header)).fhir_version == version


def test_a_wrong_version_changes_no_fact() -> None:
    """A header that says R5 above an R4 administration leaves its facts; its elements are then odd, and named so."""
    r4, _ = IN_BOTH["MedicationAdministration: drug and date"]
    believed, mistaken = accept(r4), accept(r4, using=replace(context(), fhir_version="R5"))
    assert mistaken.facts == believed.facts
    assert [(issue.path, issue.says) for issue in mistaken.issues] == [
        ("MedicationAdministration.effectiveDateTime", "R5 does not know this element"),
        ("MedicationAdministration.medicationCodeableConcept", "R5 does not know this element"),
    ]


def test_what_r4_forbids_and_r5_knows_is_odd_in_r4() -> None:
    """An R4 administration with an element of R5 stays R4: its drug is read, the element noted."""
    mixed = administration(
        medicationCodeableConcept=CAMRELIZUMAB, effectiveDateTime="2024", encounter={"reference": "x"}
    )
    reading = accept(mixed)
    assert reading.facts
    assert [(i.path, i.says) for i in reading.issues] == [
        ("MedicationAdministration.encounter", "R4 does not know this element")
    ]


def test_a_type_that_only_r5_has_is_no_dead_letter() -> None:
    """A resource type of R5 is out of scope, as any type that nobody reads."""
    assert leave(resource("GenomicStudy", status="available")).record.type == "GenomicStudy"
