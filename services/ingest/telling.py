"""Tells of what was stored: a hint for each patient concerned, a pointer for each dead letter, until the broker has them.

Decides nothing: whom to tell of is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.ingest import batch
from shared import topics
from shared.runtime import hints, logs, tracing
from shared.runtime.feed_store import DeadLetter
from shared.runtime.hints import Hint
from shared.runtime.progress import ProgressPage

if TYPE_CHECKING:
    from shared.runtime.spans import Span

log = logs.logger(__name__)
_RETRY_SECONDS: Final = (0.2, 1.0, 5.0)
LONGEST_REST_SECONDS: Final = _RETRY_SECONDS[-1]


@dataclass(frozen=True)
class News:
    """What is to be told of stored messages."""

    told: Sequence[Hint]
    letters: Sequence[DeadLetter]
    traces: Mapping[UUID, Sequence[str]]
    """Of each patient the traces that the messages carried."""
    began: int
    """When storing began, in nanoseconds."""
    messages: int


class Patience:
    """Waits before the same is tried again, longer each time; ends the trying when the service stops."""

    def __init__(self, stopping: asyncio.Event, page: ProgressPage) -> None:
        self._stopping = stopping
        self._page = page

    async def rest(self, error: Exception, attempt: int) -> int:
        """Wait; the number of the next attempt. Raises CancelledError where the service is to stop."""
        wait = _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)]
        log.warning("batch-retried", error=logs.where(error), attempt=attempt, wait_seconds=wait)
        self._page.liveness.beat()
        await asyncio.sleep(wait)
        if self._stopping.is_set():
            raise asyncio.CancelledError
        return attempt + 1


class Telling:
    """Sends hints and pointers."""

    def __init__(self, producer: AIOKafkaProducer, patience: Patience) -> None:
        self._producer = producer
        self._patience = patience

    async def until_told(self, news: News) -> None:
        """Tell, again and again while the broker is away: a hint twice does no harm, an offset past an unsent one would."""
        attempt = 0
        while True:
            try:
                return await self._tell_traced(news)
            except KafkaError as error:
                attempt = await self._patience.rest(error, attempt)

    async def _tell_traced(self, news: News) -> None:
        """Tell, with a span for each patient concerned where traces are on."""
        told, letters = news.told, news.letters
        if not tracing.is_on():
            return await self.tell(told, letters)
        begun = {
            h.patient: tracing.begin(
                "ingest", news.traces.get(h.patient, ()), root=True, since_ns=news.began, batch=news.messages
            )
            for h in told
        }
        spans = {patient: span for patient, span in begun.items() if span is not None}
        failed = True
        try:
            await self.tell(told, letters, spans)
            failed = False
        finally:
            for span in spans.values():
                span.end(failed=failed)

    async def tell(
        self,
        told: Sequence[Hint],
        letters: Sequence[DeadLetter],
        spans: Mapping[UUID, Span] = MappingProxyType({}),
    ) -> None:
        """Send, and wait until the broker has everything."""
        sent = [
            await self._producer.send(
                topics.TIMELINE_CHANGES.name,
                hints.encode(h),
                key=str(h.patient).encode(),
                headers=tracing.headers(spans[h.patient].traceparent if h.patient in spans else None),
            )
            for h in told
        ]
        sent += [
            await self._producer.send(topics.DEAD_LETTERS.name, batch.pointer(d), key=str(d.dead_letter).encode())
            for d in letters
        ]
        await asyncio.gather(*sent)
