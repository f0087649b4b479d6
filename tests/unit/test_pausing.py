"""When a site is paused, and from which message on."""

from __future__ import annotations

import pytest

from services.ingest.batch import Delivered
from services.ingest.messages import FeedMessage
from services.ingest.pausing import Limits, because, is_bad, split
from shared.fhir.reading import OutOfScope, Reason, RecordIdentity, Rejected, VersionOrder
from tests.support.feed import STARTED

LIMITS = Limits(window=10, bad_in_window=5, bad_in_a_row=4)
GOOD = OutOfScope(RecordIdentity("north", "Flag", "f"), VersionOrder())
BAD = Rejected(Reason.MISSING, "Observation.subject", "expected a reference to a Patient", b"")


def _delivered(marks: str, site: str = "north") -> list[list[Delivered]]:
    return [
        [Delivered(FeedMessage("e", "t", 0, i, None, b"", {}, STARTED), 0, site, BAD if mark == "x" else GOOD)]
        for i, mark in enumerate(marks)
    ]


@pytest.mark.parametrize(
    ("recent", "broken"),
    [
        ("", False),
        ("xxx", False),
        ("xxxx", True),
        ("xxxx.", False),
        ("x.x.x.x.x", False),  # the window is not full
        ("x.x.x.x.x.", True),
        ("x.x.x.x...", False),
        ("x.x.x.x.x..", False),  # the oldest is forgotten
    ],
)
def test_a_site_breaks_a_limit(recent: str, broken: bool) -> None:
    """So many in a row, or so many among the last of a full window, and not one fewer."""
    assert (LIMITS.broken_by(recent) is not None) is broken


def test_no_limit_is_ever_broken_where_none_is_set() -> None:
    """With both limits at 0 a site is never paused."""
    assert Limits(10, 0, 0).broken_by("x" * 100) is None


def test_a_batch_is_held_from_the_message_that_breaks_the_limit_on() -> None:
    """What came before is processed, and so is everything of another site."""
    read = [*_delivered("x...xx"), *_delivered("xx..", "south")]
    divided = split(read, {"north": "x", "south": ""}, set(), Limits(10, 5, 2), {})
    assert (divided.news, [d.message.offset for d in divided.held]) == (
        {"north": "x", "south": "xx"},
        [1, 2, 3, 4, 5, 2, 3],
    )
    assert set(divided.broken) == {"north", "south"}


def test_a_redelivery_says_nothing_about_its_site() -> None:
    """What was counted before is processed again, whatever it is, and not remembered again."""
    divided = split(_delivered("xxxxxx"), {}, set(), LIMITS, {("t", 0): 6})
    assert (len(divided.go_on), divided.held, divided.news) == (6, [], {})


def test_everything_new_of_a_paused_site_is_held() -> None:
    """Good and bad alike, in order."""
    divided = split(_delivered(".x."), {}, {"north"}, LIMITS, {})
    assert ([d.message.offset for d in divided.held], divided.go_on) == ([0, 1, 2], [])


def test_a_bundle_is_bad_when_half_of_it_is() -> None:
    """One of two entries makes it bad, one of three does not, and an empty one is not."""
    good, bad = _delivered(".x")
    assert is_bad([*good, *bad])
    assert not is_bad([*good, *good, *bad])
    assert not is_bad([])


def test_the_reason_names_the_most_frequent_fault() -> None:
    """Reason and field, of that site alone."""
    assert because("limit", "north", _delivered("x.x")) == "limit; most often: missing at Observation.subject"
    assert because("limit", "south", _delivered("x.x")) == "limit"
