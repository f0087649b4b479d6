"""Sends and receives on real topics, for tests: each reads only what was sent since it began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from services.ingest.messages import FeedMessage
from shared.runtime import kafka
from shared.topics import Topic

_SILENT_TURNS = 4


@asynccontextmanager
async def producer(servers: str) -> AsyncIterator[AIOKafkaProducer]:
    """The services' own producer, stopped at the end."""
    made = await kafka.producer(servers)
    try:
        yield made
    finally:
        await made.stop()


async def send(servers: str, messages: Iterable[FeedMessage]) -> None:
    """Send feed messages in order, each to its own partition."""
    async with producer(servers) as to:
        for m in messages:
            headers = [(name, value.encode()) for name, value in m.headers.items()]
            await to.send_and_wait(m.topic, m.value, key=m.key, partition=m.partition, headers=headers)


class Listener:
    """Everything that arrives on one topic from now on."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.heard: list[ConsumerRecord] = []

    async def until(self, enough: Callable[[list[ConsumerRecord]], Any], limit_s: float = 20.0) -> list[ConsumerRecord]:
        """What has arrived, when that is enough."""
        async with asyncio.timeout(limit_s):
            while not enough(self.heard):
                for records in (await self._consumer.getmany(timeout_ms=50)).values():
                    self.heard += records
        return self.heard


@asynccontextmanager
async def listening(servers: str, topic: Topic) -> AsyncIterator[Listener]:
    """A listener on all partitions of a topic, of no group."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, fetch_max_wait_ms=40)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, p) for p in range(topic.partitions)]
        consumer.assign(partitions)
        await _drain(consumer, partitions)
        yield Listener(consumer)
    finally:
        await consumer.stop()


async def _drain(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Go to the end of each partition, and past what still comes: where that is.

    The embedded broker names an end before the last records that it has acknowledged; a fetch finds those.
    """
    for partition, end in (await consumer.end_offsets(partitions)).items():
        consumer.seek(partition, end)
    silent = 0
    while silent < _SILENT_TURNS:
        found = await consumer.getmany(timeout_ms=100)
        silent = 0 if any(found.values()) else silent + 1
    return {partition: await consumer.position(partition) for partition in partitions}


async def skip_to_end(servers: str, group: str, topics: Iterable[Topic]) -> None:
    """Let a new group begin at the end of these topics: what other tests sent is none of its business."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, group_id=group, enable_auto_commit=False, fetch_max_wait_ms=40
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(t.name, p) for t in topics for p in range(t.partitions)]
        consumer.assign(partitions)
        await consumer.commit(await _drain(consumer, partitions))
    finally:
        await consumer.stop()


async def committed(servers: str, group: str, topics: Iterable[Topic]) -> dict[TopicPartition, int | None]:
    """The offsets that a group has committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(t.name, p) for t in topics for p in range(t.partitions)]
        consumer.assign(partitions)
        return {partition: await consumer.committed(partition) for partition in partitions}
    finally:
        await consumer.stop()
