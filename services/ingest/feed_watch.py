"""Looks every few seconds how much of the feed waits, which sites are paused, and whether a topic is not the one that it was.

Tells the page and the metrics; decides nothing, and a look that fails is followed by the next.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.ingest.rewinding import Place, Rewinding, lost, made_anew
from shared.runtime import logs, metrics, postgres, site_intake
from shared.runtime.postgres import Pool
from shared.runtime.progress import ProgressPage

log = logs.logger(__name__)
LOOK_SECONDS: Final = 5.0


class FeedWatch:
    """Asks the broker itself how much waits: a consumer that stalls silently would not know."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        page: ProgressPage,
        in_hand: Counter[TopicPartition],
        rewinding: Rewinding,
        known: Callable[[], Awaitable[dict[Place, int]]],
    ) -> None:
        self._consumer = consumer
        self._page = page
        self._in_hand = in_hand
        self._rewinding = rewinding
        self._known = known
        """How far the database is."""
        self._said: dict[Place, int] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self._page.lags(await asyncio.wait_for(self._lag(), LOOK_SECONDS))
                metrics.BROKER_ANSWERS.labels("ingest").set(1)
            except (KafkaError, OSError, TimeoutError) as error:
                metrics.BROKER_ANSWERS.labels("ingest").set(0)
                log.warning("lag-unknown", error=type(error).__name__)
                self._page.liveness.beat()  # a new start would not bring the broker back
            try:
                await self._ends()
                await self._lost()
            except (KafkaError, *postgres.UNREACHABLE, asyncpg.PostgresError) as error:
                log.warning("feed-ends-unknown", error=type(error).__name__)

    async def _lag(self) -> dict[str, int]:
        assigned = sorted(self._consumer.assignment())
        ends = await self._consumer.end_offsets(assigned) if assigned else {}
        lag: dict[str, int] = {}
        for tp, end in ends.items():
            unsettled = end - await self._consumer.position(tp) + self._in_hand[tp]
            lag[tp.topic] = lag.get(tp.topic, 0) + max(0, unsettled)
        return lag

    async def sites(self, pool: Pool) -> None:
        """Show which sites are paused, whichever worker paused them and whoever resumed them."""
        states = await site_intake.states(pool)
        for state in states:
            metrics.SITE_PAUSED.labels(state.site).set(state.paused_at is not None)
            metrics.SITE_HELD.labels(state.site).set(state.held)
        self._page.paused = {s.site: s.paused_because or "" for s in states if s.paused_at is not None}

    async def _ends(self) -> None:
        """Say that a topic ends before what was read of it: until somebody sets another epoch its messages look like old ones."""
        known, assigned = await self._known(), sorted(self._consumer.assignment())
        ends = await asyncio.wait_for(self._consumer.end_offsets(assigned), LOOK_SECONDS) if assigned else {}
        anew = made_anew(known, {(tp.topic, tp.partition): end for tp, end in ends.items()})
        if anew and anew != self._page.made_anew:
            log.error("feed-made-anew", topics=anew, remedy="another GRAFTWATCH_FEED_EPOCH")
        self._page.made_anew = anew

    async def _lost(self) -> None:
        """Say what nobody can read any more: topics keep their messages for a time, and ingest was away or behind for longer."""
        passed, self._rewinding.passed = self._rewinding.passed, {}
        passed = {(place, at): begin for (place, at), begin in passed.items() if self._said.get(place) != at}
        if not passed:
            return
        places = sorted({TopicPartition(*place) for place, _ in passed})
        try:
            first = await asyncio.wait_for(self._consumer.beginning_offsets(places), LOOK_SECONDS)
        except (KafkaError, TimeoutError):
            self._rewinding.passed |= passed
            raise
        gone = lost(passed, {(tp.topic, tp.partition): at for tp, at in first.items()})
        for ((topic, partition), at), messages in gone.items():
            self._said[topic, partition] = at
            log.error("feed-lost", topic=topic, partition=partition, from_offset=at, messages=messages)
            metrics.FEED_LOST.labels(topic).inc(messages)
