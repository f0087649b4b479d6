"""Specification of the reader: the four records of a drug's use, and the Medications that they cite."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from shared.facts import DrugExposure
from shared.fhir.message import read_message
from shared.fhir.reading import Accepted, IssueCode, Reason
from shared.fhir.resource import read_again
from shared.quantities import Quantity
from tests.support.records import (
    ATC,
    LOCAL,
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
    leave,
    read_all,
    reject,
    resource,
    source,
    without,
)

TACROLIMUS = coded(ATC, "L04AD02")
MEDICATION: Resource = {"resourceType": "Medication", "id": "m1", "code": TACROLIMUS}


def administration(**elements: Any) -> Resource:
    """200 mg of camrelizumab, given on 3 May 2024."""
    usual: dict[str, Any] = {
        "status": "completed",
        "medicationCodeableConcept": coded(LOCAL, "camrelizumab"),
        "effectiveDateTime": "2024-05-03",
        "dosage": {"dose": amount("200", "mg"), "route": coded(SNOMED, "47625008")},
    }
    return resource("MedicationAdministration", **(usual | elements))


def given(**stated: Any) -> DrugExposure:
    """The fact of that administration, but for what is given."""
    usual: dict[str, Any] = {
        "source": source("MedicationAdministration"),
        "occurred": day(),
        "drug": "camrelizumab",
        "record": "administration",
        "status": "completed",
        "taken": True,
        "dose": Quantity(Decimal(200), "mg"),
        "route": "intravenous",
    }
    return DrugExposure(**(usual | stated))


@pytest.mark.parametrize(
    "drug",
    [
        coded(LOCAL, "camrelizumab"),
        {"text": "SHR-1210 200 mg i.v."},
        {"text": "卡瑞利珠单抗"},
        {"coding": [{"system": "urn:x", "code": "17", "display": "Camrelizumab vial"}]},
    ],
)
def test_a_drug_is_known_by_code_or_words(drug: Resource) -> None:
    """A drug is read from any coding, else from the text or a display that names it."""
    assert facts_of(administration(medicationCodeableConcept=drug)) == [given()]


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        ("completed", True),
        ("in-progress", True),
        ("stopped", True),
        ("on-hold", True),
        ("not-done", False),
        ("unknown", None),
    ],
)
def test_what_an_administration_says_of_the_taking(status: str, taken: bool | None) -> None:
    """A halted infusion was given; not-done was not; unknown does not say (clinical rules, section 1)."""
    assert facts_of(administration(status=status)) == [given(status=status, taken=taken)]


def test_an_erroneous_administration_states_nothing() -> None:
    """Entered in error retracts, however little it still holds."""
    assert facts_of(administration(status="entered-in-error")) == []
    bare = {"resourceType": "MedicationAdministration", "id": "r1", "status": "entered-in-error"}
    assert facts_of(bare) == []


def test_an_administration_over_a_period() -> None:
    """A period gives start and end."""
    period = {"start": "2024-05-03", "end": "2024-05-04"}
    stated = without(administration(effectivePeriod=period), "effectiveDateTime")
    assert facts_of(stated) == [given(until=day("2024-05-04"))]


@pytest.mark.parametrize(
    ("dose", "expected", "noted"),
    [
        (amount("0.2", "g"), Quantity(Decimal(200), "mg"), False),
        (amount("0", "{tablet}"), Quantity(Decimal(0), "mg"), False),
        (amount("2", "{tablet}"), None, True),
        ({"unit": "mg"}, None, False),
    ],
)
def test_a_dose_never_costs_the_drug(dose: Resource, expected: Quantity | None, noted: bool) -> None:
    """A dose that cannot be read is unknown and noted; the drug stays; zero of anything is a dose of 0."""
    reading = accept(administration(dosage={"dose": dose}))
    (fact,) = reading.facts
    assert isinstance(fact, DrugExposure)
    assert fact.dose == expected
    assert [issue.code for issue in reading.issues] == [IssueCode.DOSE] * noted


def test_elements_that_r4_forbids_are_issues_only() -> None:
    """A dosage with `doseAndRate`, which R4 does not know here, is accepted with that issue."""
    reading = accept(administration(dosage={"doseAndRate": [{"doseQuantity": amount("200", "mg")}]}))
    (fact,) = reading.facts
    assert isinstance(fact, DrugExposure)
    assert fact.dose == Quantity(Decimal(200), "mg")
    assert [(issue.code, issue.path) for issue in reading.issues] == [
        (IssueCode.UNKNOWN_ELEMENT, "MedicationAdministration.dosage.doseAndRate")
    ]


def by_reference(reference: Resource, **elements: Any) -> Resource:
    """An administration that cites its Medication."""
    return without(administration(**elements), "medicationCodeableConcept") | {"medicationReference": reference}


def test_a_contained_medication_names_the_drug() -> None:
    """`#m1` is looked up among the contained resources."""
    stated = by_reference({"reference": "#m1"}, contained=[MEDICATION])
    assert facts_of(stated) == [given(drug="tacrolimus")]


def test_a_medication_of_the_same_bundle_names_the_drug() -> None:
    """A Medication in the same Bundle is found by id or by its `urn:uuid:`."""
    for url, reference in (("urn:uuid:7", "urn:uuid:7"), ("https://x/Medication/m1", "Medication/m1")):
        entries = [{"resource": by_reference({"reference": reference})}, {"fullUrl": url, "resource": MEDICATION}]
        first, second = read_all({"resourceType": "Bundle", "type": "collection", "entry": entries})
        assert isinstance(first, Accepted)
        assert isinstance(second, Accepted)
        assert [fact.drug for fact in first.facts if isinstance(fact, DrugExposure)] == ["tacrolimus"]
        assert first.pending == ()


def test_a_medication_of_another_message_is_awaited() -> None:
    """Until the Medication comes the administration pends; read again with it, it states its drug."""
    waiting = accept(by_reference({"reference": "Medication/m1"}))
    assert (waiting.facts, waiting.pending) == ((), ("Medication/m1",))
    known = context(medication=lambda site, id_: as_json(MEDICATION) if (site, id_) == ("north", "m1") else None)
    reread = read_again(waiting.raw, waiting.record, waiting.links, SITE, known)
    assert isinstance(reread, Accepted)
    assert [fact.drug for fact in reread.facts if isinstance(fact, DrugExposure)] == ["tacrolimus"]
    assert reread.pending == ()


def test_a_display_names_the_drug_meanwhile() -> None:
    """A display that names the drug is enough for a fact; the Medication is still awaited."""
    reading = accept(by_reference({"reference": "Medication/m1", "display": "Sirolimus 1 mg"}))
    assert [fact.drug for fact in reading.facts if isinstance(fact, DrugExposure)] == ["sirolimus"]
    assert reading.pending == ("Medication/m1",)


def test_a_medication_itself_states_nothing_of_a_patient() -> None:
    """A Medication of a drug in scope is kept, by code or ingredient; any other is out of scope."""
    assert (accept(MEDICATION).facts, accept(MEDICATION).patient) == ((), None)
    mixed = without(MEDICATION, "code") | {"ingredient": [{"itemCodeableConcept": TACROLIMUS}]}
    assert accept(mixed).facts == ()
    assert leave(MEDICATION | {"code": {"text": "Acetaminophen"}}).code is None


def statement(**elements: Any) -> Resource:
    """Tacrolimus 2 mg twice a day since 3 May 2024, as the patient tells."""
    timing = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
    usual: dict[str, Any] = {
        "status": "active",
        "medicationCodeableConcept": TACROLIMUS,
        "effectivePeriod": {"start": "2024-05-03"},
        "dosage": [{"doseAndRate": [{"doseQuantity": amount("2", "mg")}], "timing": timing}],
    }
    return resource("MedicationStatement", **(usual | elements))


def test_a_statement_with_its_daily_doses() -> None:
    """A statement gives dose and times a day; it is of less trust than an administration."""
    (fact,) = facts_of(statement())
    assert fact == given(
        source=source("MedicationStatement"),
        drug="tacrolimus",
        record="statement",
        status="active",
        dose=Quantity(Decimal(2), "mg"),
        doses_per_day=Decimal(2),
        route=None,
    )


@pytest.mark.parametrize(
    ("repeat", "times"),
    [
        ({"frequency": 1, "period": 12, "periodUnit": "h"}, "2"),
        ({"frequency": 1, "period": 1, "periodUnit": "wk"}, "0.14"),
        ({"frequency": 1, "period": 1, "periodUnit": "mo"}, None),
        ({"frequency": 1}, None),
    ],
)
def test_how_often_a_day(repeat: Resource, times: str | None) -> None:
    """The timing gives doses a day where it is a schedule."""
    dosage = [{"timing": {"repeat": repeat}}]
    (fact,) = facts_of(statement(dosage=dosage))
    assert isinstance(fact, DrugExposure)
    if times is None:
        assert fact.doses_per_day is None
    else:
        assert fact.doses_per_day is not None
        assert abs(fact.doses_per_day - Decimal(times)) < Decimal("0.01")


@pytest.mark.parametrize(
    ("status", "taken"),
    [("completed", True), ("stopped", True), ("not-taken", False), ("intended", None), ("unknown", None)],
)
def test_what_a_statement_says_of_the_taking(status: str, taken: bool | None) -> None:
    """Not taken is a statement too; an intention is none of taking."""
    (fact,) = facts_of(statement(status=status))
    assert isinstance(fact, DrugExposure)
    assert fact.taken is taken


def request(**elements: Any) -> Resource:
    """An order of tacrolimus of 3 May 2024."""
    usual: dict[str, Any] = {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": TACROLIMUS,
        "authoredOn": "2024-05-03",
    }
    return resource("MedicationRequest", **(usual | elements))


def test_an_order_is_no_taking() -> None:
    """A request says that a drug was ordered; a prohibition says that it is not taken."""
    common: dict[str, Any] = {"source": source("MedicationRequest"), "drug": "tacrolimus", "record": "request"}
    common |= {"status": "active", "dose": None, "route": None}
    assert facts_of(request()) == [given(**common, taken=None)]
    assert facts_of(request(doNotPerform=True)) == [given(**common, taken=False)]


@pytest.mark.parametrize("elements", [{"status": "draft"}, {"status": "cancelled"}, {"intent": "proposal"}])
def test_requests_that_order_nothing(elements: Resource) -> None:
    """A draft, a cancelled request and a proposal order nothing."""
    assert facts_of(request(**elements)) == []


def test_a_dispense_is_dated_by_the_hand_over() -> None:
    """A completed dispense was handed over; whether it was taken it does not say."""
    stated = resource(
        "MedicationDispense",
        status="completed",
        medicationCodeableConcept=TACROLIMUS,
        whenPrepared="2024-05-01",
        whenHandedOver="2024-05-03",
    )
    common: dict[str, Any] = {"source": source("MedicationDispense"), "drug": "tacrolimus", "record": "dispense"}
    assert facts_of(stated) == [given(**common, taken=None, dose=None, route=None)]
    assert facts_of(stated | {"status": "preparation"}) == []


def test_several_dosages_leave_the_dose_unknown() -> None:
    """Two dosages (morning and evening) are not summed; that is noted."""
    dosages = [{"doseAndRate": [{"doseQuantity": amount(dose, "mg")}]} for dose in ("2", "1")]
    reading = accept(statement(dosage=dosages))
    (fact,) = reading.facts
    assert isinstance(fact, DrugExposure)
    assert fact.dose is None
    assert [issue.code for issue in reading.issues] == [IssueCode.DOSE]


@pytest.mark.parametrize(
    ("stated", "reason", "path"),
    [
        (administration(status="banana"), Reason.UNKNOWN_CODE, "MedicationAdministration.status"),
        (
            without(administration(), "effectiveDateTime"),
            Reason.MISSING,
            "MedicationAdministration.effective[x]",
        ),
        (
            without(administration(), "medicationCodeableConcept"),
            Reason.MISSING,
            "MedicationAdministration.medication[x]",
        ),
        (without(administration(), "subject"), Reason.SUBJECT_MISSING, "MedicationAdministration.subject"),
        (
            by_reference({"reference": "urn:uuid:nowhere"}),
            Reason.REFERENCE_UNRESOLVED,
            "MedicationAdministration.medicationReference",
        ),
        (request(intent="wish"), Reason.UNKNOWN_CODE, "MedicationRequest.intent"),
        (request(authoredOn="soon"), Reason.IMPOSSIBLE_DATE, "MedicationRequest.authoredOn"),
    ],
)
def test_a_drug_record_that_cannot_be_read_is_rejected(stated: Resource, reason: Reason, path: str) -> None:
    """Status, date, drug and subject must be readable; a rejection names the field."""
    rejected = reject(stated)
    assert (rejected.reason, rejected.path) == (reason, path)


def test_another_drug_is_out_of_scope() -> None:
    """A drug that nobody asks for is out of scope before anything else is looked at."""
    stated = administration(medicationCodeableConcept=coded(ATC, "N02BE01"), status="banana")
    assert leave(stated).code == "N02BE01"
    assert len(read_message(as_json(stated), None, SITE, context())) == 1
