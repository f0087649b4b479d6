"""What `make chaos` compares can differ: each kind of difference, planted in one of two equal runs, is found and named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from tests.benchmark.chaos.comparison import (
    Event,
    Told,
    compared,
    delivery,
    differences,
    last_told,
    readable,
    stale,
    state,
)
from tests.benchmark.chaos.snapshot import Accounted

ROWS: Final = {"fact": {"f1": "platelets 140", "f2": "platelets 90"}, "outcome of safety": {"o1": "grade 2"}}
FIRST: Final = Event("e1", "screening-status-changed", "p screening", "potentially_eligible", sequence=1)
SECOND: Final = Event("e2", "screening-status-changed", "p screening", "eligible", status="eligible", sequence=2)
TOLD: Final = Told(
    {"e1": FIRST, "e2": SECOND},
    {("archive", "e1"): {"d1": 1.0}, ("archive", "e2"): {"d2": 2.0}, ("desk", "e2"): {"d3": 2.1}},
)
RECIPIENTS: Final = {"archive": lambda _: True, "desk": lambda e: e.status == "eligible"}
ACCOUNTED: Final = Accounted(
    positions=10,
    delivered=10,
    accepted=5,
    accepted_with_issues=1,
    rejected=2,
    out_of_scope=1,
    held=1,
    unread_positions=0,
)


def test_equal_runs_do_not_differ() -> None:
    """No difference, everybody told once, everything accounted for."""
    assert differences(ROWS, ROWS) == []
    assert compared(ROWS, ROWS) == 3
    found = delivery(TOLD, RECIPIENTS)
    assert (found.missing, found.doubled, found.unfounded) == ([], [], [])
    assert stale(TOLD) == []
    assert last_told(TOLD, RECIPIENTS) == {"archive p screening": "eligible", "desk p screening": "eligible"}
    assert ACCOUNTED.unaccounted == 0


@pytest.mark.parametrize(
    ("planted", "calm", "faults"),
    [
        ({"f1": "platelets 140"}, "platelets 90", None),
        ({"f1": "platelets 140", "f2": "platelets 9"}, "platelets 90", "platelets 9"),
        ({"f1": "platelets 140", "f2": "platelets 90", "f3": "platelets 1"}, None, "platelets 1"),
    ],
    ids=["lost", "changed", "invented"],
)
def test_a_planted_row_is_found(planted: dict[str, str], calm: str | None, faults: str | None) -> None:
    """A fact that is lost, another or too many amid faults is one difference, in words."""
    (found,) = differences(ROWS, {**ROWS, "fact": planted})
    assert (found.kind, found.calm, found.faults) == ("fact", calm, faults)
    assert "1 of fact differ" in readable([found])
    assert (calm or "(not there)") in readable([found])


def test_a_whole_kind_that_is_lost_is_found() -> None:
    """An empty schema is as many differences as it had rows."""
    assert [d.kind for d in differences(ROWS, {"fact": ROWS["fact"]})] == ["outcome of safety"]


def test_a_planted_silence_is_found() -> None:
    """An event that did not reach somebody whom it names is missing, unless it was corrected before it was sent."""
    silent = replace(TOLD, taken={k: v for k, v in TOLD.taken.items() if k != ("desk", "e2")})
    assert delivery(silent, RECIPIENTS).missing == [("desk", "e2")]
    assert delivery(replace(silent, superseded=frozenset({("desk", "e2")})), RECIPIENTS).missing == []


def test_a_planted_repeat_under_another_id_is_found() -> None:
    """Twice under one id is a repeat; under two it is told twice."""
    twice = replace(TOLD, taken={**TOLD.taken, ("archive", "e1"): {"d1": 1.0, "d9": 3.0}})
    assert delivery(twice, RECIPIENTS).doubled == [("archive", "e1")]


def test_a_planted_notification_of_no_event_is_found() -> None:
    """What was told and never committed."""
    unfounded = replace(TOLD, taken={**TOLD.taken, ("archive", "e7"): {"d7": 1.0}})
    assert delivery(unfounded, RECIPIENTS).unfounded == [("archive", "e7")]


def test_what_was_told_last_is_by_arrival() -> None:
    """An older event that arrives after a newer one is what its reader goes by: a difference."""
    overtaken = replace(TOLD, taken={**TOLD.taken, ("archive", "e1"): {"d1": 5.0}})
    (found,) = differences({"last": last_told(TOLD, RECIPIENTS)}, {"last": last_told(overtaken, RECIPIENTS)})
    assert (found.calm, found.faults) == ("eligible", "potentially_eligible")


THIRD: Final = Event("e3", "screening-status-changed", "p screening", "ineligible", status="ineligible", sequence=3)


def test_a_statement_left_standing_is_stale() -> None:
    """The desk was told that a patient is eligible, and not that this has ended."""
    ended = replace(TOLD, events={**TOLD.events, "e3": THIRD}, taken={**TOLD.taken, ("archive", "e3"): {"d4": 3.0}})
    assert stale(ended) == ["desk p screening: told eligible, now ineligible"]
    assert stale(replace(ended, taken={**ended.taken, ("desk", "e3"): {"d5": 3.1}})) == []


def test_what_ends_what_they_asked_for_is_as_if_never_told() -> None:
    """The desk asks for eligible patients alone: told of one and of the end of that, it is where it was before."""
    taken = {**TOLD.taken, ("archive", "e3"): {"d4": 3.0}, ("desk", "e3"): {"d5": 3.1}}
    ended = replace(TOLD, events={**TOLD.events, "e3": THIRD}, taken=taken)
    assert last_told(ended, RECIPIENTS) == {"archive p screening": "ineligible"}


def test_a_repeat_is_no_news() -> None:
    """The receiver knows the id: only when it came first counts."""
    again = replace(TOLD, taken={**TOLD.taken, ("archive", "e1"): {"d1": 1.0}})
    assert last_told(again, RECIPIENTS) == last_told(TOLD, RECIPIENTS)


@pytest.mark.parametrize(
    ("change", "unaccounted"),
    [({"accepted": 4}, 1), ({"accepted": 6}, 1), ({"unread_positions": 2}, 2), ({"held": 0}, 1)],
)
def test_a_planted_loss_is_unaccounted(change: dict[str, int], unaccounted: int) -> None:
    """A message counted nowhere, twice, or never read."""
    values: dict[str, Any] = {name: getattr(ACCOUNTED, name) for name in ACCOUNTED.__struct_fields__}
    assert Accounted(**(values | change)).unaccounted == unaccounted


def test_what_is_retracted_stands_no_more() -> None:
    """Told and taken back is the same as never told."""
    assert state({"type": "rejection-retracted", "subject": "1", "level": "none"}) == ("rejection 1", None)
    assert state({"type": "rejection-retracted", "subject": "1", "level": "watch"}) == ("rejection 1", "watched")
    assert state({"type": "rejection-retracted", "subject": "1", "level": "proven"}) == ("rejection 1", "proven")
    assert state({"type": "rejection-watched", "subject": "1"}) == ("rejection 1", "watched")
    assert state({"type": "screening-status-changed", "subject": "", "status": "not_candidate"}) == ("screening", None)
    assert state({"type": "report-due", "subject": "x"}) is None
