"""Which answers time alone is about to change, so that staff can repeat a test before it is too old.

Decides from the outcome's own validity; what the answer will be then is for the next evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec


class Expiring(msgspec.Struct, frozen=True, order=True):
    """One criterion's answer and the instant until which it stands without news."""

    valid_until: datetime
    criterion: str
    title: str
    verdict: str
    says: str


def expiring(content: Mapping[str, Any], at: datetime, within: timedelta) -> tuple[Expiring, ...]:
    """The answers of one screening outcome that end in the given time, soonest first; groups by their parts."""
    return tuple(sorted(e for e in _answers(content["criteria"]) if at < e.valid_until <= at + within))


def _answers(entries: Any) -> Iterator[Expiring]:
    for entry in entries:
        if parts := entry.get("criteria"):
            yield from _answers(parts)
        elif entry["valid_until"] is not None:
            until = datetime.fromisoformat(entry["valid_until"])
            yield Expiring(until, entry["id"], entry["title"], entry["verdict"], entry["says"])
