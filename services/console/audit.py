"""The audit's chain: whether entries are those that were written, in their order, none missing. Writes and reads nothing.

Each entry's hash is SHA-256 of the hash before it and of the entry as text, so that a changed, removed or inserted one shows at
its place. What is cut off at the end shows only against a head that was noted elsewhere: `verify` returns the head for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

FIRST: Final = bytes(32)


class Entry(msgspec.Struct, frozen=True):
    """One entry as stored: the columns, and the text that was hashed."""

    sequence: int
    recorded_at: datetime
    person: str
    action: str
    outcome: str
    patient: UUID | None
    entry: str
    previous_hash: bytes
    hash: bytes


class Break(msgspec.Struct, frozen=True):
    """Where the chain is broken, and how."""

    sequence: int
    says: str


class Verified(msgspec.Struct, frozen=True):
    """How many entries were looked at, the last one's hash, and the first break if there is one."""

    entries: int
    head: bytes
    broken: Break | None = None


def verify(entries: Iterable[Entry], head: bytes = FIRST, count: int = 0) -> Verified:
    """Follow the chain from its first entry, or on from a head and the number before; stops at the first break."""
    for expected, entry in enumerate(entries, count + 1):
        says = _fault(entry, expected, head)
        if says is not None:
            return Verified(count, head, Break(entry.sequence, says))
        head, count = entry.hash, expected
    return Verified(count, head)


def details(entry: Entry) -> dict[str, Any]:
    """What the entry says beyond its columns."""
    stated: dict[str, Any] = msgspec.json.decode(entry.entry)["details"]
    return stated


def _fault(entry: Entry, expected: int, head: bytes) -> str | None:
    if entry.sequence != expected:
        return f"entry {expected} is missing"
    if entry.previous_hash != head:
        return "it does not follow the entry before it"
    if hashlib.sha256(head + entry.entry.encode()).digest() != entry.hash:
        return "its text is not the one that was written"
    return None if _repeated(entry) else "its columns do not say what its text says"


def _repeated(entry: Entry) -> bool:
    said = msgspec.json.decode(entry.entry)
    columns = (entry.sequence, entry.person, entry.action, entry.outcome, entry.patient and str(entry.patient))
    same = columns == (said["sequence"], said["person"], said["action"], said["outcome"], said["patient"])
    return same and datetime.fromisoformat(said["recorded_at"]) == entry.recorded_at
