"""Specification of the reader: laboratory Observations and the facts that they state."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from shared.facts import Laboratory, LimitsOfGroup
from shared.fhir.reading import IssueCode, Reason
from shared.quantities import Quantity
from tests.support.records import (
    HL7,
    LOINC,
    SITE,
    SNOMED,
    UCUM,
    Resource,
    accept,
    amount,
    as_json,
    coded,
    day,
    facts_of,
    lab,
    leave,
    observation,
    reject,
    source,
    without,
)


def alt(**stated: Any) -> Laboratory:
    """The fact of an ALT of 42 U/L on 3 May 2024, but for what is given."""
    usual: dict[str, Any] = {"value": Quantity(Decimal(42), "U/L")}
    return Laboratory(source=source(), occurred=day(), concept="alt", **(usual | stated))


def ranged(*ranges: Resource) -> Resource:
    """An ALT with these reference ranges."""
    return lab(referenceRange=list(ranges))


def test_a_result_is_a_fact_in_the_canonical_unit() -> None:
    """ALT by LOINC in U/L is one laboratory fact of its day, final, without limits where none are stated."""
    assert facts_of(lab()) == [alt()]


@pytest.mark.parametrize(
    ("code", "value", "unit", "concept", "expected", "canonical"),
    [
        ("1975-2", "17.1", "umol/L", "bilirubin-total", "0.99998", "mg/dL"),
        ("1751-7", "35", "g/L", "albumin", "3.5", "g/dL"),
        ("777-3", "150", "10*3/uL", "platelets", "150", "10*9/L"),
        ("6301-6", "1.10", "{INR}", "inr", "1.10", "1"),
        ("1742-6", "0.70", "ukat/L", "alt", "42", "U/L"),
    ],
)
def test_units_convert_exactly(
    *, code: str, value: str, unit: str, concept: str, expected: str, canonical: str
) -> None:
    """A value in another unit of the same kind is read in the concept's canonical unit."""
    (fact,) = facts_of(lab(code, value, unit))
    assert isinstance(fact, Laboratory)
    assert fact.concept == concept
    assert fact.value is not None
    assert fact.value.unit == canonical
    assert abs(fact.value.value - Decimal(expected)) < Decimal("0.001")


def test_the_digits_stay_as_written() -> None:
    """A value of 1.00 keeps its two decimals; nothing passes through a float."""
    (fact,) = facts_of(lab("2160-0", "1.00", "mg/dL"))
    assert isinstance(fact, Laboratory)
    assert fact.value is not None
    assert str(fact.value.value) == "1.00"


def test_a_comparator_stays_with_the_value() -> None:
    """A result below the limit of detection is read as below, never as that number."""
    assert facts_of(observation(coded(LOINC, "1742-6"), valueQuantity=amount("5", "U/L", "<"))) == [
        alt(value=Quantity(Decimal(5), "U/L", "<"))
    ]


@pytest.mark.parametrize("stated", [{"system": UCUM, "code": "U/L"}, {"unit": "U/L"}, {"unit": "iU/L"}])
def test_the_unit_is_the_code_else_the_words(stated: Resource) -> None:
    """A unit without a code is read from its words."""
    assert facts_of(observation(coded(LOINC, "1742-6"), valueQuantity={"value": 42, **stated})) == [alt()]


def test_a_sites_own_code_counts_by_its_map() -> None:
    """A code of the site's own system means the concept that the site's map gives it."""
    assert facts_of(observation(coded("urn:north:lab", "GPT"), valueQuantity=amount("42", "U/L"))) == [alt()]


def test_every_coding_is_tried_and_oids_count() -> None:
    """A known code counts wherever it stands among the codings, its system named by URI or by OID."""
    code = {"coding": [{"code": "x"}, {"system": "urn:oid:2.16.840.1.113883.6.1", "code": "1742-6"}]}
    assert facts_of(observation(code, valueQuantity=amount("42", "U/L"))) == [alt()]


def test_the_resources_own_limits_come_first() -> None:
    """Limits of normal stated with the result are taken before the site's, in the value's unit if they give none."""
    stated = lab("1920-8", referenceRange=[{"low": {"value": 10}, "high": amount("40", "U/L")}])
    (fact,) = facts_of(stated)
    assert isinstance(fact, Laboratory)
    assert (fact.low, fact.high) == (Quantity(Decimal(10), "U/L"), Quantity(Decimal(40), "U/L"))
    assert fact.limits_from == "resource"


def test_the_sites_limits_fill_in() -> None:
    """Where the result states no limits the site's serve, if they hold for both sexes."""
    (fact,) = facts_of(lab("1920-8"))
    assert isinstance(fact, Laboratory)
    assert (fact.low, fact.high) == (Quantity(Decimal(5), "U/L"), Quantity(Decimal(34), "U/L"))
    assert fact.limits_from == "site"


