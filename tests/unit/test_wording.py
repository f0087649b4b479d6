"""How dates, numbers and quantities read: the same in every service, and never so that a sentence contradicts itself."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from shared import wording
from shared.dates import parse
from shared.quantities import Quantity


def test_days_are_written_out() -> None:
    """Independent of the machine's language."""
    assert wording.on_day(date(2024, 5, 3)) == "3 May 2024"
    assert wording.on_day(date(2024, 12, 31)) == "31 December 2024"


@pytest.mark.parametrize(
    ("text", "said"),
    [("2024", "2024"), ("2024-05", "May 2024"), ("2024-05-03", "3 May 2024"), ("2024-05-03T23:30:00Z", "4 May 2024")],
)
def test_a_recorded_date_reads_at_its_precision_in_the_zone_of_the_site(text: str, said: str) -> None:
    """No month and no day that nobody recorded."""
    assert wording.dated(parse(text, ZoneInfo("Europe/Berlin"))) == said


def test_an_absent_date_is_named() -> None:
    """Never left blank."""
    assert wording.dated(None) == "an unknown date"


@pytest.mark.parametrize(
    ("number", "said"), [("41.00", "41"), ("0.0", "0"), ("1E+2", "100"), ("17.50", "17.5"), ("0E+9", "0")]
)
def test_numbers_without_exponent_or_trailing_zeros(number: str, said: str) -> None:
    """As a clinician writes them."""
    assert wording.plain(Decimal(number)) == said


@pytest.mark.parametrize(("number", "said"), [("29.999", "29.9"), ("-29.999", "-29.9"), ("30", "30"), ("-0.04", "0")])
def test_percentages_are_cut(number: str, said: str) -> None:
    """Cut, never rounded: no change reads as a bound that it does not reach."""
    assert wording.tenths(Decimal(number)) == said


@pytest.mark.parametrize(
    ("value", "said"), [("2.00034210021", "2.0003"), ("1234567.8", "1234568"), ("0.000012", "0.000012"), ("42.0", "42")]
)
def test_a_converted_number_is_shown_to_five_digits(value: str, said: str) -> None:
    """It has twelve after the conversion, which nobody measured."""
    assert wording.number(Decimal(value)) == said


@pytest.mark.parametrize(
    ("value", "said"), [("1.500004", "1.500004"), ("1.49999999999", "1.49999999999"), ("1.5", "1.5"), ("1.6", "1.6")]
)
def test_a_number_never_reads_as_a_bound_that_it_is_not(value: str, said: str) -> None:
    """`1.5, needs at most 1.5` would read as met where it is not."""
    assert wording.number(Decimal(value), beside=[Decimal("1.5")]) == said


@pytest.mark.parametrize(
    ("quantity", "said"),
    [
        (Quantity(Decimal(42), "10*9/L"), "42 × 10⁹/L"),
        (Quantity(Decimal("0.10"), "mg/dL", "<"), "< 0.1 mg/dL"),
        (Quantity(Decimal(3), "m[IU]/L", ">="), "≥ 3 mIU/L"),
        (Quantity(Decimal("1.20"), "1"), "1.2"),
    ],
)
def test_quantities_read_as_laboratories_print_them(quantity: Quantity, said: str) -> None:
    """With their comparator, and without UCUM's own spelling."""
    assert wording.measured(quantity) == said
    assert quantity.comparator is not None or wording.amount(quantity.value, quantity.unit) == said


def test_lists_name_each_thing_once() -> None:
    """In the order given."""
    assert [wording.listed(x) for x in ([], ["a"], ["a", "b", "a"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [wording.days(n) for n in (0, 1, 19)] == ["0 days", "1 day", "19 days"]
