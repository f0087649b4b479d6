"""Specification of the course of graft rejection: one event with a history, and word again when it comes again."""

from __future__ import annotations

from typing import Any

import pytest

from services.safety.evaluate import announce
from shared.events import RejectionResolved, RejectionRetracted, RejectionSuspected, RejectionWatched, ToxicityGraded
from shared.facts import AnyFact
from tests.spec.safety.trial import PROTOCOL, evaluated, find, first_dose, liver, normal_baseline, rejection
from tests.support import build

BASELINE = [normal_baseline(), liver("ast", "30", "2024-04-10")]
RISE = [liver("alt", "100", "2024-05-03"), liver("ast", "35", "2024-05-03")]
SEVERE = [liver("alt", "412", "2024-05-06"), liver("ast", "90", "2024-05-06")]
WELL = [liver("alt", "32", "2024-05-20"), liver("ast", "30", "2024-05-20")]
AGAIN = [liver("alt", "420", "2024-06-10"), liver("ast", "150", "2024-06-10")]
NEGATIVE = build.attestation("rejection-adjudicated", False, on="2024-05-15")
DIAGNOSED = build.diagnosis("liver-transplant-rejection", on="2024-05-08")
AT = "2024-07-01"


def course(*facts: AnyFact) -> dict[str, Any]:
    """How the rejection of a patient with these facts went."""
    found: dict[str, Any] = rejection(*BASELINE, *facts, at=AT)["episode"]
    return found


def told(before: list[AnyFact], after: list[AnyFact], kind: str = "rejection", subject: str = "") -> Any:
    """What is announced when the records of a patient grow, or change, from one list to the other."""
    old, new = (find(evaluated(first_dose(), *BASELINE, *f, at=AT), kind, subject) for f in (before, after))
    return announce(build.PATIENT, PROTOCOL, old, new)


CASES = [
    ("one result that had risen", [*RISE], [("2024-05-03", "opened")], "watch"),
    (
        "a rise, then grade 3",
        [*RISE, *SEVERE],
        [("2024-05-03", "opened"), ("2024-05-06", "escalated")],
        "suspected",
    ),
    (
        "and a confirmed diagnosis",
        [*RISE, *SEVERE, DIAGNOSED],
        [("2024-05-03", "opened"), ("2024-05-06", "escalated"), ("2024-05-08", "proven")],
        "proven",
    ),
    (
        "all tests back at the baseline",
        [*SEVERE, *WELL],
        [("2024-05-06", "opened"), ("2024-05-20", "resolved")],
        "resolved",
    ),
    ("one test back, the other not measured again", [*SEVERE, WELL[0]], [("2024-05-06", "opened")], "suspected"),
    (
        "adjudicated as no rejection",
        [*SEVERE, NEGATIVE],
        [("2024-05-06", "opened"), ("2024-05-15", "refuted")],
        "refuted",
    ),
    (
        "resolved, then grade 3 again",
        [*SEVERE, *WELL, *AGAIN],
        [("2024-05-06", "opened"), ("2024-05-20", "resolved"), ("2024-06-10", "opened")],
        "suspected",
    ),
    (
        "refuted, then grade 3 again",
        [*SEVERE, NEGATIVE, *AGAIN],
        [("2024-05-06", "opened"), ("2024-05-15", "refuted"), ("2024-06-10", "opened")],
        "suspected",
    ),
    ("no rise at all", [*WELL], [], "none"),
]


@pytest.mark.parametrize(("says", "facts", "steps", "state"), CASES, ids=[c[0] for c in CASES])
def test_the_course_is_told_step_by_step(
    says: str, facts: list[AnyFact], steps: list[tuple[str, str]], state: str
) -> None:
    """Opened, escalated, proven, resolved or refuted, each with its day; what comes after an end opens anew."""
    found = course(*facts)
    assert [(s["on"], s["step"]) for s in found["steps"]] == steps, says
    assert found["state"] == state
    assert found["number"] == sum(step == "opened" for _, step in steps)


def test_a_severe_value_after_a_negative_adjudication_is_suspected_again() -> None:
    """The adjudication answers what was known; it is no licence for what comes later."""
    content = rejection(*BASELINE, *SEVERE, NEGATIVE, *AGAIN, at=AT)
    assert (content["level"], content["onset_on"]) == ("suspected", "2024-06-10")
    (event,) = told([*SEVERE, NEGATIVE], [*SEVERE, NEGATIVE, *AGAIN])
    assert isinstance(event, RejectionSuspected)


def test_an_episode_after_one_that_resolved_is_told_though_the_level_stays() -> None:
    """The level is the highest ever reached; silence about the second episode would hide it."""
    (resolved,) = told(SEVERE, [*SEVERE, *WELL])
    assert isinstance(resolved, RejectionResolved)
    assert (resolved.before, resolved.resolved_on) == ("suspected", "2024-05-20")
    (again,) = told([*SEVERE, *WELL], [*SEVERE, *WELL, *AGAIN])
    assert isinstance(again, RejectionSuspected)
    assert (again.before, again.occurred) == ("resolved", "2024-06-10")
    assert "suspected again, episode 2" in again.sentence
    (watched,) = told([*SEVERE, *WELL], [*SEVERE, *WELL, liver("alt", "90", "2024-06-10")])
    assert isinstance(watched, RejectionWatched)


def test_a_second_episode_that_a_correction_removes_is_taken_back() -> None:
    """And one value more within an episode is no news."""
    (gone,) = told([*SEVERE, *WELL, *AGAIN], [*SEVERE, *WELL])
    assert isinstance(gone, RejectionRetracted)
    assert "episode 2 of graft rejection does not stand any more" in gone.sentence
    assert told([*SEVERE], [*SEVERE, liver("alt", "450", "2024-05-09")]) == ()


def test_a_severe_grade_after_one_that_resolved_is_told() -> None:
    """The worst grade stays 3; that it is grade 3 again is another toxicity."""
    (event,) = told([*SEVERE, *WELL], [*SEVERE, *WELL, *AGAIN], "toxicity", "alt")
    assert isinstance(event, ToxicityGraded)
    assert (event.before, event.grade, event.occurred) == (0, 3, "2024-06-10")
    assert "grade 3 again" in event.sentence


def test_a_grade_4_after_one_that_resolved_is_another_case() -> None:
    """Within one course it stays one case."""
    first = [liver("alt", "900", "2024-05-06"), liver("alt", "500", "2024-05-08"), liver("alt", "950", "2024-05-10")]
    found = evaluated(first_dose(), *BASELINE, *first, *WELL, liver("alt", "900", "2024-06-10"), at=AT)
    cases = {o.subject: o.content["onset_on"] for o in found.outcomes if o.kind == "adverse-event"}
    assert cases == {"grade-4/alt": "2024-05-06", "grade-4/alt/2": "2024-06-10"}


def test_a_corrected_value_says_that_it_was_corrected() -> None:
    """A fall of the worst grade names the value that caused it."""
    (event,) = told(SEVERE, [liver("alt", "41.2", "2024-05-06")], "toxicity", "alt")
    assert isinstance(event, ToxicityGraded)
    assert "was grade 3 by ALT 412 U/L (grade 3) on 6 May 2024" in event.sentence
    assert "corrected or withdrawn" in event.sentence
