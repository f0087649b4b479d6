"""iRECIST, clause by clause (`immune_cases`)."""

from __future__ import annotations

import pytest

from shared.rules.mrecist import IRECIST
from shared.rules.mrecist.immune import RULES, immune
from tests.spec.response.courses import BASELINE, course, target
from tests.spec.response.immune_cases import CASES, DAYS, Case, sums


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.clause)
def test_a_course_by_irecist(case: Case) -> None:
    """Each case gives its responses, the last by its rule, the date of confirmed progression and the best response."""
    found = immune(course(*case.facts, criteria=IRECIST))

    assert tuple(v.response for v in found.visits) == case.responses
    assert found.visits[-1].rule == case.rule
    assert (found.confirmed_on.isoformat() if found.confirmed_on else None) == case.confirmed_on
    assert found.best == case.best


def test_every_rule_of_irecist_has_a_case() -> None:
    """No rule is without an example."""
    assert {r.name for r in RULES} == {c.rule for c in CASES}


def test_a_late_confirmation_is_named() -> None:
    """iRECIST asks for it within 8 weeks; a later one counts, and that it was late is said."""
    late = target(None, "2024-08-22", state="present", organ="lung", longest="70")
    found = immune(course(*sums("50", "60"), late, criteria=IRECIST))

    assert found.visits[-1].problems == ("progression was confirmed later than 8 weeks after it was first seen",)


def test_progression_that_awaits_confirmation_is_dated() -> None:
    """Until it is confirmed or reset."""
    assert str(immune(course(*sums("50", "60"), criteria=IRECIST)).unconfirmed_on) == DAYS[0]
    assert immune(course(*sums("50", "60", "50"), criteria=IRECIST)).unconfirmed_on is None
    assert immune(course(target("50", BASELINE), criteria=IRECIST)).best == "NE"
