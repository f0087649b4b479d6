"""Invariants of safety: grades never fall as values rise, order never matters, nothing raises."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.safety.evaluate import announce, evaluate
from services.safety.immunosuppression import low_near, sufficient_near
from services.safety.laboratory import laboratory_tests
from services.safety.treated import treated
from shared.facts import AnyFact, Laboratory
from shared.quantities import Quantity, below
from shared.rules.ctcae import TERMS_V5, VERSIONS, Direction, Grading, Reading, Term, grade, reading_of
from tests.spec.safety.trial import PROTOCOL, first_dose
from tests.support import build

DAYS = st.sampled_from(
    [
        None,
        "2024",
        "2024-04",
        "2024-04-10",
        "2024-04-14",
        "2024-04-14T09:00:00Z",
        "2024-04-14T10:00:00Z",
        "2024-04-15",
        "2024-05-03",
        "2024-05-05T12:00:00+08:00",
        "2024-05-17",
        "2024-07-14",
        "2025-01-01",
        "9999-12-31T23:59:59.999999Z",
    ]
)
NUMBERS = st.decimals(min_value=Decimal("0"), max_value=Decimal("5000"), places=1).map(str)
VALUES = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(["", "<", "<=", ">", ">="]), NUMBERS).map("".join),
    st.sampled_from(["0", "-3", "1E+90", "1E-90"]),
)
LIMITS = st.one_of(st.none(), st.sampled_from(["40", "120", "0", "1E+99"]))
KEYS = st.sampled_from(["record-1", "record-2", "record-3"])
FLAGS = st.booleans()
CONCEPTS = st.sampled_from(["alt", "ast", "alp", "ggt", "bilirubin-total", "tacrolimus-trough", "hbv-dna", "inr"])
VERIFICATIONS = st.sampled_from(["confirmed", "provisional", "differential", "unconfirmed", "refuted", None])
REJECTIONS = st.sampled_from(["liver-transplant-rejection", "liver-transplant-chronic-rejection", "hcc"])
STATEMENTS = st.sampled_from(["rejection-adjudicated", "sae-confirmed", "sae-refuted", "enrolled"])


def _lab(concept: str, value: str | None, limit: str | None, on: str | None, final: bool) -> AnyFact:
    return build.lab(concept, value, on=on, high=limit if concept != "hbv-dna" else None, final=final)


FACTS: st.SearchStrategy[AnyFact] = st.one_of(
    st.builds(_lab, CONCEPTS, VALUES, LIMITS, DAYS, FLAGS),
    st.builds(lambda on, dose: build.dose(on=on, dose=dose), DAYS, st.sampled_from(["200", "0", None])),
    st.builds(
        lambda on, until, dose, often: build.drug("tacrolimus", on=on, until=until, dose=dose, doses_per_day=often),
        DAYS,
        DAYS,
        st.one_of(st.none(), NUMBERS),
        st.sampled_from([None, "1", "2"]),
    ),
    st.builds(
        lambda c, on, v, k: build.diagnosis(c, on=on, verification=v, key=k),
        REJECTIONS,
        DAYS,
        VERIFICATIONS,
        KEYS,
    ),
    st.builds(lambda c, on: build.pathology_report(on=on, concludes=[c]), REJECTIONS, DAYS),
    st.builds(
        lambda c, p, on: build.biopsy(c, p, on=on),
        st.sampled_from(["portal", "bile-duct", "venous"]),
        st.integers(-1, 10),
        DAYS,
    ),
    st.builds(lambda c, v, on, e: build.attestation(c, v, on=on, expires=e), STATEMENTS, FLAGS, DAYS, DAYS),
    st.builds(lambda on, dead: build.died(on, deceased=dead), DAYS, FLAGS),
    st.builds(lambda on, until, k: build.stay(on=on, until=until, key=k), DAYS, DAYS, KEYS),
    st.builds(lambda on: build.response_statement("PD", on=on), DAYS),
    st.builds(lambda on: build.recurrence(on=on), DAYS),
)
TIMES = st.sampled_from(["2024-04-13", "2024-04-14", "2024-05-04", "2024-07-13T23:59:59+00:00", "2026-01-01"]).map(
    build.at
)


def _quantity(text: str) -> Quantity:
    return build.quantity(text, "U/L")


READINGS = st.builds(
    Reading,
    NUMBERS.map(_quantity),
    high=st.one_of(st.none(), st.sampled_from(["40", "100"]).map(_quantity)),
)


def _rank(grading: Grading) -> tuple[int, int]:
    return grading.grade_low, grading.grade_high


ALL_TERMS = [term for terms in VERSIONS.values() for term in terms]
BOUNDS = st.one_of(st.none(), st.sampled_from(["1", "10", "40", "100", "700"]))


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(ALL_TERMS), NUMBERS, NUMBERS, BOUNDS, BOUNDS, st.one_of(st.none(), NUMBERS), st.integers(0, 3))
def test_a_worse_value_never_grades_lower(
    term: Term, one: str, other: str, low: str | None, high: str | None, base: str | None, which: int
) -> None:
    """With the same limits and baseline no possible grade of any term falls as the value gets worse."""
    unit = (term.units or ("U/L",))[which % len(term.units or ("U/L",))]
    limits = [build.quantity(limit, unit) if limit is not None else None for limit in (low, high)]
    baseline = Reading(build.quantity(base, unit), *limits) if base is not None else None
    better, worse = sorted((Decimal(one), Decimal(other)), reverse=term.direction is Direction.DECREASED)
    before, after = (grade(term, Reading(Quantity(value, unit), *limits), baseline) for value in (better, worse))
    assert all(a <= b for a, b in zip(_rank(before), _rank(after), strict=True))
    assert (before.grade or 0) <= (after.grade or 0)


@given(st.sampled_from(TERMS_V5[:5]), READINGS, READINGS)
def test_an_unknown_never_proves_what_the_known_denies(term: Term, result: Reading, baseline: Reading) -> None:
    """Without its baseline a value may have every grade that it has with it."""
    known, unknown = grade(term, result, baseline), grade(term, result, None)
    if baseline.high == result.high:
        assert unknown.grade_low <= known.grade_low
        assert known.grade_high <= unknown.grade_high


@settings(max_examples=300, deadline=None)
@given(st.lists(FACTS, max_size=14), TIMES)
def test_no_combination_of_facts_raises(facts: list[AnyFact], at: Any) -> None:
    """Whatever is recorded, there is an evaluation, valid beyond its own time, and its news can be told."""
    evaluation = evaluate(build.timeline(first_dose(), *facts), PROTOCOL, at)
    assert evaluation.valid_until is None or evaluation.valid_until > at
    for outcome in evaluation.outcomes:
        announce(build.PATIENT, PROTOCOL, None, outcome)
        announce(build.PATIENT, PROTOCOL, outcome, None)
        assert announce(build.PATIENT, PROTOCOL, outcome, outcome) == ()
    assert len({(o.kind, o.subject) for o in evaluation.outcomes}) == len(evaluation.outcomes)


@settings(max_examples=150, deadline=None)
@given(st.lists(FACTS, max_size=10).flatmap(lambda f: st.tuples(st.just(f), st.permutations(f))), TIMES)
def test_order_and_duplicates_never_matter(facts: tuple[list[AnyFact], list[AnyFact]], at: Any) -> None:
    """The same facts in any order, some of them twice, give the same evaluation."""
    first, second = facts
    once = evaluate(build.timeline(first_dose(), *first), PROTOCOL, at)
    assert evaluate(build.timeline(*second, *second, first_dose()), PROTOCOL, at) == once


@settings(max_examples=150, deadline=None)
@given(st.lists(FACTS, max_size=10), TIMES)
def test_what_is_dated_later_changes_nothing_now(facts: list[AnyFact], at: Any) -> None:
    """Facts dated after the evaluation do not change its outcomes."""
    everything = build.timeline(first_dose(), *facts)
    assert evaluate(everything, PROTOCOL, at).outcomes == evaluate(everything.until(at), PROTOCOL, at).outcomes


@settings(max_examples=150, deadline=None)
@given(st.lists(FACTS, max_size=10), TIMES)
def test_an_evaluation_stands_until_it_says(facts: list[AnyFact], at: Any) -> None:
    """Just before `valid_until`, with nothing new recorded, every outcome is still the same."""
    known = build.timeline(first_dose(), *facts)
    evaluation = evaluate(known, PROTOCOL, at)
    if evaluation.valid_until is not None:
        last = evaluation.valid_until - (evaluation.valid_until - at) / 1_000_000
        assert evaluate(known, PROTOCOL, last).outcomes == evaluation.outcomes


@settings(max_examples=150, deadline=None)
@given(st.lists(FACTS, max_size=14), TIMES)
def test_a_grade_that_is_remembered_is_the_one_that_would_be_computed(facts: list[AnyFact], at: Any) -> None:
    """Whatever was graded before, and however its digits were written."""
    patient = treated(build.timeline(first_dose(), *facts), PROTOCOL, at)
    for test in laboratory_tests(patient) if patient is not None else ():
        for graded in test.graded:
            base = reading_of(test.baseline, test.term, like=graded.fact) if test.baseline is not None else None
            assert graded.reading == reading_of(graded.fact, test.term)
            assert graded.grading == grade(test.term, graded.reading, base)


@settings(max_examples=150, deadline=None)
@given(st.lists(FACTS, max_size=14), st.dates(date(2024, 4, 1), date(2024, 8, 1)))
def test_troughs_are_found_by_day_as_by_looking_at_each(facts: list[AnyFact], on: date) -> None:
    """A slow transcription: every final trough of that drug within `trough_days`, below the band or not."""
    patient = treated(build.timeline(first_dose(), *facts), PROTOCOL, build.at("2025-01-02"))
    assert patient is not None
    span, (drug,) = PROTOCOL.safety.rejection.trough_days.value, PROTOCOL.safety.immunosuppression
    near = [
        f
        for f in patient.timeline.of(Laboratory)
        if f.concept == "tacrolimus-trough" and f.final and f.value is not None and f.occurred is not None
        if f.occurred.has_day and abs((f.occurred.day - on).days) <= span
    ]
    low = [f.fact_id for f in near if f.value is not None and below(f.value, drug.trough_low.value) is True]
    enough = [f.fact_id for f in near if f.value is not None and below(f.value, drug.trough_low.value) is False]
    found = {e.fact_id for s in low_near(patient, on) for e in s.evidence if e.says.startswith("tacrolimus trough")}
    assert found <= set(low)
    assert bool(found) is bool(low)
    sufficient = {e.fact_id for s in sufficient_near(patient, on) for e in s.evidence}
    assert sufficient <= set(enough)
    assert bool(sufficient) is bool(enough)
