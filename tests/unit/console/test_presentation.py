"""How the console writes dates, spans and states, and which events it lists for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.console import concerns, presentation
from services.console.access import Role
from shared import events

NOW = datetime(2025, 6, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2024", "2024"),
        ("2024-05", "2024-05"),
        ("2024-05-03", "3 May 2024"),
        ("2024-05-03T10:00:00+02:00", "3 May 2024"),
        (None, "unknown"),
    ],
)
def test_a_date_is_written_to_the_precision_it_has(value: str | None, written: str) -> None:
    """Nothing is added that was not recorded."""
    assert presentation.day(value) == written


def test_an_instant_keeps_its_own_offset() -> None:
    """A hospital's time is written as the hospital wrote it."""
    assert presentation.moment("2024-05-03T10:05:00+02:00") == "3 May 2024, 10:05 UTC+02:00"
    assert presentation.moment(NOW) == "30 Jun 2025, 12:00 UTC"


@pytest.mark.parametrize(
    ("span", "written"),
    [
        (timedelta(minutes=35), "35 min left"),
        (timedelta(hours=3, minutes=5), "3 h 5 min left"),
        (timedelta(days=2, hours=4), "2 d 4 h left"),
        (timedelta(days=12, hours=4), "12 d left"),
        (timedelta(0), "0 min left"),
        (timedelta(hours=-5), "5 h 0 min overdue"),
    ],
)
def test_a_deadline_says_how_long_is_left_or_how_long_it_is_past(span: timedelta, written: str) -> None:
    """In its two largest units."""
    assert presentation.left(NOW + span, NOW) == written


def test_every_state_has_a_shape_and_words() -> None:
    """Nothing is told by colour alone: no two tones share words, and each has a shape."""
    assert all(shape and words for shape, words, _ in presentation.STATUS.values())
    assert presentation.status("something_new") == {"shape": "·", "words": "something new", "tone": "plain"}


def test_every_event_of_the_catalogue_has_a_name() -> None:
    """An event that the console could not name would be shown by its tag."""
    tags = {str(kind.__struct_config__.tag) for kind in events.CATALOGUE}
    assert tags <= set(presentation.EVENTS)
    assert presentation.event_name("graftwatch.rejection-suspected.v1") == "rejection: suspected"


def test_what_concerns_whom() -> None:
    """A suspicion of rejection concerns who treats; one who only reads is shown everything."""
    suspected = concerns.type_name(events.RejectionSuspected)
    assert suspected in concerns.types_for([Role.SAFETY_OFFICER])
    assert suspected not in concerns.types_for([Role.COORDINATOR])
    assert set(concerns.types_for([Role.MONITOR])) == {concerns.type_name(k) for k in concerns.CONCERNS}


def test_every_event_about_rejection_and_adverse_events_concerns_a_safety_officer() -> None:
    """Wrong silence is the worst fault: none of them may be missing from the list."""
    shown = set(concerns.types_for([Role.SAFETY_OFFICER]))
    spoken = {k for k in events.CATALOGUE if "safety-events" in events.topics_of(k)}
    assert {concerns.type_name(k) for k in spoken} <= shown
