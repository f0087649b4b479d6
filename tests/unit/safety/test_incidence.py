"""Cumulative incidence, rates and the stopping boundary: against worked examples, identities and published tables."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules.incidence.competing import End, Followed, cumulative_incidence, incidence_at
from shared.rules.incidence.rates import rate
from shared.rules.incidence.stopping import Boundary, operating, probability_above, stops_from, table

EVENT, COMPETING, CENSORED = End.EVENT, End.COMPETING, End.CENSORED
PATIENTS = st.lists(st.builds(Followed, st.integers(1, 30), st.sampled_from(list(End))), min_size=1, max_size=25)
RULE = Boundary(Decimal("0.6"), Decimal("1.4"), Decimal("0.4"), Decimal("0.9"), 5)


def test_a_worked_example_of_five_patients() -> None:
    """At risk 5, 4, 3, 2, 1: event, competing, event, censored, event gives 1/5, 1/5, 2/5, 4/5 of the patients."""
    ends = [EVENT, COMPETING, EVENT, CENSORED, EVENT]
    points = cumulative_incidence([Followed(day, end) for day, end in enumerate(ends, 1)])
    assert [(p.days, p.at_risk, p.incidence) for p in points] == [
        (1, 5, Fraction(1, 5)),
        (2, 4, Fraction(1, 5)),
        (3, 3, Fraction(2, 5)),
        (5, 1, Fraction(4, 5)),
    ]


def test_a_patient_censored_on_the_day_of_an_event_is_still_at_risk() -> None:
    """The convention of Kaplan and Meier."""
    (point,) = cumulative_incidence([Followed(1, EVENT), Followed(1, CENSORED)])
    assert (point.at_risk, point.incidence) == (2, Fraction(1, 2))


def test_without_censoring_it_is_the_proportion_with_its_binomial_variance() -> None:
    """Of 10 patients 3 had the event and 7 the competing one: 30 %, standard error sqrt(0.3 x 0.7 / 10)."""
    followed = [Followed(i, EVENT if i in (2, 5, 7) else COMPETING) for i in range(1, 11)]
    last = cumulative_incidence(followed)[-1]
    assert last.incidence == Fraction(3, 10)
    assert last.low == pytest.approx(0.0707, abs=1e-3)
    assert last.high == pytest.approx(0.5778, abs=1e-3)


@given(PATIENTS)
def test_event_competing_and_survival_add_up_to_one(followed: list[Followed]) -> None:
    """Who had neither is the Kaplan-Meier estimate of both together; the curve only rises, within its interval."""
    swap = {EVENT: COMPETING, COMPETING: EVENT, CENSORED: CENSORED}
    one, other = cumulative_incidence(followed), cumulative_incidence([Followed(f.days, swap[f.end]) for f in followed])
    surviving = Fraction(1)
    for point, mirrored in zip(one, other, strict=True):
        surviving *= 1 - Fraction(point.events + point.competing, point.at_risk)
        assert point.incidence + mirrored.incidence + surviving == 1
        if point.low is not None and point.high is not None:
            assert point.low <= float(point.incidence) <= point.high
    assert [p.incidence for p in one] == sorted(p.incidence for p in one)


def test_the_curve_is_read_at_a_day() -> None:
    """The last step at or before the day; none before the first."""
    points = cumulative_incidence([Followed(5, EVENT), Followed(9, CENSORED)])
    assert incidence_at(points, 4) is None
    found = incidence_at(points, 9)
    assert found is not None
    assert found.days == 5


@pytest.mark.parametrize(
    ("events", "low", "high"),
    [(0, 0.0, 3.69), (1, 0.03, 5.57), (5, 1.62, 11.67), (10, 4.8, 18.39), (50, 37.11, 65.92)],
)
def test_the_poisson_interval_is_the_published_one(events: int, low: float, high: float) -> None:
    """Exact limits for a Poisson count as tabulated by Garwood (1936), here per 100 patient-years."""
    found = rate(events, 36525)
    assert (found.per_100_patient_years, found.low, found.high) == (float(events), low, high)


def test_without_exposure_there_is_no_rate() -> None:
    """Nobody observed, nothing per year."""
    assert rate(0, 0).per_100_patient_years is None


def test_the_posterior_is_the_closed_form_of_a_uniform_prior() -> None:
    """Beta(1, 1) and 0 events of n: the rate lies above p with probability (1 - p) to the n + 1."""
    flat = Boundary(Decimal(1), Decimal(1), Decimal("0.4"), Decimal("0.9"), 1)
    assert probability_above(flat, 0, 3) == pytest.approx(0.6**4)
    assert probability_above(flat, 3, 3) == pytest.approx(1 - 0.4**4)


def test_the_boundary_is_the_first_number_that_is_certain_enough() -> None:
    """One fewer is not enough, no look comes too early, and the boundary only rises."""
    assert stops_from(RULE, 4) is None
    limits = table(RULE, 40)
    for patients, events in limits:
        assert probability_above(RULE, events, patients) >= 0.9
        assert probability_above(RULE, events - 1, patients) < 0.9
    assert [e for _, e in limits] == sorted(e for _, e in limits)


def test_it_stops_more_often_and_earlier_the_higher_the_rate() -> None:
    """Simulated with a seed, so that the documents say the same each time."""
    low, high = operating(RULE, (0.2, 0.6), 40, 300, seed=1)
    assert low.stops < 0.25
    assert high.stops > 0.75
    assert high.mean_patients < low.mean_patients
    assert operating(RULE, (0.2, 0.6), 40, 300, seed=1) == (low, high)
