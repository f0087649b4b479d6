"""How answers combine: Kleene's strong logic with a fourth answer, conflict, that unknown gives way to."""

from __future__ import annotations

from itertools import combinations_with_replacement, permutations, product

import pytest

from shared.outcomes import Verdict, all_of, any_of, at_least, cite, collect, negate
from tests.support.build import lab

MET, NOT_MET, UNKNOWN, CONFLICT = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.CONFLICT
AND = {
    (MET, MET): MET,
    (MET, NOT_MET): NOT_MET,
    (MET, UNKNOWN): UNKNOWN,
    (MET, CONFLICT): CONFLICT,
    (NOT_MET, NOT_MET): NOT_MET,
    (NOT_MET, UNKNOWN): NOT_MET,
    (NOT_MET, CONFLICT): NOT_MET,
    (UNKNOWN, UNKNOWN): UNKNOWN,
    (UNKNOWN, CONFLICT): CONFLICT,
    (CONFLICT, CONFLICT): CONFLICT,
}
OR = {
    (MET, MET): MET,
    (MET, NOT_MET): MET,
    (MET, UNKNOWN): MET,
    (MET, CONFLICT): MET,
    (NOT_MET, NOT_MET): NOT_MET,
    (NOT_MET, UNKNOWN): UNKNOWN,
    (NOT_MET, CONFLICT): CONFLICT,
    (UNKNOWN, UNKNOWN): UNKNOWN,
    (UNKNOWN, CONFLICT): CONFLICT,
    (CONFLICT, CONFLICT): CONFLICT,
}


@pytest.mark.parametrize("pair", AND)
def test_the_table_of_and(pair: tuple[Verdict, Verdict]) -> None:
    """Not met settles it; else conflict, else unknown; met only if both are. The order does not matter."""
    assert all_of(pair) is all_of(pair[::-1]) is AND[pair]


@pytest.mark.parametrize("pair", OR)
def test_the_table_of_or(pair: tuple[Verdict, Verdict]) -> None:
    """Met settles it; else conflict, else unknown; not met only if both are. The order does not matter."""
    assert any_of(pair) is any_of(pair[::-1]) is OR[pair]


def test_the_tables_are_complete() -> None:
    """Each unordered pair of answers is in both tables."""
    pairs = set(combinations_with_replacement(Verdict, 2))
    assert len(AND) == len(OR) == len(pairs)


@pytest.mark.parametrize("pair", list(product(Verdict, repeat=2)))
def test_not_of_and_is_or_of_not(pair: tuple[Verdict, Verdict]) -> None:
    """De Morgan's law holds for all four answers, and twice not is the same."""
    assert negate(all_of(pair)) is any_of([negate(v) for v in pair])
    assert negate(negate(pair[0])) is pair[0]


@pytest.mark.parametrize("verdicts", [v for n in (1, 2, 3) for v in combinations_with_replacement(Verdict, n)])
def test_at_least_one_is_or_and_at_least_all_is_and(verdicts: tuple[Verdict, ...]) -> None:
    """The general rule agrees with the two special ones, in any order."""
    for order in permutations(verdicts):
        assert at_least(1, order) is any_of(order)
        assert at_least(len(order), order) is all_of(order)


def test_at_least_two_of_three() -> None:
    """What is undecided matters only as long as it can make a difference."""
    assert at_least(2, [MET, MET, UNKNOWN]) is MET
    assert at_least(2, [MET, NOT_MET, UNKNOWN]) is UNKNOWN
    assert at_least(2, [NOT_MET, NOT_MET, CONFLICT]) is NOT_MET


def test_evidence_is_collected_once_in_a_fixed_order() -> None:
    """Whatever rule cited it first."""
    a, b = (cite(lab("platelets", value), f"platelets {value}") for value in ("140", "90"))
    assert collect([a, b], [b]) == collect([b], [b, a])
    assert len(collect([a, b], [b])) == 2
