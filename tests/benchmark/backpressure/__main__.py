"""`python -m tests.benchmark.backpressure`: a feed ten times faster than the services: memory, losses, live latency meanwhile.

First the services are given a fixed amount, to know how fast they are here. Then back-fill is published ten times as fast,
all of it in scope, while severe liver tests of treated patients arrive live, as they do until all is drained or the time for
that is up. What ingest has not reached then must lie on the broker; what it has must be counted, to the last resource.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer

from services.cli import installation
from services.cli.demo import run
from services.cli.simulate.model import FeedMessage
from services.cli.stack import Stack, down, up
from services.cli.stack.model import BrokerKind
from services.cli.stack.state import load as load_state
from shared import topics
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import kafka, postgres, status
from shared.runtime.postgres import Pool
from tests.benchmark.backpressure.ledger import Ledger, balance, missing_on_broker, send
from tests.benchmark.ingest import hospital
from tests.benchmark.safety.end_to_end import alt, available, dose
from tests.benchmark.soak.running import start
from tests.benchmark.soak.sampling import held, leaders
from tests.support.stack import without_users_own_servers

OUT: Final = Path(".graftwatch/bench/backpressure.json")
FACTOR: Final = 10
CALIBRATION: Final = 4_000
"""In-scope messages by which the services' own rate is measured."""
LIVE_PER_SECOND: Final = 2
DRAIN_S: Final = 180.0
"""So long what was too much is worked off while it is watched; ten minutes of it would take ninety."""
GROWTH_MB: Final = 200.0
"""Caches fill under load (100,000 facts are 120 MB), and response loads 65 MB of libraries; a service that held what it
cannot yet do would grow by far more."""
LIVE_P99_S: Final = 10.0
_AT_ONCE: Final = 1_000
_LIMIT_S: Final = 600.0
_BAR: Final = 50
_LIVE: Final = """
SELECT o.recorded_at, extract(epoch FROM o.recorded_at - o.published_at)::float AS seconds
FROM safety.outbox e JOIN safety.outcome o USING (outcome_id)
WHERE e.type = 'graftwatch.rejection-suspected.v1' AND e.patient = ANY($1::uuid[])
"""


@dataclass
class Course:
    """What was sent so far, and the curve: second, waiting, memory of each part."""

    ledger: Ledger = field(default_factory=Ledger)
    backfilled: int = 0
    live: int = 0
    is_over: bool = False
    curve: list[dict[str, float]] = field(default_factory=list)


