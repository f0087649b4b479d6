"""Which version of a record is the current one, and what that changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from services.ingest.versions import Changes, LiveFact, Version, resolve, supersedes
from shared.facts import AnyFact
from tests.support.build import lab
from tests.support.feed import STARTED

PATIENT, ANOTHER = UUID(int=1), UUID(int=2)
FIRST, SECOND = lab("platelets", "140", key="r"), lab("platelets", "42", key="r")


@pytest.mark.parametrize(
    ("new", "held", "wins"),
    [
        ({"updated": 2}, {"updated": 1}, True),
        ({"updated": 1}, {"updated": 2}, False),
        ({"updated": 1, "number": 9, "offset": 9}, {"updated": 2, "number": 1, "offset": 1}, False),
        ({"updated": 1, "number": 2}, {"updated": 1, "number": 1}, True),
        ({"number": 2, "offset": 1}, {"number": 10, "offset": 2}, False),
        ({"updated": 1, "offset": 1}, {"number": 3, "offset": 2}, False),
        ({"offset": 2}, {"offset": 1}, True),
        ({"offset": 1}, {"offset": 1}, False),
        ({"updated": 1, "offset": 3}, {"offset": 2}, True),
    ],
)
def test_what_orders_two_versions(new: dict[str, Any], held: dict[str, Any], wins: bool) -> None:
    """`lastUpdated` if both have it, else the number of the version, else the time and place of arrival."""
    assert supersedes(_version(**new), _version(**held)) is wins


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_newest_of_a_batch_becomes_current(order: tuple[int, ...]) -> None:
    """Whatever the order, all are kept, the last one's facts are added, and nothing of the others."""
    versions = [_version(updated=i, facts=(lab("platelets", str(i), key="r"),)) for i in range(3)]
    changes = resolve([versions[i] for i in order], {}, {})
    assert sorted(changes.keep, key=lambda v: str(v.last_updated)) == versions
    assert changes.current == {"r": versions[2]}
    assert changes.added == [(PATIENT, versions[2].facts[0])]
    assert changes.patients == [PATIENT]


def test_the_same_content_changes_nothing() -> None:
    """A version that is stored already is neither kept nor made current again."""
    stored = _version(updated=1, facts=(FIRST,))
    assert resolve([replace(stored, feed_position=("e", "t", 0, 9))], {"r": stored}, _live(FIRST)) == Changes(
        known=frozenset("r")
    )


def test_a_fact_stated_again_stays() -> None:
    """A new version that says the same of the platelets and something else besides leaves their fact alone."""
    other = lab("haemoglobin", "12", key="r")
    stored = _version(updated=1, facts=(FIRST,))
    changes = resolve([_version(updated=2, facts=(FIRST, other))], {"r": stored}, _live(FIRST))
    assert (changes.ended, changes.added) == ([], [(PATIENT, other)])


def test_a_correction_ends_and_adds() -> None:
    """What the record does not say any more ends; what it says now begins."""
    changes = resolve([_version(updated=2, facts=(SECOND,))], {"r": _version(updated=1)}, _live(FIRST))
    assert changes.ended == [LiveFact(PATIENT, FIRST.fact_id)]
    assert changes.added == [(PATIENT, SECOND)]


def test_a_move_ends_for_one_patient_and_adds_for_the_other() -> None:
    """Both timelines change, though the fact is word for word the same."""
    moved = _version(updated=2, facts=(FIRST,), patient=ANOTHER)
    changes = resolve([moved], {"r": _version(updated=1)}, _live(FIRST))
    assert changes.ended == [LiveFact(PATIENT, FIRST.fact_id)]
    assert changes.added == [(ANOTHER, FIRST)]
    assert changes.patients == [PATIENT, ANOTHER]


def test_a_deletion_remembers_what_it_deleted() -> None:
    """So that an older version, or the deleted one again, cannot bring the record back; a newer one can."""
    stored = _version(updated=2, facts=(FIRST,))
    tombstone = _version(offset=5, deleted=True, patient=None)
    changes = resolve([tombstone], {"r": stored}, _live(FIRST))
    gone = changes.current["r"]
    assert (changes.keep, changes.ended) == ([], [LiveFact(PATIENT, FIRST.fact_id)])
    assert (gone.deleted, gone.last_updated, gone.patient) == (True, stored.last_updated, PATIENT)
    assert resolve([_version(updated=1, offset=6, facts=(SECOND,))], {"r": gone}, {}).current == {}
    assert resolve([replace(stored, feed_position=("e", "t", 0, 7))], {"r": gone}, {}).current == {}
    assert resolve([_version(updated=3, offset=8, facts=(SECOND,))], {"r": gone}, {}).added == [(PATIENT, SECOND)]


