"""How fast ingest is, beside the floor (consume, parse, insert) and a plain loop of fhir.resources. Decides nothing.

`python -m tests.benchmark.ingest` runs everything: each variant in a process of its own, on the same broker and database, over
the same feed: a generated hospital (clinosim) with the simulated cohort, and a feed of which every resource is in scope.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
import orjson
from prometheus_client import REGISTRY

from services.cli import installation
from services.cli.demo import background, publish
from services.cli.simulate import simulate
from services.cli.simulate.model import FeedMessage
from services.cli.stack import Stack, down, up
from shared import topics
from shared.runtime import kafka, status

AS_OF: Final = date(2025, 6, 30)
HOSPITAL: Final = 100_000
IN_SCOPE: Final = 60_000
NAIVE: Final = 3_000
POPULATION: Final = 750
"""People of the generated hospital; makes a little more than HOSPITAL resources."""
SITES: Final = Path("deploy/sites")
OUT: Final = Path(".graftwatch/bench/ingest.json")
_BATCH: Final = 1000


class Run(msgspec.Struct, frozen=True):
    """One variant's figures."""

    resources: int
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    stages: dict[str, float] = {}
    """Seconds of wall time by stage, as the service itself measures them."""

    @property
    def per_s(self) -> float:
        """Resources a second."""
        return self.resources / self.seconds


def main() -> int:
    """Run the benchmark, or one variant of it (as the benchmark does itself)."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--variant", choices=sorted(VARIANTS))
    arguments.add_argument("--count", type=int, default=0)
    arguments.add_argument("--home", type=Path, default=Path(".graftwatch"))
    given = arguments.parse_args()
    if given.variant:
        sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(VARIANTS[given.variant](given.count))))
        return 0
    return benchmark(given.home.resolve())


def benchmark(home: Path) -> int:
    """All variants, the ratios between them, and the JSON file."""
    generation = background.Generation(home / "background", AS_OF, POPULATION)
    print("generating the hospital (clinosim); kept for later runs", flush=True)
    generation.begin()
    cohort = [m for m in simulate(AS_OF).messages if m.delivers == 1]
    hospital = background.messages(generation.finish())[:HOSPITAL]
    mixed, scoped = publish.mix(cohort, hospital), list(in_scope(cohort, IN_SCOPE))
    runs = {}
    own = home / "bench" / "ingest"
    for name, feed, variants in (
        ("mixed", mixed, {"floor": len(mixed), "naive": NAIVE, "ingest": len(mixed)}),
        ("mixed", mixed, {"ingest-all": len(mixed)}),
        ("in scope", scoped, {"ingest": len(scoped)}),
    ):
        stack = _fresh(own)  # ingest's consumer group has read the feed of the stack before
        asyncio.run(publish.publish(stack.bootstrap_servers, feed, 1_000_000, lambda _: None))
        for variant, count in variants.items():
            runs[f"{variant}, {name}"] = found = _apart(variant, count, stack, own)
            print(_line(f"{variant}, {name}", found), flush=True)
    down(own)
    return _report(runs)


def in_scope(cohort: Sequence[FeedMessage], count: int) -> Iterator[FeedMessage]:
    """The cohort's accepted messages again and again as other patients, so that nothing is a redelivery."""
    accepted = [m for m in cohort if m.counts.accepted and m.value is not None]
    for n in range(count):
        m = accepted[n % len(accepted)]
        again = orjson.loads(m.value or b"")
        turn = n // len(accepted)
        yield _with_value(m, orjson.dumps(_renamed(again, turn)))


def _with_value(m: FeedMessage, value: bytes) -> FeedMessage:
    """The message with another value."""
    return FeedMessage(m.topic, m.key, value, m.headers, m.phase, m.counts)


def _renamed(value: Any, turn: int) -> Any:
    """The resource as that of another patient: ids and references get a suffix."""
    if isinstance(value, dict):
        return {
            k: f"{v}-{turn}" if k in ("id", "reference") and isinstance(v, str) else _renamed(v, turn)
            for k, v in value.items()
        }
    return [_renamed(v, turn) for v in value] if isinstance(value, list) else value


async def floor(count: int) -> Run:
    """Consume, parse with orjson, one insert per batch: what any ingest must at least do."""
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(
        "CREATE TABLE floor (t text, p int, o bigint, type text, raw bytea, PRIMARY KEY (t, p, o))"
    )
    consumer = await kafka.feed_consumer(
        os.environ["KAFKA_BOOTSTRAP_SERVERS"], "bench-floor", [t.name for t in topics.FEED]
    )
    done, started, cpu = 0, 0.0, 0.0
    while done < count:
        polled = await consumer.getmany(timeout_ms=50, max_records=_BATCH)
        started, cpu = (started, cpu) if done else (time.perf_counter(), time.process_time())
        rows = [(r.topic, r.partition, r.offset, _type(r.value), r.value) for rs in polled.values() for r in rs]
        if rows:
            await connection.execute(
                "INSERT INTO floor SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::bytea[])"
                " ON CONFLICT DO NOTHING",
                *[list(column) for column in zip(*rows, strict=True)],
            )
            await consumer.commit({tp: rs[-1].offset + 1 for tp, rs in polled.items() if rs})
        done += len(rows)
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    await consumer.stop()
    await connection.close()
    return Run(done, seconds, used, _peak_mb())


