"""Decides when to try again, how carefully, and when to give up. Does no sending, and asks no clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

FIRST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(hours=1)
"""Between two attempts of one delivery."""
LONGEST_PAUSE: Final = timedelta(minutes=5)
"""Between two attempts at an endpoint that is down: so soon its recovery is noticed."""
DOWN_AFTER: Final = 5
"""Failures of an endpoint in a row, after which it counts as down."""
_SPREAD: Final = 5
_MOST_DOUBLINGS: Final = 20


def delay(attempts: int) -> timedelta:
    """After so many failed attempts of a delivery: a second, doubling to an hour."""
    return min(FIRST * (1 << min(attempts - 1, _MOST_DOUBLINGS)), LONGEST)


def pause(failures: int) -> timedelta:
    """After so many failures of an endpoint in a row: none until it counts as down, then a second, doubling to minutes."""
    if failures < DOWN_AFTER:
        return timedelta(0)
    return min(FIRST * (1 << min(failures - DOWN_AFTER, _MOST_DOUBLINGS)), LONGEST_PAUSE)


def in_flight(failures: int, limit: int) -> int:
    """How many sends at once: one at a time to an endpoint that is down."""
    return limit if failures < DOWN_AFTER else 1


def next_attempt(  # noqa: PLR0913, PLR0917 - all that it depends on
    delivery: UUID,
    attempts: int,
    failures: int,
    begun_at: datetime,
    at: datetime,
    patience: timedelta,
    asked: timedelta | None = None,
) -> datetime | None:
    """When to try a failed delivery again; None: given up, as it has been tried for long enough.

    `asked` is the endpoint's own Retry-After, honoured up to an hour. The delay is spread by a fifth, by the delivery's id,
    so that what failed together does not come back together. To an endpoint that is down it is the endpoint's pause.
    """
    if at - begun_at >= patience:
        return None
    wait = delay(attempts)
    if failures >= DOWN_AFTER:
        wait = min(wait, pause(failures))
    wait += wait / _SPREAD * (delivery.int % 1000) / 1000
    return at + max(wait, min(asked or timedelta(0), LONGEST))
