"""`python -m tests.benchmark.backpressure`: a feed ten times faster than the services: memory, losses, live latency meanwhile.

First the services are given a fixed amount, to know how fast they are here. Then back-fill is published ten times as fast,
all of it in scope, while severe liver tests of treated patients arrive live. Ends when everything is accounted for.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import msgspec

from services.cli import installation
from services.cli.demo import publish, run
from services.cli.simulate.model import FeedMessage
from services.cli.stack import Stack, down, up
from services.cli.stack.model import BrokerKind
from services.cli.stack.state import load as load_state
from shared import topics
from shared.protocol import load as protocol_files
from shared.runtime import kafka, postgres, status
from shared.runtime.postgres import Pool
from tests.benchmark.ingest import hospital
from tests.benchmark.safety.end_to_end import alt, available, dose
from tests.benchmark.soak.running import start
from tests.benchmark.soak.sampling import held, leaders
from tests.support.stack import without_users_own_servers

OUT: Final = Path(".graftwatch/bench/backpressure.json")
FACTOR: Final = 10
CALIBRATION: Final = 2_000
"""In-scope messages by which the services' own rate is measured."""
LIVE_PER_SECOND: Final = 2
_LIMIT_S: Final = 3_600.0
_BAR: Final = 50
_LIVE: Final = """
SELECT extract(epoch FROM o.recorded_at - o.published_at)::float AS seconds
FROM safety.outbox e JOIN safety.outcome o USING (outcome_id)
WHERE e.type = 'graftwatch.rejection-suspected.v1' AND o.published_at IS NOT NULL
"""


@dataclass
class Course:
    """What was sent so far, and the curve: second, accounted, memory of each part."""

    resources: int = 0
    backfilled: int = 0
    live: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)


