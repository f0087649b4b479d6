"""Quiet hours, digests, and the schedule of attempts: pure functions of time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify import patience
from services.notify.hours import Digest, QuietHours, next_digest, not_before
from services.notify.urgency import Urgency

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(time(22), time(7))
LUNCH = QuietHours(time(12), time(13))
ID = UUID(int=999)
WEEK = timedelta(days=7)
AT = datetime(2024, 5, 3, 10, tzinfo=UTC)
INSTANTS = st.integers(0, 365 * 24 * 60 * 60).map(lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


@pytest.mark.parametrize(
    ("local", "quiet", "until"),
    [
        ("2024-05-03T21:59", NIGHT, None),
        ("2024-05-03T22:00", NIGHT, "2024-05-04T07:00"),
        ("2024-05-04T06:59", NIGHT, "2024-05-04T07:00"),
        ("2024-05-04T07:00", NIGHT, None),
        ("2024-05-03T12:30", LUNCH, "2024-05-03T13:00"),
        ("2024-05-03T13:00", LUNCH, None),
        ("2024-03-30T23:00", NIGHT, "2024-03-31T07:00"),
        ("2024-05-03T23:00", QuietHours(time(0), time(0)), None),
    ],
)
def test_quiet_hours_end(local: str, quiet: QuietHours, until: str | None) -> None:
    """Over midnight, within a day, over a change of the clock; the bounds themselves."""
    at = datetime.fromisoformat(local).replace(tzinfo=BERLIN)
    expected = at if until is None else datetime.fromisoformat(until).replace(tzinfo=BERLIN)
    assert not_before(at, Urgency.ROUTINE, quiet, BERLIN) == expected


@given(at=INSTANTS)
def test_after_quiet_hours_it_is_not_quiet(at: datetime) -> None:
    """What was put off once is not put off again; what is as urgent as `unless` is never put off."""
    due = not_before(at, Urgency.ASAP, NIGHT, BERLIN)
    assert due >= at
    assert not_before(due, Urgency.ASAP, NIGHT, BERLIN) == due
    assert not_before(at, Urgency.STAT, NIGHT, BERLIN) == at


@given(at=INSTANTS)
def test_the_next_digest_is_the_next_of_its_times(at: datetime) -> None:
    """Later than now, at one of the times and days, and none of them lies between."""
    digest = Digest((time(8), time(16, 30)), ("mon", "fri"))
    due = next_digest(at, digest, BERLIN)
    local = due.astimezone(BERLIN)
    assert at < due <= at + WEEK
    assert (local.time(), local.weekday()) in {(t, d) for t in digest.at for d in (0, 4)}
    assert next_digest(due - timedelta(seconds=1), digest, BERLIN) == due


def test_attempts_go_on_for_days_and_not_for_minutes() -> None:
    """A second, doubling to an hour, for a week: some 180 attempts, none more than 72 minutes after the last."""
    at, attempts = AT, [AT]
    while (due := patience.next_attempt(ID, len(attempts), 0, AT, at, WEEK)) is not None:
        at = due
        attempts.append(at)
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert timedelta(seconds=1) <= gaps[0] <= timedelta(seconds=1.2)
    assert max(gaps) <= timedelta(minutes=72)
    assert attempts[-1] - AT >= WEEK
    assert 140 <= len(attempts) <= 190


def test_an_endpoint_that_is_down_is_tried_every_few_minutes() -> None:
    """After five failures in a row: its own pause, a second, doubling to five minutes, one send at a time."""
    pauses = [patience.pause(n).total_seconds() for n in range(20)]
    assert pauses[:9] == [0, 0, 0, 0, 0, 1, 2, 4, 8]
    assert pauses[-1] == 300
    assert [patience.in_flight(n, 8) for n in (0, 4, 5, 50)] == [8, 8, 1, 1]
    due = patience.next_attempt(ID, attempts=50, failures=40, begun_at=AT, at=AT, patience=WEEK)
    assert due is not None
    assert due - AT <= timedelta(minutes=6)


def test_what_the_endpoint_asks_for_is_honoured() -> None:
    """Retry-After, up to an hour; what is less than our own delay changes nothing."""
    waits = [
        patience.next_attempt(UUID(int=0), 1, 0, AT, AT, WEEK, asked)
        for asked in (timedelta(minutes=10), timedelta(days=3))
    ]
    assert [due - AT for due in waits if due] == [timedelta(minutes=10), timedelta(hours=1)]
    assert patience.next_attempt(UUID(int=0), 20, 0, AT, AT, WEEK, timedelta(seconds=1)) == AT + timedelta(hours=1)


@given(delivery=st.uuids(), attempts=st.integers(1, 10_000), failures=st.integers(0, 10_000))
def test_the_schedule_depends_on_nothing_but_its_arguments(delivery: UUID, attempts: int, failures: int) -> None:
    """Asked twice it is the same, later than now, and never overflows."""
    due = patience.next_attempt(delivery, attempts, failures, AT, AT, WEEK)
    assert due == patience.next_attempt(delivery, attempts, failures, AT, AT, WEEK)
    assert due is not None
    assert AT < due <= AT + timedelta(minutes=72)