def test_limits_of_one_sex_are_not_guessed() -> None:
    """The site's limits for men go with the result; whether they are this patient's the result does not say."""
    (fact,) = facts_of(lab("2324-2"))
    assert isinstance(fact, Laboratory)
    assert (fact.high, fact.limits_from) == (None, "site")
    assert fact.ranges == (LimitsOfGroup(high=Quantity(Decimal(60), "U/L"), sex="male"),)


NORMAL = coded(HL7 + "referencerange-meaning", "normal")
PREGNANT = coded(SNOMED, "77386006")


@pytest.mark.parametrize(
    ("ranges", "high"),
    [
        ([{"high": amount("40", "U/L"), "appliesTo": [PREGNANT]}], 40),
        ([{"high": amount("50", "U/L"), "appliesTo": [PREGNANT]}, {"high": amount("35", "U/L")}], 35),
        ([{"high": amount("90", "U/L"), "type": coded(HL7 + "referencerange-meaning", "critical")}], None),
        ([{"text": "see report"}], None),
        ([{"high": amount("50", "U/L")}, {"high": amount("35", "U/L"), "type": NORMAL}], 35),
    ],
)
def test_of_several_ranges_the_general_one_counts(ranges: list[Resource], high: int | None) -> None:
    """A single range counts as it is; of several, the one that names no group, and rather one that is called normal."""
    (fact,) = facts_of(ranged(*ranges))
    assert isinstance(fact, Laboratory)
    assert fact.high == (Quantity(Decimal(high), "U/L") if high is not None else None)


@pytest.mark.parametrize(
    "ranges",
    [
        [{"high": amount("50", "U/L")}, {"high": amount("35", "U/L")}],
        [
            {"high": amount("50", "U/L"), "appliesTo": [PREGNANT]},
            {"high": amount("35", "U/L"), "age": {"low": amount("1", "furlong")}},
        ],
    ],
)
def test_ranges_that_cannot_be_told_apart_leave_the_limits_unknown(ranges: list[Resource]) -> None:
    """Which of several ranges is the patient's is not guessed, nor filled in by the site's: it is noted."""
    reading = accept(ranged(*ranges) | {"code": coded(LOINC, "1920-8")})
    (fact,) = reading.facts
    assert isinstance(fact, Laboratory)
    assert (fact.high, fact.ranges, fact.limits_from) == (None, (), None)
    assert [i.code for i in reading.issues] == [IssueCode.REFERENCE_RANGE]


def test_an_unreadable_range_is_an_issue() -> None:
    """Limits in a unit that nobody can read leave the result, and are noted."""
    reading = accept(ranged({"high": amount("40", "furlong")}))
    assert len(reading.facts) == 1
    assert [(issue.code, issue.path) for issue in reading.issues] == [
        (IssueCode.REFERENCE_RANGE, "Observation.referenceRange")
    ]


@pytest.mark.parametrize(
    ("status", "final"),
    [
        ("registered", False),
        ("preliminary", False),
        ("unknown", False),
        ("final", True),
        ("amended", True),
        ("corrected", True),
    ],
)
def test_the_status_says_whether_a_result_is_final(status: str, final: bool) -> None:
    """Registered and preliminary results, and those of unknown status, are not final."""
    assert facts_of(lab(status=status)) == [alt(final=final)]


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_retracted_result_states_nothing(status: str) -> None:
    """A result entered in error or cancelled is accepted without facts, however little it still holds."""
    assert accept(lab(status=status)).facts == ()
    assert accept({"resourceType": "Observation", "id": "r1", "status": status}).facts == ()


def test_a_result_that_is_not_there_yet_states_nothing() -> None:
    """An order registered without a value is accepted without facts."""
    assert facts_of(without(lab(status="registered"), "valueQuantity")) == []


def test_a_reason_without_a_value_is_a_fact() -> None:
    """`dataAbsentReason` instead of a value is kept as the reason."""
    stated = without(lab(dataAbsentReason=coded(HL7 + "data-absent-reason", "not-performed")), "valueQuantity")
    assert facts_of(stated) == [alt(value=None, absent_reason="not-performed")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"valueCodeableConcept": coded(SNOMED, "260385009")}, "negative"),
        ({"valueCodeableConcept": {"text": "Not Detected"}}, "not-detected"),
        ({"valueString": "POS"}, "positive"),
        ({"valueString": "non-reactive"}, "non-reactive"),
    ],
)
def test_a_result_in_words(value: Resource, text: str) -> None:
    """A qualitative result is read from its code or from one of a few words."""
    fact = Laboratory(source=source(), occurred=day(), concept="hbsag", text=text)
    assert facts_of(observation(coded(LOINC, "5196-1"), **value)) == [fact]


