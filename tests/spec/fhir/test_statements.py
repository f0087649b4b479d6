"""Specification of the reader: scores, graded findings, biopsies, pathology and attestations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from shared.facts import (
    AnyFact,
    Attestation,
    BiopsyScore,
    ClinicalFinding,
    PathologyConfirmation,
    ScaleScore,
)
from shared.fhir.reading import IssueCode, Reason
from tests.support.records import (
    HL7,
    LOCAL,
    LOINC,
    Resource,
    accept,
    amount,
    coded,
    day,
    facts_of,
    observation,
    reject,
    source,
    without,
)


def ours(code: str, **value: Any) -> Resource:
    """An Observation with one of our own codes."""
    return observation(coded(LOCAL, code), **value)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (
            observation(coded(LOINC, "89247-1"), valueInteger=1),
            ScaleScore(source=source(), occurred=day(), scale="ecog", score=Decimal(1)),
        ),
        (
            observation(coded(LOINC, "89243-0"), valueQuantity=amount("80", "{score}")),
            ScaleScore(source=source(), occurred=day(), scale="karnofsky", score=Decimal(80)),
        ),
        (
            ours("ascites", valueCodeableConcept=coded(LOCAL, "mild")),
            ClinicalFinding(source=source(), occurred=day(), finding="ascites", grade="mild"),
        ),
        (
            ours("encephalopathy", valueCodeableConcept=coded(LOCAL, "none")),
            ClinicalFinding(source=source(), occurred=day(), finding="encephalopathy", grade="none"),
        ),
        (
            ours("rai-bile-duct", valueInteger=2),
            BiopsyScore(source=source(), occurred=day(), component="bile-duct", points=2),
        ),
        (
            ours("pathology-confirmed", valueBoolean=False),
            PathologyConfirmation(source=source(), occurred=day(), confirmed=False),
        ),
    ],
)
def test_each_statement_is_its_fact(stated: Resource, expected: AnyFact) -> None:
    """A score, finding, biopsy component or confirmation is one fact of its day."""
    assert facts_of(stated) == [expected]


def test_a_biopsy_with_its_components_in_one_record() -> None:
    """The three components of the rejection activity index may come in one Observation."""
    names = ("rai-portal", "rai-bile-duct", "rai-venous")
    parts = [{"code": coded(LOCAL, name), "valueInteger": n} for n, name in enumerate(names)]
    assert [
        (f.component, f.points)
        for f in facts_of(observation({"text": "biopsy"}, component=parts))
        if isinstance(f, BiopsyScore)
    ] == [
        ("portal", 0),
        ("bile-duct", 1),
        ("venous", 2),
    ]


@pytest.mark.parametrize(
    ("stated", "reason", "path"),
    [
        (ours("rai-portal", valueInteger=4), Reason.IMPOSSIBLE_VALUE, "Observation.value[x]"),
        (ours("rai-portal"), Reason.MISSING, "Observation.valueInteger"),
        (
            observation(coded(LOINC, "89247-1"), valueInteger=6),
            Reason.IMPOSSIBLE_VALUE,
            "Observation.value[x]",
        ),
        (
            ours("ascites", valueCodeableConcept=coded(LOCAL, "some")),
            Reason.UNKNOWN_CODE,
            "Observation.valueCodeableConcept",
        ),
        (ours("pathology-confirmed", valueString="yes"), Reason.MISSING, "Observation.valueBoolean"),
        (
            ours("pathology-confirmed", valueBoolean="yes"),
            Reason.WRONG_TYPE,
            "Observation.valueBoolean",
        ),
    ],
)
def test_an_answer_outside_of_its_scale_is_rejected(stated: Resource, reason: Reason, path: str) -> None:
    """A value that the scale does not have, or of the wrong type, is rejected, naming the field."""
    rejected = reject(stated)
    assert (rejected.reason, rejected.path) == (reason, path)


def test_an_absent_answer_states_nothing() -> None:
    """`dataAbsentReason` in place of an answer is accepted without a fact."""
    absent = coded(HL7 + "data-absent-reason", "not-performed")
    for code in ("rai-portal", "ascites", "pathology-confirmed", "recurrence-on-imaging", "pd-l1"):
        assert facts_of(ours(code, dataAbsentReason=absent)) == []


def attestation(**elements: Any) -> Resource:
    """A practitioner's attestation that the recurrence cannot be resected."""
    usual: dict[str, Any] = {
        "category": [coded(LOCAL, "attestation")],
        "valueBoolean": True,
        "performer": [{"reference": "Practitioner/d1"}],
    }
    return ours("not-resectable", **(usual | elements))


def test_an_attestation_names_its_practitioner() -> None:
    """An attestation holds until its period ends, and may speak of one event."""
    fact = Attestation(source=source(), occurred=day(), code="not-resectable", value=True, practitioner="d1")
    assert facts_of(attestation()) == [fact]
    expiring = without(
        attestation(
            effectivePeriod={"start": "2024-05-03", "end": "2024-08-01"},
            focus=[{"identifier": {"value": "0b0c-77"}}],
        ),
        "effectiveDateTime",
    )
    assert facts_of(expiring) == [
        Attestation(
            source=source(),
            occurred=day(),
            code="not-resectable",
            value=True,
            practitioner="d1",
            expires=day("2024-08-01"),
            focus="0b0c-77",
        )
    ]


def test_an_adjudication_names_the_reader_accepted() -> None:
    """As the measurements name who performed them; without a reader it says nothing that could be used."""
    accepted = {**attestation(focus=[{"reference": "Practitioner/r1"}]), "code": coded(LOCAL, "reader-accepted")}
    (fact,) = facts_of(accepted)
    assert isinstance(fact, Attestation)
    assert (fact.code, fact.focus) == ("reader-accepted", "r1")
    assert reject(without(accepted, "focus")).path == "Observation.focus"


@pytest.mark.parametrize(
    ("stated", "reason", "path"),
    [
        (attestation(performer=[]), Reason.MISSING, "Observation.performer"),
        (attestation(performer=[{"reference": "Patient/p1"}]), Reason.MISSING, "Observation.performer"),
        (
            attestation(focus=[{"identifier": {"value": "two words"}}]),
            Reason.UNUSABLE_ID,
            "Observation.focus[0].identifier.value",
        ),
    ],
)
def test_an_attestation_needs_a_practitioner(stated: Resource, reason: Reason, path: str) -> None:
    """Nobody but a practitioner attests, and the event spoken of has a usable id."""
    rejected = reject(stated)
    assert (rejected.reason, rejected.path) == (reason, path)


def test_an_attestation_without_its_category_is_noted() -> None:
    """The category is expected; the code says enough."""
    reading = accept(without(attestation(), "category"))
    assert len(reading.facts) == 1
    assert [issue.code for issue in reading.issues] == [IssueCode.MISSING_ELEMENT]
