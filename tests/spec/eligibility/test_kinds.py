"""Runs the specification of the kinds of criteria, and sees that the closed set of them is covered and has rules."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from services.eligibility.answers import Answer
from services.eligibility.case import Case
from services.eligibility.criteria import RULES, answer
from shared.outcomes import Verdict
from shared.protocol.criteria import AllOf, AnyOf, AtLeast, Criterion, Not, with_nested
from tests.spec.eligibility.cases_kinds import CASES, CRITERIA, KindCase
from tests.spec.eligibility.specification import protocol
from tests.support import build

CRITERION: TypeAdapter[Any] = TypeAdapter(Criterion)
KINDS = get_args(get_args(Criterion)[0])
GROUPS = {AllOf, AnyOf, AtLeast, Not}


def _answer(case: KindCase) -> Answer:
    at = build.at(case.at)
    stated = CRITERION.validate_python(CRITERIA[case.criterion])
    answered: Answer = answer(stated, Case(build.timeline(*case.facts).until(at), protocol(), at))
    return answered


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: KindCase) -> None:
    """The facts of the case make its verdict, sentence, missing items and validity."""
    given = _answer(case)
    assert given.verdict is case.verdict, given.says
    assert case.says in given.says
    assert case.missing in "; ".join(given.missing)
    if case.until is not None:
        assert given.valid_until == build.at(case.until)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_undecided_answers_name_what_is_missing(case: KindCase) -> None:
    """An unknown or conflicting answer names what would settle it; a decided one names nothing."""
    given = _answer(case)
    assert bool(given.missing) == (given.verdict in (Verdict.UNKNOWN, Verdict.CONFLICT))


def test_every_kind_has_a_rule_and_a_met_a_not_met_and_an_unknown_case() -> None:
    """The closed set of kinds is complete: in the model, in the rules and, here or in the first trial's, in the cases."""
    assert set(KINDS) == RULES.keys() | GROUPS
    covered: dict[str, set[Verdict]] = defaultdict(set)
    for case in CASES:
        covered[CRITERIA[case.criterion]["kind"]].add(case.verdict)
    in_the_trial = {c.kind for c in with_nested(protocol().screening.inclusion)}
    for kind in RULES:
        name = get_args(kind.model_fields["kind"].annotation)[0]
        assert name in in_the_trial or covered[name] >= {Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN}, name


def test_case_names_are_unique() -> None:
    """Each clause is stated once."""
    assert len({case.id for case in CASES}) == len(CASES)
