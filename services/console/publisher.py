"""Brings what people stated to the feed: from its row in Postgres, again until the broker has it. Decides nothing.

A statement is committed before it is sent, and has the same id whenever it is sent: a broker that is away delays it, a crash
in between sends it twice, and a record that comes twice changes nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer

from services.console.acts import FHIR_VERSION
from shared.runtime import kafka, logs, metrics
from shared.runtime.kafka_access import Security
from shared.runtime.postgres import Pool, queries

log = logs.logger(__name__)
_SOME: Final = 100
_LOOK_SECONDS: Final = 2.0


class Publisher:
    """One of possibly several; each takes rows that no other holds."""

    def __init__(self, pool: Pool, servers: str, security: Security) -> None:
        self._pool = pool
        self._servers = servers
        self._security = security
        self._producer: AIOKafkaProducer | None = None
        self._called = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to publish."""
        self._task = asyncio.create_task(self._run())

    def call(self) -> None:
        """There is something to publish now."""
        self._called.set()

    async def stop(self) -> None:
        """End; what is left is published by the next process."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._producer is not None:
            await self._producer.stop()

    async def _run(self) -> None:
        while True:
            self._called.clear()
            try:
                while await self._publish_some() == _SOME:
                    pass
            except Exception as error:  # whatever it is, what people stated waits for the next try
                log.warning("acts-not-published", error=logs.where(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._called.wait(), _LOOK_SECONDS)

    async def _publish_some(self) -> int:
        sql = queries("console_acting")
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(sql["unpublished"], _SOME)
            if not rows:
                return 0
            if self._producer is None:
                self._producer = await kafka.producer(self._servers, self._security)
            for r in rows:
                headers = [("site", r["site"].encode()), ("fhirVersion", FHIR_VERSION.encode())]
                await self._producer.send_and_wait(
                    r["topic"], r["record"].encode(), key=r["key"].encode(), headers=headers
                )
            await connection.execute(sql["published"], [r["act"] for r in rows])
        metrics.CONSOLE_ACTS.inc(len(rows))
        return len(rows)
