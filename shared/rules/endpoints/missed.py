"""Decides how many visits in a row a patient has missed, and when time alone makes it one more.

Does not decide what a missed visit means for an endpoint.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from shared.rules.endpoints.follow_up import FollowUp


def missed_visits(follow_up: FollowUp, last_seen_on: date) -> int:
    """Visits missed since the last adequate assessment: every whole interval that has passed, and the window of it."""
    days = (follow_up.today - last_seen_on).days - follow_up.window_days
    return max(0, (days - 1) // follow_up.interval_days)


def next_change(follow_up: FollowUp, last_seen_on: date | None) -> datetime | None:
    """The first instant at which the next visit has been missed, or the trial's observation has ended.

    `last_seen_on` is None where the disease is observed no more.
    """
    days = [] if follow_up.ended else [_after(follow_up.cut_on, 1)]
    if last_seen_on is not None and not follow_up.ended:
        intervals = missed_visits(follow_up, last_seen_on) + 1
        due = _after(last_seen_on, intervals * follow_up.interval_days + follow_up.window_days + 1)
        days.append(due)
    day = min((d for d in days if d is not None), default=None)
    return datetime.combine(day, time(), UTC) if day is not None else None


def _after(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None
