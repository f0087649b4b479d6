"""`python -m tests.benchmark.notify`: 10,000 events, notify killed 20 times, sinks that fail one time in five; then latency.

First phase: the events are committed to the outbox while notify runs and is killed at random, until every delivery is
settled. Second phase: nothing fails; laboratory messages at 200 a second through ingest and safety, each a severe liver test,
until the webhook of its event is taken; on the embedded broker and, where Java and Maven are, on Apache Kafka, with the time
that each stage took.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final
from uuid import UUID, uuid5

import asyncpg
import msgspec

from services.cli import installation
from services.cli.demo import publish
from services.cli.stack import Stack, down, start_services, up
from services.notify.notices import NAMESPACE
from shared import events
from shared.runtime import kafka, postgres
from shared.runtime.outbox import OutboxRelay
from tests.benchmark.notify import parts
from tests.benchmark.safety.end_to_end import BrokerKind, alt, available, dose
from tests.support.notices import suspected

EVENTS: Final = 10_000
KILLS: Final = 20
PATIENTS: Final = 800
"""Of the second phase: at 200 a second, four seconds of severe results, after their quiet baselines."""
PER_SECOND: Final = 200
IN_FLIGHT: Final = 16 + 16 + 8
"""Sends under way at most: two webhooks and the mail server."""
OUT: Final = Path(".graftwatch/bench/notify.json")
_LIMIT_S: Final = 420.0
_AS_OF: Final = "2025-06-30"
_ATTEMPTS: Final = "SELECT count(*) FROM notify.attempt"
_STAGES: Final = """
SELECT d.delivery_id::text AS delivery, extract(epoch FROM o.published_at)::float AS published,
    extract(epoch FROM f.recorded_at)::float AS stored, extract(epoch FROM e.created_at)::float AS taken,
    extract(epoch FROM o.recorded_at)::float AS written, extract(epoch FROM n.decided_at)::float AS decided,
    extract(epoch FROM d.first_attempt_at)::float AS claimed
FROM notify.delivery d JOIN notify.notice n USING (event_id) JOIN safety.outcome o USING (outcome_id)
JOIN safety.outbox e USING (event_id)
JOIN timeline.fact f ON f.patient = o.patient AND f.kind = 'laboratory' AND f.occurred_at > '2025-06-24'
WHERE d.state = 'delivered' AND n.kind = 'rejection-suspected' AND o.published_at IS NOT NULL
"""
STAGES: Final = ("published", "stored", "taken", "written", "decided", "claimed", "accepted")
"""Feed; ingest's transaction; safety's, begun and written; notify's decision, begun; its attempt; the receiver."""
_SUSPICIONS: Final = (
    "FROM notify.delivery d JOIN notify.notice n USING (event_id) JOIN safety.outcome o USING (outcome_id)"
    " WHERE d.state = 'delivered' AND n.kind = 'rejection-suspected'"
)