def _type(value: bytes | None) -> str:
    try:
        parsed = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return ""
    return str(parsed.get("resourceType")) if isinstance(parsed, dict) else ""


async def ingest(count: int) -> Run:
    """The real service, everything on, until every resource of the feed is accounted for."""
    from services.ingest import app  # noqa: PLC0415 - only this variant's process pays for it

    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    service = asyncio.create_task(app.serve())
    started, cpu, before, counted = 0.0, 0.0, 0, 0
    while counted < count:
        await asyncio.sleep(0.05)
        if service.done():
            service.result()
        counted = sum(c.resources for c in await status.feed_counts(connection))
        if counted and not started:
            started, cpu, before = time.perf_counter(), time.process_time(), counted
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)
    await connection.close()
    return Run(count - before, seconds, used, _peak_mb(), _stages())


async def naive(count: int) -> Run:
    """A plain loop: parse each message with fhir.resources (R4B), insert it, one by one."""
    from fhir.resources.R4B import get_fhir_model_class  # noqa: PLC0415 - slow, and only for this variant

    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("CREATE TABLE naive (n bigserial PRIMARY KEY, type text, valid boolean, raw bytea)")
    consumer = await kafka.feed_consumer(
        os.environ["KAFKA_BOOTSTRAP_SERVERS"], "bench-naive", [t.name for t in topics.FEED]
    )
    done, started, cpu = 0, 0.0, 0.0
    async for record in consumer:
        if done == 1:  # the first one loads the models
            started, cpu = time.perf_counter(), time.process_time()
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
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    await consumer.stop()
    await connection.close()
    return Run(count, seconds, used, _peak_mb())


VARIANTS: Final[dict[str, Callable[[int], Coroutine[Any, Any, Run]]]] = {
    "floor": floor,
    "ingest": ingest,
    "ingest-all": ingest,
    "naive": naive,
}


def _apart(variant: str, count: int, stack: Stack, home: Path) -> Run:
    environment = {
        **os.environ,
        **installation.service_environment(home, SITES, AS_OF.isoformat()),
        "DATABASE_URL": stack.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "GRAFTWATCH_FEED_EPOCH": f"{stack.feed_epoch}/{variant}",
        "GRAFTWATCH_LOG_LEVEL": "error",
        "GRAFTWATCH_CONFORMANCE": "all" if variant == "ingest-all" else "sample",
    }
    command = [sys.executable, "-m", "tests.benchmark.ingest", "--variant", variant, "--count", str(count)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Run)


def _fresh(home: Path) -> Stack:
    down(home)
    shutil.rmtree(home / "postgres", ignore_errors=True)
    return up(home, broker="embedded", topics=installation.topic_specs(), prepare=installation.prepare)


def _stages() -> dict[str, float]:
    return {
        s.labels["stage"]: round(s.value, 2)
        for m in REGISTRY.collect()
        if m.name == "graftwatch_ingest_stage_seconds"
        for s in m.samples
        if s.name.endswith("_total")
    }


def _peak_mb() -> float:
    # Not getrusage: its peak is inherited from the process that started this one.
    status_lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return round(int(next(line for line in status_lines if line.startswith("VmHWM")).split()[1]) / 1024, 1)


def _line(name: str, run: Run) -> str:
    stages = ", ".join(f"{stage} {100 * s / run.seconds:.0f} %" for stage, s in run.stages.items())
    return (
        f"{name:<22}{run.resources:>8,} resources {run.per_s:>9,.0f}/s  CPU {run.cpu_seconds:6.1f} s  "
        f"peak {run.peak_memory_mb:6.0f} MB  {stages}"
    )


def _report(runs: dict[str, Run]) -> int:
    floor_s, ingest_s = runs["floor, mixed"].per_s, runs["ingest, mixed"].per_s
    naive_s, scoped_s = runs["naive, mixed"].per_s, runs["ingest, in scope"].per_s
    print(
        f"ingest / floor {ingest_s / floor_s:.2f}   ingest / naive {ingest_s / naive_s:.1f}   in scope {scoped_s:,.0f}/s"
    )
    figures = {
        "floor_per_s": round(floor_s),
        "ingest_per_s": round(ingest_s),
        "ingest_all_conformance_per_s": round(runs["ingest-all, mixed"].per_s),
        "naive_per_s": round(naive_s),
        "in_scope_per_s": round(scoped_s),
        "peak_memory_mb": max(r.peak_memory_mb for name, r in runs.items() if name.startswith("ingest")),
        "runs": runs,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    print(f"written: {OUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
