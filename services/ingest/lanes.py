"""Decides whose hints may wait: the patients about whom a batch brings nothing but back-filled messages. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from services.ingest.messages import FeedMessage
from services.ingest.versions import Version


def may_wait(patients: Iterable[UUID], versions: Sequence[Version], messages: Sequence[FeedMessage]) -> frozenset[UUID]:
    """Of these patients, those of whom the batch speaks in back-filled messages only.

    Whom no version names is concerned by a deletion, a Medication, or a record that is another's now: such a patient waits
    only where nothing in the batch is live.
    """
    if not any(m.is_backfill for m in messages):
        return frozenset()
    live = {m.position for m in messages if not m.is_backfill}
    named = {v.patient for v in versions}
    named_live = {v.patient for v in versions if v.feed_position in live}
    return frozenset(p for p in patients if (p not in named_live if p in named else not live))
