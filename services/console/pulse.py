"""Tells open pages that something changed: one look at the database a second, whoever many are listening. Decides nothing.

Only a number is told, so nothing is disclosed; a page that hears of a change fetches itself anew with its own rights.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from shared.runtime import logs, postgres
from shared.runtime.postgres import Pool, queries

log = logs.logger(__name__)
LOOK_SECONDS: Final = 1.0
KEEP_ALIVE_SECONDS: Final = 15.0


class Pulse:
    """Looks while anybody listens."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._number = -1
        self._changed = asyncio.Condition()
        self._listeners = 0
        self._looking: asyncio.Task[None] | None = None

    async def listen(self) -> AsyncIterator[bytes]:
        """Server-sent events: `change` with the newest number, and a comment now and then to keep the connection."""
        self._listeners += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        told = None
        try:
            while True:
                if self._number not in (told, -1):
                    told = self._number
                    yield f"event: change\ndata: {told}\n\n".encode()
                else:
                    yield b": still here\n\n"
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news(told), KEEP_ALIVE_SECONDS)
        finally:
            self._listeners -= 1

    async def stop(self) -> None:
        """End looking."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def _news(self, told: int | None) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._number not in (told, -1))

    async def _look(self) -> None:
        while self._listeners:
            try:
                number = int(await self._pool.fetchval(queries("console")["newest_change"]))
            except postgres.UNREACHABLE as error:
                log.warning("pulse-lost", error=logs.where(error))
                number = self._number
            if number != self._number:
                async with self._changed:
                    self._number = number
                    self._changed.notify_all()
            await asyncio.sleep(LOOK_SECONDS)
