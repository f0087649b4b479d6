"""Which records form the baseline and which form a visit, and the date of a visit."""

from __future__ import annotations

from datetime import date

import pytest

from tests.spec.response.courses import BASELINE, VISITS, course, new, non_target, responses, scans, target


def day(text: str) -> date:
    """An ISO date."""
    return date.fromisoformat(text)


@pytest.mark.parametrize(("second", "visits"), [("2024-06-27", 1), ("2024-07-09", 1), ("2024-07-10", 2)])
def test_records_within_14_days_form_one_visit(second: str, visits: int) -> None:
    """A window opens at the earliest day not yet assigned and holds 14 days, that day included."""
    assert len(course(*scans("50", "50"), target("50", second)).visits) == visits


def test_a_window_does_not_slide() -> None:
    """A third scan belongs to the window of the first, or opens its own."""
    found = course(*scans("50", "50"), target("50", "2024-07-05"), target("50", "2024-07-12"))

    assert [(v.first_scan_on, v.last_scan_on) for v in found.visits] == [
        (day("2024-06-26"), day("2024-07-05")),
        (day("2024-07-12"), day("2024-07-12")),
    ]


def test_a_visit_number_overrides_the_window() -> None:
    """Records with one visit number form one visit, however far apart; those with two numbers form two."""
    apart = [target("50", "2024-06-26", visit=2), target("20", "2024-08-26", "target-2", visit=2)]
    close = [target("50", "2024-09-26", visit=3), target("50", "2024-09-28", visit=4)]
    facts = [target("50", BASELINE), target("20", BASELINE, "target-2"), *apart, *close]

    assert [(v.first_scan_on, v.last_scan_on) for v in course(*facts).visits] == [
        (day("2024-06-26"), day("2024-08-26")),
        (day("2024-09-26"), day("2024-09-26")),
        (day("2024-09-28"), day("2024-09-28")),
    ]


def test_a_record_without_number_joins_the_numbered_visit_of_its_days() -> None:
    """A new lesion recorded without number on the day of a numbered visit makes no visit of its own."""
    facts = [target("50", BASELINE), target("50", VISITS[0], visit=2), new("2024-06-25", longest="20")]
    found = course(*facts)

    assert responses(found) == ["PD"]
    assert found.visits[0].first_scan_on == day("2024-06-25")


@pytest.mark.parametrize(("size", "expected"), [("50", "2024-07-01"), ("80", "2024-06-26")])
def test_the_date_of_a_visit(size: str, expected: str) -> None:
    """Progression is dated to the earliest scan of the visit, every other response to the latest."""
    facts = [
        target("50", BASELINE),
        non_target("present", BASELINE),
        non_target("present", "2024-06-26"),
        target(size, "2024-07-01"),
    ]

    assert [v.on for v in course(*facts).visits] == [day(expected)]


def test_the_last_record_of_a_lesion_within_a_visit_counts() -> None:
    """CT and MRI of one visit: the later one is read."""
    found = course(*scans("50", "40"), target("30", "2024-06-28")).visits[0]

    assert found.sum_mm == 30


@pytest.mark.parametrize(
    ("on", "sum_mm"), [("2024-05-01", 50), ("2024-04-03", 50), ("2024-04-02", None), ("2024-05-02", None)]
)
def test_baseline_lies_in_the_28_days_up_to_the_first_dose(on: str, sum_mm: int | None) -> None:
    """The day of the first dose is the last, 28 days before it the first day of the baseline window."""
    baseline = course(target("50", on)).baseline

    assert (baseline.sum_mm if baseline is not None else None) == sum_mm


def test_baseline_is_the_last_assessment_before_the_first_dose() -> None:
    """Of two assessments before the first dose the later one counts."""
    found = course(target("60", "2024-04-05"), *scans("50", "42"))

    assert found.baseline is not None
    assert found.baseline.on == day(BASELINE)
    assert found.baseline.sum_mm == 50
    assert responses(found) == ["SD"]


def test_baseline_joins_scans_of_different_days() -> None:
    """A lung lesion scanned three weeks before the liver belongs to the baseline too, and the distance is named."""
    lung = {"organ": "lung", "longest": "20"}
    facts = [
        *scans("50", "50"),
        *(target(None, on, "lung-1", state="present", **lung) for on in ("2024-04-03", VISITS[0])),
    ]
    found = course(*facts)

    assert found.visits[0].baseline_sum_mm == 70
    assert "the baseline joins scans that lie further apart than one visit window" in found.problems


def test_a_scan_dated_after_the_evaluation_does_not_count() -> None:
    """A visit of tomorrow says nothing today."""
    assert course(*scans("50", "50", "80"), at="2024-07-01").progression_on is None


def test_records_without_a_day_are_left_out_and_named() -> None:
    """A scan that cannot be placed before or after the first dose, or in a window, is not guessed into one."""
    found = course(*scans("50", "50"), target("90", None), target("90", "2024-05"), target("90", "2024-07"))  # type: ignore[arg-type]

    assert responses(found) == ["SD"]
    assert found.problems == ("lesion records without a day, or with a date too imprecise to place, are left out",)


def test_a_visit_number_places_a_scan_dated_to_the_month() -> None:
    """With a visit number the month is enough; progression is shown at the earliest day that it may mean."""
    found = course(target("50", BASELINE), target("50", "2024-07", visit=2), target("80", "2024-09", visit=3))

    assert [(v.response, v.on) for v in found.visits] == [("SD", day("2024-07-31")), ("PD", day("2024-09-01"))]
    assert any("dated to the month or year only" in problem for problem in found.problems)
