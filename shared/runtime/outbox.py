"""Relays a service's outbox to Kafka, at least once and in order per patient, one relayer at a time. Decides nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer
from asyncpg import Record

from shared.events import CONTENT_TYPE
from shared.runtime import metrics, tracing
from shared.runtime.logs import logger, where
from shared.runtime.postgres import Connection, Pool, queries

if TYPE_CHECKING:
    from shared.runtime.spans import Span

log = logger(__name__)
_BATCH: Final = 500
_POLL_SECONDS: Final = 1.0


class OutboxRelay:
    """Sends what is committed and not yet relayed; woken after each commit, and polling in case a wake-up was lost."""

    def __init__(self, service: str, pool: Pool, producer: AIOKafkaProducer) -> None:
        self._service = service
        self._pool = pool
        self._producer = producer
        self._sql = queries("outcomes", service)
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There may be something to relay."""
        self._news.set()

    async def run(self) -> None:
        """Relay until cancelled; an error of broker or database is logged and tried again."""
        while True:
            try:
                await self._relay_while_leader()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("outbox-relay-failed", error=where(error))
            await asyncio.sleep(_POLL_SECONDS)

    async def _relay_while_leader(self) -> None:
        async with self._pool.acquire() as connection:
            if not await connection.fetchval(self._sql["try_relay_lock"]):
                return  # another worker relays; its lock ends with its connection
            try:
                while True:
                    if await self.relay(connection) < _BATCH:
                        await self._wait()
            finally:
                await connection.execute("SELECT pg_advisory_unlock_all()")

    async def relay(self, connection: Connection) -> int:
        """Send one batch in order, wait for the broker to have all of it, then mark it; how many."""
        rows = await connection.fetch(self._sql["unrelayed"], _BATCH)
        if not rows:
            return 0
        spans = {r["event_id"]: tracing.begin("relay", [r["traceparent"]]) for r in rows if r["traceparent"]}
        failed = True
        try:
            acks = [
                await self._producer.send(r["topic"], **cloud_event(r, self._service, spans.get(r["event_id"])))
                for r in rows
            ]
            await asyncio.gather(*acks)
            failed = False
        finally:
            for span in spans.values():
                if span is not None:
                    span.end(failed=failed)
        await connection.execute(self._sql["mark_relayed"], [r["event_id"] for r in rows])
        metrics.RELAYED.labels(self._service).inc(len(rows))
        return len(rows)

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), _POLL_SECONDS)
        except TimeoutError:
            return
        finally:
            self._news.clear()


def cloud_event(row: Record | dict[str, Any], service: str, span: Span | None = None) -> dict[str, Any]:
    """Key, value and headers of an event in CloudEvents 1.0 binary mode; the partition key is the patient's pseudonym."""
    created: datetime = row["created_at"]
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(row["event_id"]),
        "ce_source": f"/graftwatch/{service}",
        "ce_type": row["type"],
        "ce_time": created.isoformat(),
        "ce_subject": str(row["patient"]),
        "content-type": CONTENT_TYPE,
    }
    return {
        "key": str(row["patient"]).encode(),
        "value": row["event"].encode(),
        "headers": [
            *((name, value.encode()) for name, value in headers.items()),
            *tracing.headers(span.traceparent if span else None),
        ],
    }
