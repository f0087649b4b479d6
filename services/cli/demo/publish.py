"""Sends feed messages as a hospital's integration engine would: paced, keyed, in order. Decides nothing about them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from services.cli.simulate.model import FeedMessage
from shared.runtime import kafka
from shared.runtime.kafka_access import OPEN, Security


async def publish(
    servers: str,
    messages: Sequence[FeedMessage],
    per_second: int,
    sent: Callable[[int], None],
    security: Security = OPEN,
) -> None:
    """Send the messages in order, at most so many a second; `sent` is told of each step's number."""
    producer = await kafka.producer(servers, security)
    step = max(1, per_second // 20)
    try:
        started = time.perf_counter()
        for first in range(0, len(messages), step):
            part = messages[first : first + step]
            acks = [await producer.send(m.topic, m.value, key=m.key, headers=list(m.headers)) for m in part]
            await asyncio.gather(*acks)
            sent(len(part))
            await asyncio.sleep(max(0.0, started + (first + len(part)) / per_second - time.perf_counter()))
    finally:
        await producer.stop()


def mix(cohort: Sequence[FeedMessage], background: Sequence[FeedMessage]) -> list[FeedMessage]:
    """Spread the cohort's messages evenly among the background's, each keeping its own order."""
    if not cohort or not background:
        return [*cohort, *background]
    placed = [((i + 1) / len(cohort), 1, m) for i, m in enumerate(cohort)]
    placed += [((i + 1) / len(background), 0, m) for i, m in enumerate(background)]
    return [m for _, _, m in sorted(placed, key=lambda p: (p[0], p[1]))]
