"""The CTCAE tables say what the published criteria say, and grades are exact at every bound."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise

import pytest

from shared.quantities import Quantity
from shared.rules.ctcae import (
    TERMS_V5,
    VERSIONS,
    Criterion,
    Direction,
    Entry,
    Reading,
    Reference,
    Term,
    When,
    grade,
    has_risen,
    reaches,
)
from shared.terminology import concept

LIVER = TERMS_V5[:5]
ALT, _, ALP, _, BILIRUBIN = LIVER
STEP = Decimal("0.001")
CLAUSE = re.compile(
    r">?\s*(?:(?P<from>[\d.]+|ULN)(?:\s*-\s*(?P<to>[\d.]+))?)\s*x\s*(?P<of>ULN|baseline) if baseline was \w+"
)


def _of(value: Decimal | str, unit: str = "U/L", comparator: str | None = None) -> Quantity:
    return Quantity(Decimal(value), unit, comparator)  # type: ignore[arg-type] # any text, for the tables below


def _reading(value: Decimal | str, high: str | None = "100", unit: str = "U/L") -> Reading:
    return Reading(_of(value, unit), high=_of(high, unit) if high is not None else None)


NORMAL = _reading("80")
ABNORMAL = _reading("200")


@pytest.mark.parametrize("term", LIVER, ids=lambda t: t.concept)
def test_bounds_are_those_of_the_words(term: Term) -> None:
    """The number, the reference and the inclusiveness of each bound can be read off its own words."""
    for criterion, entry in term.measured:
        words = CLAUSE.fullmatch(criterion.words)
        assert words is not None, criterion.words
        start = "1" if words["from"] == "ULN" else words["from"]
        assert entry.factor == Decimal(start)
        assert entry.inclusive is not criterion.words.startswith(">")
        expected = Reference.ULN if words["of"] == "ULN" else Reference.BASELINE
        assert entry.of is expected


@pytest.mark.parametrize("term", LIVER, ids=lambda t: t.concept)
@pytest.mark.parametrize("when", [When.BASELINE_NORMAL, When.BASELINE_ABNORMAL])
def test_a_grade_ends_where_the_next_begins(term: Term, when: When) -> None:
    """The upper bound in the words of a grade is the exclusive lower bound of the next grade."""
    ladder = [(c, entry) for c, entry in term.measured if c.when is when]
    assert [c.grade for c, _ in ladder] == [1, 2, 3, 4]
    for (lower, _), (_, upper) in pairwise(ladder):
        words = CLAUSE.fullmatch(lower.words)
        assert words is not None
        assert Decimal(words["to"]) == upper.factor
        assert not upper.inclusive


@pytest.mark.parametrize("term", LIVER, ids=lambda t: t.concept)
@pytest.mark.parametrize("baseline", [NORMAL, ABNORMAL], ids=["normal", "abnormal"])
def test_grade_is_exact_at_each_bound(term: Term, baseline: Reading) -> None:
    """Just below, at, and just above each bound the grade is what the words say."""
    normal = baseline is NORMAL
    when = When.BASELINE_NORMAL if normal else When.BASELINE_ABNORMAL
    for criterion, entry in ((c, e) for c, e in term.measured if c.when is when):
        bound = entry.factor * (100 if normal else 200)
        at_bound = criterion.grade if entry.inclusive else criterion.grade - 1
        assert grade(term, _reading(bound - STEP), baseline).grade == criterion.grade - 1
        assert grade(term, _reading(bound), baseline).grade == at_bound
        assert grade(term, _reading(bound + STEP), baseline).grade == criterion.grade


def test_terms_are_concepts_of_the_terminology() -> None:
    """Each term grades a known concept, once in each direction, and states its bounds in the concept's unit."""
    for terms in VERSIONS.values():
        assert len({(term.concept, term.direction) for term in terms}) == len(terms)
        for term in terms:
            assert concept(term.concept).unit in (*term.units[:1], concept(term.concept).unit if not term.units else "")


def test_between_limit_and_the_first_multiple_of_an_abnormal_baseline_is_grade_0() -> None:
    """Baseline 200 (limit 100): a value of 299 is above normal, yet below 1.5 x baseline."""
    assert grade(ALT, _reading("299"), ABNORMAL).grade == 0
    assert grade(ALP, _reading("399"), ABNORMAL).grade == 0


def test_baseline_at_the_limit_is_normal() -> None:
    """Abnormal means above the limit of normal, not at it."""
    assert grade(ALT, _reading("150"), _reading("100")).grade == 1
    assert grade(ALT, _reading("150"), _reading("100.1")).grade == 0


def test_abnormal_baseline_needs_no_limit_of_the_result() -> None:
    """Multiples of the baseline need no limit of normal but the baseline's own."""
    assert grade(ALT, _reading("700", high=None), ABNORMAL).grade == 2


def test_value_within_normal_is_grade_0_without_a_baseline() -> None:
    """Whatever the baseline was, a normal value is neither above the limit nor a multiple of more than it."""
    assert grade(ALT, _reading("100"), None).grade == 0


