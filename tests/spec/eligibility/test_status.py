"""Runs the specification of the screening status, and of what is announced when it changes."""

from __future__ import annotations

import pytest

from services.eligibility.evaluate import announce, evaluate
from shared.events import AnyEvent, CriterionChanged, ScreeningStatusChanged
from shared.facts import AnyFact
from shared.outcomes import Outcome
from tests.spec.eligibility.cases_status import CASES, StatusCase
from tests.spec.eligibility.specification import protocol
from tests.support import build
from tests.support.build import attestation, died, dose, lab
from tests.support.patients import TODAY, eligible


def _outcome(facts: tuple[AnyFact, ...], at: str = TODAY) -> Outcome:
    (outcome,) = evaluate(build.timeline(*facts), protocol(), build.at(at)).outcomes
    return outcome


def _announced(
    before: tuple[AnyFact, ...] | None, after: tuple[AnyFact, ...], later: str = TODAY
) -> tuple[AnyEvent, ...]:
    earlier = None if before is None else _outcome(before)
    return announce(build.PATIENT, protocol(), earlier, _outcome(after, later))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_status(case: StatusCase) -> None:
    """The facts of the case make its status, sentence and validity."""
    evaluation = evaluate(build.timeline(*case.facts), protocol(), build.at(case.at))
    content = evaluation.outcomes[0].content
    assert content["status"] == case.status, content["says"]
    assert case.says in content["says"]
    if case.until is not None:
        assert evaluation.valid_until == build.at(case.until)


def test_every_criterion_of_the_protocol_is_listed_once_in_its_order() -> None:
    """Staff see the criteria as the protocol numbers them, each with its own evidence."""
    criteria = _outcome(eligible()).content["criteria"]
    assert [c["id"] for c in criteria] == [c.id for c in protocol().screening.inclusion]
    assert all(c["evidence"] for c in criteria)


def test_no_criterion_is_evaluated_for_who_was_never_a_candidate() -> None:
    """Of a patient without evidence of disease and transplant only that is stored."""
    content = _outcome((lab("platelets", "42"), build.procedure())).content
    assert content["criteria"] == []
    assert content["candidate_evidence"] == ["liver transplant"]


def test_frozen_criteria_do_not_expire() -> None:
    """After the first dose nothing about screening waits for time to pass."""
    evaluation = evaluate(build.timeline(*eligible(dose(on="2024-05-04"))), protocol(), build.at(TODAY))
    assert evaluation.valid_until is None


@pytest.mark.parametrize("on", ["2024-05-05", "2024-05", "2024"])
def test_an_exit_freezes_the_criteria_the_same_at_whatever_time_it_is_evaluated(on: str) -> None:
    """A death of today, of this month or of this year makes one outcome, all the time that it stands."""
    facts = eligible(died(on))
    evaluation = evaluate(build.timeline(*facts), protocol(), build.at(TODAY))
    assert _outcome(facts, "2024-05-05T23:00:00+00:00") == evaluation.outcomes[0]
    assert (evaluation.valid_until is None) == (on == "2024-05-05")


def test_losing_eligibility_names_the_value_and_the_bound() -> None:
    """A coordinator reads in one sentence what changed, and the event cites that fact alone."""
    low = lab("platelets", "42", on="2024-05-04")
    (event,) = _announced(eligible(), eligible(low))
    assert isinstance(event, ScreeningStatusChanged)
    assert (event.before, event.status, event.criteria_changed) == ("eligible", "ineligible", ("I11b",))
    assert event.sentence == (
        "no longer eligible: platelets 42 × 10⁹/L on 4 May 2024, needs ≥ 50 × 10⁹/L (criterion I11b not met)"
    )
    assert [e.fact_id for e in event.evidence] == [low.fact_id]
    assert event.occurred == "2024-05-04"


def test_losing_eligibility_by_time_names_what_is_missing() -> None:
    """When values grow too old, the sentence says which are needed again."""
    (event,) = _announced(eligible(), eligible(), later="2024-05-18")
    assert event.sentence.startswith("no longer eligible: Child-Pugh 5 to 15 points")
    assert "missing bilirubin within 14 days" in event.sentence
    assert event.sentence.endswith("and 3 more")


def test_a_withdrawn_record_is_cited_as_the_cause() -> None:
    """Where nothing is new, the evidence of the event is what is gone."""
    (event,) = _announced(eligible(), eligible(without=("survival",)))
    assert event.sentence.startswith("no longer eligible: nobody attested")
    assert [e.says for e in event.evidence] == ["attested: expected survival over 3 months"]


def test_becoming_eligible_is_told() -> None:
    """Gaining the last criterion is told with the new status."""
    (event,) = _announced(eligible(without=("survival",)), eligible())
    assert event.sentence == "eligible: all 15 criteria are met"


def test_a_first_decision_is_told_unless_not_candidate() -> None:
    """Who was never a candidate concerns nobody, dead or alive; any other first status is news."""
    assert _announced(None, (build.procedure(),)) == ()
    assert _announced(None, (build.procedure(), died("2024-05-04"))) == ()
    assert _announced((), (died("2024-05-04"),)) == ()
    (event,) = _announced(None, eligible())
    assert isinstance(event, ScreeningStatusChanged)
    assert event.before is None
    assert event.criteria_changed == ()


def test_a_candidate_who_is_none_any_more_is_told() -> None:
    """When the diagnosis turns out wrong, staff who were told of the patient hear of that too."""
    (event,) = _announced(eligible(), eligible(without=("diagnosis",)))
    assert event.sentence == "not a candidate: no evidence of hepatocellular carcinoma"


@pytest.mark.parametrize(
    "more", [died("2024-05-04"), attestation("off-study"), dose(on="2024-05-04")], ids=["death", "exit", "dose"]
)
def test_end_of_screening_is_told(more: AnyFact) -> None:
    """Death, exit and the first dose are each one event."""
    (event,) = _announced(eligible(), eligible(more))
    assert isinstance(event, ScreeningStatusChanged)


def test_a_criterion_that_changes_while_the_status_stays_is_told() -> None:
    """One of two open criteria being settled is news, though the patient stays potentially eligible."""
    (event,) = _announced(eligible(without=("survival", "pd-l1")), eligible(without=("survival",)))
    assert isinstance(event, CriterionChanged)
    assert event.criteria_changed == ("I6",)
    assert event.sentence.startswith("still potentially eligible; PD-L1 negative in the graft liver")


def test_nothing_is_told_of_criteria_while_ineligible_or_on_treatment() -> None:
    """What changes without consequence for a patient who is out of screening is stored, not told."""
    failing = lab("platelets", "42", on="2024-05-04")
    assert _announced(eligible(failing), eligible(failing, without=("survival",))) == ()
    treated = eligible(dose(on="2024-05-04"))
    assert _announced(treated, eligible(dose(on="2024-05-04"), without=("survival",))) == ()


def test_a_fresher_value_that_changes_no_answer_is_not_told() -> None:
    """New evidence alone is no news."""
    assert _announced(eligible(), eligible(lab("platelets", "150", on="2024-05-04"))) == ()


def test_an_outcome_that_is_withdrawn_altogether_is_no_event() -> None:
    """A merged patient's outcome is closed by who merges, not announced as a screening decision."""
    assert announce(build.PATIENT, protocol(), _outcome(eligible()), None) == ()
