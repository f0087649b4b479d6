"""What is measured: the floor, a plain loop of fhir.resources, and the real service. Each runs in a process of its own."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import asyncpg
import orjson

from shared import topics
from shared.runtime import kafka, status
from tests.benchmark.ingest.measuring import Meter, Run, memory_mb

_BATCH: Final = 1000
_LOOK_SECONDS: Final = 0.1


async def floor(count: int) -> Run:
    """Consume, parse with orjson, one insert per batch: what any ingest must at least do."""
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(
        "CREATE TABLE floor (t text, p int, o bigint, type text, raw bytea, PRIMARY KEY (t, p, o))"
    )
    consumer = await _consumer("bench-floor")
    done, meter = 0, None
    while done < count:
        polled = await consumer.getmany(timeout_ms=50, max_records=_BATCH)
        meter = meter or (Meter() if polled else None)
        rows = [(r.topic, r.partition, r.offset, _type(r.value), r.value) for rs in polled.values() for r in rs]
        if rows:
            await connection.execute(
                "INSERT INTO floor SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::bytea[])"
                " ON CONFLICT DO NOTHING",
                *[list(column) for column in zip(*rows, strict=True)],
            )
            await consumer.commit({tp: rs[-1].offset + 1 for tp, rs in polled.items() if rs})
        done += len(rows)
    assert meter is not None
    measured = meter.read(done)
    await consumer.stop()
    await connection.close()
    return measured


async def naive(count: int) -> Run:
    """A plain loop: parse each message with fhir.resources (R4B), insert it, one by one."""
    from fhir.resources.R4B import get_fhir_model_class  # noqa: PLC0415 - slow, and only for this variant

    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("CREATE TABLE naive (n bigserial PRIMARY KEY, type text, valid boolean, raw bytea)")
    consumer = await _consumer("bench-naive")
    done, meter = 0, None
    async for record in consumer:
        meter = Meter() if done == 1 else meter  # the first one loads the models
        type_ = _type(record.value)
        try:
            get_fhir_model_class(type_).model_validate_json(record.value)
            valid = True
        except (ValueError, KeyError, TypeError):
            valid = False
        await connection.execute("INSERT INTO naive (type, valid, raw) VALUES ($1, $2, $3)", type_, valid, record.value)
        done += 1
        if done > count:
            break
    assert meter is not None
    measured = meter.read(count)
    await consumer.stop()
    await connection.close()
    return measured


async def ingest(count: int, curve: list[tuple[int, float]] | None = None, limit_s: float = math.inf) -> Run:
    """The real service, everything on, until every resource is accounted for, or for so long at most.

    `curve`: memory by resources, as it goes.
    """
    from services.ingest import app  # noqa: PLC0415 - only this variant's process pays for it

    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    service = asyncio.create_task(app.serve())
    counted, before, meter, end = 0, 0, None, time.perf_counter() + limit_s
    while counted < count and not (counted and time.perf_counter() > end):
        await asyncio.sleep(_LOOK_SECONDS)
        if service.done():
            service.result()
        counted = sum(c.resources for c in await status.feed_counts(connection))
        if counted and meter is None:
            before, meter = counted, Meter()
        if curve is not None and counted:
            curve.append((counted, memory_mb()))
    assert meter is not None
    measured = meter.read(min(counted, count) - before)
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)
    await connection.close()
    return measured


async def _consumer(group: str) -> Any:
    return await kafka.feed_consumer(os.environ["KAFKA_BOOTSTRAP_SERVERS"], group, [t.name for t in topics.FEED])


def _type(value: bytes | None) -> str:
    try:
        parsed = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return ""
    return str(parsed.get("resourceType")) if isinstance(parsed, dict) else ""


VARIANTS: Final[dict[str, Callable[[int], Coroutine[Any, Any, Run]]]] = {
    "floor": floor,
    "ingest": ingest,
    "ingest-all": ingest,
    "naive": naive,
}
