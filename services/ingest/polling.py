"""Decides which messages ingest takes next: live ones, and of the back-fill a little while no live one waits. Reads none.

A broker has no priorities, and one partition has one order: so back-fill lies on a topic of its own (ADR 69), and its
batches are short, as two of them, one being stored and one read ahead, are what a live message may have to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import topics

BACKFILL_AT_ONCE: Final = 200
"""Back-filled messages of one batch: a twentieth of a second of ingest's time."""
_POLL_MS: Final = 50


async def live_first(consumer: AIOKafkaConsumer, most: int) -> dict[TopicPartition, Sequence[Any]]:
    """Up to so many messages; back-filled ones, and fewer of them, only where no live one had arrived."""
    assigned = consumer.assignment()
    live = [tp for tp in assigned if tp.topic != topics.BACKFILL.name]
    if live and len(live) < len(assigned):
        found: dict[TopicPartition, Sequence[Any]] = await consumer.getmany(*live, timeout_ms=0, max_records=most)
        if found:
            return found
        most = min(most, BACKFILL_AT_ONCE)
    return await consumer.getmany(timeout_ms=_POLL_MS, max_records=most)  # type: ignore[no-any-return]
