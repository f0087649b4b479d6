"""Where the feed is read again when the database has lost what the broker's group has committed."""

from __future__ import annotations

import pytest

from services.ingest.rewinding import Rewinding, WentBackError, first_offsets

PLACE = ("fhir-observations", 0)


def test_a_gap_before_the_first_batch_is_read_again_once() -> None:
    """A restored database is at 40, the group at 100: back to 40; if nothing comes from there, the broker has forgotten it."""
    rewinding = Rewinding()
    with pytest.raises(WentBackError) as back:
        rewinding.check({PLACE: 100}, {PLACE: 40})
    assert back.value.offsets == {PLACE: 40}
    rewinding.check({PLACE: 100}, {PLACE: 40})


def test_a_database_that_went_back_while_we_ran_is_noticed() -> None:
    """We brought it to 100; a promoted replica has 60."""
    rewinding = Rewinding()
    rewinding.advanced({PLACE: 100})
    with pytest.raises(WentBackError) as back:
        rewinding.check({PLACE: 100}, {PLACE: 60})
    assert back.value.offsets == {PLACE: 60}


def test_it_may_go_back_again_after_it_was_caught_up() -> None:
    """Each position is tried once, and a second failover is another position."""
    rewinding = Rewinding()
    for at in (60, 80):
        rewinding.advanced({PLACE: 100})
        with pytest.raises(WentBackError):
            rewinding.check({PLACE: 100}, {PLACE: at})


@pytest.mark.parametrize(
    ("begin", "known"),
    [
        (100, 100),  # the usual case
        (90, 100),  # a redelivery
        (101, 100),  # a mark of a transaction, where we ourselves brought the database to 100
    ],
)
def test_what_follows_where_the_database_is_goes_on(begin: int, known: int) -> None:
    """Nothing lies between that was never stored."""
    rewinding = Rewinding()
    rewinding.advanced({PLACE: 100})
    rewinding.check({PLACE: begin}, {PLACE: known})


def test_a_database_that_knows_nothing_of_a_partition_begins_where_the_group_is() -> None:
    """A new database, or a topic that it never read: `graftwatch refill` reads the earlier part."""
    Rewinding().check({PLACE: 100}, {})
    Rewinding().check({PLACE: 100}, {PLACE: 0})


def test_a_batch_begins_at_its_lowest_offsets() -> None:
    """Of each partition."""
    other = ("fhir-observations", 1)
    assert first_offsets([(*PLACE, 7), (*PLACE, 5), (*other, 9)]) == {PLACE: 5, other: 9}
