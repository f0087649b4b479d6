"""A second, different trial by its file alone: nothing of the first one is hard-wired."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from services.eligibility.evaluate import announce, evaluate
from shared.facts import AnyFact
from shared.outcomes import Outcome
from shared.protocol.load import load_file
from shared.protocol.model import Protocol
from tests.support import build
from tests.support.build import demographics, diagnosis, drug, finding, lab, lesion, procedure, scale

FILE: Final = Path(__file__).parents[3] / "deploy/protocols/example-first-line-hcc.yaml"
TODAY: Final = "2024-05-05"
ELIGIBLE: Final[dict[str, AnyFact]] = {
    "demographics": demographics("1950-01-01"),
    "diagnosis": diagnosis("hcc", on="2024-03-01"),
    "ecog": scale("ecog", "1", on="2024-05-01"),
    "lesion": lesion("lesion-1", on="2024-04-20", organ="lung", longest="22"),
    "neutrophils": lab("neutrophils", "3.2"),
    "platelets": lab("platelets", "140"),
    "haemoglobin": lab("haemoglobin", "12.1"),
    "alt": lab("alt", "60", high="40"),
    "albumin": lab("albumin", "3.9"),
    "bilirubin": lab("bilirubin-total", "0.9"),
    "inr": lab("inr", "1.05"),
    "ascites": finding("ascites", "none", on="2024-05-03"),
    "encephalopathy": finding("encephalopathy", "none", on="2024-05-03"),
}


@pytest.fixture(scope="module")
def example() -> Protocol:
    """The example protocol as it lies in the folder for sites."""
    return load_file(FILE)


def _outcome(by: Protocol, facts: dict[str, AnyFact], *more: AnyFact, at: str = TODAY) -> Outcome:
    (outcome,) = evaluate(build.timeline(*facts.values(), *more), by, build.at(at)).outcomes
    return outcome


def _verdicts(outcome: Outcome) -> dict[str, str]:
    def walk(entries: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry in entries:
            found |= {entry["id"]: entry["verdict"]} | walk(entry.get("criteria", ()))
        return found

    return walk(outcome.content["criteria"])


def test_a_patient_of_the_example_is_eligible(example: Protocol) -> None:
    """All inclusions met, and exclusions on which nothing is recorded taken as absent, as this protocol states."""
    content = _outcome(example, ELIGIBLE).content
    assert content["status"] == "eligible", content["says"]
    assert [c["verdict"] for c in content["criteria"] if c["role"] == "exclusion"] == ["not met"] * 3


@pytest.mark.parametrize(
    ("more", "criterion", "status"),
    [
        (procedure("liver-transplantation"), "E1", "ineligible"),
        (diagnosis("transplanted-liver-present", verification="provisional"), "E1", "potentially_eligible"),
        (drug("sorafenib", on="2023-01-01"), "E2", "ineligible"),
        (drug("prednisone", on="2024-05-01", dose="10", doses_per_day="2"), "E3", "ineligible"),
        (drug("prednisone", on="2024-05-01", dose="5", doses_per_day="2"), "E3", "eligible"),
        (drug("prednisone", on="2024-05-01"), "E3", "potentially_eligible"),
        (scale("ecog", "2", on="2024-05-02"), "I3", "ineligible"),
        (lab("haemoglobin", "7", on="2024-05-04"), "I6c", "eligible"),
    ],
)
def test_one_more_fact_changes_the_status(example: Protocol, more: AnyFact, criterion: str, status: str) -> None:
    """Each exclusion and each new kind of criterion decides by itself; two of three blood counts are enough."""
    before, after = _outcome(example, ELIGIBLE), _outcome(example, ELIGIBLE, more)
    assert after.content["status"] == status, after.content["says"]
    assert _verdicts(before)[criterion] != _verdicts(after)[criterion] or status == "eligible"


@pytest.mark.parametrize("left_out", [name for name in ELIGIBLE if name != "diagnosis"])
def test_without_any_fact_nothing_is_assumed(example: Protocol, left_out: str) -> None:
    """Whatever inclusion loses its record is unknown, and the patient not eligible (two blood counts are enough)."""
    content = _outcome(example, {n: f for n, f in ELIGIBLE.items() if n != left_out}).content
    is_spare = left_out in ("neutrophils", "platelets", "haemoglobin")
    assert content["status"] == ("eligible" if is_spare else "potentially_eligible"), content["says"]


def test_the_first_trials_patient_is_excluded_here(example: Protocol) -> None:
    """What one trial asks for the other excludes; the sentence names the exclusion."""
    before, after = _outcome(example, ELIGIBLE), _outcome(example, ELIGIBLE, procedure("liver-transplantation"))
    (event,) = announce(build.PATIENT, example, before, after)
    assert event.sentence == "no longer eligible: liver transplantation on 1 June 2021 (exclusion E1 met)"
    assert event.protocol == "example-first-line-hcc"
