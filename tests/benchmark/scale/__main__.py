"""`python -m tests.benchmark.scale`: throughput of each service by partitions and workers, and what one message costs where."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from aiokafka.admin import AIOKafkaAdminClient

from services.cli import installation
from services.cli.demo import publish
from services.cli.stack import Stack, TopicSpec, down, up
from shared import topics
from shared.runtime import clock, hints, kafka, notify_status, postgres, status
from shared.runtime.hints import Hint
from tests.benchmark.ingest import hospital
from tests.benchmark.safety.end_to_end import available
from tests.benchmark.scale.workers import Meter, Used, workers
from tests.support.stack import without_users_own_servers
from tests.support.topics import skip_to_end

OUT: Final = Path(".graftwatch/bench/scale.json")
RESOURCES: Final = 100_000
PLANS: Final = ("12x1", "12x2", "1x2")
"""Partitions x workers; of one partition a second worker gets nothing."""
_UNPACED: Final = 1_000_000
_WARM: Final = 200
"""Messages before those that are measured: every worker has joined its group then."""
_LIMIT_S: Final = 600.0
_HOLD: Final = "CREATE TABLE public.held_{schema} AS SELECT * FROM {schema}.outbox; TRUNCATE {schema}.outbox CASCADE"
_GIVE: Final = "INSERT INTO {schema}.outbox OVERRIDING SYSTEM VALUE SELECT * FROM public.held_{schema}"
"""Notify must be ready before it has something to do, or its start would be counted too."""


def main() -> int:
    """Each plan on a stack of its own; prints and writes what each service used."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--resources", type=int, default=RESOURCES)
    arguments.add_argument("--plans", nargs="*", default=list(PLANS), help="partitions x workers: 12x1 12x2 12x4")
    arguments.add_argument("--broker", choices=("embedded", "apache"), default=available()[-1])
    given = arguments.parse_args()
    home = OUT.parent.resolve() / "scale-stack"
    found: list[Used] = []
    with without_users_own_servers():
        for plan in given.plans:
            partitions, count = map(int, plan.split("x"))
            down(home)
            for data in ("postgres", "kafka", "logs"):
                shutil.rmtree(home / data, ignore_errors=True)
            specs = [TopicSpec(t.name, partitions, t.settings) for t in topics.ALL]
            stack = up(home, broker=given.broker, topics=specs, prepare=installation.prepare)
            try:
                for used in _Plan(stack, home, partitions, count).run(given.resources):
                    found.append(used)
                    _show(used)
                    figures = {"broker": given.broker, "cores": os.cpu_count(), "runs": found}
                    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
            finally:
                down(home)
    print(f"written: {OUT}; `make scale` writes docs/scale.md from it")
    return 0


