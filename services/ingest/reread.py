"""Decides what a record comes to that is read again, and which Medications a batch needs. Reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from services.ingest.batch import Delivered, issues_json
from services.ingest.versions import Version
from shared.fhir.keys import Keys
from shared.fhir.reading import Accepted, Reading, Rejected


def needed(delivered: Iterable[Delivered], keys: Keys) -> set[str]:
    """Keys of the records that complete what was delivered."""
    return {record for d in delivered if isinstance(d.reading, Accepted) for record in _needs(d.reading, keys)}


def again(stored: Version, reading: Reading, keys: Keys) -> Version:
    """The stored version with what it states now: nothing, where nobody asks for it any more or it cannot be read."""
    known = structs.replace(stored, reread=True, unread=isinstance(reading, Rejected), facts=())
    if not isinstance(reading, Accepted):
        return known
    return structs.replace(
        known, facts=reading.facts, issues=issues_json(reading), needs=frozenset(_needs(reading, keys))
    )


def _needs(reading: Accepted, keys: Keys) -> Iterable[str]:
    return (keys.record(reading.record.site, *reference.split("/", 1)) for reference in reading.pending)
