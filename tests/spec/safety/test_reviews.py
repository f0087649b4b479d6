"""Specification of what people attest about a case: opinions, merges, and every step kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.safety.adverse_events import case_id
from services.safety.evaluate import announce, evaluate
from shared.events import AdverseEventRetracted
from shared.facts import AdverseEventRecord, AnyFact, Source
from shared.reviews import CAUSALITY
from tests.spec.safety.trial import PROTOCOL, case, evaluated, find, first_dose
from tests.support import build

STAY = build.stay(on="2024-05-03", until="2024-05-08", key="stay-1")
STAY_ID = str(case_id(build.PATIENT, PROTOCOL.id, "stay/stay-1"))
DEATH_ID = str(case_id(build.PATIENT, PROTOCOL.id, "death"))


def said(code: str, value: bool = True, on: str = "2024-05-10", **more: Any) -> AnyFact:
    """A statement about the stay."""
    stated = {key: more.pop(key) for key in ("note", "into", "degree") if key in more}
    fact = build.attestation(code, value, on=on, focus=more.pop("focus", STAY_ID), **more)
    return build.record(msgspec.structs.replace(fact, **stated), more.get("key")) if stated else fact


def stay(*facts: AnyFact) -> dict[str, Any]:
    """The case of the stay."""
    content = case("stay/stay-1", STAY, *facts)
    assert content is not None
    return content


@pytest.mark.parametrize(
    ("opinions", "relation", "related"),
    [
        ([], "unassessed (counts as related)", True),
        ([("sae-related-investigator", True)], "related (investigator)", True),
        ([("sae-related-investigator", False)], "not related (investigator)", False),
        (
            [("sae-related-investigator", True), ("sae-related-sponsor", False)],
            "related (investigator); not related (sponsor)",
            True,
        ),
        (
            [("sae-related-investigator", False), ("sae-related-sponsor", True)],
            "not related (investigator); related (sponsor)",
            True,
        ),
        (
            [("sae-related-sponsor", False)],
            "not related (sponsor); investigator: unassessed (counts as related)",
            True,
        ),
    ],
)
def test_both_opinions_are_kept_and_neither_downgrades(
    opinions: list[tuple[str, bool]], relation: str, related: bool
) -> None:
    """ICH E2A: the sponsor cannot make unrelated what the investigator calls related."""
    content = stay(*(said(code, value) for code, value in opinions))
    assert (content["relation"], content["is_related"]) == (relation, related)


@pytest.mark.parametrize("degree", CAUSALITY)
def test_the_degree_of_causality_is_kept_as_stated(degree: str) -> None:
    """Possible or stronger counts as related; of the opinion that stands, beside that of the sponsor, and in its step."""
    related = CAUSALITY[degree]
    content = stay(
        said("sae-related-investigator", on="2024-05-09", degree="probable"),
        said("sae-related-investigator", related, degree=degree),
        said("sae-related-sponsor", False, degree="unlikely"),
    )
    word = "related" if related else "not related"
    assert content["relation"] == f"{word}, {degree} (investigator); not related, unlikely (sponsor)"
    assert (content["is_related"], content["degree_investigator"], content["degree_sponsor"]) == (
        related,
        degree,
        "unlikely",
    )
    assert {s["degree"] for s in content["steps"]} == {"probable", degree, "unlikely"}


def test_degrees_of_one_time_that_differ_are_none() -> None:
    """Related they agree on; how strongly is open."""
    content = stay(
        said("sae-related-investigator", degree="possible", key="a"),
        said("sae-related-investigator", degree="probable", key="b"),
    )
    assert (content["relation"], content["degree_investigator"]) == ("related (investigator)", None)


def test_every_step_is_kept_with_who_when_and_why() -> None:
    """A refutation after a confirmation stands, and both are shown."""
    content = stay(said("sae-confirmed"), said("sae-refuted", on="2024-05-12", note="planned dialysis"))
    assert content["status"] == "refuted"
    assert [(s["step"], s["on"], s["by"], s["reason"]) for s in content["steps"]] == [
        ("confirmed", "2024-05-10", "practitioner-1", None),
        ("refuted", "2024-05-12", "practitioner-1", "planned dialysis"),
    ]


def test_a_refutation_without_a_reason_counts_and_is_said_to_lack_it() -> None:
    """The record stands; the gap in it is named."""
    content = stay(said("sae-refuted"))
    assert content["status"] == "refuted"
    assert content["says"].endswith("refuted on 10 May 2024 without a reason")


def test_a_case_merged_by_a_person_points_to_the_other_and_is_withdrawn_from_telling() -> None:
    """Its clocks stop with it: the other case has its own."""
    died = build.died("2024-05-20")
    before = find(evaluated(first_dose(), STAY, died), "adverse-event", "stay/stay-1")
    evaluation = evaluated(first_dose(), STAY, died, said("sae-merged", into=DEATH_ID))
    after = find(evaluation, "adverse-event", "stay/stay-1")
    assert after is not None
    assert after.content["merged_into"] == "death"
    assert not [o for o in evaluation.outcomes if o.kind == "clock" and o.subject.endswith("stay/stay-1")]
    (event,) = announce(build.PATIENT, PROTOCOL, before, after)
    assert isinstance(event, AdverseEventRetracted)


def test_a_stay_that_goes_over_into_another_is_one_case() -> None:
    """A transfer: the second stay begins on the day on which the first ends."""
    second = build.stay(on="2024-05-08", until="2024-05-12", key="stay-2")
    content = case("stay/stay-2", STAY, second)
    assert content is not None
    assert content["merged_into"] == "stay/stay-1"
    later = case("stay/stay-2", STAY, build.stay(on="2024-05-09", until="2024-05-12", key="stay-2"))
    assert later is not None
    assert later["merged_into"] is None


@pytest.mark.parametrize(("died", "merged"), [("2024-05-08", True), ("2024-05-03", True), ("2024-05-09", False)])
def test_a_death_in_a_stay_makes_its_case_fatal(died: str, merged: bool) -> None:
    """From admission to the day of discharge; the death itself stays on record."""
    content = stay(build.died(died))
    death = case("death", STAY, build.died(died))
    assert death is not None
    assert (content["seriousness"] == ["death", "hospitalisation"]) is merged
    assert (content["result"] == "fatal") is merged
    assert (death["merged_into"] == "stay/stay-1") is merged


@pytest.mark.parametrize(("until", "found"), [("2024-05-10", False), ("2024-05-11", True), (None, True)])
def test_a_planned_stay_that_lasts_too_long_is_prolonged(until: str | None, found: bool) -> None:
    """Begun on 3 May, 7 days allowed; one that goes on counts from the eighth day."""
    planned = build.stay(on="2024-05-03", until=until, planned=True, status="in-progress", key="stay-1")
    assert (case("stay/stay-1", planned) is not None) is found
    running = build.stay(on="2024-05-03", planned=True, status="in-progress", key="stay-1")
    assert case("stay/stay-1", running, at="2024-05-10") is None


@pytest.mark.parametrize(
    ("concept", "subject"),
    [
        ("immune-hepatitis", "immune/immune-hepatitis"),
        ("immune-pneumonitis", "immune/immune-pneumonitis"),
        ("immune-colitis", "immune/immune-colitis"),
        ("immune-myocarditis", "immune/immune-myocarditis"),
        ("immune-thyroiditis", "immune/immune-thyroiditis"),
        ("rccep", "immune/rccep"),
        ("liver-transplant-failure", "listed/liver-transplant-failure"),
    ],
)
def test_an_immune_related_or_listed_diagnosis_is_a_case(concept: str, subject: str) -> None:
    """After the first dose and not refuted; 90 days after the last dose it is still immune-related."""
    content = case(subject, build.diagnosis(concept, on="2024-05-03"))
    assert content is not None
    assert content["seriousness"] == ["medically-important"]
    assert case(subject, build.diagnosis(concept, on="2024-05-03", verification="refuted")) is None
    assert case(subject, build.diagnosis(concept, on="2024-04-01")) is None


def recorded(**more: Any) -> AnyFact:
    """An AdverseEvent of the site."""
    about = {"source": Source("AdverseEvent", ""), "occurred": build.on_date("2024-05-03")}
    return build.record(AdverseEventRecord(**(about | more)), key="event-1")


@pytest.mark.parametrize(
    ("event", "subject", "seriousness"),
    [
        (recorded(seriousness=("hospitalisation",)), "reported/event-1", ["hospitalisation"]),
        (recorded(seriousness=()), "reported/event-1", None),
        (recorded(), "reported/event-1", []),
        (recorded(concept="rccep", grade=2), "immune/rccep", None),
        (recorded(concept="rccep", grade=3), "immune/rccep", ["medically-important"]),
        (
            recorded(concept="rccep", grade=2, seriousness=("disability",)),
            "immune/rccep",
            ["disability", "medically-important"],
        ),
    ],
)
def test_what_the_site_records_itself_is_a_case_unless_it_says_not_serious(
    event: AnyFact, subject: str, seriousness: list[str] | None
) -> None:
    """Absent is unknown: a record that does not speak of seriousness is a case too."""
    content = case(subject, event)
    assert (content["seriousness"] if content is not None else None) == seriousness


def test_awareness_is_the_site_s_own_where_its_record_states_it() -> None:
    """Not when it reached us."""
    event = recorded(seriousness=("hospitalisation",), recorded=build.on_date("2024-05-04T08:00:00Z"))
    content = case("reported/event-1", event)
    assert content is not None
    assert content["due_investigator_at"] == "2024-05-05T08:00:00+00:00"


@pytest.mark.parametrize(("absorbed", "status"), [((build.PATIENT,), "confirmed"), ((), "candidate")])
def test_a_statement_about_the_case_of_a_merged_patient_is_about_the_survivors(
    absorbed: tuple[UUID, ...], status: str
) -> None:
    """A case that was confirmed before its patient was merged is confirmed under the survivor, and only while merged."""
    facts = (first_dose(), STAY, said("sae-confirmed"))
    survivor = build.timeline(*facts, patient=UUID(int=9)).absorbing(absorbed)
    (found,) = [o for o in evaluate(survivor, PROTOCOL, build.at("2024-06-01")).outcomes if o.subject == "stay/stay-1"]
    assert found.content["status"] == status
    assert found.content["case_id"] == str(case_id(UUID(int=9), PROTOCOL.id, "stay/stay-1"))
