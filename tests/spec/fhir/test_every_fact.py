"""Specification of the reader: everything that the rules read is a fact with its attributes, written in R4 and in R5."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, get_args

import pytest

from shared.facts import (
    AnyFact,
    Attestation,
    BiomarkerResult,
    BiopsyScore,
    BodySite,
    ClinicalFinding,
    Demographics,
    Diagnosis,
    DrugExposure,
    EncounterStay,
    ImagingVerdict,
    Laboratory,
    LesionMeasurement,
    PathologyConfirmation,
    PathologyReport,
    ProcedurePerformed,
    ResponseStatement,
    ScaleScore,
    SpecimenCollected,
    VitalStatus,
)
from shared.quantities import Quantity
from tests.support.records import (
    ATC,
    HL7,
    ICD,
    LOCAL,
    LOINC,
    SNOMED,
    Resource,
    accept,
    amount,
    coded,
    day,
    facts_of,
    lab,
    observation,
    resource,
    source,
    without,
)

ON: Final = "2024-05-03"
MG_200: Final = Quantity(Decimal(200), "mg")
TACROLIMUS: Final = coded(ATC, "L04AD02")
BY_MOUTH: Final = coded(SNOMED, "26643006")
TWICE: Final = [
    {
        "doseAndRate": [{"doseQuantity": amount("2", "mg")}],
        "route": BY_MOUTH,
        "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
    }
]
DOCTOR: Final = [{"reference": "Practitioner/d1"}]
CONFIRMED: Final = coded(HL7 + "condition-ver-status", "confirmed")


def local(code: str, **elements: Any) -> Resource:
    """An Observation by a code of our own."""
    return observation(coded(LOCAL, code), **elements)


def answered(code: str) -> Resource:
    """A coded answer of our own."""
    return {"valueCodeableConcept": coded(LOCAL, code)}


def lesion_parts() -> list[Resource]:
    """The components of a lesion."""
    return [
        {"code": coded(LOINC, "33728-7"), "valueQuantity": amount("2.1", "cm")},
        {"code": coded(LOCAL, "viable-diameter"), "valueQuantity": amount("14", "mm")},
        {"code": coded(LOCAL, "lesion-role"), **answered("target")},
        {"code": coded(LOCAL, "arterial-hyperenhancement"), "valueBoolean": True},
        {"code": coded(LOCAL, "washout"), "valueBoolean": False},
    ]


def exposure(record: str, status: str, taken: bool | None, type_: str, **stated: Any) -> DrugExposure:
    """Two milligrams of tacrolimus by mouth, twice a day."""
    usual = {"dose": Quantity(Decimal(2), "mg"), "doses_per_day": Decimal(2), "route": "oral"}
    return DrugExposure(
        source=source(type_),
        occurred=day(),
        drug="tacrolimus",
        record=record,  # type: ignore[arg-type] # one of the four
        status=status,
        taken=taken,
        **(usual | stated),  # type: ignore[arg-type] # by name
    )


def medication(type_: str, **elements: Any) -> tuple[Resource, Resource]:
    """The same record of a drug in R4 and in R5."""
    r5 = {
        {"effectiveDateTime": "occurenceDateTime"}.get(n, n) if type_ == "MedicationAdministration" else n: e
        for n, e in elements.items()
    }
    return (
        resource(type_, medicationCodeableConcept=TACROLIMUS, **elements),
        resource(type_, medication={"concept": TACROLIMUS}, **r5),
    )


def both(of: Resource) -> tuple[Resource, Resource]:
    """A record whose elements have the same names in both versions."""
    return of, of | {"meta": {"profile": [f"http://hl7.org/fhir/5.0/StructureDefinition/{of['resourceType']}"]}}


CASES: Final[dict[str, tuple[tuple[Resource, Resource], list[AnyFact]]]] = {
    "laboratory, with limits": (
        both(lab(value="1.00", referenceRange=[{"high": amount("40", "U/L")}])),
        [
            Laboratory(
                source=source(),
                occurred=day(),
                concept="alt",
                value=Quantity(Decimal("1.00"), "U/L"),
                high=Quantity(Decimal(40), "U/L"),
                limits_from="resource",
            )
        ],
    ),
    "diagnosis: onset, verification, clinical status": (
        both(
            resource(
                "Condition",
                code=coded(ICD, "C22.0"),
                verificationStatus=CONFIRMED,
                clinicalStatus=coded(HL7 + "condition-clinical", "recurrence"),
                onsetDateTime="2019-02",
                recordedDate="2019-03-01",
            )
        ),
        [
            Diagnosis(
                source=source("Condition"),
                occurred=day("2019-02"),
                concept="hcc",
                verification="confirmed",
                clinical="recurrence",
                onset_stated=True,
            )
        ],
    ),
    "procedure": (
        (
            resource("Procedure", status="completed", code=coded(SNOMED, "18027006"), performedDateTime=ON),
            resource("Procedure", status="completed", code=coded(SNOMED, "18027006"), occurrenceDateTime=ON),
        ),
        [ProcedurePerformed(source=source("Procedure"), occurred=day(), concept="liver-transplantation")],
    ),
    "drug given": (
        medication(
            "MedicationAdministration",
            status="completed",
            effectiveDateTime=ON,
            dosage={"dose": amount("2", "mg"), "route": BY_MOUTH},
        ),
        [exposure("administration", "completed", True, "MedicationAdministration", doses_per_day=None)],
    ),
    "drug taken": (
        (
            medication("MedicationStatement", status="active", effectiveDateTime=ON, dosage=TWICE)[0],
            medication(
                "MedicationStatement",
                status="recorded",
                effectiveDateTime=ON,
                dosage=TWICE,
                adherence={"code": coded("http://hl7.org/fhir/CodeSystem/medication-statement-adherence", "taking")},
            )[1],
        ),
        [exposure("statement", "active", True, "MedicationStatement")],
    ),
    "drug dispensed": (
        medication("MedicationDispense", status="completed", whenHandedOver=ON, dosageInstruction=TWICE),
        [exposure("dispense", "completed", None, "MedicationDispense")],
    ),
    "drug prescribed": (
        medication("MedicationRequest", status="active", intent="order", authoredOn=ON, dosageInstruction=TWICE),
        [exposure("request", "active", None, "MedicationRequest")],
    ),
    "lesion": (
        both(
            observation(
                coded(LOINC, "21889-1"),
                focus=[{"identifier": {"value": "L1"}}],
                bodySite=coded(SNOMED, "10200004"),
                performer=DOCTOR,
                component=lesion_parts(),
            )
        ),
        [
            LesionMeasurement(
                source=source(),
                occurred=day(),
                lesion="|L1",
                reader="d1",
                role="target",
                longest_mm=Decimal(21),
                viable_mm=Decimal(14),
                arterial_hyperenhancement=True,
                washout=False,
                organ="liver",
            )
        ],
    ),
    "where a lesion lies": (
        (
            without(
                resource("BodyStructure", patient={"reference": "Patient/p1"}, location=coded(SNOMED, "10200004")),
                "subject",
            ),
            without(
                resource(
                    "BodyStructure",
                    patient={"reference": "Patient/p1"},
                    includedStructure=[{"structure": coded(SNOMED, "10200004")}],
                ),
                "subject",
            ),
        ),
        [BodySite(source=source("BodyStructure"), body_structure="r1", organ="liver")],
    ),
    "imaging verdict": (
        both(local("recurrence-on-imaging", valueBoolean=True, method=coded(SNOMED, "77477000"))),
        [ImagingVerdict(source=source(), occurred=day(), present=True, method="ct")],
    ),
    "reader's own response": (
        both(local("mrecist-response", **answered("PR"), performer=DOCTOR)),
        [ResponseStatement(source=source(), occurred=day(), response="PR", reader="d1")],
    ),
    "PD-L1 by specimen": (
        both(
            observation(coded(LOINC, "83053-9"), valueQuantity=amount("12", "%"), specimen={"reference": "Specimen/s1"})
        ),
        [
            BiomarkerResult(
                source=source(),
                occurred=day(),
                biomarker="pd-l1",
                percent=Quantity(Decimal(12), "%"),
                specimen="s1",
            )
        ],
    ),
    "which tissue": (
        (
            resource("Specimen", type=coded(LOCAL, "graft-liver"), collection={"collectedDateTime": ON}),
            resource(
                "Specimen",
                combined="grouped",
                collection={"collectedDateTime": ON, "bodySite": {"concept": coded(LOCAL, "graft-liver")}},
            ),
        ),
        [SpecimenCollected(source=source("Specimen"), occurred=day(), specimen="r1", tissue="graft-liver")],
    ),
    "ECOG": (
        both(observation(coded(LOINC, "89247-1"), valueInteger=1)),
        [ScaleScore(source=source(), occurred=day(), scale="ecog", score=Decimal(1))],
    ),
    "ascites": (
        both(local("ascites", **answered("mild"))),
        [ClinicalFinding(source=source(), occurred=day(), finding="ascites", grade="mild")],
    ),
    "encounter": (
        (
            resource("Encounter", status="finished", period={"start": ON, "end": "2024-05-07"})
            | {"class": {"system": HL7 + "v3-ActCode", "code": "IMP"}},
            resource("Encounter", status="completed", actualPeriod={"start": ON, "end": "2024-05-07"})
            | {"class": [coded(HL7 + "v3-ActCode", "IMP")]},
        ),
        [
            EncounterStay(
                source=source("Encounter"),
                occurred=day(),
                stay="inpatient",
                status="finished",
                until=day("2024-05-07"),
            )
        ],
    ),
    "person and death": (
        both(
            resource(
                "Patient", "p1", gender="female", birthDate="1970-06", deceasedDateTime="2024-05-03T08:00:00+02:00"
            )
        ),
        [
            Demographics(source=source("Patient", "p1"), birth_date=day("1970-06"), sex="female"),
            VitalStatus(source=source("Patient", "p1"), occurred=day("2024-05-03T08:00:00+02:00"), deceased=True),
        ],
    ),
    "biopsy: Banff components": (
        both(
            observation(
                {"text": "Rejection activity index"},
                component=[
                    {"code": coded(LOCAL, "rai-portal"), "valueInteger": 2},
                    {"code": coded(LOCAL, "rai-bile-duct"), "valueInteger": 1},
                    {"code": coded(LOCAL, "rai-venous"), "valueInteger": 3},
                ],
            )
        ),
        [
            BiopsyScore(source=source(), occurred=day(), component="portal", points=2),
            BiopsyScore(source=source(), occurred=day(), component="bile-duct", points=1),
            BiopsyScore(source=source(), occurred=day(), component="venous", points=3),
        ],
    ),
    "pathology confirmed": (
        both(local("pathology-confirmed", valueBoolean=True)),
        [PathologyConfirmation(source=source(), occurred=day(), confirmed=True)],
    ),
    "pathology report": (
        both(
            resource(
                "DiagnosticReport",
                status="final",
                category=[coded(HL7 + "v2-0074", "PAT")],
                code={"text": "Biopsy"},
                effectiveDateTime=ON,
                conclusionCode=[coded(ICD, "T86.41")],
            )
        ),
        [
            PathologyReport(
                source=source("DiagnosticReport"),
                occurred=day(),
                report_key="r1",
                concludes=("liver-transplant-rejection",),
            )
        ],
    ),
    "attestation": (
        both(
            local(
                "not-resectable",
                valueBoolean=True,
                category=[coded(LOCAL, "attestation")],
                performer=DOCTOR,
                effectivePeriod={"start": ON, "end": "2024-06-03"},
            )
        ),
        [
            Attestation(
                source=source(),
                occurred=day(),
                code="not-resectable",
                value=True,
                practitioner="d1",
                expires=day("2024-06-03"),
            )
        ],
    ),
}


@pytest.mark.parametrize(("written", "expected"), CASES.values(), ids=CASES.keys())
def test_each_record_states_the_same_fact_in_r4_and_in_r5(
    written: tuple[Resource, Resource], expected: list[AnyFact]
) -> None:
    """Every attribute as the record states it, whichever version of FHIR it is written in."""
    for each in written:
        if each.get("effectivePeriod") is not None:
            each.pop("effectiveDateTime", None)
        assert facts_of(each) == expected
    assert [accept(each).fhir_version for each in written][1] == "R5"


def test_no_kind_of_fact_is_without_a_case() -> None:
    """All kinds that the rules read; adverse events have a specification of their own, links between Patients another."""
    shown = {type(fact).__name__ for _, facts in CASES.values() for fact in facts}
    elsewhere = {"AdverseEventRecord", "PatientLink"}
    assert {kind.__name__ for kind in get_args(AnyFact)} - elsewhere <= shown
