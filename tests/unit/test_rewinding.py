"""Where the feed is read again when the database has lost what the broker's group has committed."""

from __future__ import annotations

import pytest

from services.ingest.rewinding import Rewinding, WentBackError, first_offsets, lost, made_anew

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


def test_the_same_backup_restored_twice_is_caught_up_twice() -> None:
    """The first time was tried and done; that the database is at 40 once more is another loss."""
    rewinding = Rewinding()
    for _ in range(2):
        with pytest.raises(WentBackError):
            rewinding.check({PLACE: 100}, {PLACE: 40})
        rewinding.advanced({PLACE: 100})


def test_a_partition_that_comes_back_to_us_is_looked_at_anew() -> None:
    """Others had it meanwhile: that the database is where we once brought it, or tried to, says nothing any more."""
    rewinding = Rewinding()
    rewinding.advanced({PLACE: 40})
    rewinding.check({PLACE: 100}, {PLACE: 40})
    for _ in range(2):
        rewinding.forget([PLACE])
        with pytest.raises(WentBackError):
            rewinding.check({PLACE: 100}, {PLACE: 40})


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


def test_what_was_removed_before_it_was_read_is_counted() -> None:
    """The database is at 40, ingest goes on at 100: of a broker that begins at 90 50 messages are gone; at 0 there are marks."""
    rewinding = Rewinding()
    rewinding.advanced({PLACE: 40})
    rewinding.check({PLACE: 100}, {PLACE: 40})
    assert lost(rewinding.passed, {PLACE: 90}) == {(PLACE, 40): 50}
    assert lost(rewinding.passed, {PLACE: 200}) == {(PLACE, 40): 60}
    assert lost(rewinding.passed, {PLACE: 0}) == {}
    rewinding.check({PLACE: 110}, {PLACE: 110})
    assert rewinding.passed == {(PLACE, 40): 100}


def test_a_topic_that_was_made_anew_is_named() -> None:
    """Its partition ends at 3, and 100 were read of it; one that nobody has read, or that ends where the database is, is well."""
    assert made_anew({PLACE: 100}, {PLACE: 3, ("fhir-conditions", 0): 0}) == ["fhir-observations"]
    assert made_anew({PLACE: 100}, {PLACE: 100}) == []


def test_a_batch_begins_at_its_lowest_offsets() -> None:
    """Of each partition."""
    other = ("fhir-observations", 1)
    assert first_offsets([(*PLACE, 7), (*PLACE, 5), (*other, 9)]) == {PLACE: 5, other: 9}
