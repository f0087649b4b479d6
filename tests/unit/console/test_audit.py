"""The audit's chain shows what was changed, removed or put in."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.console import audit
from services.console.audit import FIRST, Entry, verify

AT = datetime(2025, 6, 30, 12, 0, tzinfo=UTC)


def chain(length: int) -> list[Entry]:
    """A sound chain."""
    head, made = FIRST, []
    for n in range(1, length + 1):
        at = AT + timedelta(seconds=n)
        said = {"sequence": n, "recorded_at": at.isoformat(), "person": f"p{n}", "action": "see-patient"}
        text = msgspec.json.encode({**said, "outcome": "done", "patient": None, "details": {"n": n}}).decode()
        digest = hashlib.sha256(head + text.encode()).digest()
        made.append(Entry(n, at, f"p{n}", "see-patient", "done", None, text, head, digest))
        head = digest
    return made


def test_a_sound_chain_is_verified_to_its_head() -> None:
    """The head is what one notes elsewhere."""
    entries = chain(5)
    assert verify(entries) == audit.Verified(5, entries[-1].hash)
    assert verify([]) == audit.Verified(0, FIRST)
    assert audit.details(entries[2]) == {"n": 3}


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_changed_entry_breaks_the_chain_at_its_place(place: int) -> None:
    """Its text does not have the hash that was written; nor do columns that say something else than it."""
    entries = chain(5)
    other = msgspec.structs.replace(entries[place], entry=entries[place].entry.replace("see-", "sea-"))
    column = msgspec.structs.replace(entries[place], person="somebody else")
    for changed in (other, column):
        found = verify([*entries[:place], changed, *entries[place + 1 :]]).broken
        assert found is not None
        assert found.sequence == place + 1


def test_a_removed_entry_shows() -> None:
    """Also where those after it were numbered anew."""
    entries = chain(5)
    assert verify([*entries[:2], *entries[3:]]).broken == audit.Break(4, "entry 3 is missing")
    renumbered = msgspec.structs.replace(entries[3], sequence=3)
    assert verify([*entries[:2], renumbered]).broken == audit.Break(3, "it does not follow the entry before it")


def test_cutting_off_the_end_shows_only_against_a_noted_head() -> None:
    """The chain that is left is sound; its head is another."""
    entries = chain(5)
    shorter = verify(entries[:4])
    assert shorter.broken is None
    assert shorter.head != verify(entries).head
