"""Decides when somebody may be told: quiet hours and the times of a digest, in the recipient's own time zone.

Does not know what they are told. Days with a change of the clock have their own length: a time that such a day skips is
the moment of the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.notify.urgency import Urgency

WEEK: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class QuietHours:
    """A time of day, over midnight where it ends before it begins, in which only what is `unless` or more goes out."""

    begin: time
    end: time
    unless: Urgency = Urgency.STAT


@dataclass(frozen=True)
class Digest:
    """Times of day, on some days of the week, at which what has come together goes out as one message."""

    at: tuple[time, ...]
    days: tuple[str, ...] = WEEK


def not_before(at: datetime, urgency: Urgency, quiet: QuietHours | None, zone: ZoneInfo) -> datetime:
    """The first moment from `at` on when this may be told: the end of the quiet hours it falls into, if it does."""
    if quiet is None or urgency.reaches(quiet.unless) or quiet.begin == quiet.end:
        return at
    local = at.astimezone(zone)
    now = local.time()
    over_midnight = quiet.end < quiet.begin
    is_quiet = (now >= quiet.begin or now < quiet.end) if over_midnight else quiet.begin <= now < quiet.end
    if not is_quiet:
        return at
    ends_tomorrow = over_midnight and now >= quiet.begin
    return max(at, _moment(local.date() + timedelta(days=ends_tomorrow), quiet.end, zone))


def next_digest(at: datetime, digest: Digest, zone: ZoneInfo) -> datetime:
    """The next time of the digest after `at`."""
    today = at.astimezone(zone).date()
    return min(moment for moment in _moments(today, digest, zone) if moment > at)


def _moments(today: date, digest: Digest, zone: ZoneInfo) -> Iterable[datetime]:
    days: Sequence[date] = [today + timedelta(days=n) for n in range(len(WEEK) + 1)]
    return (_moment(day, t, zone) for day in days if WEEK[day.weekday()] in digest.days for t in digest.at)


def _moment(day: date, t: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, t, zone).astimezone(UTC)
