"""The specification covers the protocol and the response tables: no criterion, cell or rule without an example."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import Any, get_args

import pytest

from shared.outcomes import Verdict
from shared.protocol import load as protocol_files
from shared.protocol.criteria import with_nested
from shared.rules.endpoints import disease, response, survival
from shared.rules.mrecist import immune, non_targets, overall, targets
from shared.rules.mrecist.best import ORDER
from shared.rules.mrecist.model import NonTargetResponse, OverallResponse, TargetResponse
from shared.rules.mrecist.rule import Rule
from tests.spec.eligibility import cases_revised, coverage
from tests.spec.eligibility.test_criteria import CASES
from tests.spec.response import endpoint_cases, immune_cases, lesion_cases
from tests.spec.response.table_cases import CELLS, NON_TARGET_CASES, TARGET_CASES
from tests.spec.response.test_best_response import SEQUENCES


def test_every_criterion_of_every_protocol_has_a_met_a_not_met_and_an_unknown_case() -> None:
    """Groups and what they are made of alike; and no case speaks of a criterion that there is not."""
    covered: dict[str, set[Verdict]] = defaultdict(set)
    for case in CASES:
        covered[case.criterion].add(case.verdict)
    criteria = {
        c.id
        for protocol in protocol_files.load().values()
        for c in with_nested((*protocol.screening.inclusion, *protocol.screening.exclusion))
    }
    plain = {Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN}
    assert {c: sorted(plain - covered[c]) for c in sorted(criteria) if plain - covered[c]} == {}
    assert set(covered) <= criteria


def test_every_criterion_of_the_trial_has_every_kind_of_case() -> None:
    """Met, not met, unknown, conflict, both sides of each number, each unit, expired, corrected and retracted."""
    found = list(coverage.shown(CASES, cases_revised.CASES))
    assert [f"{s.criterion} {s.kind}" for s in found if not s.cases] == []
    assert {s.criterion for s in found} >= {r.criterion for r in cases_revised.CASES}


def test_every_cell_of_the_overall_response_has_an_expectation_of_its_own() -> None:
    """Each target response by each non-target response, typed in; with and without a new lesion; no other cell."""
    of_targets, of_others = (*get_args(TargetResponse), None), (*get_args(NonTargetResponse), None)
    assert set(CELLS) == set(product(of_targets, of_others))
    assert set(CELLS.values()) == set(get_args(OverallResponse))


@pytest.mark.parametrize(
    ("rules", "exemplified"),
    [
        (targets.RULES, {c.rule for c in TARGET_CASES}),
        (non_targets.RULES, {c.rule for c in NON_TARGET_CASES}),
        (
            overall.RULES,
            {overall.assess(overall.Parts(*cell, new)).name for cell in CELLS for new in (False, True)}
            | {"no-baseline"},
        ),
        (immune.RULES, {c.rule for c in immune_cases.CASES} | {"confirmed-before"}),
    ],
    ids=["targets", "non-targets", "overall", "iRECIST"],
)
def test_every_rule_of_response_has_an_example(rules: Sequence[Rule[Any, Any]], exemplified: set[str]) -> None:
    """No rule without a case, and no case of a rule that there is not."""
    assert {rule.name for rule in rules} == exemplified


@pytest.mark.parametrize(
    ("endpoint", "rules", "impossible"),
    [
        ("PFS", disease.RULES, {"death-without-progression"}),
        ("TTP", disease.RULES, set()),
        # Only a responder has one: with a baseline, an assessment, and death as an event.
        ("DOR", disease.RULES, {"no-baseline", "no-assessment", "death-without-progression"}),
        ("OS", survival.RULES, set()),
    ],
)
def test_every_rule_of_each_endpoint_has_an_example(
    endpoint: str, rules: Sequence[Rule[Any, Any]], impossible: set[str]
) -> None:
    """Each event and each kind of censoring of each time, but for what it cannot have."""
    shown = {c.rule for c in endpoint_cases.CASES if c.endpoint == endpoint}
    assert shown == {rule.name for rule in rules} - impossible


@pytest.mark.parametrize(("endpoint", "rules"), [("ORR", response.RESPONSE), ("DCR", response.CONTROL)])
def test_every_rule_of_who_counts_has_an_example(endpoint: str, rules: Sequence[Rule[Any, Any]]) -> None:
    """Each reason to count, and each not to."""
    assert {c.rule for c in endpoint_cases.STATUS_CASES if c.endpoint == endpoint} == {rule.name for rule in rules}


def test_each_target_response_is_reached_by_each_set_of_criteria_that_has_it() -> None:
    """CR, PR, SD, PD and NE of mRECIST and of RECIST 1.1, of targets and of non-targets."""
    for criteria in ("mrecist", "recist11"):
        assert {c.expected for c in TARGET_CASES if c.criteria.name == criteria} == {*get_args(TargetResponse), None}
    assert {c.expected for c in NON_TARGET_CASES} == {*get_args(NonTargetResponse), None}


def test_each_best_response_is_reached_unconfirmed_and_confirmed() -> None:
    """By some sequence of visits of the specification."""
    for place in (1, 2):
        assert {sequence[place] for sequence in SEQUENCES} == set(ORDER)


def test_every_example_of_a_lesion_has_a_clause_of_its_own() -> None:
    """So that the rendered page says each thing once."""
    clauses = [c.clause for c in lesion_cases.CASES]
    assert len(clauses) == len(set(clauses))
