"""What each part of a running stack holds: memory, file handles, threads, connections, processor time. Decides nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
import asyncpg
import msgspec
import psutil

from services.cli.stack.model import State

_CONNECTIONS = """
SELECT coalesce(nullif(application_name, ''), backend_type) AS name, count(*) AS n FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() GROUP BY 1
"""
_SIZES = """
SELECT pg_database_size(current_database()) / 1048576.0 AS database_mb,
       pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float / 1048576.0 AS wal_mb,
       (SELECT coalesce(sum(resources), 0) FROM timeline.feed_count)::int AS accounted
"""


class Held(msgspec.Struct, frozen=True):
    """What one part holds, with all its processes; memory that processes share is counted in neither sum but `rss_mb`."""

    rss_mb: float
    private_mb: float
    handles: int
    threads: int
    processes: int
    cpu_s: float


class Sample(msgspec.Struct, frozen=True):
    """All parts at one second of the run."""

    second: float
    parts: dict[str, Held]
    connections: dict[str, int]
    database_mb: float
    wal_mb: float
    sent: int = 0
    """Feed messages so far."""
    accounted: int = 0
    """Resources of which ingest has said what became of them."""
    visits: int = 0
    refused: int = 0
    """Requests to console and intake, and how many of them were not answered as they should be."""
    objects: dict[str, float] = {}
    """Runs of the oldest generation of each service's garbage collector."""


def leaders(state: State) -> dict[str, int]:
    """The process that stands for each part of a stack."""
    found = {name: service.process.pid for name, service in sorted(state.services.items())}
    for name, server in (("postgres", state.database), ("broker", state.broker)):
        if server is not None and server.process is not None:
            found[name] = server.process.pid
    return found


def held(pid: int) -> Held:
    """What a process and all that it started hold now."""
    rss, private, handles, threads, processes, cpu = 0.0, 0.0, 0, 0, 0, 0.0
    for process in _tree(pid):
        try:
            memory, times = process.memory_full_info(), process.cpu_times()
            rss, private = rss + memory.rss, private + memory.uss
            handles, threads, processes = handles + process.num_fds(), threads + process.num_threads(), processes + 1
            cpu += times.user + times.system
        except psutil.NoSuchProcess:  # a backend of the database that has just ended
            continue
    return Held(round(rss / 1048576, 2), round(private / 1048576, 2), handles, threads, processes, round(cpu, 2))


def _tree(pid: int) -> Iterable[psutil.Process]:
    root = psutil.Process(pid)
    return (root, *root.children(recursive=True))


async def sample(
    started: float,
    pids: Mapping[str, int],
    database: asyncpg.Connection[asyncpg.Record],
    counts: tuple[int, int, int],
    pages: Mapping[str, str],
) -> Sample:
    """One sample; asking for the metrics of every service is part of it, as it is of every installation that is watched."""
    objects = {name: await _collected(url) for name, url in pages.items()}
    parts = {name: held(pid) for name, pid in pids.items()}
    connections: dict[str, int] = {r["name"]: r["n"] for r in await database.fetch(_CONNECTIONS)}
    sizes: Any = await database.fetchrow(_SIZES)
    return Sample(
        second=round(time.monotonic() - started, 1),
        parts=parts,
        connections=connections,
        database_mb=round(float(sizes["database_mb"]), 1),
        wal_mb=round(sizes["wal_mb"], 1),
        sent=counts[0],
        accounted=sizes["accounted"],
        visits=counts[1],
        refused=counts[2],
        objects=objects,
    )


async def _collected(url: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    lines = (
        line.split() for line in text.splitlines() if line.startswith('python_gc_collections_total{generation="2"}')
    )
    return next((float(value) for _, value in lines), 0.0)
