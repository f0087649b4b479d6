"""Target lesions: complete and partial response, progression, stable disease, not evaluable."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.rules.mrecist import RECIST11
from tests.spec.response.courses import (
    BASELINE,
    VISITS,
    course,
    responses,
    scans,
    states,
    target,
    target_responses,
)
from tests.support import build


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (("50", "0"), "CR"),
        (("50", "35"), "PR"),
        (("50", "35.01"), "SD"),
        (("50", "34.99"), "PR"),
        (("50", "50"), "SD"),
        (("50", "59.99"), "SD"),
        (("50", "60"), "PD"),
        (("50", "60.01"), "PD"),
        (("50", None), "NE"),
    ],
)
def test_one_target_against_baseline(sizes: tuple[str | None, ...], expected: str) -> None:
    """CR at 0, PR from exactly 30 % below baseline, PD from exactly 20 % above nadir, SD between."""
    assert target_responses(course(*scans(*sizes))) == [expected]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (("50", "30", "35.99"), ["PR", "SD"]),
        (("50", "30", "35"), ["PR", "PR"]),
        (("50", "30", "36"), ["PR", "PD"]),
        (("50", "60", "50"), ["PD", "SD"]),
        (("50", "40", None, "47.99"), ["SD", "NE", "SD"]),
        (("50", "40", "45", "48"), ["SD", "SD", "PD"]),
    ],
)
def test_progression_is_measured_from_the_smallest_sum(sizes: tuple[str | None, ...], expected: list[str]) -> None:
    """The nadir is the smallest complete sum before the visit, baseline included."""
    assert target_responses(course(*scans(*sizes))) == expected


def test_progression_wins_over_partial_response() -> None:
    """A sum 40 % below baseline that is 20 % above nadir is progression."""
    found = course(*scans("100", "50", "60")).visits[1]

    assert (found.target, found.target_rule) == ("PD", "increase-from-nadir")
    assert (found.percent_from_baseline, found.percent_from_nadir) == (Decimal(-40), Decimal(20))


def test_a_partial_sum_never_lowers_the_nadir() -> None:
    """A visit with a target missing leaves the nadir where it was."""
    facts = [
        *scans("50", "50", "50"),
        target("20", BASELINE, "target-2"),
        target("20", VISITS[1], "target-2"),
    ]

    assert [v.nadir_mm for v in course(*facts).visits] == [Decimal(70), Decimal(70)]
    assert target_responses(course(*facts)) == ["NE", "SD"]


def test_what_was_measured_may_already_be_progression() -> None:
    """With one target missing, the others alone exceed the nadir by 20 %: progression."""
    facts = [*scans("50", "84"), target("20", BASELINE, "target-2")]
    found = course(*facts).visits[0]

    assert (found.target, found.sum_mm, found.measured_mm) == ("PD", None, Decimal(84))


def test_a_partial_sum_is_no_response_however_small() -> None:
    """With one target missing, a vanished other one is neither complete nor partial response."""
    facts = [*scans("50", "0"), target("20", BASELINE, "target-2")]

    assert target_responses(course(*facts)) == ["NE"]


@pytest.mark.parametrize(("short_axis", "expected"), [("9.9", "CR"), ("10", "PR"), ("0", "CR")])
def test_complete_response_lets_normal_nodes_remain(short_axis: str, expected: str) -> None:
    """A node below 10 mm short axis is normal: with every other target gone that is a complete response."""
    node = {"organ": "node", "longest": "40"}
    facts = [
        *scans("50", "0"),
        target(None, BASELINE, "node-1", state="present", short_axis="20", **node),
        target(None, VISITS[0], "node-1", state="present", short_axis=short_axis, **node),
    ]

    assert target_responses(course(*facts)) == [expected]


def test_a_normal_node_that_varies_is_no_progression() -> None:
    """A node of 7 mm that measures 9 mm later has grown by more than 20 %, but is still normal."""
    facts = [
        target(None, on, "node-1", state="present", short_axis=size, organ="node")
        for on, size in zip((BASELINE, *VISITS), ("20", "7", "9", "10"), strict=False)
    ]

    assert target_responses(course(*facts)) == ["CR", "CR", "PD"]


def test_any_reappearance_after_complete_response_is_progression() -> None:
    """After an overall complete response a target that enhances again is progression, whatever its size."""
    found = course(*scans("50", "0", "0.5")).visits[1]

    assert (found.target, found.target_rule) == ("PD", "reappearance-after-complete-response")


def test_a_complete_response_is_not_forgotten() -> None:
    """With a visit not evaluable between, reappearance is progression below the 5 mm of RECIST 1.1 too."""
    facts = scans("50", "0", None, "0.5")
    lung = [
        build.lesion("target-1", on=on, organ="lung", longest=s, state=None if s else "not-evaluable")
        for on, s in ((BASELINE, "50"), (VISITS[0], "0"), (VISITS[1], None), (VISITS[2], "3"))
    ]

    assert responses(course(*facts)) == ["CR", "NE", "PD"]
    assert responses(course(*lung, criteria=RECIST11)) == ["CR", "NE", "PD"]


def test_reappearance_without_a_size_is_progression_too() -> None:
    """After an overall complete response a target that is seen again, but not measured, is progression."""
    facts = [*scans("50", "0"), target(None, VISITS[1], state="present", longest=None)]

    assert responses(course(*facts)) == ["CR", "PD"]


@pytest.mark.parametrize(("size", "expected"), [("4.9", "PR"), ("5", "PD")])
def test_a_sum_of_zero_without_overall_complete_response_by_recist(size: str, expected: str) -> None:
    """By RECIST 1.1 an increase from 0 counts from 5 mm, if a non-target kept the visit from overall CR."""
    sizes = ("50", "0", size)
    facts = [
        *(
            target(None, on, state="present", longest=s, organ="lung")
            for on, s in zip((BASELINE, *VISITS), sizes, strict=False)
        ),
        *states("present", "present", "present"),
    ]

    assert target_responses(course(*facts, criteria=RECIST11)) == ["CR", expected]


def test_a_sum_of_zero_without_overall_complete_response_by_mrecist() -> None:
    """mRECIST has no minimum: from a sum of 0 any increase is progression."""
    facts = [*scans("50", "0", "0.5"), *states("present", "present", "present")]
    found = course(*facts).visits[1]

    assert (found.target, found.target_rule) == ("PD", "increase-from-nadir")


@pytest.mark.parametrize(
    ("sizes", "by_recist", "by_mrecist"),
    [(("20", "24.9"), "SD", "PD"), (("20", "25"), "PD", "PD"), (("30", "36"), "PD", "PD")],
)
def test_the_absolute_increase_belongs_to_recist(sizes: tuple[str, str], by_recist: str, by_mrecist: str) -> None:
    """An increase of 20 % by less than 5 mm is progression by mRECIST only."""
    facts = [
        target(None, on, state="present", longest=size, organ="lung")
        for on, size in zip((BASELINE, *VISITS), sizes, strict=False)
    ]

    assert target_responses(course(*facts, criteria=RECIST11)) == [by_recist]
    assert target_responses(course(*facts)) == [by_mrecist]


def test_percentages_are_compared_exactly() -> None:
    """29.99… % is no partial response, though it rounds to 30 %."""
    assert target_responses(course(*scans("99.999", "69.9994"))) == ["SD"]
    assert target_responses(course(*scans("99.999", "69.9993"))) == ["PR"]


def test_a_target_without_baseline_size_makes_no_response() -> None:
    """Where a target was not measured at baseline no decrease can be told; what vanished is still gone."""
    facts = [target(None, BASELINE), target("30", VISITS[0]), target("0", VISITS[1])]
    found = course(*facts)

    assert target_responses(found) == ["NE", "CR"]
    assert found.visits[0].target_rule == "no-baseline-sum"
    assert "a target lesion in the liver: recorded as not evaluable" in found.problems


def test_without_a_baseline_sum_progression_is_measured_from_a_later_complete_sum() -> None:
    """A complete sum after baseline is a nadir too."""
    facts = [target(None, BASELINE), target("30", VISITS[0]), target("36", VISITS[1])]

    assert target_responses(course(*facts)) == ["NE", "PD"]


def test_a_target_first_recorded_after_baseline_is_no_new_lesion() -> None:
    """A lesion that the reader calls target has lost its baseline record: not evaluable, and named."""
    found = course(*scans("50", "50"), target("20", VISITS[0], "target-2"))

    assert (found.visits[0].target, found.visits[0].new_lesion) == ("NE", False)
    assert "a target lesion in the liver has no record at baseline" in found.problems


def test_a_target_of_size_zero_at_baseline_cannot_respond() -> None:
    """A sum of 0 at baseline can only grow: it is never a complete or partial response."""
    assert target_responses(course(*scans("0", "0", "3"))) == ["NE", "PD"]


def test_nothing_is_evaluable_without_baseline() -> None:
    """Without an assessment before the first dose every visit is not evaluable, a new lesion included."""
    found = course(target("50", VISITS[0]), *(target("90", v) for v in VISITS[1:2]))

    assert found.baseline is None
    assert responses(found) == ["NE", "NE"]
    assert found.problems[0] == "no assessment in the baseline window before the first dose"
