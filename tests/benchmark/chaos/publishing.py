"""Sends the feed at a pace, again and again where the broker is away: at least once, as an integration engine would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from random import Random
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from services.cli.simulate.model import FeedMessage
from shared import topics
from shared.runtime import kafka
from shared.sites import ConfigurationError
from tests.benchmark.chaos.clients import NeverTakenError
from tests.benchmark.chaos.feed import Sending, identity

_STEPS_PER_SECOND: Final = 20
_AGAIN_SECONDS: Final = 0.5
_APART_SECONDS: Final = 0.005
"""Two versions of which only the time of publication tells the order must differ in it."""
_READ_AT_ONCE: Final = 5_000


class Publisher:
    """The feed on its way to the broker."""

    def __init__(
        self,
        servers: str,
        feed: Sequence[Sending],
        per_second: int,
        seed: int,
        post: Callable[[FeedMessage], Awaitable[None]],
    ) -> None:
        self._servers = servers
        self._feed = feed
        self._per_second = per_second
        self._random = Random(seed)
        self._post = post
        self._producer: AIOKafkaProducer
        self.sent = 0
        """Messages that the broker has acknowledged."""

    async def __aenter__(self) -> Publisher:
        self._producer = await kafka.producer(self._servers)
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(KafkaError):
            await self._producer.stop()

    async def up_to(self, place: int) -> None:
        """Send until so many of the feed are sent."""
        step = max(1, self._per_second // _STEPS_PER_SECOND)
        while self.sent < place:
            part = self._feed[self.sent : min(self.sent + step, place)]
            pause = asyncio.create_task(asyncio.sleep(len(part) / self._per_second))
            await self._send([s for s in part if not s.alone])
            for s in part:
                if s.alone:
                    await self._send([s])
                    await asyncio.sleep(_APART_SECONDS)
            self.sent += len(part)
            await pause

    async def _send(self, part: Sequence[Sending]) -> None:
        waiting = list(part)
        while waiting:
            answers = await asyncio.gather(*(self._one(s) for s in waiting), return_exceptions=True)
            for answer in answers:
                if isinstance(answer, NeverTakenError):
                    raise answer
            waiting = [s for s, answer in zip(waiting, answers, strict=True) if isinstance(answer, BaseException)]
            if waiting:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _one(self, sending: Sending) -> None:
        m = sending.message
        if sending.posted:
            await self._post(m)
            return
        partition = self._random.randrange(topics.DEFAULT_PARTITIONS) if sending.scattered else None
        await (await self._producer.send(m.topic, m.value, key=m.key, headers=list(m.headers), partition=partition))


class Lying:
    """What lies on the feed topics at the end: each position, and which message it is."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, int, int], str] = {}
        self.ends: dict[tuple[str, int], int] = {}
        self.stated: set[str] = set()
        """Of these the messages that the console brought to the feed, each of one resource."""


async def lying(servers: str, stated: Collection[bytes]) -> Lying:
    """Read the feed topics from their beginning to their end; `stated`: the keys of the messages of the console."""
    found = Lying()
    consumer = await _consumer(servers)
    try:
        parts = [TopicPartition(t.name, n) for t in topics.FEED for n in range(topics.DEFAULT_PARTITIONS)]
        consumer.assign(parts)
        ends: dict[Any, int] = await consumer.end_offsets(parts)
        found.ends = {(tp.topic, tp.partition): end for tp, end in ends.items()}
        await consumer.seek_to_beginning(*parts)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            polled = await consumer.getmany(timeout_ms=200, max_records=_READ_AT_ONCE)
            for tp, records in polled.items():
                for r in records:
                    message = identity(tp.topic, r.key, r.value, r.headers)
                    found.messages[tp.topic, tp.partition, r.offset] = message
                    if r.key in stated:
                        found.stated.add(message)
    finally:
        await consumer.stop()
    return found


async def _consumer(servers: str) -> AIOKafkaConsumer:
    for attempt in range(5):
        try:
            return await kafka.replaying_consumer(servers)
        except ConfigurationError:
            if attempt == 4:
                raise
            await asyncio.sleep(1)
    raise AssertionError("unreachable")
