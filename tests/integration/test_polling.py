"""Which messages ingest takes first, from a real broker."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.cli.stack import Stack
from services.ingest import polling
from shared import topics
from shared.runtime import kafka
from tests.support.topics import producer, skip_to_end

WAITING = 500
LIMIT_S = 60.0


async def test_a_live_message_waits_for_no_back_fill(stack: Stack) -> None:
    """Of five hundred back-filled messages and a live one that came last, the live one is taken first, and alone.

    Then back-fill, in batches short enough for the next live message not to wait long.
    """
    group, mark = f"polling-{uuid4()}", uuid4().hex.encode()
    await skip_to_end(stack.bootstrap_servers, group, topics.FEED)
    async with producer(stack.bootstrap_servers) as to:
        waiting = [await to.send(topics.BACKFILL.name, mark, partition=0) for _ in range(WAITING)]
        await asyncio.gather(*waiting)
        await to.send_and_wait(topics.OBSERVATIONS.name, mark, partition=0)
    names = [t.name for t in topics.FEED]
    consumer = await kafka.feed_consumer(stack.bootstrap_servers, group, names)
    try:
        await _fetched(consumer, topics.BACKFILL, topics.OBSERVATIONS)
        first = await polling.live_first(consumer, 1_000)
        assert {tp.topic: len(found) for tp, found in first.items()} == {topics.OBSERVATIONS.name: 1}
        taken = 0
        while taken < WAITING:
            batch = await polling.live_first(consumer, 1_000)
            assert sum(map(len, batch.values())) <= polling.BACKFILL_AT_ONCE
            taken += sum(len(found) for tp, found in batch.items() if tp.topic == topics.BACKFILL.name)
    finally:
        await consumer.stop()


async def _fetched(consumer: AIOKafkaConsumer, *wanted: topics.Topic) -> None:
    """Wait until the consumer holds what these topics have, without taking any of it."""
    partitions = [TopicPartition(topic.name, 0) for topic in wanted]
    async with asyncio.timeout(LIMIT_S):
        while not all(tp in consumer.assignment() and consumer.highwater(tp) for tp in partitions):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
