"""Which facts are live at a version, and in which order."""

from __future__ import annotations

from random import Random

from shared.facts import Laboratory, VitalStatus
from shared.timeline import Entry, between, fold, latest, offline
from tests.support.build import PATIENT, RECORDED_AT, at, died, lab

A = lab("platelets", "140", on="2024-05-01")
B = lab("platelets", "90", on="2024-05-02")
UNDATED = lab("albumin", "4", on=None)


def test_fold_takes_what_was_added_and_not_ended_by_a_version() -> None:
    """A fact is live from the version that added it to the one before that which ended it."""
    entries = [Entry(A, RECORDED_AT, 1, 3), Entry(B, RECORDED_AT, 2)]
    assert [fold(PATIENT, entries, v).facts for v in range(5)] == [(), (A,), (A, B), (B,), (B,)]


def test_a_fact_may_end_and_come_back() -> None:
    """Between its two lives it is not there, and it is recorded when it came last."""
    again = RECORDED_AT.replace(year=2025)
    entries = [Entry(A, RECORDED_AT, 1, 2), Entry(A, again, 4)]
    assert [len(fold(PATIENT, entries, v).facts) for v in range(1, 5)] == [1, 0, 0, 1]
    assert fold(PATIENT, entries, 4).recorded == {A.fact_id: again}


def test_the_order_of_entries_does_not_matter() -> None:
    """Facts are in clinical order, undated ones first, however they were read."""
    entries = [Entry(f, RECORDED_AT, 1) for f in (A, B, UNDATED)]
    for seed in range(5):
        Random(seed).shuffle(entries)
        assert fold(PATIENT, entries, 1).facts == (UNDATED, A, B)


def test_tomorrow_decides_nothing_today() -> None:
    """Facts dated later are left out, undated ones are not, and when the next begins to count is known."""
    timeline = offline(PATIENT, [A, B, UNDATED], RECORDED_AT)
    assert timeline.until(at("2024-05-01")).facts == (UNDATED, A)
    assert timeline.next_dated_after(at("2024-05-01")) == B.occurred.first if B.occurred else None
    assert timeline.next_dated_after(at("2024-05-09")) is None
    assert timeline.until(at("2024-05-09")) is timeline


def test_facts_of_one_type() -> None:
    """Only those are given, in order."""
    timeline = offline(PATIENT, [B, died(), A], RECORDED_AT)
    assert timeline.of(Laboratory) == (A, B)
    assert len(timeline.of(VitalStatus)) == 1


def test_latest_is_one_or_those_that_precision_cannot_order() -> None:
    """A day does not settle an hour of that day; what is undated is never the latest."""
    hour = lab("platelets", "80", on="2024-05-02T08:00:00Z")
    assert latest([A, B, UNDATED]) == (B,)
    assert latest([A, B, hour]) == (B, hour)
    assert latest([UNDATED]) == ()


def test_between_takes_what_may_lie_within() -> None:
    """Both ends included; a month that overlaps may lie within, the undated may not."""
    month = lab("platelets", "70", on="2024-05")
    assert between([A, B, UNDATED, month], at("2024-05-02"), at("2024-05-03")) == (B, month)
