"""The queue of one endpoint: so many sends at once, what fails tried again, and an endpoint that is down tried with care.

When to try again is decided by `patience`; nothing here delays another endpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.notify import patience
from services.notify.deliveries import Deliveries, Settled
from services.notify.messages import Answer, Channel, Outgoing
from shared.runtime import logs, metrics, postgres, tracing

log = logs.logger(__name__)
_IDLE_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 0.5


@dataclass(frozen=True)
class _Answered:
    """A message that was answered, and when; a probe was sent to find out whether an endpoint that is down is back."""

    message: Sequence[Outgoing]
    answer: Answer
    is_probe: bool
    at: datetime


class EndpointQueue:
    """Sends what is due at one endpoint until it is stopped."""

    def __init__(self, endpoint: str, channel: Channel, deliveries: Deliveries, longest: timedelta) -> None:
        self.endpoint = endpoint
        self.failures = 0
        """Of the endpoint, in a row."""
        self._channel = channel
        self._deliveries = deliveries
        self._longest = longest
        self._answered: list[_Answered] = []
        self._sending: dict[asyncio.Task[None], list[list[Outgoing]]] = {}
        self._news = asyncio.Event()
        self._resume_at = 0.0
        self._stopping = False
        self.moved = asyncio.get_running_loop().time()
        """When an answer was last written down."""

    @property
    def is_down(self) -> bool:
        """Whether it is tried with care."""
        return self.failures >= patience.DOWN_AFTER

    @property
    def is_busy(self) -> bool:
        """Whether something is under way at an endpoint that is not down."""
        return bool(self._sending or self._answered) and not self.is_down

    def wake(self) -> None:
        """There may be something to send."""
        self._news.set()

    async def run(self) -> None:
        """Send until stopped; while the database is away, what was answered is remembered and nothing more is sent."""
        while True:
            try:
                await self._settle()
                if self._stopping and not self._sending:
                    return
                if not self._stopping and await self._begin():
                    continue
            except postgres.UNREACHABLE as error:
                log.warning("queue-waits-for-database", endpoint=self.endpoint, error=logs.where(error))
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception as error:  # a fault of ours: shown as stalled, never silent, never a lost answer
                log.error("queue-failed", endpoint=self.endpoint, error=logs.where(error))
                await asyncio.sleep(_RETRY_SECONDS)
            await self._wait()

    async def stop(self) -> None:
        """Begin nothing more; `run` ends when what is under way has been answered."""
        self._stopping = True
        self._news.set()

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._resume_at - loop.time()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), pause if pause > 0 else _IDLE_SECONDS)
        self._news.clear()

    async def _begin(self) -> bool:
        """Claim and begin as many messages as may be under way; whether more may be due."""
        # What was answered while the last answers were written down is not written down itself yet: it is under way too.
        answered = [o for a in self._answered for o in a.message]
        under_way = [*answered, *(o for lane in self._sending.values() for message in lane for o in message)]
        free = patience.in_flight(self.failures, self._channel.limit) - len(self._sending) - len(self._answered)
        if free <= 0 or asyncio.get_running_loop().time() < self._resume_at:
            return False
        ids, patients = {o.delivery_id for o in under_way}, {o.notice.patient for o in under_way}
        most = free * self._channel.batch
        messages = await self._deliveries.claim(self.endpoint, ids, patients, most)
        for lane in _lanes(messages):
            task = asyncio.create_task(self._send(lane, is_probe=self.is_down))
            self._sending[task] = lane
            task.add_done_callback(self._ended)
        return sum(map(len, messages)) >= most

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._news.set()

    async def _send(self, lane: Sequence[Sequence[Outgoing]], *, is_probe: bool) -> None:
        """Send the messages of one patient, one after the other."""
        loop = asyncio.get_running_loop()
        claimed = loop.time()
        for message in lane:
            span = tracing.begin("deliver", (o.traceparent for o in message), channel=message[0].channel)
            traceparent = span.traceparent if span else None
            try:
                answer = await self._channel.send([replace(o, traceparent=traceparent) for o in message])
            except Exception as error:  # a fault of ours in one message must not stop the queue
                log.error("send-failed", endpoint=self.endpoint, error=logs.where(error))
                answer = Answer(False, f"could not be sent: {logs.where(error)}")
            if span is not None:
                span.end(failed=not answer.accepted, attempt=message[0].attempt, outcome=_outcome(answer))
            at = message[0].claimed_at + timedelta(seconds=loop.time() - claimed)
            self._answered.append(_Answered(message, answer, is_probe, at))
            self._news.set()

    async def _settle(self) -> None:
        """Write down what was answered, all of it at once."""
        answered = list(self._answered)
        if not answered:
            return
        was_down, failures = self.is_down, self.failures
        settled: list[Settled] = []
        for a in answered:
            failures = _failures(failures, a)
            settled += [_settled(o, a.answer, failures, a.at, self._longest) for o in a.message]
        await self._deliveries.settle(settled)
        del self._answered[: len(answered)]
        self.failures = failures
        self.moved = asyncio.get_running_loop().time()
        self._count(answered, settled)
        await self._care(was_down, answered[-1].answer.says)

    async def _care(self, was_down: bool, says: str) -> None:
        """Go easy on an endpoint that is down, and catch up when it is back."""
        self._resume_at = asyncio.get_running_loop().time() + patience.pause(self.failures).total_seconds()
        if was_down and not self.is_down:
            self._resume_at = 0.0
            log.info("endpoint-is-back", endpoint=self.endpoint)
            await self._deliveries.release(self.endpoint)
        elif self.is_down:
            if not was_down:
                log.warning("endpoint-is-down", endpoint=self.endpoint, says=says)
            gone = await self._deliveries.give_up(self.endpoint, self._longest, says)
            metrics.GIVEN_UP.labels(self.endpoint.partition(":")[0]).inc(gone)

    def _count(self, answered: Sequence[_Answered], settled: Sequence[Settled]) -> None:
        channel = self.endpoint.partition(":")[0]
        for a in answered:
            metrics.ATTEMPTS.labels(channel, _outcome(a.answer)).inc()
        for s in settled:
            if s.state == "given-up":
                metrics.GIVEN_UP.labels(channel).inc()
                log.error("delivery-given-up", delivery_id=str(s.delivery_id), endpoint=self.endpoint, says=s.says)


def _outcome(answer: Answer) -> str:
    if answer.accepted:
        return "accepted"
    return "untrusted" if answer.is_untrusted else "failed"


def _failures(failures: int, a: _Answered) -> int:
    """Failures of the endpoint in a row; what was under way when it went down tells nothing new."""
    if a.answer.accepted:
        return 0
    if not a.answer.endpoint_failed or (failures >= patience.DOWN_AFTER and not a.is_probe):
        return failures
    return failures + 1


def _settled(o: Outgoing, answer: Answer, failures: int, at: datetime, longest: timedelta) -> Settled:
    outcome = "accepted" if answer.accepted else "failed"
    if answer.accepted:
        metrics.DELIVERY_SECONDS.labels(o.channel).observe(max(0.0, (at - o.notice.created_at).total_seconds()))
        return Settled(o.delivery_id, o.attempt, outcome, answer.says, "delivered")
    due_at = None
    if not answer.is_final:
        due_at = patience.next_attempt(o.message_id, o.attempt, failures, o.decided_at, at, longest, answer.retry_after)
    return Settled(o.delivery_id, o.attempt, outcome, answer.says, "given-up" if due_at is None else "pending", due_at)


def _lanes(messages: Sequence[list[Outgoing]]) -> list[list[list[Outgoing]]]:
    """Messages that go out one after the other: those of one patient; where a message holds several, each its own lane."""
    lanes: dict[UUID, list[list[Outgoing]]] = {}
    for message in messages:
        key = message[0].message_id if message[0].mode == "digest" else message[0].notice.patient
        lanes.setdefault(key, []).append(message)
    return list(lanes.values())
