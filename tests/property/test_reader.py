"""Invariants of the reader: it never raises, accounts for everything, repeats no value, and reads the same twice."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shared import facts
from shared.fhir.element_tables import FhirVersion
from shared.fhir.keys import HmacKeys
from shared.fhir.message import read_message
from shared.fhir.reading import Accepted, Reason, Rejected
from shared.fhir.resource import READERS, read_again
from tests.support.records import (
    ATC,
    EVERYTHING,
    HL7,
    ICD,
    LOCAL,
    LOINC,
    SITE,
    SNOMED,
    Resource,
    amount,
    as_json,
    coded,
    context,
    lab,
    observation,
    read_all,
    resource,
)

VERSIONS: Final[tuple[FhirVersion, FhirVersion]] = ("R4", "R5")
UNTIMED: Final = settings(deadline=None)  # the first foreign unit loads the units, which takes a second

SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(["final", "2024-05-03", "Patient/p1", "#p", "entered-in-error", "U/L", "Medication/m"])
)
JSON: Final = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)

GOOD: Final[list[Resource]] = [
    lab(referenceRange=[{"low": amount("7", "U/L"), "high": amount("40", "U/L")}], meta={"versionId": "1"}),
    observation(
        coded(LOINC, "21889-1"),
        focus=[{"identifier": {"system": "urn:l", "value": "L1"}}],
        performer=[{"reference": "Practitioner/r"}],
        bodySite=coded(SNOMED, "10200004"),
        component=[{"code": coded(LOINC, "33728-7"), "valueQuantity": amount("21", "mm")}],
    ),
    observation(coded(LOCAL, "not-resectable"), valueBoolean=True, performer=[{"reference": "Practitioner/d"}]),
    observation(coded(LOCAL, "rai-portal"), valueInteger=2),
    observation(coded(LOINC, "83052-1"), valueCodeableConcept=coded(SNOMED, "260385009")),
    resource(
        "Condition",
        code=coded(ICD, "C22.0"),
        verificationStatus=coded(HL7 + "condition-ver-status", "confirmed"),
        evidence=[{"detail": [{"reference": "DiagnosticReport/d1"}]}],
        onsetDateTime="2024-05",
    ),
    resource(
        "MedicationAdministration",
        status="completed",
        medicationReference={"reference": "#m"},
        contained=[{"resourceType": "Medication", "id": "m", "code": coded(ATC, "L04AD02")}],
        effectivePeriod={"start": "2024-05-03"},
        dosage={"dose": amount("2", "mg")},
    ),
    resource(
        "MedicationRequest",
        status="active",
        intent="order",
        medicationCodeableConcept={"text": "Camrelizumab"},
        dosageInstruction=[{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}],
    ),
    resource("Procedure", status="completed", code=coded(SNOMED, "18027006"), performedDateTime="2020"),
    resource("Encounter", status="finished", period={"start": "2024-05-03"}) | {"class": {"code": "IMP"}},
    resource("Patient", "p1", birthDate="1970-06-15", gender="male", deceasedBoolean=False),
    resource("Specimen", type=coded(LOCAL, "graft-liver"), collection={"collectedDateTime": "2024-05-03"}),
    resource(
        "AdverseEvent",
        actuality="actual",
        event=coded(ICD, "K52.1"),
        date="2024-05-03",
        seriousness=coded(HL7 + "adverse-event-seriousness", "non-serious"),
        extension=[{"url": "urn:x/ctcae-grade", "valueCodeableConcept": coded("urn:grade", "2")}],
        suspectEntity=[
            {"instance": {"display": "camrelizumab"}, "causality": [{"assessment": coded(HL7, "Possible")}]}
        ],
    ),
    resource(
        "MedicationAdministration",
        "r5",
        status="completed",
        medication={"concept": coded(LOCAL, "camrelizumab")},
        occurencePeriod={"start": "2024-05-03"},
    ),
    resource(
        "MedicationStatement",
        "r5",
        status="recorded",
        medication={"concept": coded(ATC, "L04AD02")},
        adherence={"code": coded("urn:adherence", "taking")},
        effectiveDateTime="2024-05-03",
    ),
    resource("Encounter", "r5", status="completed", actualPeriod={"start": "2024-05-03"})
    | {"class": [{"coding": [{"code": "IMP"}]}]},
    resource("DiagnosticReport", status="final", category=[coded(HL7 + "v2-0074", "PAT")], code={"text": "x"}),
]


def sound(readings: tuple[Any, ...]) -> None:
    """What holds of every reading: no fault of ours, storable facts, a path and a form for each rejection."""
    for reading in readings:
        if isinstance(reading, Rejected):
            assert reading.reason is not Reason.READER_FAULT, reading
            assert reading.path
            assert reading.says.startswith("expected ")
        if isinstance(reading, Accepted):
            for fact in reading.facts:
                raw = facts.encode(fact)
                assert facts.decode(raw) == fact
                assert b"\\u0000" not in raw
                assert facts.stamp(fact) == fact


@UNTIMED
@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(value: bytes) -> None:
    """Any bytes are one reading."""
    readings = read_message(value, None, SITE, context())
    sound(readings)
    assert len(readings) == 1


@UNTIMED
@given(st.sampled_from(sorted(READERS)), st.dictionaries(st.text(max_size=10), JSON, max_size=4))
def test_no_json_makes_it_raise(type_: str, elements: dict[str, Any]) -> None:
    """Any JSON under a known type is one reading."""
    readings = read_all(json.dumps({**elements, "resourceType": type_}).encode())
    sound(readings)
    assert len(readings) == 1


def places(of: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all elements of a resource."""
    inner = of.items() if isinstance(of, dict) else enumerate(of) if isinstance(of, list) else ()
    return [at, *(place for name, value in inner for place in places(value, (*at, name)))]


