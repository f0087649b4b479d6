"""Runs the specification of the criteria, and sees that it covers each of them."""

from __future__ import annotations

from collections import defaultdict

import pytest

from shared.outcomes import Verdict
from shared.protocol.criteria import with_nested
from tests.spec.eligibility import cases_bounds, cases_disease, cases_judgement, cases_measured
from tests.spec.eligibility.specification import Case, answers, protocol
from tests.support import build

CASES = (*cases_disease.CASES, *cases_judgement.CASES, *cases_measured.CASES, *cases_bounds.CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case) -> None:
    """The facts of the case make its verdict, sentence, missing items and validity."""
    answer = answers(case.facts, build.at(case.at))[case.criterion]
    assert answer.verdict is case.verdict, answer.says
    assert case.says in answer.says
    assert case.missing in "; ".join(answer.missing)
    if case.until is not None:
        assert answer.valid_until == build.at(case.until)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_undecided_answers_name_what_is_missing(case: Case) -> None:
    """An unknown or conflicting answer names what would settle it; a decided one names nothing and cites its facts."""
    answer = answers(case.facts, build.at(case.at))[case.criterion]
    if answer.verdict in (Verdict.UNKNOWN, Verdict.CONFLICT):
        assert answer.missing
    else:
        assert not answer.missing
        assert answer.evidence


def test_each_criterion_has_a_met_a_not_met_and_an_unknown_case() -> None:
    """No criterion of the protocol is without an example of each plain verdict."""
    covered: dict[str, set[Verdict]] = defaultdict(set)
    for case in CASES:
        covered[case.criterion].add(case.verdict)
    for criterion in with_nested(protocol().screening.inclusion):
        assert covered[criterion.id] >= {Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN}, criterion.id


def test_case_names_are_unique() -> None:
    """Each clause is stated once."""
    assert len({case.id for case in CASES}) == len(CASES)
