"""Evaluates whoever no hint reached: what is recent every time, everybody in a sweep now and then. Holds no rule.

Decides in which order; that nobody is left out rests on the sweep alone, which compares every patient. It keeps no
place: whoever was evaluated is not behind any more, so that a sweep that was killed goes on where it was, and several
workers, each beginning somewhere else, share one.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Final
from uuid import UUID, uuid4

from shared.runtime import metrics
from shared.runtime.evaluator import Evaluator
from shared.runtime.logs import logger
from shared.runtime.postgres import Pool

log = logger(__name__)
SWEEP_SECONDS: Final = 60.0
"""How often everybody is compared: how long a change may go unseen that neither a hint nor its time shows."""
_TAKE: Final = 50
"""Patients of one transaction: hints wait for no more than that."""
_RECENT_AT_ONCE: Final = 1_000
"""Of the longest waiting; workers take them in different orders, so that they share them instead of meeting at each."""
_PAGE: Final = 10_000
_SAID_SECONDS: Final = 10.0
_BEFORE_ALL: Final = UUID(int=0)
_AFTER_ALL: Final = UUID(int=2**128 - 1)
Progress = Callable[[int, int], None]
"""Told how many are done, and of how many."""


class Reconciliation:
    """The reconciliation of one deciding service, in one process."""

    def __init__(
        self, evaluator: Evaluator, pool: Pool, grace: timedelta, ended: Callable[[], None] = lambda: None
    ) -> None:
        self._evaluator = evaluator
        self._pool = pool
        self._grace = grace
        self._next_sweep = 0.0
        self._chance = Random()
        self._ended = ended
        """Told after each transaction: a sweep may take hours."""

    async def run(self) -> None:
        """What a timer calls every few seconds."""
        await self.catch_up()
        if time.monotonic() >= self._next_sweep:
            await self.sweep(_Said(self._evaluator.service))
            metrics.SWEPT.labels(self._evaluator.service).set_to_current_time()
            self._next_sweep = time.monotonic() + SWEEP_SECONDS

    async def catch_up(self) -> None:
        """Evaluate whom something recent leaves behind, each once: who changes again meanwhile is for the next time."""
        done: set[UUID] = set()
        while patients := [p for p in await self._recent() if p not in done]:
            self._chance.shuffle(patients)
            for start in range(0, len(patients), _TAKE):
                await self._evaluate(patients[start : start + _TAKE])
            done.update(patients)

    async def sweep(self, progress: Progress) -> int:
        """Evaluate everybody who is behind, for whatever reason, from a random place once around; how many.

        What is recent goes before: a protocol that was changed delays nobody's news.
        """
        total, done = await self._count(), 0
        progress(0, total)
        if not total:
            return 0
        async for patients in self._around(uuid4()):
            await self._evaluate(patients)
            done += len(patients)
            progress(done, max(done, total))
            await self.catch_up()
        return done

    async def _around(self, begin: UUID) -> AsyncIterator[list[UUID]]:
        """Everybody who is behind, in key order from there to the end and from the beginning to there."""
        for after, until in ((begin, _AFTER_ALL), (_BEFORE_ALL, begin)):
            last: UUID | None = after
            while last is not None and last < until:
                behind, last = await self._page(last)
                asked = [p for p in behind if p <= until]
                for start in range(0, len(asked), _TAKE):
                    yield asked[start : start + _TAKE]

    async def _evaluate(self, patients: Sequence[UUID]) -> None:
        await self._evaluator.evaluate(dict.fromkeys(patients), "reconciliation", only_behind=True)
        self._ended()

    async def _recent(self) -> list[UUID]:
        async with self._pool.acquire() as connection:
            return await self._evaluator.recent(connection, self._grace, _RECENT_AT_ONCE)

    async def _page(self, after: UUID) -> tuple[list[UUID], UUID | None]:
        async with self._pool.acquire() as connection:
            return await self._evaluator.behind(connection, self._grace, after, _PAGE)

    async def _count(self) -> int:
        async with self._pool.acquire() as connection:
            return await self._evaluator.count_behind(connection, self._grace)


class _Said:
    """Progress of a sweep as a metric and, where it takes long, in the log."""

    def __init__(self, service: str) -> None:
        self._gauge = metrics.SWEEP_BEHIND.labels(service)
        self._next = time.monotonic() + _SAID_SECONDS

    def __call__(self, done: int, of: int) -> None:
        self._gauge.set(of - done)
        if time.monotonic() >= self._next:
            log.info("sweep-progress", done=done, of=of)
            self._next = time.monotonic() + _SAID_SECONDS
