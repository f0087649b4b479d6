"""The public FHIR examples: what becomes of each, and the facts of those in scope, written by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import pytest

from shared.facts import (
    UNSTAMPED,
    AdverseEventRecord,
    AnyFact,
    BodySite,
    Demographics,
    EncounterStay,
    Laboratory,
    ScaleScore,
    VitalStatus,
)
from shared.fhir.reading import Accepted, IssueCode, OutOfScope, Reading
from shared.fhir.scope import Scope
from shared.quantities import Quantity
from tests.support.records import EVERYTHING, context, day, read_all, source

DATA: Final = Path(__file__).parents[3] / "shared" / "data"
FOLDERS: Final = ("fhir-r4", "mcode", "mcode-extraction")

OUT: Final = "out of scope"

# What each resource of each file becomes, in order. Reasons for `out of scope`: the type is not asked for, or its
# code stands for no concept of ours (among them placeholders such as `example-code`, before their dates are looked at).
EXPECTED: Final[dict[str, list[str]]] = {
    "fhir-r4/auditevent-example.json": [OUT],
    "fhir-r4/bodystructure-example-fetus.json": ["unmapped-code BodyStructure.location"],  # a fetus is no organ
    "fhir-r4/communication-example.json": [OUT],
    "fhir-r4/condition-example.json": [OUT],  # a burnt ear
    "fhir-r4/consent-example.json": [OUT],
    "fhir-r4/diagnosticreport-example.json": [
        OUT,  # the report: haematology, not pathology
        "undated Observation.effective[x]",  # haemoglobin
        OUT,
        OUT,
        OUT,
        OUT,
        "undated Observation.effective[x]",  # platelets
        "undated Observation.effective[x]",  # leukocytes
        OUT,  # neutrophils in per cent
        "undated Observation.effective[x]",  # neutrophils
        OUT,  # lymphocytes in per cent
        "undated Observation.effective[x]",  # lymphocytes
        OUT,
        OUT,
        OUT,
        OUT,
        OUT,
        OUT,
    ],
    "fhir-r4/encounter-example.json": ["undated Encounter.period.start"],
    "fhir-r4/list-example.json": [OUT],
    "fhir-r4/medicationadministration0301.json": [OUT],  # vancomycin, by a contained Medication
    "fhir-r4/observation-decimal.json": [OUT],  # no code, no subject
    "fhir-r4/observation-example.json": [OUT],  # body weight
    "fhir-r4/operationoutcome-example.json": [OUT],
    "fhir-r4/patient-example.json": ["accepted"],
    "fhir-r4/specimen-example.json": [OUT],  # venous blood
    "fhir-r4/subscription-example.json": [OUT],
    "mcode/Condition-mCODEComorbidConditionExample01.json": [OUT],
    "mcode/Condition-mCODESecondaryCancerConditionExample01.json": [OUT],
    "mcode/MedicationStatement-mCODECancerRelatedMedicationStatementExample01.json": [OUT],
    "mcode/Observation-mCODECancerDiseaseStatusExample01.json": [OUT],
    "mcode/Observation-mCODECancerGeneticVariantExample02.json": [OUT],
    "mcode/Observation-mCODEECOGPerformanceStatusExample01.json": ["accepted"],
    "mcode/Observation-mCODEGenomicRegionStudiedExample01.json": [OUT],
    "mcode/Observation-mCODETNMClinicalDistantMetastasesCategoryExample01.json": [OUT],
    "mcode/Observation-mCODETNMClinicalRegionalNodesCategoryExample01.json": [OUT],
    "mcode/Observation-mCODETNMPathologicalDistantMetastasesCategoryExample01.json": [OUT],
    "mcode/Observation-mCODETNMPathologicalRegionalNodesCategoryExample01.json": [OUT],
    "mcode/Observation-mCODETumorMarkerExample01.json": [OUT],
    "mcode/Patient-mCODEPatientExample01.json": ["accepted"],
    "mcode/Practitioner-mCODEPractitionerExample01.json": [OUT],
    "mcode/Procedure-mCODECancerRelatedSurgicalProcedureExample01.json": [OUT],
    "mcode-extraction/condition-bundle.json": [OUT] * 5,  # in the form of DSTU2, of no diagnosis that is asked for
    "mcode-extraction/csv-ctc-adverse-event-bundle.json": ["unmapped-code AdverseEvent.event"],  # a placeholder
    "mcode-extraction/csv-medication-administration-bundle.json": [OUT],  # placeholders
    "mcode-extraction/csv-observation-bundle.json": [OUT],  # placeholders
}


def blood(id_: str, concept: str, unit: str, *numbers: str) -> Laboratory:
    """A result of the blood count of the example report, which dates none: value, low and high."""
    measured, lower, upper = (Quantity(Decimal(number), unit) for number in numbers)
    return Laboratory(
        source=source(key=id_), concept=concept, value=measured, low=lower, high=upper, limits_from="resource"
    )


FACTS: Final[dict[str, list[AnyFact]]] = {
    "fhir-r4/bodystructure-example-fetus.json": [
        BodySite(source=source("BodyStructure", "fetus"), body_structure="fetus")
    ],
    "fhir-r4/diagnosticreport-example.json": [
        blood("r1", "haemoglobin", "g/dL", "17.6", "13.5", "18"),
        blood("r6", "platelets", "10*9/L", "444", "150", "450"),
        blood("r7", "wbc", "10*9/L", "4.6", "4", "11"),
        blood("r9", "neutrophils", "10*9/L", "0.9", "2", "7.5"),
        blood("r11", "lymphocytes", "10*9/L", "0.9", "1.1", "4"),
    ],
    "fhir-r4/encounter-example.json": [
        EncounterStay(source=source("Encounter", "example"), stay="inpatient", status="in-progress")
    ],
    "fhir-r4/patient-example.json": [
        Demographics(source=source("Patient", "example"), birth_date=day("1974-12-25"), sex="male"),
        VitalStatus(source=source("Patient", "example"), deceased=False),
    ],
    "mcode-extraction/csv-ctc-adverse-event-bundle.json": [
        AdverseEventRecord(
            source=source("AdverseEvent", "adverseEventId-1"),
            occurred=day("1994-12-09"),
            seriousness=("disability",),
            grade=1,
            ended=day("2021-12-01"),
            recorded=day("1994-12-09"),
        )
    ],
    "mcode/Observation-mCODEECOGPerformanceStatusExample01.json": [
        ScaleScore(
            source=source(key="mCODEECOGPerformanceStatusExample01"),
            occurred=day("2019-04-01"),
            scale="ecog",
            score=Decimal(0),
        )
    ],
    "mcode/Patient-mCODEPatientExample01.json": [
        Demographics(source=source("Patient", "mCODEPatientExample01"), birth_date=day("1951-01-20"), sex="male")
    ],
}

# Everything but hypertension, which no trial of ours asks for: two examples state it in the shapes of DSTU2.
ASKED_FOR: Final = Scope(EVERYTHING.concepts - {"hypertension"}, "all but one")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no public example data beside the checkout: {DATA.name}/")


def outcome(reading: Reading) -> str:
    """In words what became of a resource, with its issues."""
    match reading:
        case Accepted(issues=()):
            return "accepted"
        case Accepted(issues=issues):
            return ", ".join(f"{issue.code} {issue.path}" for issue in issues)
        case OutOfScope():
            return OUT
        case _:
            return f"not accepted: {reading}"


def delivered(name: str) -> tuple[Reading, ...]:
    """The readings of one example file."""
    return read_all((DATA / name).read_bytes(), using=context(ASKED_FOR))


def test_every_example_is_expected() -> None:
    """The table names exactly the example files that there are."""
    found = {f"{folder}/{path.name}" for folder in FOLDERS for path in (DATA / folder).glob("*.json")}
    assert found == EXPECTED.keys()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_example_becomes_what_is_expected(name: str) -> None:
    """No public example is rejected; each is accepted, accepted with the named issues, or out of scope."""
    assert [outcome(reading) for reading in delivered(name)] == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_example_states_its_facts(name: str) -> None:
    """The facts of the examples in scope are those written by hand; all others state none."""
    accepted = (reading for reading in delivered(name) if isinstance(reading, Accepted))
    facts = [msgspec.structs.replace(fact, fact_id=UNSTAMPED) for each in accepted for fact in each.facts]
    assert facts == FACTS.get(name, [])


def test_an_unlisted_outcome_is_no_issue_code() -> None:
    """The issues named in the table are codes of the product."""
    named = {text.split()[0] for texts in EXPECTED.values() for text in texts if text not in (OUT, "accepted")}
    assert named <= {code.value for code in IssueCode}
