"""Beside the feed: brings what is stored, and what could not be read, in line with the rules of today; says what is missing.

Decides nothing: what is behind is known by the derivation that is kept with each record and each dead letter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg
from aiokafka.errors import KafkaError

from services.ingest.asked import asked_of
from services.ingest.rederive import Rederivation
from services.ingest.replay import Replay
from services.ingest.store import Ingest
from shared.runtime import coverage, crosswalk, logs, metrics, postgres, rederivation_store
from shared.runtime.feed_store import DeadLetter
from shared.runtime.hints import Hint
from shared.runtime.precedence import Precedence
from shared.runtime.progress import ProgressPage

log = logs.logger(__name__)
_LOOK_AGAIN_SECONDS: Final = 600.0
_RETRY_SECONDS: Final = 5.0
_SHOW_SECONDS: Final = 30.0
_LETTERS: Final = 100
_SAY_SECONDS: Final = 20.0

Tell = Callable[[Sequence[Hint], Sequence[DeadLetter]], Awaitable[None]]


class CatchingUp:
    """One worker of an installation at a time; rests after each batch for as long as that took."""

    def __init__(self, ingest: Ingest, pool: postgres.Pool, page: ProgressPage, tell: Tell) -> None:
        self._ingest = ingest
        self._pool = pool
        self._page = page
        self._tell = tell
        self._precedence = Precedence("ingest", ingest.derivations)

    async def widen(self) -> None:
        """Before anything is read: remember what is asked for now, and say for which codes the earlier feed is missing."""
        await self._precedence.enter(self._pool)
        for name, site in sorted(self._ingest.reader.sites.items()):
            async with self._pool.acquire() as connection, connection.transaction():
                new = await coverage.widen(connection, name, asked_of(site, self._ingest.reader.scope))
            if new:
                concepts = sorted({entry.partition("|")[0] for entry in new})
                log.warning("earlier-feed-missing", site=name, concepts=concepts, remedy="graftwatch refill")

    async def run(self) -> None:
        """For ever: once at the start, and now and then, for another worker may have read by older rules meanwhile."""
        while True:
            try:
                await self.once()
            except (*postgres.UNREACHABLE, KafkaError) as error:
                log.warning("catching-up-retried", error=logs.where(error))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception as error:
                log.error("catching-up-failed", error=logs.where(error))
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def say_that_it_works(self) -> None:
        """For ever: ingest of another release leaves it to the later one to read again what the two read differently.

        And by which key it seals: nobody is to destroy it.
        """
        while True:
            try:
                await self._precedence.worked(self._pool)
                await crosswalk.in_use(self._pool, self._ingest.vault)
            except (*postgres.UNREACHABLE, asyncpg.PostgresError) as error:
                log.warning("catching-up-retried", error=logs.where(error))
            await asyncio.sleep(_SAY_SECONDS)

    async def once(self) -> None:
        """Whatever is behind now."""
        await self._show()
        async with self._pool.acquire() as leading:
            if await rederivation_store.try_to_lead(leading):  # held until the connection is given back
                await self._records()
                if not await self._precedence.overtaken(self._pool):
                    await self._letters()
        await self._show()

    async def _records(self) -> None:
        records, patients, started = 0, 0, time.perf_counter()
        shown = started
        async for done in Rederivation(self._ingest, self._pool, leave=self._precedence.overtaken).run():
            await self._tell(done.hints, done.letters)
            records, patients = records + done.records, patients + len(done.hints)
            metrics.REREAD.inc(done.records)
            if time.perf_counter() - shown > _SHOW_SECONDS:  # it counts all that is left
                await self._show()
                shown = time.perf_counter()
            await asyncio.sleep(time.perf_counter() - started)
            started = time.perf_counter()
        if records:
            log.info("stored-records-read-again", records=records, changed_timelines=patients)

    async def _letters(self) -> None:
        derivations, replay = self._ingest.derivations, Replay(self._ingest, self._pool)
        ids = await rederivation_store.open_letters(self._pool, derivations, self._ingest.of_no_site)
        read = 0
        for start in range(0, len(ids), _LETTERS):
            began = time.perf_counter()
            part = await replay.together_or_one_by_one(ids[start : start + _LETTERS])
            await self._tell(part.hints, part.letters)
            read += part.read
            await asyncio.sleep(time.perf_counter() - began)
        if ids:
            log.info("dead-letters-tried-again", tried=len(ids), read=read)

    async def _show(self) -> None:
        derivations = self._ingest.derivations
        waiting = await rederivation_store.waiting(self._pool, derivations)
        gaps = [g for g in await coverage.gaps(self._pool) if g.is_open]
        for site in derivations:
            metrics.STALE_RECORDS.labels(site).set(waiting.get(site, 0))
            metrics.MISSING_CONCEPTS.labels(site).set(len({c for g in gaps if g.site == site for c in g.concepts}))
        self._page.to_read_again = waiting
        self._page.earlier_feed_missing = {
            site: sorted({c for g in gaps if g.site == site for c in g.concepts}) for site in {g.site for g in gaps}
        }
