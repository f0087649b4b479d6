"""How dates, numbers, quantities and lists read in the sentences that staff are shown: one way for all services.

Decides nothing clinical; names no concept and no lesion, which is the business of each service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_DOWN, Context, Decimal
from typing import Final

from shared.dates import FhirDate, Precision
from shared.facts import Fact
from shared.quantities import SIGNIFICANT_DIGITS, Quantity

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_UNITS: Final = {
    "1": "",
    "10*9/L": "× 10⁹/L",
    "10*12/L": "× 10¹²/L",
    "m[IU]/L": "mIU/L",
    "[IU]/L": "IU/L",
    "[IU]/mL": "IU/mL",
}
_COMPARATORS: Final = {"<=": "≤", ">=": "≥"}
_SHOWN_DIGITS: Final = 5


def on_day(day: date) -> str:
    """A calendar day: `3 May 2024`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def dated(occurred: FhirDate | None) -> str:
    """A recorded date at its precision: `3 May 2024`, `May 2024`, `2024`; an absent one is named as such."""
    if occurred is None:
        return "an unknown date"
    match occurred.precision:
        case Precision.YEAR:
            return str(occurred.day.year)
        case Precision.MONTH:
            return f"{_MONTHS[occurred.day.month - 1]} {occurred.day.year}"
        case _:
            return on_day(occurred.day)


def when(fact: Fact) -> str:
    """When a fact was so: `on 3 May 2024`, `in May 2024`, `undated`."""
    if fact.occurred is None:
        return "undated"
    return f"{'on' if fact.occurred.has_day else 'in'} {dated(fact.occurred)}"


def plain(value: Decimal) -> str:
    """A number as exact as it is, without exponent and trailing zeros: `41`, `17.5`."""
    return f"{value.normalize():f}" if value else "0"


def tenths(value: Decimal) -> str:
    """A percentage to one decimal, cut and not rounded, so that 29.96 % never reads as 30 %."""
    return plain(value.quantize(Decimal("0.1"), rounding=ROUND_DOWN))


def number(value: Decimal, beside: Iterable[Decimal] = ()) -> str:
    """A number to 5 significant digits, as a converted value has many more: `2.0003`; whole numbers are not rounded.

    To more digits where it would else read as one of the bounds it is shown beside without being equal to it.
    """
    if len(value.as_tuple().digits) <= _SHOWN_DIGITS:
        return plain(value)
    bounds = tuple(beside)
    for digits in range(max(_SHOWN_DIGITS, value.adjusted() + 1), SIGNIFICANT_DIGITS):
        shown = Context(prec=digits).create_decimal(value)
        if all((shown == bound) == (value == bound) for bound in bounds):
            return plain(shown)
    return plain(value)


def unit(symbol: str) -> str:
    """A UCUM unit as laboratories print it: `× 10⁹/L`, `mIU/L`; the unit 1 is not written."""
    return _UNITS.get(symbol, symbol)


def amount(value: Decimal, symbol: str) -> str:
    """A number with its unit: `42 × 10⁹/L`."""
    return f"{number(value)} {unit(symbol)}".rstrip()


def measured(quantity: Quantity, beside: Iterable[Decimal] = ()) -> str:
    """A quantity with comparator and unit: `< 50 × 10⁹/L`."""
    comparator = quantity.comparator
    sign = "" if comparator is None else f"{_COMPARATORS.get(comparator, comparator)} "
    return f"{sign}{number(quantity.value, beside)} {unit(quantity.unit)}".rstrip()


def days(count: int) -> str:
    """`1 day`, `19 days`."""
    return f"{count} day" if count == 1 else f"{count} days"


def listed(phrases: Sequence[str]) -> str:
    """Each phrase once, in order: `a, b and c`."""
    unique = list(dict.fromkeys(phrases))
    return " and ".join([", ".join(unique[:-1]), unique[-1]]) if len(unique) > 1 else "".join(unique)
