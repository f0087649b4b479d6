"""Runs the specification of corrected and retracted records: stored versions folded as they stood before and after."""

from __future__ import annotations

import pytest

from services.eligibility.answers import Answer
from shared.outcomes import Verdict
from shared.timeline import Entry, Timeline, fold
from tests.spec.eligibility.cases_revised import CASES
from tests.spec.eligibility.specification import Revision, answered, protocol
from tests.support import build


def _entries(case: Revision) -> list[Entry]:
    """As ingest stores them: the first version of the record ends in the timeline version that brings the next."""
    kept = [Entry(fact, build.RECORDED_AT, 1) for fact in case.kept]
    first = Entry(case.first, build.RECORDED_AT, 1, 2)
    return [*kept, first, *([Entry(case.then, build.RECORDED_AT, 2)] if case.then is not None else [])]


def _answer(timeline: Timeline, case: Revision) -> Answer:
    return answered(timeline, protocol(), build.at(case.at))[case.criterion]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Revision) -> None:
    """Before the record's next version and after it the criterion has these answers, and asks for what is gone."""
    before, after = (_answer(fold(build.PATIENT, _entries(case), version), case) for version in (1, 2))
    assert (before.verdict, after.verdict) == (case.before, case.after), (before.says, after.says)
    assert case.missing in "; ".join(after.missing)
    assert bool(after.missing) == (after.verdict in (Verdict.UNKNOWN, Verdict.CONFLICT))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_nothing_is_left_of_what_was_replaced(case: Revision) -> None:
    """The answer afterwards is that of a patient of whom the first version was never known, and cites no trace of it."""
    entries = _entries(case)
    after = _answer(fold(build.PATIENT, entries, 2), case)
    never = (*case.kept, *([case.then] if case.then is not None else []))
    assert after == _answer(build.timeline(*never), case)
    assert case.first.fact_id not in {e.fact_id for e in after.evidence}
    step = fold(build.PATIENT, entries, 1).changed(2, [e for e in entries if e.added_in == 2], [case.first.fact_id])
    assert _answer(step, case) == after


def test_case_names_are_unique() -> None:
    """Each clause is stated once."""
    assert len({case.id for case in CASES}) == len(CASES)
