"""Decides how many workers, partitions and databases a rate needs, from measured costs and named assumptions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from tests.benchmark.scale.simulation import SEED, Cost, Load, Shard, Simulated
from tests.benchmark.scale.workers import Used

DECIDING: Final = ("eligibility", "response", "safety")
_YEAR_S: Final = 365 * 86_400
_SIMULATED: Final = 6_000


class Assumed(msgspec.Struct, frozen=True):
    """What no benchmark of ours can tell: change it here, and the tables follow."""

    in_scope: float = 0.25
    """Share of a hospital's resources that some protocol asks for."""
    out_of_scope_cost: float = 0.2
    """Cost of one that none asks for, as a share of one in scope."""
    events_per_resource: float = 0.01
    """Events that one resource in scope leads to, in the long run."""
    average_of_peak: float = 0.4
    """The rates below are those of the busiest hour."""
    resource_bytes: int = 1_200
    utilisation: float = 0.6
    """How busy a worker or a database may be at the peak."""
    database_cores: int = 16
    database_wal_mb_per_s: float = 150.0
    """What a volume takes in writes and a replica in network, sustained."""
    feed_retention_days: int = 30
    replicas: int = 3
    vcpu_eur_per_month: float = 25.0
    """With 4 GB of memory."""
    gb_eur_per_month: float = 0.10
    """Replicated block storage."""


class Costs(msgspec.Struct, frozen=True):
    """The measured costs of one worker of each service over 12 partitions."""

    of: Mapping[str, Cost]
    wal_bytes: Mapping[str, float]
    stored_bytes: Mapping[str, float]
    broker_ms: Mapping[str, float]


class Plan(msgspec.Struct, frozen=True):
    """What one rate needs."""

    name: str
    per_s: float
    shards: int
    workers: Mapping[str, int]
    """Of one shard."""
    partitions: int
    database_share: float
    """Of a shard's database that is busy at the peak."""
    wal_mb_per_s: float
    network_mb_per_s: float
    """Into and out of all brokers and databases together."""
    database_tb_per_year: float
    feed_tb: float
    vcpus: int
    eur_per_month: float
    simulated: Simulated


def costs(runs: list[Used]) -> Costs:
    """Of the runs with one worker and the most partitions."""
    one = {r.service: r for r in sorted(runs, key=lambda r: r.partitions) if r.workers == 1}
    return Costs(
        {name: Cost(r.service_cpu_ms, r.postgres_cpu_ms) for name, r in one.items()},
        {name: r.wal_bytes for name, r in one.items()},
        {name: r.stored_bytes for name, r in one.items()},
        {name: r.broker_cpu_ms for name, r in one.items()},
    )


def per_resource(costs: Costs, assumed: Assumed) -> dict[str, Cost]:
    """What one resource of a mixed feed costs each service: most are out of scope and end in ingest."""
    mixed = assumed.in_scope + (1 - assumed.in_scope) * assumed.out_of_scope_cost
    share = {"ingest": mixed, **dict.fromkeys(DECIDING, assumed.in_scope)}
    share["notify"] = assumed.in_scope * assumed.events_per_resource
    return {n: Cost(c.worker_ms * share[n], c.database_ms * share[n]) for n, c in costs.of.items()}


def limits(costs: Costs, assumed: Assumed) -> list[tuple[str, float, str]]:
    """At how many resources a second one installation meets each limit, the first first, and what then helps."""
    each = per_resource(costs, assumed)
    found = [("one worker of ingest", 1000 / each["ingest"].worker_ms, "more workers, up to the partitions")]
    for name in DECIDING:
        held = each[name].worker_ms + each[name].database_ms
        found.append((f"one worker of {name}", 1000 / held, "more workers, up to the partitions"))
    database = sum(c.database_ms for c in each.values())
    wal = _wal_bytes(costs, assumed)
    cores = assumed.database_cores
    found += [
        (f"Postgres with {cores} cores, all busy", 1000 * cores / database, "another region"),
        (
            f"{assumed.database_wal_mb_per_s:.0f} MB/s of WAL",
            assumed.database_wal_mb_per_s * 1e6 / wal,
            "another region",
        ),
        ("notify, of which one process sends", 1000 / each["notify"].worker_ms, "another region"),
        ("12 partitions of ingest, a worker each", 12_000 / each["ingest"].worker_ms, "more partitions (docs below)"),
    ]
    slowest = max(each[n].worker_ms + each[n].database_ms for n in DECIDING)
    found.append(("12 partitions of the slowest deciding service", 12_000 / slowest, "more partitions (docs below)"))
    return sorted(found, key=lambda f: f[1])


