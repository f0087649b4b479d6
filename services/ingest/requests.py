"""Beside the feed: reads dead letters again that somebody asked for in the console. Decides nothing about them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiokafka.errors import KafkaError

from services.ingest.replay import Replay
from services.ingest.store import Ingest
from shared.runtime import logs, postgres
from shared.runtime.dead_letters import Wanted
from shared.runtime.feed_store import DeadLetter
from shared.runtime.hints import Hint

log = logs.logger(__name__)
_LOOK_SECONDS: Final = 1.0

Tell = Callable[[Sequence[Hint], Sequence[DeadLetter]], Awaitable[None]]


class ReplayRequests:
    """Takes one request after the other, whichever worker of ingest is free."""

    def __init__(self, ingest: Ingest, pool: postgres.Pool, tell: Tell) -> None:
        self._replay = Replay(ingest, pool)
        self._pool = pool
        self._tell = tell

    async def run(self) -> None:
        """For ever; a request that failed is taken up again after a while."""
        while True:
            try:
                while await self.once():
                    pass
            except (*postgres.UNREACHABLE, KafkaError) as error:
                log.warning("replay-request-retried", error=logs.where(error))
            except Exception as error:
                log.error("replay-request-failed", error=logs.where(error))
            await asyncio.sleep(_LOOK_SECONDS)

    async def once(self) -> bool:
        """The oldest open request; False where there is none."""
        sql = postgres.queries("replay_requests")
        asked = await self._pool.fetchrow(sql["claim"])
        if asked is None:
            return False
        one = asked["dead_letter"]
        wanted = Wanted(ids=(one,) if one is not None else None, site=asked["site"], reason=asked["reason"])
        read = unread = 0
        async for part in self._replay.letters(wanted):
            await self._tell(part.hints, part.letters)
            read, unread = read + part.read, unread + part.unread
        await self._pool.execute(sql["finish"], asked["request"], read, unread)
        return True
