"""What the services ask of any Kafka broker; one suite, run on the broker named by GRAFTWATCH_TEST_BROKER."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from services.cli.stack import Stack, TopicSpec, create_topics
from shared.runtime import kafka
from tests.support.stack import running_stack

PARTITIONS = 4
LIMIT_S = 30.0
# Short, as in the services: a killed member's partitions are taken over within seconds.
GROUP_SETTINGS = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 1000, "rebalance_timeout_ms": 3000}
# A consumer that takes six records, commits four of them, says so, and waits for its end.
MORTAL = f"""
import asyncio, sys
from aiokafka import AIOKafkaConsumer, TopicPartition

async def main(servers, topic):
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, group_id=f"mortal-{{topic}}", enable_auto_commit=False,
        auto_offset_reset="earliest", **{GROUP_SETTINGS}
    )
    await consumer.start()
    for _ in range(6):
        await consumer.getone()
    await consumer.commit({{TopicPartition(topic, 0): 4}})
    print("committed", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""
LARGE_BYTES = 3 * 1024 * 1024
LARGEST_BYTES = 16 * 1024 * 1024
NEARLY_LARGEST_BYTES = 15 * 1024 * 1024


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory) as running:
        yield running


@pytest.fixture
def topic(stack: Stack) -> str:
    name = f"contract-{uuid.uuid4()}"
    create_topics(stack.bootstrap_servers, [TopicSpec(name, PARTITIONS)])
    return name


async def test_record_arrives_with_key_value_and_headers(stack: Stack, topic: str) -> None:
    """Key, value and headers of a record are delivered byte for byte."""
    await _send(stack, topic, [(b"Patient/1", b'{"value": 1.00}')], headers=[("site", b"north")])
    (record,) = await _receive(stack, topic, 1)
    assert (record.key, record.value) == (b"Patient/1", b'{"value": 1.00}')
    assert list(record.headers) == [("site", b"north")]


async def test_records_of_one_key_stay_in_order(stack: Stack, topic: str) -> None:
    """Records with the same key come from one partition, in the order in which they were sent."""
    values = [str(number).encode() for number in range(200)]
    await _send(stack, topic, [(b"Patient/1", value) for value in values])
    records = await _receive(stack, topic, len(values))
    assert [record.value for record in records] == values
    assert len({record.partition for record in records}) == 1


async def test_null_value_is_delivered_as_null(stack: Stack, topic: str) -> None:
    """A tombstone arrives with its key and no value, and is told from an empty message."""
    sent = [(b"Observation/1", None), (b"Observation/1", b"")]
    await _send(stack, topic, sent)
    assert [(record.key, record.value) for record in await _receive(stack, topic, 2)] == sent


async def test_large_record_is_delivered_whole(stack: Stack, topic: str) -> None:
    """A Bundle of 3 MB passes in one record."""
    bundle = bytes(range(256)) * (LARGE_BYTES // 256)
    await _send(stack, topic, [(b"Bundle/1", bundle)])
    (record,) = await _receive(stack, topic, 1)
    assert record.value == bundle


async def test_the_feed_s_own_consumer_receives_the_largest_message(stack: Stack, topic: str) -> None:
    """Ingest asks for 1 MB a partition at a time: a message of nearly 16 MB comes whole, and the one after it too."""
    bundle = bytes(range(256)) * (NEARLY_LARGEST_BYTES // 256)
    await _send(stack, topic, [(b"Bundle/1", bundle), (b"Bundle/2", b"after")])
    consumer = await kafka.feed_consumer(stack.bootstrap_servers, f"large-{topic}", [topic])
    try:
        received = {(await asyncio.wait_for(consumer.getone(), LIMIT_S)).value for _ in range(2)}
    finally:
        await consumer.stop()
    assert received == {bundle, b"after"}


async def test_group_shares_the_partitions_and_loses_nothing(stack: Stack, topic: str) -> None:
    """Two members of a group have half of the partitions each, and together receive each record once."""
    sent = [str(number).encode() for number in range(400)]
    async with (
        asyncio.timeout(LIMIT_S),
        _member(stack, topic, f"pair-{topic}") as first,
        _member(stack, topic, f"pair-{topic}") as second,
    ):
        await _until_balanced([first, second])
        await _send(stack, topic, [(value, value) for value in sent])
        received: list[bytes | None] = []
        while len(received) < len(sent):
            received += await _poll(first) + await _poll(second)
        assert sorted(filter(None, received)) == sorted(sent)
        assert first.assignment() & second.assignment() == set()


async def test_committed_offsets_survive_the_death_of_a_consumer(stack: Stack, topic: str) -> None:
    """The successor of a consumer killed after its commit goes on with the first record not committed."""
    async with _producer(stack) as producer:
        for number in range(10):
            await producer.send_and_wait(topic, str(number).encode(), partition=0)
    async with asyncio.timeout(LIMIT_S):
        await _consume_commit_and_die(stack, topic)
        async with _member(stack, topic, f"mortal-{topic}") as successor:
            rest: list[bytes | None] = []
            while len(rest) < 6:
                rest += await _poll(successor)
    assert rest == [str(number).encode() for number in range(4, 10)]


async def test_waiting_fetch_returns_soon_after_a_record_is_sent(stack: Stack, topic: str) -> None:
    """With `fetch_max_wait_ms` 50, each of 20 records reaches a waiting consumer within half a second."""
    waits: list[float] = []
    async with asyncio.timeout(LIMIT_S), _reader(stack, topic) as consumer, _producer(stack) as producer:
        await _poll(consumer)
        for _ in range(20):
            sent_at = asyncio.get_running_loop().time()
            await producer.send_and_wait(topic, b"hint")
            await consumer.getone()
            waits.append(asyncio.get_running_loop().time() - sent_at)
    assert max(waits) < 0.5


async def _send(
    stack: Stack,
    topic: str,
    records: list[tuple[bytes, bytes | None]],
    headers: list[tuple[str, bytes]] | None = None,
) -> None:
    async with _producer(stack) as producer:
        for key, value in records:
            await producer.send(topic, value, key=key, headers=headers or [])
        await producer.flush()


async def _receive(stack: Stack, topic: str, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    async with _reader(stack, topic) as consumer:
        return [await asyncio.wait_for(consumer.getone(), LIMIT_S) for _ in range(count)]


@asynccontextmanager
async def _producer(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers, max_request_size=LARGEST_BYTES)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def _reader(stack: Stack, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=stack.bootstrap_servers,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=LARGEST_BYTES,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def _member(stack: Stack, topic: str, group: str) -> AsyncIterator[AIOKafkaConsumer]:
    member = await _start_member(stack, topic, group)
    try:
        yield member
    finally:
        await member.stop()


async def _start_member(stack: Stack, topic: str, group: str) -> AIOKafkaConsumer:
    member = AIOKafkaConsumer(
        topic,
        bootstrap_servers=stack.bootstrap_servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        **GROUP_SETTINGS,
    )
    await member.start()
    return member


async def _consume_commit_and_die(stack: Stack, topic: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MORTAL, stack.bootstrap_servers, topic, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"committed\n"
    finally:
        process.kill()
        await process.communicate()


async def _until_balanced(members: list[AIOKafkaConsumer]) -> None:
    while {len(member.assignment()) for member in members} != {PARTITIONS // len(members)}:
        for member in members:
            await _poll(member)


async def _poll(consumer: AIOKafkaConsumer) -> list[bytes | None]:
    batches = await consumer.getmany(timeout_ms=100)
    return [record.value for records in batches.values() for record in records]