def test_a_panel_is_read_by_component() -> None:
    """Components with a code in scope are results of their own, whatever the panel's code."""
    parts = [
        {"code": coded(LOINC, "1742-6"), "valueQuantity": amount("42", "U/L")},
        {"code": coded(LOINC, "8480-6"), "valueQuantity": amount("120", "mm[Hg]")},
    ]
    assert facts_of(observation({"text": "liver panel"}, component=parts)) == [alt()]


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        ({"effectiveDateTime": "2024-05"}, "2024-05"),
        ({"effectiveDateTime": "2024-05-03T08:00:00+02:00"}, "2024-05-03T08:00:00+02:00"),
        ({"effectiveInstant": "2024-05-03T08:00:00Z"}, "2024-05-03T08:00:00Z"),
        ({"effectivePeriod": {"start": "2024-05-03", "end": "2024-05-04"}}, "2024-05-03"),
    ],
)
def test_the_date_keeps_its_precision(stated: Resource, text: str) -> None:
    """The date of a result is effective[x] as recorded."""
    assert facts_of(without(lab(), "effectiveDateTime") | stated) == [
        Laboratory(source=source(), occurred=day(text), concept="alt", value=Quantity(Decimal(42), "U/L"))
    ]


def test_issued_serves_where_there_is_no_effective_date() -> None:
    """A result without effective[x] is dated by `issued`, and that is noted."""
    reading = accept(without(lab(issued="2024-05-03T09:00:00Z"), "effectiveDateTime"))
    assert reading.facts[0].occurred == day("2024-05-03T09:00:00Z")
    assert [issue.code for issue in reading.issues] == [IssueCode.DATE_FALLBACK]


def test_a_result_without_any_date_is_kept() -> None:
    """R4 does not require a date: the result is accepted undated, and that is noted."""
    reading = accept(without(lab(), "effectiveDateTime"))
    assert [fact.occurred for fact in reading.facts] == [None]
    assert [issue.code for issue in reading.issues] == [IssueCode.UNDATED]


BAD_VALUE = "Observation.valueQuantity"


@pytest.mark.parametrize(
    ("stated", "reason", "path"),
    [
        (lab(unit="furlong"), Reason.UNKNOWN_UNIT, f"{BAD_VALUE}.code"),
        (lab(unit="mg/dL"), Reason.INCOMPATIBLE_UNIT, f"{BAD_VALUE}.code"),
        (lab(unit=None), Reason.MISSING, f"{BAD_VALUE}.code"),
        (lab(value="-1"), Reason.IMPOSSIBLE_VALUE, f"{BAD_VALUE}.value"),
        (lab(value="1e300"), Reason.IMPOSSIBLE_VALUE, f"{BAD_VALUE}.value"),
        (lab(valueQuantity={"value": "42", "unit": "U/L"}), Reason.WRONG_TYPE, f"{BAD_VALUE}.value"),
        (lab(valueQuantity={"unit": "U/L"}), Reason.MISSING, f"{BAD_VALUE}.value"),
        (lab(valueQuantity=amount("4", "U/L", "~")), Reason.UNKNOWN_CODE, f"{BAD_VALUE}.comparator"),
        (without(lab(), "valueQuantity"), Reason.MISSING, "Observation.value[x]"),
        (
            without(lab(valueString="haemolysed"), "valueQuantity"),
            Reason.UNKNOWN_CODE,
            "Observation.value[x]",
        ),
        (lab(effectiveDateTime="2024-02-30"), Reason.IMPOSSIBLE_DATE, "Observation.effectiveDateTime"),
        (
            lab(effectivePeriod={"start": "2024-05-04", "end": "2024-05-03"}),
            Reason.IMPOSSIBLE_DATE,
            "Observation.effectivePeriod.end",
        ),
        (lab(status="banana"), Reason.UNKNOWN_CODE, "Observation.status"),
        (without(lab(), "status"), Reason.MISSING, "Observation.status"),
        (without(lab(), "code"), Reason.MISSING, "Observation.code"),
        (without(lab(), "subject"), Reason.SUBJECT_MISSING, "Observation.subject"),
        (lab() | {"code": 7}, Reason.WRONG_TYPE, "Observation.code"),
    ],
)
def test_what_must_be_read_and_cannot_is_rejected(stated: Resource, reason: Reason, path: str) -> None:
    """Each rejection gives its reason, the field and the original bytes, and never the value."""
    rejected = reject(stated)
    assert (rejected.reason, rejected.path) == (reason, path)
    assert rejected.says.startswith("expected ")
    assert "42" not in rejected.says
    assert rejected.raw == as_json(stated)


def test_an_unmapped_code_is_out_of_scope_with_its_coding() -> None:
    """A code that nobody asks for is counted by its first coding, whatever else is wrong with the resource."""
    left = leave(without(observation(coded(LOINC, "8867-4"), status="banana"), "subject"))
    assert (left.system, left.code) == (LOINC, "8867-4")
    assert left.record.site == SITE.site
