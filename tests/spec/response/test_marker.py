"""The course of alpha-fetoprotein beside the response."""

from __future__ import annotations

from typing import Any

import pytest

from shared.facts import AnyFact
from tests.spec.response.courses import scans
from tests.spec.response.treated import content, evaluated
from tests.support import build

BEFORE = "2024-04-25"


def afp(value: str, on: str) -> AnyFact:
    """One result of alpha-fetoprotein in ng/mL."""
    return build.lab("afp", value, "ng/mL", on=on)


def marker(*facts: AnyFact) -> dict[str, Any]:
    """What the outcome of the marker says."""
    return content(evaluated(*facts), "marker", "afp")


@pytest.mark.parametrize(
    ("values", "response"),
    [
        (("400", "200"), True),
        (("400", "201"), False),
        (("400", "500", "150", "600"), True),
        (("19", "2"), None),
        (("<3", "2"), None),
        (("400", ">100"), None),
        (("400", "<3"), True),
        ((">1000", "400"), True),
        (("400",), None),
    ],
)
def test_a_fall_by_half_from_a_raised_baseline_is_a_marker_response(
    values: tuple[str, ...], response: bool | None
) -> None:
    """From 20 ng/mL on; bounds count as far as they prove something, and where nothing can be told nothing is."""
    days = (BEFORE, "2024-06-01", "2024-07-01", "2024-08-01")
    found = marker(*(afp(value, on) for value, on in zip(values, days, strict=False)))

    assert found["response"] is response


def test_the_course_is_shown_with_its_bounds() -> None:
    """Baseline, lowest value, fall in percent and every later value."""
    found = marker(afp("400", BEFORE), afp("100", "2024-06-01"), afp("<3", "2024-07-01"), afp("900", "2024-08-01"))

    assert found == {
        "unit": "ng/mL",
        "baseline": {"on": BEFORE, "value": "400"},
        "lowest": {"on": "2024-07-01", "value": "<3"},
        "fall_percent": "99.2",
        "response": True,
        "response_on": "2024-06-01",
        "course": [
            {"on": "2024-06-01", "value": "100"},
            {"on": "2024-07-01", "value": "<3"},
            {"on": "2024-08-01", "value": "900"},
        ],
        "says": "fell by at least 50 % from baseline; shown beside the response, decides nothing",
    }


def test_a_result_outside_the_baseline_window_is_no_baseline() -> None:
    """28 days before the first dose are the window."""
    assert marker(afp("400", "2024-04-01"), afp("100", "2024-06-01"))["response"] is None


def test_the_marker_decides_nothing() -> None:
    """Every other outcome is the same with and without it, but for the day when last seen."""
    facts = scans("50", "30", "28")
    plain = {(o.kind, o.subject): o for o in evaluated(*facts).outcomes}
    beside = {(o.kind, o.subject): o for o in evaluated(*facts, afp("400", BEFORE), afp("9", "2024-06-26")).outcomes}

    assert beside.keys() - plain.keys() == {("marker", "afp")}
    assert {k: v for k, v in beside.items() if k in plain} == plain
