"""What the sentences of this service add to the words that all services share. Decides nothing clinical."""

from __future__ import annotations

from collections.abc import Sequence

from shared.dates import FhirDate
from shared.wording import dated as day
from shared.wording import days, number
from shared.wording import measured as amount

__all__ = ["amount", "day", "days", "iso", "listed", "number"]


def iso(occurred: FhirDate | None) -> str | None:
    """`2024-05-03`, the day at the site; as recorded (`2024-05`) where the day is not known."""
    if occurred is None:
        return None
    return occurred.day.isoformat() if occurred.has_day else occurred.text


def listed(phrases: Sequence[str]) -> str:
    """The phrases in one row, `none` for none."""
    return "; ".join(phrases) or "none"