def test_value_above_normal_is_not_gradable_without_a_baseline() -> None:
    """ALT 25 x ULN may be grade 4, or 0 over a very high baseline; the reason names what is missing."""
    grading = grade(ALT, _reading("2500"), None)
    assert (grading.grade, grading.grade_low, grading.grade_high) == (None, 0, 4)
    assert "no baseline" in grading.reason


def test_without_a_baseline_only_possible_grades_are_named() -> None:
    """3 x ULN is grade 1 over a normal baseline, and below 3 x any abnormal one: never more than grade 1."""
    assert grade(ALT, _reading("300"), None).grade_high == 1


def test_value_without_any_limit_is_not_gradable() -> None:
    """No grade is given, not even 0, where the limit is missing and the baseline was normal."""
    grading = grade(ALT, _reading("20", high=None), NORMAL)
    assert (grading.grade, grading.grade_low, grading.grade_high) == (None, 0, 4)
    assert "upper limit of normal" in grading.reason


def test_grade_that_holds_under_both_variants_is_given() -> None:
    """A baseline of 80 without a limit: 600 is above 5 x 100 and above 5 x 80, so grade 3 either way."""
    assert grade(ALT, _reading("600"), _reading("80", high=None)).grade == 3


def test_variants_that_disagree_prove_the_lower_grade() -> None:
    """A baseline of 90 without a limit: 460 is grade 2 by the limit, grade 3 by the baseline: at least 2."""
    grading = grade(ALT, _reading("460"), _reading("90", high=None))
    assert (grading.grade, grading.grade_high) == (2, 3)
    assert not grading.is_exact


@pytest.mark.parametrize(
    ("comparator", "value", "expected", "highest"),
    [
        ("<", "100", 0, 0),
        ("<=", "100", 0, 0),
        ("<", "101", None, 1),
        (">", "2000", 4, 4),
        (">=", "2000", 3, 4),
        (">", "500", 3, 4),
        (">", "90", None, 4),
    ],
)
def test_open_ended_values_give_what_they_prove(
    comparator: str, value: str, expected: int | None, highest: int
) -> None:
    """`>500` (limit 100) proves at least grade 3, `>90` proves nothing."""
    grading = grade(ALT, Reading(_of(value, comparator=comparator), high=_of("100")), NORMAL)
    assert (grading.grade, grading.grade_high) == (expected, highest)


@pytest.mark.parametrize("limit", ["0", "1E+80", "-5"])
def test_impossible_limit_counts_as_missing(limit: str) -> None:
    """A limit of zero is an empty field, not a bound that every value exceeds."""
    assert grade(ALT, _reading("300", high=limit), NORMAL).grade is None


def test_limit_in_another_unit_counts_as_missing() -> None:
    """Numbers of different units are never compared."""
    result = Reading(_of("3", "mg/dL"), high=_of("17", "umol/L"))
    assert grade(BILIRUBIN, result, Reading(_of("1", "mg/dL"), high=_of("1.2", "mg/dL"))).grade is None


def test_absolute_bound_grades_a_falling_value_without_limits() -> None:
    """A term of absolute bounds, written as data: haemoglobin below 8 g/dL is grade 3 whatever the limits."""
    falling = Term(
        "haemoglobin",
        "Anemia",
        "haemoglobin",
        Direction.DECREASED,
        (
            Criterion(1, When.ALWAYS, Entry(Decimal(1), Reference.LLN), "<LLN - 10.0 g/dL"),
            Criterion(2, When.ALWAYS, Entry(Decimal(10), Reference.UNIT, unit="g/dL"), "<10.0 - 8.0 g/dL"),
            Criterion(3, When.ALWAYS, Entry(Decimal(8), Reference.UNIT, unit="g/dL"), "<8.0 g/dL"),
        ),
    )
    values = [Reading(_of(v, "g/dL")) for v in ("7.9", "8", "10", "14")]
    assert [grade(falling, v, None).grade for v in values] == [3, 2, None, None]
    limited = Reading(_of("11", "g/dL"), low=_of("12", "g/dL"))
    assert grade(falling, limited, None).grade == 1


@pytest.mark.parametrize(
    ("value", "baseline", "expected"),
    [
        ("300", NORMAL, True),
        ("299.9", NORMAL, False),
        ("600", ABNORMAL, True),
        ("599", ABNORMAL, False),
        ("300", None, None),
        ("299", None, False),
    ],
)
def test_multiple_is_of_the_limit_or_of_an_abnormal_baseline(
    value: str, baseline: Reading | None, expected: bool | None
) -> None:
    """3 x ULN, or 3 x an abnormal baseline; unknown without a baseline, if that matters."""
    assert reaches(Decimal(3), _reading(value), baseline) is expected


@pytest.mark.parametrize(
    ("value", "high", "expected"),
    [("120", "100", True), ("119.9", "100", False), ("120", "120", False), ("120", None, True)],
)
def test_rise_needs_the_multiple_and_a_value_above_normal(value: str, high: str | None, expected: bool) -> None:
    """1.5 x a baseline of 80 is 120; at the limit nothing has risen; the baseline's limit may serve."""
    assert has_risen(Decimal("1.5"), _reading(value, high=high), NORMAL) is expected
