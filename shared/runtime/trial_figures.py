"""Keeps the figures of each trial live: computed anew, by a pure function, when a patient's contribution changed.

Decides nothing. Holds nothing: what was computed from which contributions stands in the row, so a crash, a second worker
or a lost wake-up costs time only. Many changes in one moment are one computation; patients are counted as they are read, so
that a trial of any number needs the same memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any, Final, TypeVar
from typing import Protocol as Interface

import asyncpg
import msgspec

from shared.protocol.load import protocol_hash
from shared.protocol.model import Protocol
from shared.runtime import metrics
from shared.runtime.clock import Clock
from shared.runtime.logs import logger, where
from shared.runtime.postgres import Connection, Pool, queries
from shared.runtime.precedence import Precedence

T = TypeVar("T")
log = logger(__name__)
_POLL_SECONDS: Final = 2.0
_SETTLE_SECONDS: Final = 0.2
"""After a change, wait so long for others: a burst of a hundred patients costs one computation."""
_REST: Final = 9.0
"""After a computation, rest so many times as long: under a back-fill a tenth of the time goes into figures, not all of it."""
_REST_AT_MOST: Final = 60.0
"""Figures are never older than this and what their computation takes."""
_AT_ONCE: Final = 200
"""Contributions held at once, of some kB each."""


class Tally(Interface):
    """What figures are made of, counted patient by patient."""

    treated: int

    def read(self, contributions: Iterable[str]) -> None:
        """Count what these outcomes hold, given as their JSON."""
        ...

    def of_trial(self, protocol: Protocol) -> dict[str, Any]:
        """What is kept of the trial beside its patients, as plain JSON."""
        ...


class Summary(Interface):
    """The pure part: the kind of outcome that patients contribute with, and how the figures are made of all of them."""

    KIND: str
    RULES_VERSION: str

    def begin(self) -> Tally:
        """Nobody is counted yet."""
        ...


class Kept(msgspec.Struct, frozen=True):
    """The figures as kept: of which day of data cut-off, when computed, of how many patients."""

    cut_off_on: date
    computed_at: datetime
    treated: int
    content: dict[str, Any]


class TrialFigures:
    """The figures of one service under all protocols."""

    def __init__(
        self, service: str, summary: Summary, pool: Pool, protocols: Mapping[str, Protocol], clock: Clock
    ) -> None:
        self._service = service
        self._summary = summary
        self._pool = pool
        self._protocols = protocols
        self._clock = clock
        self.precedence = Precedence(service, {})
        """That of the evaluator, where another release may be at work: its figures are left to it too."""
        self._sql = queries("figures", service)
        self._news = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="figures")

    def wake(self) -> None:
        """A contribution may have changed."""
        self._news.set()

    async def run(self) -> None:
        """Refresh when woken, and every two seconds in case a wake-up was lost, until cancelled."""
        while True:
            begun = time.monotonic()
            try:
                await self.refresh()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("trial-figures-failed", error=where(error))
            await asyncio.sleep(rest(time.monotonic() - begun))
            await self._wait()

    async def refresh(self) -> int:
        """Compute what is behind; returns of how many protocols."""
        computed = 0
        async with self._pool.acquire() as connection:
            cut_off = (await self._clock.now(connection)).date()
            overtaken = await self.precedence.overtaken(connection)
            for protocol in (p for name, p in self._protocols.items() if name not in overtaken):
                computed += await self._refresh(connection, protocol, cut_off)
        return computed

    async def _refresh(self, connection: Connection, protocol: Protocol, cut_off: date) -> int:
        about = (protocol.id, self._summary.KIND)
        made_by = (protocol_hash(protocol), self._summary.RULES_VERSION)
        if await connection.fetchval(self._sql["behind"], *about, cut_off, *made_by) is None:
            return 0
        try:
            # One snapshot: the figures, the patients beside them and the number they are made from are of the same moment.
            async with connection.transaction(isolation="repeatable_read"):
                with metrics.FIGURES_SECONDS.labels(self._service).time():
                    await self._compute(connection, protocol, cut_off)
        except asyncpg.SerializationError:
            # Another worker kept them, or a removal changed them, meanwhile: the next look sees what is behind.
            return 0
        return 1

    async def _compute(self, connection: Connection, protocol: Protocol, cut_off: date) -> None:
        about = (protocol.id, self._summary.KIND)
        made_from = await connection.fetchval(self._sql["made_from"], *about)
        tally = self._summary.begin()
        rows = await connection.cursor(self._sql["contributions"], *about)
        while some := await rows.fetch(_AT_ONCE):
            await self._aside(tally.read, [r["content"] for r in some])
        encoded = msgspec.json.encode(await self._aside(tally.of_trial, protocol)).decode()
        made_by = (protocol_hash(protocol), self._summary.RULES_VERSION)
        await connection.execute(
            self._sql["keep"], protocol.id, cut_off, made_from, *made_by, tally.treated, encoded, self._summary.KIND
        )

    async def _aside(self, work: Callable[..., T], *given: Any) -> T:
        """In a thread, as the broker's heartbeats share this loop, and the first computation imports a library.

        In one and the same always: what is freed in several threads is kept for each by the allocator.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), _POLL_SECONDS)
            await asyncio.sleep(_SETTLE_SECONDS)
        except TimeoutError:
            return
        finally:
            self._news.clear()


def rest(computed_s: float) -> float:
    """How many seconds no figures are computed after a computation, or an attempt at one, that took so many."""
    return min(_REST * computed_s, _REST_AT_MOST)


async def kept(connection: Connection | Pool, service: str, protocol: str, up_to: date) -> Kept | None:
    """The figures of the newest data cut-off up to that day, as they stood then; None where none were computed."""
    row = await connection.fetchrow(queries("figures", service)["kept"], protocol, up_to)
    if row is None:
        return None
    return Kept(row["cut_off_on"], row["computed_at"], row["treated"], msgspec.json.decode(row["content"]))