def plan(name: str, per_s: float, costs: Costs, assumed: Assumed) -> Plan:
    """What a peak rate needs, and the simulation of one of its shards."""
    each, wal = per_resource(costs, assumed), _wal_bytes(costs, assumed)
    database_ms = sum(c.database_ms for c in each.values())
    fits = min(
        1000 * assumed.database_cores * assumed.utilisation / database_ms, assumed.database_wal_mb_per_s * 1e6 / wal
    )
    shards = math.ceil(per_s / fits)
    rate = per_s / shards
    held = {n: each[n].worker_ms + (each[n].database_ms if n in DECIDING else 0.0) for n in each}
    workers = {n: max(1, math.ceil(rate * ms / 1000 / assumed.utilisation)) for n, ms in held.items()} | {"notify": 1}
    partitions = max(12, 12 * math.ceil(2 * max(workers.values()) / 12))
    brokers = max(
        3, math.ceil(per_s * sum(costs.broker_ms.values()) * assumed.in_scope / 1000 / assumed.utilisation / 8)
    )
    vcpus = shards * (sum(workers.values()) + 2 * _cores(rate, database_ms, assumed)) + brokers * 8
    kept_gb = per_s * assumed.average_of_peak * _YEAR_S * assumed.in_scope * sum(_stored(costs, assumed)) / 1e9
    feed_gb = per_s * assumed.average_of_peak * 86_400 * assumed.feed_retention_days * assumed.resource_bytes / 1e9
    feed_gb *= assumed.replicas
    stored = costs.of
    simulated = Shard(
        {n: stored[n] for n in ("ingest", *DECIDING)} | {"ingest": each["ingest"]},
        Load(
            rate, assumed.in_scope, {n: workers[n] for n in ("ingest", *DECIDING)}, _cores(rate, database_ms, assumed)
        ),
        SEED,
    ).run(_SIMULATED)
    return Plan(
        name,
        per_s,
        shards,
        workers,
        partitions,
        rate * database_ms / 1000 / _cores(rate, database_ms, assumed),
        rate * wal / 1e6,
        per_s * (assumed.resource_bytes * (1 + assumed.replicas) + 2 * wal) / 1e6,
        kept_gb / 1000,
        feed_gb / 1000,
        vcpus,
        vcpus * assumed.vcpu_eur_per_month + (2 * kept_gb + feed_gb) * assumed.gb_eur_per_month,
        simulated,
    )


def _cores(rate: float, database_ms: float, assumed: Assumed) -> int:
    """Cores of a shard's database: as many as its peak needs, at least two."""
    return min(assumed.database_cores, max(2, math.ceil(rate * database_ms / 1000 / assumed.utilisation)))


def _wal_bytes(costs: Costs, assumed: Assumed) -> float:
    """WAL that one resource of a mixed feed leads to; out of scope it is a count."""
    decided = sum(costs.wal_bytes[n] for n in DECIDING) + costs.wal_bytes["notify"] * assumed.events_per_resource
    return assumed.in_scope * (costs.wal_bytes["ingest"] + decided)


def _stored(costs: Costs, assumed: Assumed) -> list[float]:
    """Bytes that stay of one resource in scope: its versions and facts, and outcomes where they changed."""
    return [costs.stored_bytes["ingest"], *(costs.stored_bytes[n] * assumed.events_per_resource for n in DECIDING)]
