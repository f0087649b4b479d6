"""Specification of limits of normal that depend on sex and age: of the result itself, or of the site's file."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from shared.facts import AnyFact, Laboratory
from shared.sites import Site
from shared.timeline import Entry, Timeline, fold, offline
from tests.support.build import PATIENT, RECORDED_AT
from tests.support.records import HL7, SITE, SNOMED, Resource, accept, amount, coded, lab, resource

MALE, FEMALE = coded(SNOMED, "248153007"), coded("http://hl7.org/fhir/administrative-gender", "female")
ROWS: tuple[dict[str, Any], ...] = (
    {"concept": "creatinine", "unit": "mg/dL", "high": "1.2", "sex": "male"},
    {"concept": "creatinine", "unit": "umol/L", "high": "88.42", "sex": "female"},
    {"concept": "creatinine", "unit": "mg/dL", "high": "0.8", "sex": "female", "age_to": 17},
    {"concept": "alp", "unit": "U/L", "low": "40", "high": "130"},
    {"concept": "alp", "unit": "U/L", "low": "60", "high": "300", "age_to": 17},
)
BY_GROUP = Site.model_validate(SITE.model_dump(exclude={"limits"}) | {"limits": ROWS})


def of(*ranges: Resource, on: str = "2024-05-03") -> Resource:
    """An ALT with these ranges."""
    return lab(referenceRange=list(ranges), effectiveDateTime=on)


def high(bound: str, **group: Any) -> Resource:
    """A range of a group."""
    return {"high": amount(bound, "U/L"), **group}


def years(low: int | None = None, up_to: int | None = None, unit: str = "a") -> Resource:
    """An age."""
    bounds = {"low": low, "high": up_to}
    return {"age": {name: amount(str(count), unit) for name, count in bounds.items() if count is not None}}


def patient(sex: str | None, born: str | None) -> Resource:
    """A Patient with what is known."""
    known = {"gender": sex, "birthDate": born}
    return resource("Patient", "p1", **{name: value for name, value in known.items() if value is not None})


def stated(record: Resource, site: Site = BY_GROUP) -> tuple[AnyFact, ...]:
    """The facts of a resource."""
    return accept(record, site).facts


def shown(result: Resource, person: Resource | None, site: Site = BY_GROUP) -> tuple[str | None, str | None]:
    """Low and high that the patient's timeline shows of a result."""
    people = stated(person, site) if person else []
    return bounds(offline(PATIENT, [*stated(result, site), *people], RECORDED_AT))


def bounds(timeline: Timeline) -> tuple[str | None, str | None]:
    """Low and high of the only result."""
    (fact,) = timeline.of(Laboratory)
    low, high_ = (f"{q.value:f}" if q else None for q in (fact.low, fact.high))
    return low, high_


BY_SEX = of(high("45", appliesTo=[MALE]), high("34", appliesTo=[FEMALE]))
BY_AGE = of(high("30", **years(up_to=18)), high("50", **years(18)))
BY_BOTH = of(
    high("45", appliesTo=[MALE], **years(18)),
    high("34", appliesTo=[FEMALE], **years(18)),
    high("40", **years(up_to=17)),
)


@pytest.mark.parametrize(
    ("result", "sex", "born", "expected"),
    [
        (BY_SEX, "male", None, "45"),
        (BY_SEX, "female", None, "34"),
        (BY_SEX, None, "1970", None),
        (BY_SEX, "other", "1970", None),
        (BY_AGE, "male", "1970-06-15", "50"),
        (BY_AGE, "male", "2010", "30"),
        (BY_AGE, "male", "2006-05-03", "50"),
        (BY_AGE, "male", "2006-05-04", "30"),
        (BY_AGE, "male", "2006", None),
        (BY_AGE, "male", None, None),
        (BY_BOTH, "female", "1970", "34"),
        (BY_BOTH, "female", "2010", "40"),
        (BY_BOTH, None, "2010", "40"),
        (BY_BOTH, None, "1970", None),
        (of(high("45"), high("34", appliesTo=[FEMALE])), "female", None, "34"),
        (of(high("45"), high("34", appliesTo=[FEMALE])), "male", None, "45"),
        (of(high("45"), high("34", appliesTo=[FEMALE])), None, None, None),
        (of(high("45", appliesTo=[{"text": "Male"}]), high("34", appliesTo=[{"text": "Female"}])), "male", None, "45"),
        (
            of(high("45", appliesTo=[MALE]), high("34", appliesTo=[FEMALE, coded(SNOMED, "77386006")])),
            "female",
            None,
            None,
        ),
        (of(high("9", **years(up_to=5, unit="mo")), high("8", **years(6, unit="mo"))), "male", "2023-11-03", "8"),
        (of(high("9", **years(up_to=5, unit="mo")), high("8", **years(6, unit="mo"))), "male", "2023-11-04", "9"),
        (of(high("9", **years(up_to=3, unit="wk")), high("8", **years(28, unit="d"))), "male", "2024-04-10", "9"),
        (of(high("45", appliesTo=[MALE]), high("34", appliesTo=[FEMALE]), on="2024"), "male", None, "45"),
    ],
)
def test_the_results_own_ranges_by_sex_and_age(
    result: Resource, sex: str | None, born: str | None, expected: str | None
) -> None:
    """Of several ranges the patient's own counts, the narrower before the wider; unknown where sex or age is not known.

    Age is in completed years (months, weeks, days) on the day of the sample; an age that ends one range and begins another
    belongs to the second.
    """
    assert shown(result, patient(sex, born))[1] == expected


