"""The trial's figures against published results, typed in with their source."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from shared.rules.endpoints.estimates import Curve, Estimate, Observation, kaplan_meier, proportion

REMISSION_6MP: Final = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
REMISSION_PLACEBO: Final = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"
"""Weeks in remission of acute leukaemia, + censored: Freireich et al., Blood 1963;21:699-716."""


def curve(times: str) -> Curve:
    """The curve of times written as in the tables of textbooks."""
    return kaplan_meier([Observation(int(t.rstrip("+")), not t.endswith("+")) for t in times.split()])


def test_the_curve_of_6_mercaptopurine_is_the_published_one() -> None:
    """Survival and numbers at risk as in Kleinbaum and Klein, Survival Analysis, 3rd ed. 2012, chapter 2, table 2.1."""
    found = {s.days: (s.at_risk, s.events, round(s.survival, 4)) for s in curve(REMISSION_6MP).steps if s.events}

    assert found == {
        6: (21, 3, 0.8571),
        7: (17, 1, 0.8067),
        10: (15, 1, 0.7529),
        13: (12, 1, 0.6902),
        16: (11, 1, 0.6275),
        22: (7, 1, 0.5378),
        23: (6, 1, 0.4482),
    }


def test_the_curve_of_placebo_is_the_published_one() -> None:
    """Without censoring it is the proportion still in remission: ibid., table of group 2."""
    found = [(s.days, s.at_risk, round(s.survival, 2)) for s in curve(REMISSION_PLACEBO).steps]

    assert found == [
        (1, 21, 0.90),
        (2, 19, 0.81),
        (3, 17, 0.76),
        (4, 16, 0.67),
        (5, 14, 0.57),
        (8, 12, 0.38),
        (11, 8, 0.29),
        (12, 6, 0.19),
        (15, 4, 0.14),
        (17, 3, 0.10),
        (22, 2, 0.05),
        (23, 1, 0.00),
    ]


@pytest.mark.parametrize(
    ("times", "median"), [(REMISSION_6MP, Estimate(23, 13, None)), (REMISSION_PLACEBO, Estimate(8, 4, 11))]
)
def test_medians_have_the_published_values_and_log_log_intervals(times: str, median: Estimate) -> None:
    """23 weeks (13, not reached) and 8 weeks (4, 11): what the log-log interval of other statistics programs gives."""
    assert curve(times).median_days == median


def test_a_log_log_interval_follows_greenwood_s_variance() -> None:
    """At 10 weeks S = 0.7529 with standard error 0.0963 (Kleinbaum and Klein 2012): computed by hand from these."""
    step = next(s for s in curve(REMISSION_6MP).steps if s.days == 10)

    assert step.low == pytest.approx(0.5032, abs=5e-4)
    assert step.high == pytest.approx(0.8894, abs=5e-4)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 25.27, 36.76), (15, 148, 5.78, 16.17), (0, 20, 0.00, 16.84), (1, 29, 0.09, 17.76)],
)
def test_exact_intervals_are_the_published_ones(count: int, of: int, low: float, high: float) -> None:
    """Clopper-Pearson intervals as in Newcombe, Statistics in Medicine 1998;17:857-872, table I, method 5."""
    found = proportion(count, of)

    assert found.low is not None
    assert found.high is not None
    assert (round(found.low, 2), round(found.high, 2)) == (low, high)


def test_nothing_is_estimated_of_nobody() -> None:
    """No patient, no figure; and no warning."""
    empty = kaplan_meier([])

    assert (empty.median_days, empty.at(10)) == (Estimate(None, None, None), Estimate(None, None, None))
    assert proportion(0, 0).percent is None


def test_the_curve_says_nothing_beyond_the_last_observation() -> None:
    """Before the first event everybody is without it; after the last censoring nothing is known."""
    found = curve(REMISSION_6MP)

    assert found.at(5) == Estimate(1.0, None, None)
    assert found.at(23).value == pytest.approx(0.4482, abs=5e-5)
    assert found.at(36).value is None
    assert curve(REMISSION_PLACEBO).at(100).value == 0


def test_numbers_at_risk_are_those_observed_until_the_day() -> None:
    """At 10 weeks 15 of 21 were still observed."""
    assert [curve(REMISSION_6MP).at_risk(day) for day in (0, 10, 24, 36)] == [21, 15, 5, 0]


def test_a_single_patient_without_event_is_a_curve() -> None:
    """Nothing but a line at 1."""
    found = kaplan_meier([Observation(30, False)])

    assert [(s.days, s.survival, s.low) for s in found.steps] == [(30, 1.0, None)]
    assert found.median_days.value is None


def test_counted_observations_give_the_same_curve() -> None:
    """How many patients have each time is as good as one time for each patient."""
    one_each = [Observation(int(t.rstrip("+")), not t.endswith("+")) for t in REMISSION_6MP.split()]

    found = kaplan_meier(Counter(one_each))
    assert found == kaplan_meier(reversed(one_each)) == curve(REMISSION_6MP)
    assert (found.patients, found.events) == (21, 9)
