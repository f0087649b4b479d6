"""Specification of serious adverse events: seriousness, windows, status and clock of each case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.safety.adverse_events import case_id
from services.safety.evaluate import evaluate
from shared.facts import AnyFact, Attestation, Laboratory
from shared.timeline import Timeline
from tests.spec.safety.trial import PROTOCOL, case, evaluated, find, first_dose, liver, normal_baseline
from tests.support import build

STAY = build.stay(on="2024-05-03", until="2024-05-08", key="stay-1")
DEATH_ID = str(case_id(build.PATIENT, PROTOCOL.id, "death"))


def found(subject: str, *facts: AnyFact, at: str = "2024-06-01") -> dict[str, Any]:
    """The case, which must be there."""
    content = case(subject, *facts, at=at)
    assert content is not None
    return content


@pytest.mark.parametrize(
    ("subject", "facts", "seriousness"),
    [
        ("death", [build.died("2024-05-03")], "death"),
        ("stay/stay-1", [STAY], "hospitalisation"),
        ("grade-4/alt", [normal_baseline(), liver("alt", "801", "2024-05-03")], "life-threatening"),
        (
            "rejection",
            [build.diagnosis("liver-transplant-rejection", on="2024-05-03")],
            "medically-important",
        ),
    ],
)
def test_each_criterion_of_seriousness_makes_a_case(subject: str, facts: list[AnyFact], seriousness: str) -> None:
    """ICH E2A: a candidate that counts as related and unexpected until an investigator has assessed it."""
    content = found(subject, *facts)
    assert (content["event"], content["seriousness"]) == (subject.partition("/")[0], [seriousness])
    assert (content["onset_on"], content["status"], content["in_window"]) == ("2024-05-03", "candidate", True)
    assert content["relation"] == "unassessed (counts as related)"
    assert content["expectedness"] == "unassessed (counts as unexpected)"


def test_grade_4_is_one_case_dated_by_its_first_value() -> None:
    """Grade 3 is none, and a second grade 4 value of the same test no second case."""
    assert case("grade-4/alt", normal_baseline(), liver("alt", "800", "2024-05-03")) is None
    facts = [liver("alt", v, on) for v, on in (("801", "2024-05-03"), ("900", "2024-05-05"))]
    assert found("grade-4/alt", normal_baseline(), *facts)["onset_on"] == "2024-05-03"


@pytest.mark.parametrize(
    "stay",
    [
        build.stay(on="2024-04-13", key="stay-1"),
        build.stay(on="2024-04-14T09:59:00Z", key="stay-1"),
        build.stay(on="2024-04-14", key="stay-1"),
        build.stay(on="2024-05-03", planned=True, key="stay-1"),
        build.stay("emergency", on="2024-05-03", key="stay-1"),
        build.stay("ambulatory", on="2024-05-03", key="stay-1"),
    ],
)
def test_other_stays_are_no_case(stay: AnyFact) -> None:
    """Begun before the dose, or with it on one day; planned; not inpatient."""
    assert case("stay/stay-1", stay) is None


@pytest.mark.parametrize(
    ("on", "until", "status", "found_"),
    [
        ("2024-04-10", "2024-04-21", "finished", False),
        ("2024-04-10", "2024-04-22T11:00:00Z", "finished", True),
        ("2024-04-14", "2024-05-02", "finished", True),
        ("2024-04-14T08:00:00Z", "2024-05-02", "finished", True),
        ("2024-04-10", None, "in-progress", True),
        ("2024-04-10", None, "finished", False),
        ("2024-04-01", "2024-04-13", "finished", False),
    ],
)
def test_a_stay_of_before_the_dose_that_goes_on_is_prolonged(
    on: str, until: str | None, status: str, found_: bool
) -> None:
    """First dose 14 April, 10:00, 7 days allowed: who is still there on the eighth day has a case of that day."""
    stay = build.stay(on=on, until=until, status=status, key="stay-1")
    content = case("stay/stay-1", stay)
    assert (content is not None) is found_
    if content is not None:
        assert (content["onset_on"], content["in_window"]) == ("2024-04-22", True)
        assert content["says"].startswith("stay of before the first dose, prolonged: admitted on ")
    assert case("stay/stay-1", stay, at="2024-04-21") is None


def test_a_stay_becomes_a_prolonged_one_without_news() -> None:
    """The evaluation stands until the eighth day after the dose, and no longer."""
    running = build.stay(on="2024-04-10", status="in-progress", key="stay-1")
    found_ = evaluated(first_dose(), running, at="2024-04-15")
    assert find(found_, "adverse-event", "stay/stay-1") is None
    until = found_.valid_until
    while until is not None and until < datetime(2024, 4, 22, 10, tzinfo=UTC):
        found_ = evaluated(first_dose(), running, at=until.isoformat())
        until = found_.valid_until
    assert until == datetime(2024, 4, 22, 10, tzinfo=UTC)
    assert find(evaluated(first_dose(), running, at=until.isoformat()), "adverse-event", "stay/stay-1") is not None


@pytest.mark.parametrize(("stated", "found_"), [(True, True), (False, False)])
def test_a_diagnosis_of_the_day_of_the_dose_counts_where_its_onset_is_stated(stated: bool, found_: bool) -> None:
    """What was only recorded at that visit is taken for history."""
    myocarditis = build.diagnosis("immune-myocarditis", on="2024-04-14", onset_stated=stated)
    assert (case("immune/immune-myocarditis", myocarditis) is not None) is found_


@pytest.mark.parametrize(
    "stay",
    [
        build.stay(on="2024-04-14T10:01:00Z", key="stay-1"),
        build.stay(on="2024-04-15", key="stay-1"),
        build.stay(on="2024-05-03", planned=False, key="stay-1"),
        build.stay(on="2024-04", key="stay-1"),
        build.stay(on=None, key="stay-1"),
    ],
)
def test_stays_that_begin_or_may_begin_after_the_dose_are_cases(stay: AnyFact) -> None:
    """A date that does not tell must not hide a stay; its window is then unknown."""
    content = found("stay/stay-1", stay)
    assert content["in_window"] in (True, None)


def test_a_stay_without_end_goes_on() -> None:
    """A case from its first day, with no end."""
    content = found("stay/stay-1", build.stay(on="2024-05-03", key="stay-1"))
    assert (content["ended_on"], content["says"]) == (None, "admitted on 3 May 2024, no end recorded")
    assert found("stay/stay-1", STAY)["ended_on"] == "2024-05-08"


@pytest.mark.parametrize(
    ("on", "in_window", "onset_on"),
    [
        ("2024-04-14", True, "2024-04-14"),
        ("2024-05-14", True, "2024-05-14"),
        ("2024-05-15", False, "2024-05-15"),
        ("2024-05", None, "2024-05"),
        (None, None, None),
        ("2024-04-01", None, "2024-04-01"),
    ],
)
def test_a_death_is_always_a_case_in_or_out_of_its_window(
    on: str | None, in_window: bool | None, onset_on: str | None
) -> None:
    """First dose 14 April, window 30 days after the last; an unknown date leaves the window unknown."""
    content = found("death", build.died(on))
    assert (content["in_window"], content["onset_on"]) == (in_window, onset_on)


def test_a_death_dated_before_the_dose_is_named_a_contradiction() -> None:
    """One of the two records is wrong: a person must look."""
    assert "one of the two is wrong" in found("death", build.died("2024-04-01"))["says"]


def test_being_alive_is_no_case() -> None:
    """Patient.deceased false states no event."""
    assert case("death", build.died("2024-05-03", deceased=False)) is None


@pytest.mark.parametrize(("on", "in_window"), [("2024-07-13", True), ("2024-07-14", False)])
def test_injury_of_the_liver_has_the_immune_related_window(on: str, in_window: bool) -> None:
    """90 days after the last dose, as immune-related events appear late."""
    content = found("grade-4/alt", normal_baseline(), liver("alt", "801", on), at="2024-08-01")
    assert content["in_window"] is in_window


def attest(code: str, *, on: str = "2024-05-10", focus: str | None = DEATH_ID, **more: Any) -> AnyFact:
    """An investigator's statement about the death."""
    return build.attestation(code, on=on, focus=focus, **more)


