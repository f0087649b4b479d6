"""Sends: while this process holds the lock, a queue for each endpoint at which something is due. Decides nothing.

A process without the lock stands by. When one takes over, the attempts that the last one left behind are noted first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

import asyncpg

from services.notify.deliveries import Deliveries
from services.notify.messages import Channel
from services.notify.queue import EndpointQueue
from shared.runtime import logs, postgres
from shared.runtime.postgres import Connection, Pool, queries

log = logs.logger(__name__)
_LOOK_SECONDS: Final = 1.0
_FOLLOW_CLOCK_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 12.0
_STALLED_SECONDS: Final = 60.0

Channels = Callable[[str], Awaitable[Channel]]
"""The channel of an endpoint, by its name."""


class Sender:
    """Runs the queues."""

    def __init__(self, pool: Pool, channel_of: Channels, longest: timedelta) -> None:
        self._pool = pool
        self._deliveries = Deliveries(pool)
        self._channel_of = channel_of
        self._longest = longest
        self._queues: dict[str, EndpointQueue] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._stopping = False
        self.is_leading = False

    def wake(self) -> None:
        """There may be something to send."""
        self._news.set()

    async def run(self) -> None:
        """Send until stopped, whenever no other process does."""
        sql = queries("notify_deliveries")
        while not self._stopping:
            try:
                async with self._pool.acquire() as connection:
                    if await connection.fetchval(sql["try_send_lock"]):
                        await self._lead(connection)
            except (
                Exception
            ) as error:  # it must not end: what is due waits, and is sent when the database takes it again
                log.warning("sending-waits-for-database", error=logs.where(error))
            await self._wait()

    async def stop(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._stopping = True
        self._news.set()

    @property
    def down(self) -> Mapping[str, int]:
        """Endpoints that do not take messages, and how often in a row they failed."""
        return {name: queue.failures for name, queue in sorted(self._queues.items()) if queue.is_down}

    @property
    def stalled(self) -> list[str]:
        """Endpoints that are not down, have something under way, and have written nothing down for long."""
        now = asyncio.get_running_loop().time()
        return [name for name, q in sorted(self._queues.items()) if q.is_busy and now - q.moved > _STALLED_SECONDS]

    async def _lead(self, connection: Connection) -> None:
        """Run the queues as long as the connection that holds the lock lives."""
        interrupted = await self._deliveries.interrupt()
        again = await self._deliveries.look_again()
        log.info("sending", interrupted_attempts=interrupted, unreadable_before=again)
        self.is_leading = True
        follow_at = 0.0
        try:
            while not self._stopping:
                await connection.execute("SELECT 1")  # without this connection there is no lock
                if (now := asyncio.get_running_loop().time()) >= follow_at:
                    await self._deliveries.follow_clock()
                    follow_at = now + _FOLLOW_CLOCK_SECONDS
                for endpoint in await self._deliveries.due_endpoints():
                    (await self._queue(endpoint)).wake()
                await self._wait()
        finally:
            self.is_leading = False
            await self._end_queues()
            await _unlock(connection)

    async def _queue(self, endpoint: str) -> EndpointQueue:
        if endpoint not in self._queues or self._tasks[endpoint].done():
            queue = EndpointQueue(endpoint, await self._channel_of(endpoint), self._deliveries, self._longest)
            self._queues[endpoint] = queue
            self._tasks[endpoint] = asyncio.create_task(queue.run())
        return self._queues[endpoint]

    async def _end_queues(self) -> None:
        for queue in self._queues.values():
            await queue.stop()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._queues.clear()
        self._tasks.clear()

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), _LOOK_SECONDS)
        except TimeoutError:
            return
        finally:
            self._news.clear()


async def _unlock(connection: Connection) -> None:
    try:
        await connection.execute("SELECT pg_advisory_unlock_all()")
    except (*postgres.UNREACHABLE, asyncpg.PostgresError):
        return  # the lock went with the connection