def test_an_unversioned_record_sent_again_after_its_deletion_is_back() -> None:
    """Without any number the order of arrival decides."""
    stored = _version(offset=1, facts=(FIRST,))
    gone = resolve([_version(offset=2, deleted=True, patient=None)], {"r": stored}, {}).current["r"]
    again = replace(stored, feed_position=("e", "t", 0, 3), broker_at=stored.broker_at + timedelta(seconds=3))
    assert resolve([again], {"r": gone}, {}).added == [(PATIENT, FIRST)]


def test_what_leaves_scope_ends_and_is_not_kept() -> None:
    """A first version that nobody asks for leaves no trace; a later one is remembered, for an earlier may come late."""
    left = _version(updated=2, number=2, deleted=True, left_scope=True, patient=None)
    assert resolve([left], {"r": _version(updated=1)}, _live(FIRST)).ended == [LiveFact(PATIENT, FIRST.fact_id)]
    assert resolve([replace(left, version_id=1)], {}, {}) == Changes()
    late = _version(updated=1, number=1, facts=(FIRST,))
    assert resolve([left, late], {}, {}).added == []


def test_what_left_scope_is_remembered_by_its_time_where_it_has_no_number() -> None:
    """A corrected diagnosis or drug that nobody asks for stands against an older version that comes late, a result does not."""
    left = _version(updated=2, offset=1, deleted=True, left_scope=True, patient=None, type_="Condition")
    late = _version(updated=1, offset=2, facts=(FIRST,), type_="Condition")
    assert resolve([left, late], {}, {}).added == []
    remembered = resolve([left], {}, {}).current["r"]
    assert resolve([late], {"r": remembered}, {}).added == []
    newer = _version(updated=3, offset=3, facts=(SECOND,), type_="Condition")
    assert resolve([newer], {"r": remembered}, {}).added == [(PATIENT, SECOND)]
    assert resolve([replace(left, last_updated=None)], {}, {}) == Changes()
    assert resolve([replace(left, resource_type="Observation")], {}, {}) == Changes()


@pytest.mark.parametrize("number", [2, None])
def test_what_was_remembered_as_unasked_is_read_where_the_scope_has_widened(number: int | None) -> None:
    """A refill reads the same message at its place in the feed: the version that was passed over is the current one."""
    left = _version(updated=2, number=number, offset=1, deleted=True, left_scope=True, patient=None, type_="Condition")
    asked = _version(updated=2, number=number, offset=1, facts=(FIRST,), type_="Condition")
    earlier = _version(updated=1, number=1, facts=(SECOND,), type_="Condition")
    alone = resolve([left], {}, {}).current
    after_another = resolve([left], {"r": earlier}, _live(SECOND)).current
    assert resolve([asked], alone, {}).added == [(PATIENT, FIRST)]
    assert resolve([asked], after_another, {}).added == [(PATIENT, FIRST)]


def test_a_record_read_again_changes_its_facts_and_no_version() -> None:
    """When the Medication that it needs comes, what it states is added; it is not kept a second time."""
    stored = _version(updated=1)
    changes = resolve([replace(stored, facts=(FIRST,), reread=True)], {"r": stored}, {})
    assert (changes.keep, changes.added) == ([], [(PATIENT, FIRST)])


def _version(
    updated: int | None = None,
    number: int | None = None,
    offset: int = 0,
    facts: tuple[AnyFact, ...] = (),
    patient: UUID | None = PATIENT,
    type_: str = "Observation",
    **more: Any,
) -> Version:
    return Version(
        record="r",
        site="north",
        resource_type=type_,
        resource_id="1",
        patient_id=None,
        patient=patient,
        content_sha256=f"{updated}/{number}/{facts}".encode(),
        last_updated=_at(updated),
        version_id=number,
        broker_at=STARTED + timedelta(seconds=offset),
        feed_position=("e", "t", 0, offset),
        facts=facts,
        **more,
    )


def _at(hour: int | None) -> datetime | None:
    return None if hour is None else STARTED + timedelta(hours=hour)


def _live(*facts: AnyFact) -> dict[str, list[LiveFact]]:
    return {"r": [LiveFact(PATIENT, f.fact_id) for f in facts]}
