"""A queueing simulation of one shard, by discrete events: how long a live resource takes to its outcomes. Measures nothing.

A resource arrives (Poisson), takes a worker of ingest, then Postgres; if it is in scope, each deciding service takes it the
same way. A worker is one interpreter, Postgres a machine of cores; a service time varies log-normally around what
`make bench-scale` measured. Shards share nothing, so one is simulated and counted as often as there are.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping
from random import Random
from typing import Final

import msgspec

VARIATION: Final = 1.0
"""Coefficient of variation of service times (assumed): patients differ in the length of their records."""
SEED: Final = 20
_HEAP: Final = 4_000


class Load(msgspec.Struct, frozen=True):
    """What one shard is given, and what it has."""

    per_s: float
    in_scope: float
    workers: Mapping[str, int]
    database_cores: int


class Cost(msgspec.Struct, frozen=True):
    """Processor time of one unit of a service, in milliseconds: in its worker and in Postgres."""

    worker_ms: float
    database_ms: float


class Simulated(msgspec.Struct, frozen=True):
    """How long live resources took to all their evaluations, and how busy everything was."""

    p50_s: float
    p99_s: float
    throughput_per_s: float
    utilisation: dict[str, float]


class _Station:
    """A queue with so many servers."""

    def __init__(self, servers: int) -> None:
        self.servers, self.free, self.busy_s = servers, servers, 0.0
        self.queue: deque[tuple[int, int]] = deque()


class Shard:
    """One run of the simulation."""

    def __init__(self, costs: Mapping[str, Cost], load: Load, seed: int) -> None:
        self._chance, self._costs, self._load = Random(seed), costs, load
        self._stations = {name: _Station(n) for name, n in load.workers.items()}
        self._stations["Postgres"] = _Station(load.database_cores)
        self._deciding = [name for name in load.workers if name != "ingest"]
        self._events: list[tuple[float, int, str, int, int]] = []
        self._left: dict[int, int] = {}
        self._taken: list[float] = []
        self._arrived: list[float] = []
        self._number = 0

    def run(self, resources: int, *, at_once: bool = False) -> Simulated:
        """Let so many resources through; `at_once`: all wait at the beginning, as in the benchmark."""
        now = 0.0
        for n in range(resources):
            now = 0.0 if at_once else now + self._chance.expovariate(self._load.per_s)
            self._arrived.append(now)
            self._push(now, "arrive", n, 0)
        last = 0.0
        while self._events:
            last, _, what, resource, step = heapq.heappop(self._events)
            if what == "arrive":
                self._join("ingest", last, resource, 0)
            else:
                self._leave(what, last, resource, step)
        taken = sorted(self._taken) or [0.0]
        busy = {name: s.busy_s / (s.servers * last) for name, s in self._stations.items()}
        return Simulated(taken[len(taken) // 2], taken[int(len(taken) * 0.99)], resources / last, busy)

    def _push(self, at: float, what: str, resource: int, step: int) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, what, resource, step))

    def _join(self, station: str, now: float, resource: int, step: int) -> None:
        """`step`: 0 ingest; n: the nth deciding service."""
        at = self._stations[station]
        if at.free:
            at.free -= 1
            self._serve(station, now, resource, step)
        else:
            at.queue.append((resource, step))

    def _serve(self, station: str, now: float, resource: int, step: int) -> None:
        cost = self._costs[self._of(step)]
        in_database = self._varied(cost.database_ms) / 1000
        if station == "Postgres":
            spent = in_database
        else:
            spent = self._varied(cost.worker_ms) / 1000
            if step:  # a deciding worker waits for its database, where ingest reads ahead
                spent += in_database
                self._stations["Postgres"].busy_s += in_database
        self._stations[station].busy_s += spent
        self._push(now + spent, station, resource, step)

    def _leave(self, station: str, now: float, resource: int, step: int) -> None:
        at = self._stations[station]
        if at.queue:
            waiting, its_step = at.queue.popleft()
            self._serve(station, now, waiting, its_step)
        else:
            at.free += 1
        if step:
            self._finish(now, resource)
        elif station == "Postgres":
            self._decide(now, resource)
        else:
            self._join("Postgres", now, resource, step)

    def _decide(self, now: float, resource: int) -> None:
        if not self._deciding or self._chance.random() >= self._load.in_scope:
            return
        self._left[resource] = len(self._deciding)
        for number, name in enumerate(self._deciding, 1):
            self._join(name, now, resource, number)

    def _finish(self, now: float, resource: int) -> None:
        self._left[resource] -= 1
        if not self._left[resource]:
            self._taken.append(now - self._arrived[resource])

    def _of(self, step: int) -> str:
        return self._deciding[step - 1] if step else "ingest"

    def _varied(self, mean: float) -> float:
        """Log-normal around a mean."""
        sigma2 = math.log(1 + VARIATION**2)
        return mean * math.exp(self._chance.gauss(-sigma2 / 2, math.sqrt(sigma2)))


def at_once_per_s(cost: Cost, broker_ms: float, workers: int, cores: float, reads_ahead: bool) -> float:
    """Throughput of one service over a heap of work where workers, Postgres and broker share a machine, as in the benchmark.

    Cores are shared: where more is worked on than there are cores, all of it is slowed.
    """
    alone_ms = max(cost.worker_ms, cost.database_ms) if reads_ahead else cost.worker_ms + cost.database_ms
    slow = max(1.0, workers * (cost.worker_ms + cost.database_ms + broker_ms) / alone_ms / cores)
    held = Cost(cost.worker_ms * slow, cost.database_ms * slow)
    if not reads_ahead:
        held = Cost(held.worker_ms + held.database_ms, 0.0)
    load = Load(1.0, 0.0, {"ingest": workers}, workers)
    return Shard({"ingest": held}, load, SEED).run(_HEAP, at_once=True).throughput_per_s
