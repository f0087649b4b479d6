"""Specification of the reader: the records by which people act on a case, each as the product itself writes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from shared.facts import Amendment, Attestation
from shared.fhir.out.attestation import observation
from shared.fhir.reading import Reason
from shared.reviews import ACTS, CAUSALITY, MERGED_INTO
from shared.terminology import Kind, by_kind
from tests.support import build
from tests.support.records import LOCAL, accept, coded, facts_of, reject

AT = datetime(2024, 5, 10, 8, 30, tzinfo=UTC)
CASE = "2d0a8f8c-5b1e-5f57-9a4e-6f0f6c1f7b52"
OTHER = "9f0d4a7e-3d56-5c0b-8a63-0c1f53d7c2b1"
AMENDMENTS = [
    Amendment(term="Acute pancreatitis"),
    Amendment(onset=build.on_date("2024-05-02")),
    Amendment(ended=build.on_date("2024-05")),
    Amendment(grade=3),
    Amendment(seriousness=("death", "hospitalisation")),
    Amendment(seriousness=()),
    Amendment(result="resolved-with-sequelae"),
]


def written(code: str, **more: Any) -> dict[str, Any]:
    """The record as it goes to the feed."""
    built = observation(code, id_="a1", patient="p1", practitioner="dr1", at=AT, case=CASE, **more)
    made: dict[str, Any] = msgspec.json.decode(built.model_dump_json(exclude_none=True))
    return made


def read_back(code: str, **more: Any) -> Attestation:
    """What the reader makes of that record."""
    (fact,) = facts_of(written(code, **more))
    assert isinstance(fact, Attestation)
    return fact


@pytest.mark.parametrize("act", [a.code for a in ACTS])
def test_every_act_is_read_as_it_is_written(act: str) -> None:
    """With who, when, of which case, and why; denied too."""
    into = OTHER if act == "sae-merged" else None
    fact = read_back(act, reason="  as discussed ", into=into)
    assert (fact.code, fact.value, fact.focus, fact.note, fact.into) == (act, True, CASE, "as discussed", into)
    assert fact.practitioner
    assert fact.occurred is not None
    assert fact.occurred.first == AT
    assert read_back(act, value=False, into=into).value is False


@pytest.mark.parametrize("amends", AMENDMENTS, ids=repr)
def test_an_amendment_is_read_as_it_is_written(amends: Amendment) -> None:
    """Each field by itself; several in one record too."""
    found = read_back("sae-amended", amends=amends).amends
    assert found is not None
    for field in Amendment.__struct_fields__:
        one, other = getattr(found, field), getattr(amends, field)
        assert getattr(one, "text", one) == getattr(other, "text", other)


@pytest.mark.parametrize("degree", CAUSALITY)
@pytest.mark.parametrize("code", ["sae-related-investigator", "sae-related-sponsor"])
def test_a_degree_of_causality_is_read_as_it_is_written(code: str, degree: str) -> None:
    """With the answer that it stands for."""
    fact = read_back(code, value=CAUSALITY[degree], degree=degree)
    assert (fact.value, fact.degree) == (CAUSALITY[degree], degree)


@pytest.mark.parametrize(("value", "degree"), [(False, "possible"), (True, "unlikely"), (True, "somehow")])
def test_a_degree_that_contradicts_its_answer_is_a_dead_letter(value: bool, degree: str) -> None:
    """The case stays unassessed, and so counts as related; which of the two was meant nobody can know."""
    found = reject(written("sae-related-investigator", value=value, degree=degree))
    assert found.path == "Observation.component[0].valueCodeableConcept"


def test_a_degree_counts_only_with_an_opinion_on_causality() -> None:
    """Of another act it is nothing."""
    assert read_back("sae-confirmed", degree="possible").degree is None


def test_an_amendment_of_nothing_only_leaves_its_step() -> None:
    """It is accepted with the issue that it names no field."""
    assert "Observation.component" in [issue.path for issue in accept(written("sae-amended")).issues]
    assert read_back("sae-amended").amends is None


@pytest.mark.parametrize(
    ("code", "component", "reason", "path"),
    [
        ("sae-merged", None, Reason.MISSING, "Observation.component"),
        (
            "sae-merged",
            {"code": coded(LOCAL, MERGED_INTO), "valueString": "two words"},
            Reason.UNUSABLE_ID,
            "Observation.component[0].valueString",
        ),
        (
            "sae-amended",
            {"code": coded(LOCAL, "amended-grade"), "valueInteger": 6},
            Reason.IMPOSSIBLE_VALUE,
            "Observation.component[0].valueInteger",
        ),
        (
            "sae-amended",
            {"code": coded(LOCAL, "amended-onset")},
            Reason.MISSING,
            "Observation.component[0].valueDateTime",
        ),
        (
            "sae-amended",
            {"code": coded(LOCAL, "amended-seriousness"), "valueCodeableConcept": coded(LOCAL, "terrible")},
            Reason.UNKNOWN_CODE,
            "Observation.component[0].valueCodeableConcept",
        ),
        (
            "sae-amended",
            {"code": coded(LOCAL, "amended-term"), "valueString": " "},
            Reason.IMPOSSIBLE_VALUE,
            "Observation.component[0].valueString",
        ),
    ],
)
def test_a_detail_that_cannot_be_read_is_a_dead_letter(
    code: str, component: dict[str, Any] | None, reason: Reason, path: str
) -> None:
    """A review that says something other than was meant must not pass; the field is named, never its value."""
    record = written(code, into=OTHER if code == "sae-merged" else None)
    record["component"] = [component] if component is not None else []
    if not record["component"]:
        del record["component"]
    found = reject(record)
    assert (found.reason, found.path) == (reason, path)


def test_the_table_of_acts_and_the_table_of_codes_hold_the_same() -> None:
    """Every act and detail has its code, and no review code is missing from the table."""
    attestations = {c.id for c in by_kind(Kind.ATTESTATION)}
    assert {a.code for a in ACTS} <= attestations
    assert {c for c in attestations if c.startswith("sae-")} <= {a.code for a in ACTS}
    assert {c.id for c in by_kind(Kind.REVIEW_DETAIL)} == {d.code for a in ACTS for d in a.details}
