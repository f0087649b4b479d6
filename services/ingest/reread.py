"""Decides which Medications a batch needs that its messages do not hold themselves. Reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from services.ingest.batch import Delivered
from shared.fhir.keys import Keys
from shared.fhir.reading import Accepted


def needed(delivered: Iterable[Delivered], keys: Keys) -> set[str]:
    """Keys of the records that complete what was delivered."""
    return {
        keys.record(d.reading.record.site, *reference.split("/", 1))
        for d in delivered
        if isinstance(d.reading, Accepted)
        for reference in d.reading.pending
    }
