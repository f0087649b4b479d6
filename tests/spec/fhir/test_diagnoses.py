"""Specification of the reader: Conditions, pathology reports, procedures, stays and the patient."""

from __future__ import annotations

from typing import Any

import pytest

from shared.facts import (
    AnyFact,
    Demographics,
    Diagnosis,
    EncounterStay,
    PathologyReport,
    ProcedurePerformed,
    VitalStatus,
)
from shared.fhir.reading import IssueCode, Reason
from tests.support.records import (
    HL7,
    ICD,
    LOCAL,
    SNOMED,
    Resource,
    accept,
    coded,
    day,
    facts_of,
    leave,
    reject,
    resource,
    source,
    without,
)


def condition(code: Resource | None = None, **elements: Any) -> Resource:
    """Confirmed HCC with onset on 3 May 2024."""
    usual: dict[str, Any] = {
        "code": code or coded(ICD, "C22.0"),
        "verificationStatus": coded(HL7 + "condition-ver-status", "confirmed"),
        "onsetDateTime": "2024-05-03",
    }
    return resource("Condition", **(usual | elements))


def hcc(**stated: Any) -> Diagnosis:
    """The fact of that Condition, but for what is given."""
    usual: dict[str, Any] = {"concept": "hcc", "verification": "confirmed", "occurred": day(), "onset_stated": True}
    return Diagnosis(source=source("Condition"), **(usual | stated))


@pytest.mark.parametrize(
    ("code", "concept"),
    [
        (coded(ICD, "C22.0"), "hcc"),
        (coded(SNOMED, "25370001"), "hcc"),
        (coded(ICD, "Z94.4"), "transplanted-liver-present"),
        (coded(ICD, "T86.41"), "liver-transplant-rejection"),
    ],
)
def test_a_condition_is_a_diagnosis(code: Resource, concept: str) -> None:
    """A Condition in scope is one diagnosis with its verification and onset."""
    assert facts_of(condition(code)) == [hcc(concept=concept)]


def test_two_codings_of_one_diagnosis_are_one_fact() -> None:
    """ICD-10-CM and SNOMED CT for the same diagnosis say it once."""
    both = {"coding": [*coded(ICD, "C22.0")["coding"], *coded(SNOMED, "25370001")["coding"]]}
    assert facts_of(condition(both)) == [hcc()]


def test_the_recorded_date_serves_without_an_onset() -> None:
    """Without an onset the date of recording is used, and the fact tells so."""
    stated = without(condition(recordedDate="2024-05-03"), "onsetDateTime")
    assert facts_of(stated) == [hcc(onset_stated=False)]


@pytest.mark.parametrize("status", ["provisional", "differential", "unconfirmed", "refuted"])
def test_the_verification_is_kept(status: str) -> None:
    """How sure the diagnosis is stays as recorded."""
    stated = condition(verificationStatus=coded(HL7 + "condition-ver-status", status))
    assert facts_of(stated) == [hcc(verification=status)]


def test_a_condition_entered_in_error_states_nothing() -> None:
    """Entered in error retracts, even where the code is gone."""
    error = coded(HL7 + "condition-ver-status", "entered-in-error")
    assert accept(condition(verificationStatus=error)).facts == ()
    assert accept(without(condition(verificationStatus=error), "code", "subject")).patient is None


def test_evidence_is_cited_or_coded() -> None:
    """Condition.evidence cites reports by key, and may itself be coded as histopathology."""
    evidence = [
        {"detail": [{"reference": "DiagnosticReport/d2"}, {"reference": "DiagnosticReport/d1"}]},
        {"code": [coded(SNOMED, "252416005")]},
    ]
    assert facts_of(condition(evidence=evidence)) == [hcc(evidence_keys=("d1", "d2"), pathology_stated=True)]


def test_an_unknown_clinical_status_is_an_issue() -> None:
    """The clinical status is kept; one that FHIR does not know is noted."""
    active = condition(clinicalStatus=coded(HL7 + "condition-clinical", "active"))
    assert facts_of(active) == [hcc(clinical="active")]
    odd = accept(condition(clinicalStatus=coded(HL7 + "condition-clinical", "banana")))
    assert [issue.code for issue in odd.issues] == [IssueCode.UNKNOWN_CODE]


