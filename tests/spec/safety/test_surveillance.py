"""Specification of surveillance gaps, new antibodies, HBV reactivation, and the course of one episode."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.safety.evaluate import announce
from shared.events import SurveillanceGapClosed, SurveillanceGapFound
from shared.facts import AnyFact
from tests.spec.safety.trial import PROTOCOL, evaluated, find, first_dose, liver, normal_baseline, rejection
from tests.support import build


def watched(*facts: AnyFact, at: str) -> dict[str, Any]:
    """The surveillance of a patient with a first dose on 14 April 2024 at 10:00."""
    found = find(evaluated(first_dose(), *facts, at=at), "surveillance")
    assert found is not None
    return found.content


@pytest.mark.parametrize(
    ("tests", "at", "is_gap"),
    [
        ([], "2024-04-22T09:59:59+00:00", False),
        ([], "2024-04-22T10:00:00+00:00", True),
        (["2024-04-20"], "2024-04-27T23:59:59+00:00", False),
        (["2024-04-20"], "2024-04-28T00:00:00+00:00", True),
        (["2024-06-09"], "2024-06-30T23:59:59+00:00", False),
        (["2024-06-09"], "2024-07-01T00:00:00+00:00", True),
        (["2024-06-08"], "2024-06-16T00:00:00+00:00", True),
        (["2024-07-10"], "2024-07-20T00:00:00+00:00", False),
    ],
)
def test_a_liver_test_is_due_every_week_in_the_first_8_and_every_third_later(
    tests: list[str], at: str, is_gap: bool
) -> None:
    """A gap begins when the allowed days are over; after the window of risk nobody asks for a test."""
    assert watched(*(liver("alt", "30", on) for on in tests), at=at)["is_gap"] is is_gap


def test_a_past_gap_stays_on_record_and_a_death_ends_surveillance() -> None:
    """Tests of 20 April and 10 May lie 20 days apart; the dead are not watched."""
    tests = [liver("alt", "30", "2024-04-20"), liver("alt", "30", "2024-05-10")]
    content = watched(*tests, at="2024-05-12")
    assert content["gaps"] == [{"since": "2024-04-20", "until": "2024-05-10", "allowed_days": 7}]
    assert not watched(build.died("2024-04-20"), at="2024-05-12")["is_gap"]


def test_a_gap_is_told_once() -> None:
    """When it begins, not at each evaluation while it lasts."""
    before = find(evaluated(first_dose(), at="2024-04-20"), "surveillance")
    after = find(evaluated(first_dose(), at="2024-04-25"), "surveillance")
    (event,) = announce(build.PATIENT, PROTOCOL, before, after)
    assert isinstance(event, SurveillanceGapFound)
    assert announce(build.PATIENT, PROTOCOL, after, after) == ()


@pytest.mark.parametrize(
    ("facts", "at", "says", "occurred"),
    [
        (
            [first_dose(), liver("alt", "30", "2024-04-24")],
            "2024-04-25",
            "no liver test is overdue any more: the last liver test was on 24 April 2024",
            "2024-04-24",
        ),
        (
            [first_dose(), build.died("2024-04-23")],
            "2024-04-25",
            "no liver test is asked for any more, as the patient died on 23 April 2024: the first dose was on 14 April 2024",
            "2024-04-23",
        ),
        (
            [first_dose()],
            "2025-04-25",
            "no liver test is asked for any more, as the 90 days of risk after the last dose are over: the first dose was on"
            " 14 April 2024",
            None,
        ),
        (
            [],
            "2024-04-25",
            "no liver test is overdue any more: the treatment that asks for it was corrected or withdrawn",
            None,
        ),
    ],
    ids=["a-test-came", "died", "window-over", "dose-withdrawn"],
)
def test_the_end_of_a_gap_is_told(facts: list[AnyFact], at: str, says: str, occurred: str | None) -> None:
    """Whoever was told of it reads that it is over, and whether a test came; what never was a gap has no end."""
    before, gap = (find(evaluated(first_dose(), at=on), "surveillance") for on in ("2024-04-20", "2024-04-25"))
    after = find(evaluated(*facts, at=at), "surveillance")
    (event,) = announce(build.PATIENT, PROTOCOL, gap, after)
    assert isinstance(event, SurveillanceGapClosed)
    assert (event.sentence, event.occurred) == (says, occurred)
    assert announce(build.PATIENT, PROTOCOL, before, after) == ()


def test_a_gap_that_the_protocol_ends_is_not_told_as_a_test() -> None:
    """An amendment that allows longer intervals: nobody reads that a test came."""
    gap = find(evaluated(first_dose(), at="2024-04-25"), "surveillance")
    assert gap is not None
    (event,) = announce(
        build.PATIENT, PROTOCOL, gap, replace(gap, content={**gap.content, "is_gap": False, "says": "s"})
    )
    assert event.sentence == "no liver test is overdue by what the protocol asks for now: s"


def antibodies(text: str = "positive", on: str = "2024-04-28") -> AnyFact:
    """Donor-specific antibodies."""
    return build.lab("donor-specific-antibodies", None, on=on, text=text)


MODERATE = liver("alt", "150", "2024-05-03")


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ([antibodies()], "suspected"),
        ([antibodies("negative")], "watch"),
        ([antibodies(on="2024-05-04")], "watch"),
        ([antibodies(), antibodies(on="2024-03-01")], "watch"),
    ],
)
def test_new_donor_specific_antibodies_make_grade_2_a_suspicion(facts: list[AnyFact], level: str) -> None:
    """Found between the first dose and the liver test; those of before the dose are not new."""
    assert rejection(normal_baseline(), MODERATE, *facts)["level"] == level


@pytest.mark.parametrize(
    ("before", "after", "reactivated"),
    [(None, "20", True), ("20", "2000", True), ("20", "1999", False), ("<10", "20", True)],
)
def test_hbv_dna_is_reactivation_if_new_or_risen_a_hundredfold(
    before: str | None, after: str, reactivated: bool
) -> None:
    """AASLD 2018: at least 2 log10 above the level before the dose, or found where none was."""
    facts = [build.lab("hbv-dna", before, "[IU]/mL", on="2024-04-10")] if before is not None else []
    against = rejection(*facts, build.lab("hbv-dna", after, "[IU]/mL", on="2024-05-03"))["speaks_against"]
    assert any("viral reactivation" in says for says in against) is reactivated


def test_one_episode_is_one_history() -> None:
    """Opened by the first rise, escalated by the suspicion, proven by the diagnosis: one outcome, three steps."""
    facts = [
        normal_baseline(),
        liver("alt", "60", "2024-04-25"),
        liver("alt", "412", "2024-05-03"),
        build.diagnosis("liver-transplant-rejection", on="2024-05-10"),
    ]
    episode = rejection(*facts)["episode"]
    assert episode["state"] == "proven"
    assert [(s["on"], s["step"]) for s in episode["steps"]] == [
        ("2024-04-25", "opened"),
        ("2024-05-03", "escalated"),
        ("2024-05-10", "proven"),
    ]


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([liver("alt", "35", "2024-05-20")], "resolved"),
        ([build.attestation("rejection-adjudicated", False, on="2024-05-20")], "refuted"),
        ([], "suspected"),
    ],
)
def test_an_episode_ends_resolved_or_refuted(facts: list[AnyFact], state: str) -> None:
    """By the last liver test back at normal, or by people."""
    assert rejection(normal_baseline(), liver("alt", "412", "2024-05-03"), *facts)["episode"]["state"] == state


def test_contradicting_troughs_of_one_day_are_said_to_contradict() -> None:
    """2 and 6 ng/mL on one day: one below the band, one above; both are shown."""
    troughs = [build.lab("tacrolimus-trough", v, "ng/mL", on="2024-05-02") for v in ("2", "6")]
    (tacrolimus,) = rejection(*troughs)["immunosuppression"]
    assert [(t["value"], t["contradicted"]) for t in tacrolimus["troughs"]] in (
        [("2 ng/mL", True), ("6 ng/mL", True)],
        [("6 ng/mL", True), ("2 ng/mL", True)],
    )
