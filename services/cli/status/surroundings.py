"""Looks at what lies around: the broker with what waits on the feed, and the disk. Decides from when on it is a fault."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.cli.status.findings import Finding, judged, unknown, well, wrong
from shared import access, topics
from shared.runtime import kafka
from shared.runtime.kafka_access import Security
from shared.runtime.postgres import Pool, queries
from shared.sites import ConfigurationError

_ANSWER_SECONDS: Final = 10.0
_LAG: Final = 10_000
_FREE_BYTES: Final = 2 * 2**30
_FREE_PART: Final = 0.05

Ends = Mapping[TopicPartition, tuple[int, int]]
"""First and next offset of each partition."""


async def broker(servers: str, security: Security, names: Iterable[str]) -> tuple[Finding, Ends | None]:
    """Whether the broker answers and has the topics, and where their partitions begin and end."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            ends, missing = await _ends(servers, security, sorted(names))
    except (ConfigurationError, KafkaError, OSError, TimeoutError):
        todo = "is Kafka running there, and does it let this user in (`graftwatch stack status`, KAFKA_…)?"
        return wrong("broker", f"no broker answers at {servers}", todo), None
    return _topics(missing, security, f"answers at {servers}"), ends


def _topics(missing: list[str], security: Security, calm: str) -> Finding:
    """A broker that knows its users does not say which it is: no such topic, or none that this one may see."""
    says = f"topics are missing: {', '.join(missing)}"
    todo = "make them by `graftwatch stack up` or as docs/generated/topics.md lists them"
    if security.protocol != "PLAINTEXT":
        who = f"KAFKA_SASL_USERNAME {security.username}" if security.username is not None else "this user"
        says = f"topics are missing, or {who} may not Describe them: {', '.join(missing)}"
        todo = (
            f"look as {access.principal(access.OPERATOR)}, which may Describe all (docs/generated/access.md);"
            " what it does not see, make by `graftwatch topics`"
        )
    return judged("broker", len(missing), says, todo, calm)


async def _ends(servers: str, security: Security, names: list[str]) -> tuple[Ends, list[str]]:
    consumer: AIOKafkaConsumer = await kafka.replaying_consumer(servers, security)
    try:
        there = await consumer.topics()
        partitions = await _partitions(servers, security, [n for n in names if n in there])
        begins = await consumer.beginning_offsets(partitions) if partitions else {}
        ends = await consumer.end_offsets(partitions) if partitions else {}
        return {tp: (begins[tp], ends[tp]) for tp in partitions}, [n for n in names if n not in there]
    finally:
        await consumer.stop()


async def _partitions(servers: str, security: Security, names: list[str]) -> list[TopicPartition]:
    """Asked for by name: a consumer knows the partitions only of the topics that it reads."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, **security.client_options())
    try:
        await admin.start()
        described = await admin.describe_topics(names) if names else []
        return [TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]]
    finally:
        await admin.close()


async def lag(pool: Pool, ends: Ends, epoch: str) -> list[Finding]:
    """Of each topic of the feed how many messages ingest has yet to store."""
    rows = await pool.fetch(queries("watching")["feed_positions"], epoch)
    stored = {TopicPartition(r["topic"], r["partition"]): r["next_offset"] for r in rows}
    waiting: Counter[str] = Counter()
    for tp, (begin, end) in ends.items():
        waiting[tp.topic] += max(0, end - max(begin, stored.get(tp, begin)))
    todo = "is ingest well? Then more workers of it, up to the partitions; docs/runbook.md, FeedLag"
    return [
        judged(
            f"lag {topic}",
            topic != topics.BACKFILL.name and n > _LAG,
            f"{n:,} messages wait",
            todo,
            f"{n:,} messages wait",
        )
        for topic, n in sorted(waiting.items())
    ]


def lag_unknown() -> Finding:
    """Where either side is away."""
    return unknown("feed lag", "needs the broker and the database", "mend these first")


def disk(home: Path) -> list[Finding]:
    """Room for the local stack's data; on other installations the servers' own watching tells."""
    if not home.exists():
        return []
    usage = shutil.disk_usage(home)
    says = f"{usage.free / 2**30:,.1f} GiB free of {usage.total / 2**30:,.1f} at {home}"
    if usage.free < min(_FREE_BYTES, usage.total * _FREE_PART):
        return [wrong("disk", says, "make room: Postgres and Kafka stop when it is full")]
    return [well("disk", says)]