@pytest.mark.parametrize(
    ("stated", "reason", "path"),
    [
        (
            condition(verificationStatus=coded(HL7 + "condition-ver-status", "banana")),
            Reason.UNKNOWN_CODE,
            "Condition.verificationStatus",
        ),
        (condition(verificationStatus="confirmed"), Reason.WRONG_TYPE, "Condition.verificationStatus"),
        (condition(onsetDateTime="YYYY-MM-DD"), Reason.IMPOSSIBLE_DATE, "Condition.onsetDateTime"),
        (without(condition(), "subject"), Reason.SUBJECT_MISSING, "Condition.subject"),
    ],
)
def test_a_condition_that_cannot_be_read_is_rejected(stated: Resource, reason: Reason, path: str) -> None:
    """What changes the meaning of a diagnosis must be readable."""
    rejected = reject(stated)
    assert (rejected.reason, rejected.path) == (reason, path)


def test_a_condition_that_nobody_asks_for_is_out_of_scope() -> None:
    """Another diagnosis, or none, is out of scope, however old its form."""
    assert leave(condition(coded(ICD, "M54.5"), verificationStatus="confirmed")).code == "M54.5"
    assert leave(without(condition(), "code")).code is None


def report(**elements: Any) -> Resource:
    """A final report of pathology of 3 May 2024."""
    usual: dict[str, Any] = {
        "status": "final",
        "code": {"text": "pathology"},
        "category": [coded(HL7 + "v2-0074", "PAT")],
        "effectiveDateTime": "2024-05-03",
    }
    return resource("DiagnosticReport", **(usual | elements))


def test_a_pathology_report_concludes() -> None:
    """A final report of pathology is a fact with the diagnoses that it concludes."""
    stated = report(conclusionCode=[coded(ICD, "T86.41"), coded(ICD, "M54.5")])
    fact = PathologyReport(
        source=source("DiagnosticReport"),
        occurred=day(),
        report_key="r1",
        concludes=("liver-transplant-rejection",),
    )
    assert facts_of(stated) == [fact]


def test_reports_that_settle_nothing() -> None:
    """A preliminary or retracted report states nothing; a laboratory report is out of scope."""
    assert accept(report(status="preliminary")).facts == ()
    assert accept(report(status="entered-in-error")).facts == ()
    assert leave(report(category=[coded(HL7 + "v2-0074", "LAB")])).code == "LAB"


def procedure(status: str = "completed", **elements: Any) -> Resource:
    """A liver transplantation of 3 May 2024."""
    usual: dict[str, Any] = {"code": coded(SNOMED, "18027006"), "performedDateTime": "2024-05-03"}
    return resource("Procedure", status=status, **(usual | elements))


@pytest.mark.parametrize(
    ("status", "performed"),
    [
        ("completed", [True]),
        ("in-progress", [True]),
        ("stopped", [True]),
        ("not-done", [False]),
        ("preparation", []),
        ("on-hold", []),
        ("unknown", []),
        ("entered-in-error", []),
    ],
)
def test_a_procedure_took_place_or_not(status: str, performed: list[bool]) -> None:
    """Completed, begun or stopped procedures took place; what is not known to have begun states nothing."""
    assert facts_of(procedure(status)) == [
        ProcedurePerformed(source=source("Procedure"), occurred=day(), concept="liver-transplantation", performed=done)
        for done in performed
    ]


def test_a_local_treatment_names_its_lesions_and_organs() -> None:
    """The lesion by the standard extension, as BodyStructure or by identifier; the organ by bodySite."""
    url = "http://hl7.org/fhir/StructureDefinition/procedure-targetBodyStructure"
    named = [
        {"url": url, "valueReference": {"reference": "BodyStructure/b1"}},
        {"url": url, "valueReference": {"identifier": {"system": "urn:lesions", "value": "L1"}}},
        {"url": "urn:another", "valueReference": {"reference": "BodyStructure/b2"}},
    ]
    stated = procedure(code=coded(SNOMED, "879916008"), bodySite=[coded(SNOMED, "10200004")], extension=named)
    assert facts_of(stated) == [
        ProcedurePerformed(
            source=source("Procedure"),
            occurred=day(),
            concept="tumour-ablation",
            lesions=("b1", "urn:lesions|L1"),
            organs=("liver",),
        )
    ]


