"""What a batch amounts to: versions, dead letters, counts."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from services.ingest import batch
from services.ingest.batch import Delivered
from shared.fhir.reading import (
    Accepted,
    Deleted,
    Issue,
    IssueCode,
    OutOfScope,
    Reading,
    Reason,
    RecordIdentity,
    Rejected,
)
from shared.fhir.reading import VersionOrder as Order
from tests.support.feed import KEYS, Feed

RECORD = RecordIdentity("north", "Observation", "1")
ISSUE = Issue(IssueCode.UNDATED, "Observation.effective[x]", "expected a date")
ACCEPTED = Accepted(RECORD, Order(version_id=3), "p1", (), (), b"raw")
ODD = msgspec.structs.replace(ACCEPTED, issues=(ISSUE,))
REJECTED = Rejected(Reason.IMPOSSIBLE_DATE, "Observation.effectiveDateTime", "expected a date", b"raw", RECORD, "p1")
UNASKED = OutOfScope(RECORD, Order(), "http://loinc.org", "1-8")
UNCODED = OutOfScope(RECORD, Order())
ERASED = OutOfScope(RECORD, Order(), erased=True)
UNREAD_TYPE = OutOfScope(RecordIdentity("north", "Flag", "1"), Order())


@pytest.mark.parametrize(
    ("reading", "outcome"),
    [
        (ACCEPTED, ("accepted", "")),
        (ODD, ("accepted_with_issues", "undated")),
        (Deleted(RECORD, Order()), ("accepted", "")),
        (UNASKED, ("out_of_scope", "")),
        (REJECTED, ("rejected", "impossible-date")),
    ],
)
def test_each_reading_counts_as_one_outcome(reading: Reading, outcome: tuple[str, str]) -> None:
    """With its reason, where it has one."""
    assert batch.outcome(reading) == outcome


def test_what_was_counted_is_not_counted_again() -> None:
    """Of three messages the first two lie before the next offset to count."""
    messages = Feed().messages(b"a", b"b", b"c")
    delivered = [Delivered(m, 0, "north", ACCEPTED) for m in messages]
    new = batch.new(delivered, {("fhir-resources", 0): 2})
    assert batch.counts(new) == {("north", "fhir-resources", "accepted", ""): 1}


def test_an_accepted_resource_is_a_version() -> None:
    """Its keys are pseudonyms, its hash that of its bytes, its order as stated."""
    (version,) = batch.versions([_delivered(ODD)], KEYS)
    assert version.record == KEYS.record("north", "Observation", "1")
    assert (version.patient, version.patient_id) == (KEYS.patient("north", "p1"), "p1")
    assert version.content_sha256 == KEYS.content(b"raw")
    assert (version.version_id, version.deleted) == (3, False)
    assert msgspec.json.decode(version.issues[0])["code"] == "undated"


@pytest.mark.parametrize(
    ("reading", "deletes", "leaves"),
    [
        (Deleted(RECORD, Order()), True, False),
        (UNASKED, True, True),
        (UNCODED, True, True),
        (ERASED, None, None),
        (UNREAD_TYPE, None, None),
        (REJECTED, None, None),
    ],
)
def test_what_retracts_an_earlier_version(reading: Reading, deletes: bool | None, leaves: bool | None) -> None:
    """A deletion does, and what is not asked for any more, coded or not; a type never read, or what is unreadable, does not."""
    found = batch.versions([_delivered(reading)], KEYS)
    assert [(v.deleted, v.left_scope) for v in found] == ([] if deletes is None else [(deletes, leaves)])


def test_a_dead_letter_keeps_the_bytes_and_its_pointer_does_not() -> None:
    """The pointer says where it lies and why, and nothing of what it holds or whom it concerns."""
    (letter,) = batch.dead_letters([_delivered(REJECTED), _delivered(ACCEPTED)], KEYS)
    assert (letter.value, letter.patient, letter.reason) == (b"raw", KEYS.patient("north", "p1"), "impossible-date")
    pointer = msgspec.json.decode(batch.pointer(letter))
    assert set(pointer) == {"dead_letter", "site", "source", "entry", "reason", "path"}
    assert UUID(pointer["dead_letter"]) == letter.dead_letter


def _delivered(reading: Reading) -> Delivered:
    return Delivered(Feed().message(b"raw"), 0, "north", reading)