def main() -> int:
    """Run it, print the curve and write the figures; exit code 1 where something is lost, grows, or live records wait."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=30.0, help="how long the feed is too fast")
    arguments.add_argument("--drain", type=float, default=DRAIN_S, help="how long it may be worked off afterwards")
    arguments.add_argument("--factor", type=float, default=FACTOR, help="how many times too fast")
    arguments.add_argument("--calibration", type=int, default=CALIBRATION)
    arguments.add_argument("--broker", choices=("embedded", "apache"), default=available()[-1])
    given = arguments.parse_args()
    home = OUT.parent.resolve() / "backpressure-stack"
    with without_users_own_servers():
        stack = _fresh(home, given.broker)
        try:
            told = installation.service_environment(home, Path("deploy/sites"), hospital.AS_OF.isoformat())
            start(home, installation.SERVICES, told | {"GRAFTWATCH_LOG_LEVEL": "warning"})
            found = asyncio.run(_measure(stack, home, given))
        finally:
            down(home)
            for data in ("postgres", "kafka"):
                shutil.rmtree(home / data, ignore_errors=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    print(f"written: {OUT}")
    for says in found["wrong"]:
        print(f"wrong: {says}")
    return int(bool(found["wrong"]))


def _fresh(home: Path, broker: BrokerKind) -> Stack:
    down(home)
    for data in ("postgres", "kafka", "logs"):
        shutil.rmtree(home / data, ignore_errors=True)
    return up(home, broker=broker, topics=installation.topic_specs(), prepare=installation.prepare)


async def _measure(stack: Stack, home: Path, given: argparse.Namespace) -> dict[str, Any]:
    feed, course = _backfill(), Course()
    pids = {name: pid for name, pid in leaders(load_state(home)).items() if name in installation.SERVICES}
    count = int((given.seconds + given.drain) * LIVE_PER_SECOND) + 1
    producer = await kafka.producer(stack.bootstrap_servers)
    try:
        async with await postgres.connect(stack.database_url, "reader", size=2) as pool:
            treated = [m for n in range(count) for m in (dose(n), alt(n, "baseline", "2025-06-01", 30))]
            await _given(producer, pool, treated, course)
            own_s = await _given(producer, pool, list(itertools.islice(feed, given.calibration)), course)
            own_per_s = given.calibration / own_s
            print(f"the services' own rate: {own_per_s:.0f} in-scope resources/s", flush=True)
            return await _too_much(stack, home, producer, pool, pids, own_per_s, count, feed, course, given)
    finally:
        await producer.stop()


async def _given(producer: AIOKafkaProducer, pool: Pool, messages: Sequence[FeedMessage], course: Course) -> float:
    """Send so much and wait until all of it is decided; how long it took until it was counted, which is the slower part."""
    started = time.perf_counter()
    for first in range(0, len(messages), _AT_ONCE):
        await send(producer, messages[first : first + _AT_ONCE], course.ledger)
    until = started + _LIMIT_S
    while course.ledger.resources > await _counted(pool) and time.perf_counter() < until:  # noqa: ASYNC110 - other processes
        await asyncio.sleep(0.1)
    counted_s = time.perf_counter() - started
    await run.settle(pool, protocol_files.load(None), course.ledger.resources, _LIMIT_S)
    return counted_s


async def _too_much(
    stack: Stack,
    home: Path,
    producer: AIOKafkaProducer,
    pool: Pool,
    pids: dict[str, int],
    own_per_s: float,
    count: int,
    feed: Iterator[FeedMessage],
    course: Course,
    given: argparse.Namespace,
) -> dict[str, Any]:
    watching = asyncio.create_task(_watch(pool, pids, course))
    living = asyncio.create_task(_live(producer, count, course))
    started = time.perf_counter()
    taken = await _counted(pool)
    await _overload(producer, feed, own_per_s * given.factor, given.seconds, course)
    fed_s = time.perf_counter() - started
    taken = await _counted(pool) - taken
    until = time.perf_counter() + given.drain
    while course.ledger.resources > await _counted(pool) and time.perf_counter() < until:
        _raise_of(watching, living)
        await asyncio.sleep(1)
    course.is_over = True
    await living
    seconds = await _live_told(stack, _patients(home, course.live))
    drained_s = time.perf_counter() - started
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    owner = await asyncpg.connect(stack.database_url)  # as the owner: it reads what no one service may
    try:
        counted, unaccounted = await balance(owner, course.ledger)
        missing = await missing_on_broker(stack.bootstrap_servers, owner, course.ledger)
    finally:
        await owner.close()
    figures = {
        "own_per_s": round(own_per_s),
        "fed_per_s": round(course.backfilled / fed_s),
        "taken_per_s_meanwhile": round(taken / fed_s),
        "fed_seconds": round(fed_s, 1),
        "watched_seconds": round(drained_s, 1),
        "backfilled": course.backfilled,
        "sent": course.ledger.resources,
        "counted": counted,
        "still_on_broker": course.ledger.resources - counted,
        "unaccounted": unaccounted,
        "missing_on_broker": missing,
        **_live_figures(course.live, seconds),
        "memory_growth_mb": {n: round(max(p[n] for p in course.curve) - course.curve[0][n], 1) for n in pids},
        "peak_memory_mb": {n: max(p[n] for p in course.curve) for n in pids},
        "largest_backlog": max(p["waiting"] for p in course.curve),
        "broker": given.broker,
        "curve": course.curve,
    }
    figures["wrong"] = _wrong(figures)
    _show(figures, sorted(pids))
    return figures


def _live_figures(live: int, seconds: Sequence[float | None]) -> dict[str, Any]:
    by_hint = [s for s in seconds if s is not None]
    return {
        "live": live,
        "live_told": len(seconds),
        "live_by_hint": len(by_hint),
        "live_p50_s": round(median(by_hint), 3) if by_hint else None,
        "live_p99_s": round(quantiles(by_hint, n=100)[98], 3) if len(by_hint) > 1 else None,
        "live_longest_s": round(max(by_hint), 3) if by_hint else None,
    }


def _wrong(figures: Mapping[str, Any]) -> list[str]:
    """What must not be, in words."""
    found = [f"{figures[n]:,} {n.replace('_', ' ')}" for n in ("unaccounted", "missing_on_broker") if figures[n]]
    if figures["live_told"] < figures["live"]:
        found.append(f"{figures['live'] - figures['live_told']} live severe tests were told to nobody")
    if (figures["live_p99_s"] or 0) > LIVE_P99_S:
        found.append(f"live records waited {figures['live_p99_s']} s (p99), more than {LIVE_P99_S} s")
    found += [f"{n} grew by {mb} MB" for n, mb in figures["memory_growth_mb"].items() if mb > GROWTH_MB]
    return found


def _raise_of(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        if task.done():
            task.result()


def _backfill() -> Iterator[FeedMessage]:
    """The cohort's accepted records again and again as other patients', on the topic that may wait."""
    accepted = [m for m in hospital.cohort() if m.counts.accepted and m.value is not None]
    for turn in itertools.count():
        for m in hospital.as_others(accepted, turn):
            yield FeedMessage(topics.BACKFILL.name, m.key, m.value, m.headers, m.phase, m.counts)


async def _overload(
    producer: AIOKafkaProducer, feed: Iterator[FeedMessage], per_second: float, seconds: float, course: Course
) -> None:
    """Publish at a constant rate for some seconds, whatever the services do."""
    begun, number = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < seconds:
        due = list(itertools.islice(feed, min(_AT_ONCE, max(0, int(passed * per_second) - number))))
        await send(producer, due, course.ledger)
        number += len(due)
        course.backfilled += len(due)
        await asyncio.sleep(0 if len(due) == _AT_ONCE else 0.05)


async def _live(producer: AIOKafkaProducer, count: int, course: Course) -> None:
    """A severe liver test of another treated patient, again and again, as if nothing else happened."""
    for n in range(count):
        if course.is_over:
            return
        await send(producer, [alt(n, "severe", "2025-06-25", 412)], course.ledger)
        course.live += 1
        await asyncio.sleep(1 / LIVE_PER_SECOND)


async def _counted(pool: Pool) -> int:
    return sum(c.resources for c in await status.feed_counts(pool))


async def _watch(pool: Pool, pids: dict[str, int], course: Course) -> None:
    begun = time.perf_counter()
    while True:
        waiting = course.ledger.resources - await _counted(pool)
        point: dict[str, float] = {"second": round(time.perf_counter() - begun, 1), "waiting": max(0, waiting)}
        course.curve.append(point | {name: held(pid).rss_mb for name, pid in pids.items()})
        await asyncio.sleep(2)


def _patients(home: Path, live: int) -> list[UUID]:
    """The pseudonyms of those whose severe tests were sent."""
    keys = HmacKeys(installation.pseudonym_key(home).encode())
    return [keys.patient("north", str(n)) for n in range(live)]


async def _live_told(stack: Stack, live: Sequence[UUID]) -> list[float | None]:
    """How long each live test took to its event, once all of them have one or the time is up; None: not by its hint."""
    connection = await asyncpg.connect(stack.database_url)  # as the owner: it joins what no one service may
    try:
        until = time.perf_counter() + _LIMIT_S / 10
        while len(rows := await connection.fetch(_LIVE, live)) < len(live) and time.perf_counter() < until:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.5)
        return [r["seconds"] for r in rows]
    finally:
        await connection.close()


def _show(figures: dict[str, Any], services: list[str]) -> None:
    curve: list[dict[str, float]] = figures["curve"]
    print(f"{'second':>7}{'waiting':>10}  " + "".join(f"{name + ' MB':>16}" for name in services))
    most = max(1.0, figures["largest_backlog"])
    for point in curve[:: max(1, len(curve) // 24)]:
        memory = "".join(f"{point[name]:>16.0f}" for name in services)
        print(
            f"{point['second']:>7.0f}{point['waiting']:>10.0f}  {memory}  {'#' * round(_BAR * point['waiting'] / most)}"
        )
    print(
        f"fed {figures['fed_per_s']}/s, {figures['fed_per_s'] / figures['own_per_s']:.1f} times their own rate, for "
        f"{figures['fed_seconds']} s: {figures['backfilled']:,} back-filled; of {figures['sent']:,} resources "
        f"{figures['counted']:,} counted after {figures['watched_seconds']} s, {figures['still_on_broker']:,} wait on the "
        f"broker, {figures['unaccounted']} unaccounted, {figures['missing_on_broker']} missing there\n"
        f"live meanwhile: {figures['live']} severe tests, {figures['live_told']} told, {figures['live_by_hint']} by their "
        f"hint; feed to event p50 {figures['live_p50_s']} s, p99 {figures['live_p99_s']} s, longest {figures['live_longest_s']} s"
    )


if __name__ == "__main__":
    raise SystemExit(main())