def test_a_procedure_is_dated_by_its_start() -> None:
    """Of a period the start counts; a procedure without a date is accepted, and noted."""
    period = {"start": "2024-05-03", "end": "2024-05-04"}
    (fact,) = facts_of(without(procedure(performedPeriod=period), "performedDateTime"))
    assert fact.occurred == day()
    undated = accept(without(procedure(), "performedDateTime"))
    assert [issue.code for issue in undated.issues] == [IssueCode.UNDATED]


def encounter(**elements: Any) -> Resource:
    """A finished inpatient stay of two days."""
    usual: dict[str, Any] = {
        "status": "finished",
        "class": {"system": HL7 + "v3-ActCode", "code": "IMP"},
        "period": {"start": "2024-05-03", "end": "2024-05-05"},
    }
    return resource("Encounter", **(usual | elements))


def stay(**stated: Any) -> EncounterStay:
    """The fact of that stay, but for what is given."""
    usual: dict[str, Any] = {"occurred": day(), "stay": "inpatient", "status": "finished", "until": day("2024-05-05")}
    return EncounterStay(source=source("Encounter"), **(usual | stated))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("IMP", "inpatient"),
        ("ACUTE", "inpatient"),
        ("NONAC", "inpatient"),
        ("EMER", "emergency"),
        ("AMB", "ambulatory"),
        ("SS", "other"),
    ],
)
def test_a_stay_by_its_class(code: str, kind: str) -> None:
    """The class of an encounter tells what sort of stay it was."""
    assert facts_of(encounter(**{"class": {"system": HL7 + "v3-ActCode", "code": code}})) == [stay(stay=kind)]


def test_a_stay_that_lasts_has_no_end() -> None:
    """A stay in progress has no end yet."""
    stated = encounter(status="in-progress", period={"start": "2024-05-03"})
    assert facts_of(stated) == [stay(status="in-progress", until=None)]


@pytest.mark.parametrize(
    ("elements", "planned"),
    [
        ({"priority": coded(HL7 + "v3-ActPriority", "EL")}, True),
        ({"priority": coded(HL7 + "v3-ActPriority", "EM")}, False),
        ({"hospitalization": {"admitSource": coded(LOCAL, "planned-admission")}}, True),
        ({"hospitalization": {"admitSource": coded(HL7 + "admit-source", "emd")}}, False),
        ({"hospitalization": {"admitSource": coded(HL7 + "admit-source", "born")}}, None),
    ],
)
def test_a_stay_is_planned_if_the_record_says_so(elements: Resource, planned: bool | None) -> None:
    """Elective is planned, emergency is not, and anything else does not tell."""
    assert facts_of(encounter(**elements)) == [stay(planned=planned)]


def test_stays_that_never_were() -> None:
    """A planned, cancelled or erroneous encounter is no stay."""
    for status in ("planned", "cancelled", "entered-in-error"):
        assert facts_of(encounter(status=status)) == []


PERSON = source("Patient", "p1")


@pytest.mark.parametrize(
    ("elements", "facts"),
    [
        (
            {"birthDate": "1970-06", "gender": "female"},
            [Demographics(source=PERSON, birth_date=day("1970-06"), sex="female")],
        ),
        ({"gender": "unknown"}, []),
        ({"deceasedBoolean": False}, [VitalStatus(source=PERSON, deceased=False)]),
        ({"deceasedBoolean": True}, [VitalStatus(source=PERSON, deceased=True)]),
        (
            {"deceasedDateTime": "2024-05-03"},
            [VitalStatus(source=PERSON, deceased=True, occurred=day())],
        ),
    ],
)
def test_a_patient(elements: Resource, facts: list[AnyFact]) -> None:
    """Birth date and sex are facts as far as recorded; so is life or death, but only where it is stated."""
    stated = resource("Patient", "p1", **elements)
    assert facts_of(stated) == facts
    assert accept(stated).patient == "p1"
