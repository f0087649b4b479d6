"""What was sent, position by position, and whether each is accounted for or still lies on the broker. Measures nothing."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition

from services.cli.simulate.model import FeedMessage
from shared.runtime import kafka
from shared.runtime.postgres import Connection

_POSITIONS: Final = "SELECT topic, partition, max(next_offset) AS next_offset FROM timeline.feed_position GROUP BY 1, 2"
_COUNTED: Final = "SELECT coalesce(sum(resources), 0)::bigint FROM timeline.feed_count"
Place = tuple[str, int]


class Ledger:
    """How many resources lie at each position of the feed."""

    def __init__(self) -> None:
        self._delivers: dict[Place, array[int]] = {}
        self.resources = 0

    def note(self, place: Place, offset: int, delivers: int) -> None:
        """The broker has taken a message that delivers so many resources."""
        lying = self._delivers.setdefault(place, array("I"))
        lying.extend([0] * (offset + 1 - len(lying)))
        lying[offset] = delivers
        self.resources += delivers

    def before(self, positions: Mapping[Place, int]) -> int:
        """How many resources lie before these positions."""
        return sum(sum(lying[: positions.get(place, 0)]) for place, lying in self._delivers.items())

    @property
    def ends(self) -> dict[Place, int]:
        """The position after the last message of each place."""
        return {place: len(lying) for place, lying in self._delivers.items()}


async def send(producer: AIOKafkaProducer, messages: Sequence[FeedMessage], ledger: Ledger) -> None:
    """Send them, and note where each lies."""
    sent = [await producer.send(m.topic, m.value, key=m.key, headers=list(m.headers)) for m in messages]
    for message, answer in zip(messages, await asyncio.gather(*sent), strict=True):
        ledger.note((answer.topic, answer.partition), answer.offset, message.delivers)


async def balance(connection: Connection, ledger: Ledger) -> tuple[int, int]:
    """How many resources were counted, and how many of those that lie before ingest's positions were not, or twice."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(_POSITIONS)
        counted: int = await connection.fetchval(_COUNTED)
    return counted, abs(ledger.before({(r["topic"], r["partition"]): r["next_offset"] for r in rows}) - counted)


async def missing_on_broker(servers: str, connection: Connection, ledger: Ledger) -> int:
    """Messages that were sent, are not counted yet, and do not lie on the broker any more."""
    reached = {(r["topic"], r["partition"]): r["next_offset"] for r in await connection.fetch(_POSITIONS)}
    consumer = await kafka.replaying_consumer(servers)
    try:
        parts = {place: TopicPartition(*place) for place in ledger.ends}
        begins: dict[Any, int] = await consumer.beginning_offsets(list(parts.values()))
        ends: dict[Any, int] = await consumer.end_offsets(list(parts.values()))
    finally:
        await consumer.stop()
    return sum(
        max(0, end - ends[parts[place]]) + max(0, begins[parts[place]] - reached.get(place, 0))
        for place, end in ledger.ends.items()
    )