def put(of: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at one place."""
    if not at:
        return value
    copy = of.copy()
    copy[at[0]] = put(of[at[0]], at[1:], value)
    return copy


@settings(parent=UNTIMED, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_mutation_makes_it_raise(data: st.DataObject) -> None:
    """A good resource with any value at any one place is one reading, and any of its Bundles accounts for it."""
    good = data.draw(st.sampled_from(GOOD))
    place = data.draw(st.sampled_from(places(good)[1:]))
    mutated = put(good, place, data.draw(JSON))
    readings = read_all(as_json(mutated))
    sound(readings)
    assert len(readings) == (0 if mutated["resourceType"] == "Bundle" else 1)
    beside = read_all({"resourceType": "Bundle", "entry": [{"resource": mutated}, {"resource": GOOD[0]}]})
    sound(beside)
    assert isinstance(beside[-1], Accepted)
    assert beside[-1].facts


@pytest.mark.parametrize("good", GOOD, ids=lambda of: f"{of['resourceType']}")
def test_good_resources_state_facts(good: Resource) -> None:
    """The resources that are mutated above are read with facts and without issues (but for missing dates)."""
    (reading,) = read_all(good)
    sound((reading,))
    assert isinstance(reading, Accepted)
    assert reading.facts


@UNTIMED
@given(st.sampled_from(GOOD))
def test_reading_again_changes_nothing(good: Resource) -> None:
    """A stored resource read again is the same reading."""
    (reading,) = read_all(good)
    assert isinstance(reading, Accepted)
    assert read_again(reading.raw, reading.record, reading.links, SITE, context()) == reading


@UNTIMED
@given(st.sampled_from(GOOD), st.data())
def test_the_version_that_a_message_states_changes_no_fact(good: Resource, data: st.DataObject) -> None:
    """A wrong header costs no fact, in a good resource or a mutated one: only issues differ."""
    mutated = (
        put(good, data.draw(st.sampled_from(places(good)[1:])), data.draw(JSON)) if data.draw(st.booleans()) else good
    )
    either = [
        read_message(as_json(mutated), None, SITE, replace(context(), fhir_version=version)) for version in VERSIONS
    ]
    first, second = (
        [msgspec.structs.replace(r, issues=(), fhir_version="R4") if isinstance(r, Accepted) else r for r in readings]
        for readings in either
    )
    assert first == second


MARK: Final = "Zebulon"
NO_TEXT: Final = (("resourceType",), ("meta", "versionId"))  # a type and a version are tokens of the server


@UNTIMED
@given(st.sampled_from(GOOD), st.data())
def test_no_identifier_leaves_in_a_fact_or_text(good: Resource, data: st.DataObject) -> None:
    """Whatever text a sender puts anywhere, neither facts nor issues nor reasons repeat it."""
    place = data.draw(st.sampled_from([at for at in places(good)[1:] if at not in NO_TEXT]))
    marked = put(good, place, f"{MARK} 1") if data.draw(st.booleans()) else put(good, place, MARK)
    using = type(context())(EVERYTHING, HmacKeys(b"0123456789abcdef"))
    for reading in read_message(as_json(marked), None, SITE, using):
        if isinstance(reading, Accepted):
            assert all(MARK.encode() not in facts.encode(fact) for fact in reading.facts)
            assert MARK not in str(reading.issues)
        if isinstance(reading, Rejected):
            assert MARK not in reading.says + reading.path
