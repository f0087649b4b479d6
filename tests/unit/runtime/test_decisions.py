"""What is appended when an evaluation differs from what stands."""

from __future__ import annotations

from uuid import UUID

from shared.events import AnyEvent, ScreeningStatusChanged, event_id
from shared.outcomes import Evidence, Outcome
from shared.runtime.decisions import Appended, Current, content_hash, evidence_changed, outcome_id, plan

PATIENT = UUID(int=1)
ONE = Outcome("assessment", "2024-05-03", {"response": "PR"})
OTHER = Outcome("assessment", "2024-05-03", {"response": "SD"})
SECOND_VISIT = Outcome("assessment", "2024-06-03", {"response": "PD"})
Told = list[tuple[Outcome | None, Outcome | None]]


def test_the_first_outcome_supersedes_nothing() -> None:
    """It is appended as number 1, under the id that its content gives it."""
    (first,) = _plan({}, ONE)
    assert (first.ordinal, first.supersedes, first.withdrawn) == (1, None, False)
    assert first.outcome_id == outcome_id(PATIENT, "p", "assessment", "2024-05-03", None, content_hash(ONE))


def test_an_equal_outcome_is_not_appended() -> None:
    """What was decided before, in whatever order its keys were written, is no news."""
    held = Outcome("k", "", {"a": 1, "b": 2})
    assert _plan(_held(held), Outcome("k", "", {"b": 2, "a": 1})) == []


def test_other_evidence_is_another_outcome() -> None:
    """The same answer for another reason is appended: whoever asks why must see the reason that holds."""
    reason = Evidence(UUID(int=9), "Observation/1", None, None, "says so")
    assert len(_plan(_held(ONE), Outcome(ONE.kind, ONE.subject, ONE.content, (reason,)))) == 1


def test_a_changed_outcome_supersedes_the_one_before() -> None:
    """It has the next number and names its predecessor."""
    held = _held(ONE)
    (changed,) = _plan(held, OTHER)
    assert (changed.ordinal, changed.supersedes) == (2, held["assessment", "2024-05-03"].outcome_id)


def test_an_outcome_that_is_gone_is_withdrawn_once() -> None:
    """It is appended as withdrawn, and not again while it stays gone."""
    (withdrawn,) = _plan(_held(ONE))
    assert (withdrawn.withdrawn, withdrawn.outcome.content, withdrawn.ordinal) == (True, {}, 2)
    assert _plan(_after(withdrawn)) == []


def test_an_outcome_may_return_after_it_was_withdrawn() -> None:
    """Its id is another one than the first time, and it is announced as new."""
    (withdrawn,) = _plan(_held(ONE))
    told: Told = []
    (returned,) = _plan(_after(withdrawn), ONE, told=told)
    assert returned.outcome_id != _held(ONE)["assessment", "2024-05-03"].outcome_id
    assert told == [(None, ONE)]


def test_each_change_is_announced_with_what_it_changes() -> None:
    """New, changed and withdrawn outcomes are announced with before and after; equal ones are not."""
    told: Told = []
    _plan(_held(ONE) | _held(SECOND_VISIT), OTHER, SECOND_VISIT, Outcome("best-response", "", {}), told=told)
    assert told == [(ONE, OTHER), (None, Outcome("best-response", "", {}))]
    told.clear()
    _plan(_held(ONE), told=told)
    assert told == [(ONE, None)]


def test_events_have_ids_of_their_outcome() -> None:
    """The id of an event follows from the outcome that it announces and from its type."""
    (appended,) = _plan({}, ONE)
    ((id_, event),) = appended.events
    assert id_ == event_id(appended.outcome_id, event)


def test_the_plan_is_in_a_fixed_order() -> None:
    """However the rules list their outcomes, they are appended by kind and subject."""
    forward, backward = _plan({}, ONE, SECOND_VISIT), _plan({}, SECOND_VISIT, ONE)
    assert [a.outcome.subject for a in forward] == ["2024-05-03", "2024-06-03"]
    assert [a.outcome_id for a in forward] == [a.outcome_id for a in backward]


def test_the_cause_of_a_change_is_the_difference_of_evidence() -> None:
    """What only one of two outcomes cites caused the change."""
    a, b, c = (Evidence(UUID(int=i), f"Observation/{i}", None, None, "x") for i in range(3))
    assert evidence_changed(Outcome("k", "", {}, (a, b)), Outcome("k", "", {}, (b, c))) == (a, c)
    assert evidence_changed(None, Outcome("k", "", {}, (a,))) == (a,)


def _plan(current: dict[tuple[str, str], Current], *decided: Outcome, told: Told | None = None) -> list[Appended]:
    def announce(before: Outcome | None, after: Outcome | None) -> list[AnyEvent]:
        if told is not None:
            told.append((before, after))
        status = "changed"
        return [
            ScreeningStatusChanged(
                patient=PATIENT,
                protocol="p",
                protocol_version="1",
                subject="",
                sentence="s",
                before=None,
                status=status,
            )
        ]

    return plan(PATIENT, "p", current, decided, announce)


def _held(outcome: Outcome) -> dict[tuple[str, str], Current]:
    (first,) = _plan({}, outcome)
    return _after(first)


def _after(a: Appended) -> dict[tuple[str, str], Current]:
    name = (a.outcome.kind, a.outcome.subject)
    return {name: Current(a.outcome_id, a.ordinal, a.withdrawn, a.content_hash, a.outcome)}
