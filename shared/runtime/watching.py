"""What a service tells of the database it works on, every few seconds, to whoever watches its metrics. Decides nothing.

A look that fails costs nothing but that look; as its figures stay as they were, how old the oldest ones are is told too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from shared.runtime import clock, logs, metrics
from shared.runtime.certificates import expires_at, of_address
from shared.runtime.kafka_access import KafkaSettings
from shared.runtime.metric_table import DECIDING
from shared.runtime.postgres import Pool, queries

log = logs.logger(__name__)
LOOK_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 5.0
_SELDOM: Final = 6
"""What takes longer to answer is asked at every sixth look."""
_CLOCK_STATES: Final = ("due", "due-soon", "overdue")
_SUBSCRIPTION_STATES: Final = ("requested", "active", "error")

Look = Callable[[Pool], Awaitable[object]]


class Watch:
    """Looks at the database of one service."""

    def __init__(self, service: str, pool: Pool) -> None:
        self._service = service
        self._pool = pool
        self._began_at = time.monotonic()
        self._succeeded_at: dict[Look, float] = {}
        self._looks: list[Look] = [self._answers, *_OF.get(service, ())]
        self._seldom: list[Look] = []
        if service in DECIDING:
            self._looks += [self._outbox, self._set_aside]
        if service == "ingest":
            self._seldom.append(_log_archive)
        if service == "safety":
            self._seldom.append(_reporting_clocks)
        metrics.OLDEST_LOOK.labels(service).set_function(self.oldest_seconds)

    def also(self, *looks: Look, often: bool = False) -> None:
        """Look at more than what every such service has; seldom, unless said otherwise."""
        (self._looks if often else self._seldom).extend(looks)

    def oldest_seconds(self) -> float:
        """How long the look that has not succeeded for longest has not: its figures are of then, whatever they say."""
        looks = (*self._looks, *self._seldom)
        return time.monotonic() - min(self._succeeded_at.get(look, self._began_at) for look in looks)

    async def run(self) -> None:
        """Look until cancelled."""
        turn = 0
        while True:
            await self.turn(seldom=turn % _SELDOM == 0)
            turn += 1
            await asyncio.sleep(LOOK_SECONDS)

    async def turn(self, *, seldom: bool) -> None:
        """Every look once; those that follow one that failed only while the database answers."""
        for look in (*self._looks, *(self._seldom if seldom else ())):
            if not await self.try_(look) and (look == self._answers or not await self.try_(self._answers)):
                return

    async def try_(self, look: Look) -> bool:
        """Look once; whether it succeeded. That the database does not answer is said of the shortest question alone."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await look(self._pool)
        except Exception as error:  # whatever it is, who watches must not end: that it fails shows in its age
            if look == self._answers:
                metrics.DATABASE_ANSWERS.labels(self._service).set(0)
            else:
                log.warning("look-failed", look=getattr(look, "__name__", ""), error=logs.where(error))
            return False
        self._succeeded_at[look] = time.monotonic()
        return True

    async def _answers(self, pool: Pool) -> None:
        began, before = time.perf_counter(), clock.wall()
        theirs: datetime = await pool.fetchval(queries("watching")["now"])
        after = clock.wall()
        metrics.DATABASE_ANSWERS.labels(self._service).set(1)
        metrics.DATABASE_SECONDS.labels(self._service).set(time.perf_counter() - began)
        ours = before + (after - before) / 2
        metrics.CLOCK_DIFFERENCE.labels(self._service).set((ours - theirs).total_seconds())
        idle, all_ = pool.get_idle_size(), pool.get_size()
        metrics.DATABASE_CONNECTIONS.labels(self._service, "idle").set(idle)
        metrics.DATABASE_CONNECTIONS.labels(self._service, "busy").set(all_ - idle)

    async def _outbox(self, pool: Pool) -> None:
        row = await pool.fetchrow(queries("watching", self._service)["unrelayed"])
        assert row is not None
        metrics.UNRELAYED.labels(self._service).set(row["events"])
        metrics.OLDEST_UNRELAYED.labels(self._service).set(max(0.0, row["oldest_seconds"]))

    async def _set_aside(self, pool: Pool) -> None:
        metrics.SET_ASIDE.labels(self._service).set(
            await pool.fetchval(queries("watching", self._service)["set_aside"])
        )


async def _reporting_clocks(pool: Pool) -> None:
    rows = await pool.fetch(queries("watching")["reporting_clocks"])
    standing = {(r["study"], r["state"]): r["reports"] for r in rows}
    for study in {r["study"] for r in rows} | _studies_seen:
        _studies_seen.add(study)
        for state in _CLOCK_STATES:
            metrics.REPORTING_CLOCKS.labels(study, state).set(standing.get((study, state), 0))


_studies_seen: Final[set[str]] = set()


async def _dead_letters(pool: Pool) -> None:
    rows = await pool.fetch(queries("watching")["open_dead_letters"])
    metrics.DEAD_LETTERS.clear()
    for r in rows:
        metrics.DEAD_LETTERS.labels(r["site"]).set(r["letters"])


async def _site_feeds(pool: Pool) -> None:
    for r in await pool.fetch(queries("watching")["site_feeds"]):
        metrics.SITE_DELIVERED.labels(r["site"]).set(r["last_delivered_at"].timestamp())


async def _log_archive(pool: Pool) -> None:
    row = await pool.fetchrow(queries("watching")["log_archive"])
    assert row is not None
    metrics.ARCHIVE_FAILS.set(row["asked"] and row["fails"])


async def _subscriptions(pool: Pool) -> None:
    found = {r["status"]: r["subscriptions"] for r in await pool.fetch(queries("watching")["subscriptions"])}
    for status in _SUBSCRIPTION_STATES:
        metrics.SUBSCRIPTIONS.labels(status).set(found.get(status, 0))


async def _unpublished(pool: Pool) -> None:
    waited = await pool.fetchval(queries("watching")["oldest_unpublished_act"])
    metrics.UNPUBLISHED_ACT.set(max(0.0, waited))


_OF: Final[dict[str, tuple[Look, ...]]] = {
    "ingest": (_dead_letters, _site_feeds),
    "notify": (_subscriptions,),
    "console": (_unpublished,),
}


def certificates(service: str, settings: KafkaSettings) -> None:
    """When the certificates expire that a service was given; what is no certificate was refused before."""
    for name, path in sorted(_given(settings)):
        expires = expires_at(path)
        if expires is not None:
            metrics.CERTIFICATE_EXPIRES.labels(service, name).set(expires.timestamp())


def _given(settings: KafkaSettings) -> Iterator[tuple[str, Path]]:
    """Files of certificates by the setting that names them, which is DATABASE_URL for the database's."""
    for name, value in settings:
        if name.endswith(("_cafile", "_certfile", "ca_file")) and isinstance(value, Path):
            yield name.upper(), value
        if name == "database_url" and isinstance(value, SecretStr):
            for parameter, path in of_address(value.get_secret_value()):
                yield f"DATABASE_URL {parameter}", path
