"""Best overall response, unconfirmed and confirmed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import pytest

from shared.rules.mrecist.best import best_response
from shared.rules.mrecist.model import BestResponse, OverallResponse
from tests.spec.response.courses import answered, response

START: Final = date(2024, 5, 1)


def best(*visits: tuple[OverallResponse, int], new_therapy_day: int | None = None) -> BestResponse:
    """Best response of visits given as (response, day)."""
    therapy = START + timedelta(days=new_therapy_day) if new_therapy_day is not None else None
    return best_response([answered(a, START + timedelta(days=d)) for a, d in visits], START, response(), therapy)


SEQUENCES: Final[tuple[tuple[tuple[tuple[OverallResponse, int], ...], OverallResponse, OverallResponse], ...]] = (
    ((), "NE", "NE"),
    ((("NE", 56),), "NE", "NE"),
    ((("PD", 30),), "PD", "PD"),
    ((("SD", 41),), "NE", "NE"),
    ((("SD", 42),), "SD", "SD"),
    ((("SD", 30), ("PD", 60)), "PD", "PD"),
    ((("NON-CR/NON-PD", 20), ("PD", 60)), "NON-CR/NON-PD", "NON-CR/NON-PD"),
    ((("NE", 30), ("PD", 60)), "PD", "PD"),
    ((("PR", 56),), "PR", "SD"),
    ((("PR", 30),), "PR", "NE"),
    ((("CR", 30), ("PD", 60)), "CR", "PD"),
    ((("PR", 56), ("PR", 83)), "PR", "SD"),
    ((("PR", 56), ("PR", 84)), "PR", "PR"),
    ((("PR", 56), ("PR", 70), ("PR", 84)), "PR", "PR"),
    ((("PR", 56), ("CR", 84)), "CR", "PR"),
    ((("PR", 56), ("CR", 84), ("CR", 112)), "CR", "CR"),
    ((("CR", 56), ("CR", 84)), "CR", "CR"),
    ((("CR", 56), ("PR", 84)), "CR", "SD"),
    ((("CR", 56), ("PR", 84), ("PR", 112)), "CR", "PR"),
    ((("PR", 56), ("CR", 70), ("PR", 84)), "CR", "SD"),
    ((("PR", 56), ("NE", 70), ("PR", 84)), "PR", "PR"),
    ((("PR", 56), ("NE", 60), ("NE", 70), ("PR", 84)), "PR", "SD"),
    ((("CR", 56), ("NE", 70), ("CR", 84)), "CR", "CR"),
    ((("CR", 56), ("NE", 60), ("NE", 70), ("CR", 84)), "CR", "SD"),
    ((("PR", 56), ("SD", 70), ("PR", 84)), "PR", "SD"),
    ((("PR", 56), ("SD", 70), ("PR", 84), ("PR", 112)), "PR", "PR"),
    ((("PR", 56), ("PD", 70), ("PR", 84)), "PR", "SD"),
    ((("SD", 56), ("PD", 112), ("CR", 140), ("CR", 168)), "SD", "SD"),
)
"""Responses with their days, best response, confirmed best response."""


@pytest.mark.parametrize(("visits", "unconfirmed", "confirmed"), SEQUENCES)
def test_best_of_a_sequence(visits: tuple[tuple[OverallResponse, int], ...], unconfirmed: str, confirmed: str) -> None:
    """Order CR, PR, SD from day 42, non-CR/non-PD, PD, NE; confirmed from 28 days later, at most one NE between."""
    found = best(*visits)

    assert (found.unconfirmed, found.confirmed) == (unconfirmed, confirmed)


def test_dates_are_those_of_the_first_best_and_of_the_confirming_visit() -> None:
    """`on` is the first visit with the best response, `confirmed_on` the first that confirms it."""
    found = best(("SD", 56), ("PR", 84), ("PR", 98), ("PR", 112), ("PR", 140))

    assert found.on == START + timedelta(days=84)
    assert found.confirmed_on == START + timedelta(days=112)


def test_the_date_of_stable_disease_is_the_first_visit_late_enough() -> None:
    """Stable disease before day 42 is not its first visit."""
    assert best(("SD", 30), ("SD", 60)).on == START + timedelta(days=60)


@pytest.mark.parametrize(("therapy_day", "expected"), [(84, "SD"), (85, "PR"), (None, "PR")])
def test_responses_under_a_new_therapy_do_not_count(therapy_day: int | None, expected: str) -> None:
    """From the first day of a new anticancer therapy visits say nothing of the trial's treatment."""
    assert best(("SD", 56), ("PR", 84), new_therapy_day=therapy_day).unconfirmed == expected


def test_unconfirmed_complete_response_of_non_targets_is_not_stable_disease() -> None:
    """Without target lesions there is no stable disease: an unconfirmed complete response counts as non-CR/non-PD."""
    found = best_response([answered("CR", START + timedelta(days=56), with_targets=False)], START, response(), None)

    assert (found.unconfirmed, found.confirmed) == ("CR", "NON-CR/NON-PD")


def test_the_durations_are_the_trial_s() -> None:
    """Minimal duration of stable disease and time to confirmation come from the protocol."""
    first, second, third = (START + timedelta(days=day) for day in (30, 40, 50))
    visits = [answered("SD", first), answered("PR", second), answered("PR", third)]
    found = best_response(visits, START, response(sd_min_days=30, confirmation_days=10), None)

    assert found.confirmed == "PR"