def main() -> int:
    """Run both phases, print and write the figures; exit code 1 where something is missing, doubled or repeated too often."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=EVENTS)
    arguments.add_argument("--kills", type=int, default=KILLS)
    given = arguments.parse_args()
    found: dict[str, Any] = {}
    for broker in available():
        found |= _on(broker, given)
    for name, value in found.items():
        print(f"{name:<32}{value}")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    return int(bool(found["missing"] or found["duplicates"] or found["redelivered"] > found["redelivered_bound"]))


def _on(broker: BrokerKind, given: argparse.Namespace) -> dict[str, Any]:
    """Both phases on the embedded broker, the second alone on Apache Kafka; the stack is stopped after it."""
    home = OUT.parent.resolve() / "notify-stack"
    down(home)
    for data in ("postgres", "kafka", "logs"):
        shutil.rmtree(home / data, ignore_errors=True)
    stack = up(home, broker=broker, topics=installation.topic_specs(), prepare=installation.prepare)
    found: dict[str, Any] = {}
    try:
        with parts.sinks(home / "sinks.log") as place:
            if broker == "embedded":
                found = _phase(stack, home, place, parts.everybody(place), lambda n: _killed(stack, n, place, given))
            told = installation.service_environment(home, Path("deploy/sites"), _AS_OF)
            start_services(home, ("ingest", "safety"), told)
            taken = _phase(stack, home, place, parts.one_system(place), lambda n: _latency(stack, n, place, broker))
    finally:
        down(home)
    return found | taken


def _phase(
    stack: Stack,
    home: Path,
    place: parts.Place,
    recipients: dict[str, Any],
    measure: Callable[[parts.Notify], Coroutine[Any, Any, dict[str, Any]]],
) -> dict[str, Any]:
    """One phase with a notify of its own, stopped after it."""
    notify = parts.Notify(parts.environment(stack, home, place, recipients), home / "notify.log")
    notify.start()
    try:
        return asyncio.run(measure(notify))
    finally:
        notify.stop()


async def _killed(stack: Stack, notify: parts.Notify, place: parts.Place, given: argparse.Namespace) -> dict[str, Any]:
    count, kills = given.events, given.kills
    chance = random.Random(20)
    await parts.behave(place, fails=True)
    started, ids = time.perf_counter(), list[str]()
    async with await postgres.connect(stack.database_url, "reader", size=1) as pool:
        for kill in range(kills):
            before = await pool.fetchval(_ATTEMPTS)
            ids += await _commit(stack, range(count * kill // kills, count * (kill + 1) // kills))
            await _until(pool, _ATTEMPTS, before + 1)
            await asyncio.sleep(chance.uniform(0.0, 2.0))
            notify.kill()
            notify.start()
    await _settled(stack, len(parts.RECIPIENTS) * count)
    seconds = time.perf_counter() - started
    noted = await parts.figures(place)
    wanted = {f"{recipient} {event}" for recipient in parts.RECIPIENTS for event in ids}
    taken: dict[str, dict[str, int]] = noted["taken"]
    failed = noted["answers"].get("failed", 0)
    return {
        "events": count,
        "recipients": len(parts.RECIPIENTS),
        "missing": len(wanted - set(taken)),
        "duplicates": sum(len(ids) - 1 for ids in taken.values()),
        "redelivered": sum(n - 1 for ids in taken.values() for n in ids.values()),
        "redelivered_bound": failed + kills * IN_FLIGHT,
        "failed_answers": failed,
        "kills": kills,
        "seconds": round(seconds, 1),
    }


async def _commit(stack: Stack, numbers: range) -> list[str]:
    """Commit events to the outbox of safety and relay them, a hundred at a time; their ids."""
    ids: list[str] = []
    async with (
        await postgres.connect(stack.database_url, "safety", size=1) as pool,
        pool.acquire() as connection,
    ):
        producer = await kafka.producer(stack.bootstrap_servers)
        owner = await asyncpg.connect(stack.database_url)
        relay = OutboxRelay("safety", pool, producer)
        try:
            for first in range(numbers.start, numbers.stop, 100):
                rows = [_row(n) for n in range(first, min(first + 100, numbers.stop))]
                await owner.executemany(
                    "INSERT INTO timeline.patient (patient, site) VALUES ($1, 'north')", [(r[1],) for r in rows]
                )
                await connection.executemany(
                    "INSERT INTO safety.outbox (event_id, patient, outcome_id, topic, type, event)"
                    " VALUES ($1, $2, $3, $4, $5, $6)",
                    rows,
                )
                await relay.relay(connection)
                ids += [str(r[0]) for r in rows]
        finally:
            await owner.close()
            await producer.stop()
    return ids


def _row(n: int) -> tuple[UUID, UUID, UUID, str, str, str]:
    patient = uuid5(NAMESPACE, f"patient {n}")
    event = suspected(patient)
    event_id = uuid5(NAMESPACE, f"event {n}")
    topic = events.TOPIC_OF[type(event)]
    return event_id, patient, uuid5(NAMESPACE, f"outcome {n}"), topic, events.type_name(event), _text(event)


def _text(event: events.AnyEvent) -> str:
    return events.encode(event).decode()


async def _settled(stack: Stack, wanted: int) -> None:
    async with await postgres.connect(stack.database_url, "reader", size=1) as pool, asyncio.timeout(_LIMIT_S):
        while await pool.fetchval("SELECT count(*) FROM notify.delivery WHERE state = 'delivered'") < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.5)


async def _latency(stack: Stack, notify: parts.Notify, place: parts.Place, broker: BrokerKind) -> dict[str, Any]:
    """From a laboratory message published to the webhook of its suspicion taken."""
    await notify.healthy()
    async with await postgres.connect(stack.database_url, "reader", size=1) as pool:
        before = [m for n in range(PATIENTS) for m in (dose(n), alt(n, "baseline", "2025-06-01", 30))]
        quiet = [alt(n, "quiet", "2025-06-20", 35) for n in range(PATIENTS)]
        await publish.publish(stack.bootstrap_servers, before + quiet, PER_SECOND, lambda _: None)
        await _until(pool, "SELECT count(*) FROM safety.outcome WHERE kind = 'toxicity'", PATIENTS)
        await parts.behave(place, fails=False)
        severe = [alt(n, "severe", "2025-06-25", 412) for n in range(PATIENTS)]
        await publish.publish(stack.bootstrap_servers, severe, PER_SECOND, lambda _: None)
        await _until(pool, f"SELECT count(*) {_SUSPICIONS}", PATIENTS)
        rows = await pool.fetch(_STAGES)
        first_at = (await parts.figures(place))["first_at"]
    return _figures([{**r, "accepted": first_at[r["delivery"]]} for r in rows if r["delivery"] in first_at], broker)


def _figures(deliveries: list[dict[str, Any]], broker: BrokerKind) -> dict[str, Any]:
    """The figures of one broker, and as `webhook_p99_s` those of the last: Apache Kafka where it can be had."""
    taken = [d["accepted"] - d["published"] for d in deliveries]
    found: dict[str, Any] = {"broker": broker, "webhooks": len(taken), "messages_per_s": PER_SECOND}
    for name, value in (("p50", median(taken)), ("p99", _p99(taken))):
        found |= {f"webhook_{name}_s": round(value, 3), f"{broker}_webhook_{name}_s": round(value, 3)}
    for begun, ended in pairwise(STAGES):
        seconds = [d[ended] - d[begun] for d in deliveries]
        found |= {f"{broker}_until_{ended}_p50_s": round(median(seconds), 3)}
        found |= {f"{broker}_until_{ended}_p99_s": round(_p99(seconds), 3)}
    return found


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


async def _until(pool: postgres.Pool, count: str, wanted: int) -> None:
    async with asyncio.timeout(120):
        while await pool.fetchval(count) < wanted:  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.25)


if __name__ == "__main__":
    raise SystemExit(main())