class _Plan:
    """One number of partitions and workers."""

    def __init__(self, stack: Stack, home: Path, partitions: int, count: int) -> None:
        self._stack, self._home, self._partitions, self._count = stack, home, partitions, count
        told = installation.service_environment(home, Path("deploy/sites"), hospital.AS_OF.isoformat())
        told |= {"DATABASE_URL": stack.database_url, "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers}
        told |= {"GRAFTWATCH_FEED_EPOCH": stack.feed_epoch, "GRAFTWATCH_LOG_LEVEL": "error"}
        self._env = {**os.environ, **told}

    def run(self, resources: int) -> Iterator[Used]:
        """Ingest, then the deciding services one after another over what it stored, then notify."""
        feed = hospital.in_scope(resources)
        log = self._home / "logs" / "workers.log"
        with workers("ingest", self._count, self._env, log) as pids:
            yield asyncio.run(self._ingest(feed, pids))
        for service in status.DECIDING:
            servers = self._stack.bootstrap_servers
            asyncio.run(self._skip(servers, service))
            with workers(
                service, self._count, self._env | {"GRAFTWATCH_RECONCILE_GRACE_SECONDS": "86400"}, log
            ) as pids:
                yield asyncio.run(self._decide(service, pids))
        events = asyncio.run(self._events())
        asyncio.run(self._run_sql(_HOLD))
        with workers("notify", 1, self._env, log) as pids:
            yield asyncio.run(self._notify(pids, events))

    async def _ingest(self, feed: list[Any], pids: list[int]) -> Used:
        servers, warm, rest = self._stack.bootstrap_servers, feed[:_WARM], feed[_WARM:]
        async with await postgres.connect(self._stack.database_url, "reader", size=1) as pool:
            await publish.publish(servers, warm, _UNPACED, lambda _: None)
            await _until(lambda: _accounted(pool, len(warm)))
            await self._joined("ingest")
            return await self._meter(pids).task(
                ("ingest", self._partitions, self._count),
                len(rest),
                lambda: publish.publish(servers, rest, _UNPACED, lambda _: None),
                lambda: _accounted(pool, len(feed)),
            )

    async def _skip(self, servers: str, service: str) -> None:
        hinted = dataclasses.replace(topics.TIMELINE_CHANGES, partitions=self._partitions)
        await skip_to_end(servers, f"graftwatch-{service}", [hinted])

    async def _decide(self, service: str, pids: list[int]) -> Used:
        """One hint for each patient, to workers that wait for hints alone."""
        async with await postgres.connect(self._stack.database_url, "reader", size=1) as pool:
            rows = await pool.fetch("SELECT patient, version FROM timeline.patient ORDER BY patient")
            told = [Hint(r["patient"], r["version"], clock.wall()) for r in rows]

            evaluated = f"SELECT count(*) FROM {service}.evaluation WHERE timeline_version > 0"

            async def has(count: int) -> bool:
                return bool(await pool.fetchval(evaluated) >= count)

            warm = min(_WARM, len(told)) // 10
            await self._tell(told[:warm])
            await _until(lambda: has(warm))
            await self._joined(service)
            return await self._meter(pids).task(
                (service, self._partitions, self._count),
                len(told) - warm,
                lambda: self._tell(told[warm:]),
                lambda: has(len(told)),
            )

    async def _joined(self, service: str) -> None:
        """Until every worker has its partitions: one that joins later takes some away, and both work on what was under way."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._stack.bootstrap_servers)
        await admin.start()

        async def stable() -> bool:
            (answer,) = await admin.describe_consumer_groups([f"graftwatch-{service}"])
            (_, _, state, _, _, members, *_) = answer.groups[0]
            return state == "Stable" and len(members) == self._count

        try:
            await _until(stable)
        finally:
            await admin.close()

    async def _tell(self, told: list[Hint]) -> None:
        producer = await kafka.producer(self._stack.bootstrap_servers)
        for h in told:
            await producer.send(topics.TIMELINE_CHANGES.name, hints.encode(h), key=str(h.patient).encode())
        await producer.stop()

    async def _notify(self, pids: list[int], events: int) -> Used:
        async with await postgres.connect(self._stack.database_url, "reader", size=1) as pool:

            async def told() -> bool:
                return not await notify_status.outstanding(pool)

            return await self._meter(pids).task(
                ("notify", self._partitions, 1), events, lambda: self._run_sql(_GIVE), told
            )

    async def _events(self) -> int:
        async with await postgres.connect(self._stack.database_url, "reader", size=1) as pool:
            return sum([await pool.fetchval(f"SELECT count(*) FROM {s}.outbox") for s in status.DECIDING])

    async def _run_sql(self, script: str) -> None:
        connection = await asyncpg.connect(self._stack.database_url)
        try:
            for service in status.DECIDING:
                await connection.execute(script.replace("{schema}", service))
        finally:
            await connection.close()

    def _meter(self, pids: list[int]) -> Meter:
        return Meter(self._stack.database_url, self._home, pids)


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_LIMIT_S):
        while not await done():  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.1)


async def _accounted(pool: postgres.Pool, resources: int) -> bool:
    return sum(c.resources for c in await status.feed_counts(pool)) >= resources


def _show(one: Used) -> None:
    print(
        f"{one.service:<12}{one.partitions:>3} x {one.workers}{one.units:>8,} units{one.per_s:>9,.1f}/s   CPU ms each: "
        f"service {one.service_cpu_ms:.2f}, Postgres {one.postgres_cpu_ms:.2f}, broker {one.broker_cpu_ms:.2f}   "
        f"WAL {one.wal_bytes:,.0f} B, {one.rows:.1f} rows   busiest: {one.busiest}",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
