"""Targets and non-targets cell by cell: the response at the last visit and the rule that gave it."""

from __future__ import annotations

import pytest

from tests.spec.response.courses import course
from tests.spec.response.table_cases import NON_TARGET_CASES, TARGET_CASES, PartCase


@pytest.mark.parametrize("case", TARGET_CASES, ids=lambda c: c.clause)
def test_target_response(case: PartCase) -> None:
    """From the sum, against baseline and nadir."""
    visit = course(*case.facts, criteria=case.criteria).visits[-1]

    assert (visit.target, visit.target_rule) == (case.expected, case.rule)


@pytest.mark.parametrize("case", NON_TARGET_CASES, ids=lambda c: c.clause)
def test_non_target_response(case: PartCase) -> None:
    """From whether they are there."""
    visit = course(*case.facts, criteria=case.criteria).visits[-1]

    assert (visit.non_target, visit.non_target_rule) == (case.expected, case.rule)
