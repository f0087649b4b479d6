"""How dates, quantities and lists are written in the sentences that staff read. Decides nothing clinical."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Final

from shared.dates import FhirDate
from shared.quantities import Quantity


def day(occurred: FhirDate | None) -> str:
    """`3 May 2024`; as recorded where the day is not known."""
    if occurred is None:
        return "an unknown date"
    return f"{occurred.day.day} {occurred.day:%B %Y}" if occurred.has_day else occurred.text


def iso(occurred: FhirDate | None) -> str | None:
    """`2024-05-03`, the day at the site; as recorded (`2024-05`) where the day is not known."""
    if occurred is None:
        return None
    return occurred.day.isoformat() if occurred.has_day else occurred.text


def amount(quantity: Quantity) -> str:
    """`412 U/L`, `<0.1 mg/dL`."""
    return f"{quantity.comparator or ''}{number(quantity.value)} {quantity.unit}"


_SHOWN: Final = Context(prec=5)


def number(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros, to 5 significant digits: a converted value has many more."""
    text = f"{_SHOWN.create_decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def days(count: int) -> str:
    """`1 day`, `19 days`."""
    return f"{count} day" if count == 1 else f"{count} days"


def listed(phrases: Sequence[str]) -> str:
    """The phrases in one row, `none` for none."""
    return "; ".join(phrases) or "none"
