"""Several processes of one service, and what they, the database and the broker use for a task. Decides nothing about the task."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
import msgspec
import psutil

from services.cli.stack.state import load as load_state
from shared.runtime import ports
from tests.benchmark.soak.sampling import held

_READY_S: Final = 600.0
_LOOK_S: Final = 0.1
_COUNTERS: Final = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float AS wal, xact_commit::float AS commits,
       pg_database_size(current_database())::float AS stored,
       (tup_inserted + tup_updated + tup_deleted)::float AS rows
FROM pg_stat_database WHERE datname = current_database()
"""
_WAITS: Final = """
SELECT coalesce(wait_event_type, 'CPU') AS kind, count(*) AS n FROM pg_stat_activity
WHERE state = 'active' AND pid <> pg_backend_pid() AND backend_type = 'client backend' GROUP BY 1
"""


class Used(msgspec.Struct, frozen=True):
    """What a task took, each for one unit of it (a message, an evaluation, an event)."""

    service: str
    partitions: int
    workers: int
    units: int
    seconds: float
    service_cpu_ms: float
    postgres_cpu_ms: float
    broker_cpu_ms: float
    wal_bytes: float
    rows: float
    commits: float
    stored_bytes: float
    """By which the database grew."""
    others_cores: float
    """Cores that other programs of the machine used meanwhile."""
    waits: dict[str, float]
    """Of the samples in which the database worked for a client: on what it waited."""

    @property
    def per_s(self) -> float:
        """Units a second."""
        return self.units / self.seconds

    @property
    def busiest(self) -> str:
        """What was used most of its share: the reason why it was no faster."""
        shares = {
            f"a worker's interpreter ({self.workers})": self.service_cpu_ms * self.per_s / 1000 / self.workers,
            "the machine's cores": self.all_cpu_ms * self.per_s / 1000 / (os.cpu_count() or 1),
            "locks in Postgres": self.waits.get("Lock", 0.0),
        }
        most = max(shares, key=lambda name: shares[name])
        return f"{most} {100 * shares[most]:.0f} %"

    @property
    def all_cpu_ms(self) -> float:
        """Processor time of one unit in all processes together."""
        return self.service_cpu_ms + self.postgres_cpu_ms + self.broker_cpu_ms


@contextmanager
def workers(name: str, count: int, env: Mapping[str, str], log: Path) -> Iterator[list[int]]:
    """So many processes of a service that answer; ended afterwards."""
    log.parent.mkdir(parents=True, exist_ok=True)
    found = [str(ports.free()) for _ in range(count)]
    with log.open("ab") as output:
        command = [sys.executable, "-P", "-m", f"services.{name}"]
        processes = [
            subprocess.Popen(command, env={**env, "GRAFTWATCH_WEB_PORT": port}, stdout=output, stderr=output)
            for port in found
        ]
    try:
        for port in found:
            asyncio.run(_answering(f"http://127.0.0.1:{port}/health"))
        yield [p.pid for p in processes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


async def _answering(url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(_READY_S):
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200 or "stalled" in await answer.text():  # work waits for it already
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(_LOOK_S)


class Meter:
    """Measures one task from its beginning to its end."""

    def __init__(self, url: str, home: Path, pids: list[int]) -> None:
        state = load_state(home)
        servers = {"postgres": state.database, "broker": state.broker}
        self._servers = {name: s.process.pid for name, s in servers.items() if s is not None and s.process is not None}
        self._pids, self._url = pids, url

    async def task(
        self,
        what: tuple[str, int, int],
        units: int,
        begin: Callable[[], Awaitable[None]],
        done: Callable[[], Awaitable[bool]],
    ) -> Used:
        """Begin it, look until it is done, and say what was used (`what`: service, partitions, workers)."""
        database = await asyncpg.connect(self._url)
        try:
            before, cpu, started = await database.fetchrow(_COUNTERS), self._cpu(), time.perf_counter()
            waits: dict[str, int] = {}
            busy = _busy()
            await begin()
            while not await done():
                for r in await database.fetch(_WAITS):
                    waits[r["kind"]] = waits.get(r["kind"], 0) + r["n"]
                await asyncio.sleep(_LOOK_S)
            seconds, now = time.perf_counter() - started, self._cpu()
            await asyncio.sleep(1.5)  # the database tells its counters once a second
            after = await database.fetchrow(_COUNTERS)
        finally:
            await database.close()
        assert before is not None
        assert after is not None
        spent = {name: 1000 * (now[name] - cpu[name]) / units for name in now}
        counted = {name: (after[name] - before[name]) / units for name in ("wal", "rows", "commits", "stored")}
        samples = sum(waits.values()) or 1
        return Used(
            *what,
            units,
            round(seconds, 2),
            service_cpu_ms=round(spent["service"], 4),
            postgres_cpu_ms=round(spent["postgres"], 4),
            broker_cpu_ms=round(spent["broker"], 4),
            wal_bytes=round(counted["wal"]),
            rows=round(counted["rows"], 2),
            commits=round(counted["commits"], 4),
            stored_bytes=round(counted["stored"]),
            others_cores=round(max(0.0, (_busy() - busy - sum(spent.values()) * units / 1000) / seconds), 2),
            waits={kind: round(n / samples, 3) for kind, n in sorted(waits.items())},
        )

    def _cpu(self) -> dict[str, float]:
        found = {name: held(pid).cpu_s for name, pid in self._servers.items()}
        return found | {"service": sum(held(pid).cpu_s for pid in self._pids)}


def _busy() -> float:
    """Processor seconds that the machine has worked since it started."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)