def main() -> int:
    """Run it, print the curve and write the figures; exit code 1 where something is lost."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=20.0, help="how long the feed is too fast")
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
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    print(f"written: {OUT}")
    return int(found["lost"] != 0)


def _fresh(home: Path, broker: BrokerKind) -> Stack:
    down(home)
    for data in ("postgres", "kafka", "logs"):
        shutil.rmtree(home / data, ignore_errors=True)
    return up(home, broker=broker, topics=installation.topic_specs(), prepare=installation.prepare)


async def _measure(stack: Stack, home: Path, given: argparse.Namespace) -> dict[str, Any]:
    feed, course = _backfill(), Course()
    pids = {name: pid for name, pid in leaders(load_state(home)).items() if name in installation.SERVICES}
    count = int(given.seconds * LIVE_PER_SECOND * given.factor)
    async with await postgres.connect(stack.database_url, "reader", size=2) as pool:
        await _send(stack, [m for n in range(count) for m in (dose(n), alt(n, "baseline", "2025-06-01", 30))], course)
        await run.settle(pool, protocol_files.load(None), course.resources, _LIMIT_S)
        started = time.perf_counter()
        await _send(stack, list(itertools.islice(feed, given.calibration)), course)
        await run.settle(pool, protocol_files.load(None), course.resources, _LIMIT_S)
        own_per_s = given.calibration / (time.perf_counter() - started)
        print(f"the services' own rate: {own_per_s:.0f} in-scope resources/s", flush=True)
        watching = asyncio.create_task(_watch(pool, pids, course))
        living = asyncio.create_task(_live(stack, count, course))
        started = time.perf_counter()
        await _overload(stack, feed, own_per_s * given.factor, given.seconds, course)
        fed_s = time.perf_counter() - started
        while not living.done() and await _waiting(pool, course):  # noqa: ASYNC110 - it waits in other processes
            await asyncio.sleep(1)
        living.cancel()
        waited_for = course.live
        await run.settle(pool, protocol_files.load(None), course.resources, _LIMIT_S)
        drained_s = time.perf_counter() - started
        watching.cancel()
        await asyncio.gather(watching, living, return_exceptions=True)
        await run.tell(pool, _LIMIT_S)
        seconds = [r["seconds"] for r in await _live_seconds(stack)]
        lost = course.resources - sum(c.resources for c in await status.feed_counts(pool))
    figures = {
        "own_per_s": round(own_per_s),
        "fed_per_s": round(course.backfilled / fed_s),
        "fed_seconds": round(fed_s, 1),
        "drained_seconds": round(drained_s, 1),
        "backfilled": course.backfilled,
        "lost": lost,
        "live": waited_for,
        "live_by_hint": len(seconds),
        "live_p50_s": round(median(seconds), 3) if seconds else None,
        "live_p99_s": round(quantiles(seconds, n=100)[98], 3) if len(seconds) > 1 else None,
        "peak_memory_mb": {name: max(p[name] for p in course.curve) for name in pids},
        "largest_backlog": max(p["waiting"] for p in course.curve),
        "broker": given.broker,
        "curve": course.curve,
    }
    _show(figures, sorted(pids))
    return figures


def _backfill() -> Iterator[FeedMessage]:
    """The cohort's accepted records again and again as other patients', on the topic that may wait."""
    accepted = [m for m in hospital.cohort() if m.counts.accepted and m.value is not None]
    for turn in itertools.count():
        for m in hospital.as_others(accepted, turn):
            yield FeedMessage(topics.BACKFILL.name, m.key, m.value, m.headers, m.phase, m.counts)


async def _send(stack: Stack, messages: Sequence[FeedMessage], course: Course) -> None:
    await publish.publish(stack.bootstrap_servers, messages, 5_000, lambda _: None)
    course.resources += sum(m.delivers for m in messages)


async def _overload(
    stack: Stack, feed: Iterator[FeedMessage], per_second: float, seconds: float, course: Course
) -> None:
    """Publish at a constant rate for some seconds, whatever the services do."""
    producer, begun, number = await kafka.producer(stack.bootstrap_servers), time.perf_counter(), 0
    try:
        while (passed := time.perf_counter() - begun) < seconds:
            due = list(itertools.islice(feed, max(0, int(passed * per_second) - number)))
            acks = [await producer.send(m.topic, m.value, key=m.key, headers=list(m.headers)) for m in due]
            await asyncio.gather(*acks)
            number += len(due)
            course.backfilled += len(due)
            course.resources += sum(m.delivers for m in due)
            await asyncio.sleep(0.05)
    finally:
        await producer.stop()


async def _live(stack: Stack, count: int, course: Course) -> None:
    """A severe liver test of another treated patient, again and again, as if nothing else happened."""
    producer = await kafka.producer(stack.bootstrap_servers)
    try:
        for n in range(count):
            m = alt(n, "severe", "2025-06-25", 412)
            await producer.send_and_wait(m.topic, m.value, key=m.key, headers=list(m.headers))
            course.live, course.resources = course.live + 1, course.resources + 1
            await asyncio.sleep(1 / LIVE_PER_SECOND)
    finally:
        await producer.stop()


async def _waiting(pool: Pool, course: Course) -> int:
    return course.resources - sum(c.resources for c in await status.feed_counts(pool))


async def _watch(pool: Pool, pids: dict[str, int], course: Course) -> None:
    begun = time.perf_counter()
    while True:
        waiting, behind = await _waiting(pool, course), await status.behind(pool, protocol_files.load(None))
        point: dict[str, float] = {"second": round(time.perf_counter() - begun, 1), "waiting": max(0, waiting)}
        point |= {f"{service} behind": n for service, n in behind.items()}
        course.curve.append(point | {name: held(pid).rss_mb for name, pid in pids.items()})
        await asyncio.sleep(2)


async def _live_seconds(stack: Stack) -> list[Any]:
    import asyncpg  # noqa: PLC0415

    connection = await asyncpg.connect(stack.database_url)  # as the owner: it joins what no one service may
    try:
        return list(await connection.fetch(_LIVE))
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
        f"{figures['fed_seconds']} s: {figures['backfilled']:,} back-filled, drained after {figures['drained_seconds']} s, "
        f"lost {figures['lost']}\n"
        f"live meanwhile: {figures['live']} severe tests, {figures['live_by_hint']} events by their hint; feed to event "
        f"p50 {figures['live_p50_s']} s, p99 {figures['live_p99_s']} s"
    )


if __name__ == "__main__":
    raise SystemExit(main())