@pytest.mark.parametrize(
    ("attestations", "status"),
    [
        ([attest("sae-confirmed")], "confirmed"),
        ([attest("sae-refuted")], "refuted"),
        ([attest("sae-confirmed"), attest("sae-refuted", on="2024-05-12")], "refuted"),
        ([attest("sae-confirmed"), attest("sae-refuted")], "candidate"),
        ([attest("sae-confirmed", value=False)], "candidate"),
        ([attest("sae-refuted", expires="2024-05-20")], "candidate"),
        ([attest("sae-confirmed", focus="another case")], "candidate"),
        ([attest("sae-confirmed", focus=None)], "candidate"),
    ],
)
def test_status_is_what_an_investigator_last_said_of_this_case(attestations: list[AnyFact], status: str) -> None:
    """The focus of the attestation is the id of the case; a refuted case is kept."""
    assert found("death", build.died("2024-05-03"), *attestations)["status"] == status


def test_the_case_id_is_stable() -> None:
    """It rests on patient, protocol and subject alone: a corrected date keeps it."""
    assert found("death", build.died("2024-05-03"))["case_id"] == DEATH_ID
    assert found("death", build.died("2024-05-04"))["case_id"] == DEATH_ID
    assert isinstance(attest("sae-confirmed"), Attestation)


def _recorded(*facts: AnyFact, on: dict[str, datetime]) -> Timeline:
    """The facts, each recorded at the time given for its laboratory concept."""
    times = {f.fact_id: on.get(f.concept if isinstance(f, Laboratory) else "", on[""]) for f in facts}
    return Timeline(build.PATIENT, 1, list(facts), times)


def test_awareness_begins_when_the_case_was_first_wholly_recorded() -> None:
    """Hy's law is known with the last of its values; the investigator has 24 hours from then."""
    facts = [
        first_dose(),
        *(normal_baseline(t, v) for t, v in (("alt", "30"), ("alp", "90"), ("bilirubin-total", "1"))),
        liver("alt", "130", "2024-05-03"),
        liver("alp", "90", "2024-05-03"),
        liver("bilirubin-total", "3", "2024-05-03"),
    ]
    early, late = datetime(2024, 5, 3, tzinfo=UTC), datetime(2024, 5, 4, 7, tzinfo=UTC)
    timeline = _recorded(*facts, on={"": early, "bilirubin-total": late})
    outcome = find(evaluate(timeline, PROTOCOL, build.at("2024-06-01")), "adverse-event", "hys-law")
    assert outcome is not None
    assert outcome.content["aware_at"] == "2024-05-04T07:00:00+00:00"
    assert outcome.content["due_investigator_at"] == "2024-05-05T07:00:00+00:00"