@pytest.mark.parametrize(
    ("result", "sex", "born", "expected"),
    [
        (lab("2160-0", "1.00", "mg/dL"), "male", "1970", (None, "1.2")),
        (lab("2160-0", "1.00", "mg/dL"), "female", "1970", (None, "1.0002263")),
        (lab("2160-0", "1.00", "mg/dL"), "female", "2010", (None, "0.8")),
        (lab("2160-0", "1.00", "mg/dL"), "female", None, (None, None)),
        (lab("2160-0", "1.00", "mg/dL"), None, None, (None, None)),
        (lab("6768-6", "100"), None, "1970", ("40", "130")),
        (lab("6768-6", "100"), None, "2010", ("60", "300")),
        (lab("6768-6", "100"), None, None, (None, None)),
        (lab("6768-6", "100", referenceRange=[{"high": amount("100", "U/L")}]), None, "2010", (None, "100")),
    ],
)
def test_the_sites_limits_by_sex_and_age(
    result: Resource, sex: str | None, born: str | None, expected: tuple[str | None, str | None]
) -> None:
    """A result without a range has the site's limits for this patient, in the canonical unit; its own come first."""
    low, high_ = shown(result, patient(sex, born))
    assert low == expected[0]
    assert (high_ or "")[:4] == (expected[1] or "")[:4]


def test_nothing_is_known_before_the_patient_comes() -> None:
    """Without any Patient limits that depend on sex are unknown, not guessed."""
    assert shown(BY_SEX, None) == (None, None)


def test_the_patient_may_come_later_and_be_corrected() -> None:
    """Whatever the order in which result, Patient and correction come, the limits are those of the corrected Patient."""
    result, wrong, right = stated(BY_SEX)[0], stated(patient("male", "1970"))[0], stated(patient("female", "1970"))[0]
    for order in permutations([result, right]):
        assert bounds(built(list(order))) == (None, "34")
    for order in permutations([result, wrong]):
        corrected = built(list(order)).changed(3, [Entry(right, RECORDED_AT, 3)], {wrong.fact_id})
        assert bounds(corrected) == (None, "34")
        assert bounds(corrected.changed(4, [], {right.fact_id})) == (None, None)


def built(facts: list[AnyFact]) -> Timeline:
    """A timeline that was brought from version to version, fact by fact, and asked in between."""
    timeline = fold(PATIENT, (), 0)
    for version, fact in enumerate(facts, 1):
        timeline = timeline.changed(version, [Entry(fact, RECORDED_AT, version)], ())
        timeline.about(Laboratory, "alt")
    assert timeline.facts == offline(PATIENT, facts, RECORDED_AT).facts
    return timeline


def test_records_that_disagree_settle_nothing() -> None:
    """Two Patients of one timeline who differ in sex leave the limits by sex unknown."""
    both = [*stated(patient("male", "1970")), *stated(patient("female", "1970") | {"id": "p2"})]
    assert bounds(offline(PATIENT, [*stated(BY_SEX), *both], RECORDED_AT)) == (None, None)


def test_equal_ranges_need_no_patient() -> None:
    """Where all ranges say the same it does not matter whose they are."""
    same = of(high("40.0", appliesTo=[MALE]), high("40", appliesTo=[FEMALE]))
    assert shown(same, None)[1] in ("40", "40.0")


def test_r5_ranges_are_read_alike() -> None:
    """The same elements in a resource that claims R5."""
    r5 = BY_SEX | {"meta": {"profile": ["http://hl7.org/fhir/5.0/StructureDefinition/Observation"]}}
    assert shown(r5, patient("female", None)) == (None, "34")


def test_codings_of_sex() -> None:
    """SNOMED CT, Patient.gender's code system and HL7 v3 name the sex alike."""
    v3 = coded(HL7 + "v3-AdministrativeGender", "F")
    for code in (coded(SNOMED, "248152002"), FEMALE, v3, {"text": "female"}):
        assert shown(of(high("45"), high("34", appliesTo=[code])), patient("female", None)) == (None, "34")
