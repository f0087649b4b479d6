"""What a recorded date can prove about order, and what it cannot."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from shared.dates import ImpossibleDate, age_in_years, before, from_day, later, on_or_before_day, parse

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "first", "last", "day"),
    [
        ("2024", "2023-12-31T23:00:00", "2024-12-31T22:59:59.999999", "2024-01-01"),
        ("2024-02", "2024-01-31T23:00:00", "2024-02-29T22:59:59.999999", "2024-02-01"),
        ("2024-05-03", "2024-05-02T22:00:00", "2024-05-03T21:59:59.999999", "2024-05-03"),
        ("2024-03-31", "2024-03-30T23:00:00", "2024-03-31T21:59:59.999999", "2024-03-31"),
        ("2024-05-03T08:00:00Z", "2024-05-03T08:00:00", "2024-05-03T08:00:00", "2024-05-03"),
        ("2024-05-03T23:30:00Z", "2024-05-03T23:30:00", "2024-05-03T23:30:00", "2024-05-04"),
        ("2024-05-03T08:00:00", "2024-05-03T06:00:00", "2024-05-03T06:00:00", "2024-05-03"),
        ("2024-05-03T08:00+02:00", "2024-05-03T06:00:00", "2024-05-03T06:00:59.999999", "2024-05-03"),
        ("2024-05-03T08:00:00.123456789Z", "2024-05-03T08:00:00.123456", "2024-05-03T08:00:00.123456", "2024-05-03"),
    ],
)
def test_a_date_is_the_span_of_instants_that_it_may_mean(text: str, first: str, last: str, day: str) -> None:
    """At its precision, in the site's time zone, the day of a change of clocks included."""
    found = parse(text, BERLIN)
    assert (found.first, found.last) == (_utc(first), _utc(last))
    assert found.day == date.fromisoformat(day)


@pytest.mark.parametrize(
    "text",
    ["", "hidden-word", "24-05-03", "2024-13", "2024-02-30", "2023-02-29", "2024-05-03T25:00:00Z", "2024-05-03 08:00"],
)
def test_an_impossible_date_is_refused_without_showing_it(text: str) -> None:
    """The message names the expected form."""
    with pytest.raises(ImpossibleDate, match="expected a") as refused:
        parse(text, BERLIN)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("a", "b", "answer"),
    [
        ("2024-05-03", "2024-05-04", True),
        ("2024-05-04", "2024-05-03", False),
        ("2024-05-03", "2024-05-03", None),
        ("2024-05", "2024-05-03", None),
        ("2024-05", "2024-06-01", True),
        ("2024-05-03", "2024-05-03T08:00:00Z", None),
        ("2024-05-03T07:00:00Z", "2024-05-03T08:00:00Z", True),
        ("2024-05-03T08:00:00Z", "2024-05-03T08:00:00Z", False),
    ],
)
def test_order_may_be_unknown(a: str, b: str, answer: bool | None) -> None:
    """Two dates whose spans overlap are not ordered; `later` asks for certainty."""
    assert before(parse(a, BERLIN), parse(b, BERLIN)) is answer
    assert later(parse(b, BERLIN), parse(a, BERLIN)) is (answer is True)


@pytest.mark.parametrize(
    ("a", "b", "answer"),
    [
        ("2024-05-03", "2024-05-03", True),
        ("2024-05-03T23:00:00+02:00", "2024-05-03", True),
        ("2024-05-04", "2024-05-03", False),
        ("2024-05", "2024-05-31", True),
        ("2024-05", "2024-05-30", None),
        ("2024-05-03", "2024-05", None),
    ],
)
def test_days_compare_as_days(a: str, b: str, answer: bool | None) -> None:
    """Whatever the hour; a month is on or before a day only if its last day is."""
    assert on_or_before_day(parse(a, BERLIN), parse(b, BERLIN)) is answer


@pytest.mark.parametrize(
    ("born", "on", "ages"),
    [
        ("1970-06-15", "2024-06-14", (53, 53)),
        ("1970-06-15", "2024-06-15", (54, 54)),
        ("1970", "2024-06-15", (53, 54)),
        ("1970-06", "2024-06-15", (53, 54)),
        ("1970-02", "2024-06-15", (54, 54)),
        ("2004-02-29", "2024-02-28", (19, 19)),
        ("2004-02-29", "2023-03-01", (19, 19)),
    ],
)
def test_an_imprecise_birth_date_gives_two_ages(born: str, on: str, ages: tuple[int, int]) -> None:
    """The youngest and the oldest that the record allows."""
    assert age_in_years(parse(born, BERLIN), date.fromisoformat(on)) == ages


def test_a_day_states_itself() -> None:
    """A day made into a FHIR date reads as that day."""
    assert from_day(date(2024, 5, 3), BERLIN) == parse("2024-05-03", BERLIN)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
