"""What one variant used: time, processor seconds, memory, and in what its process spent its time. Decides nothing."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec
import psutil

SERVERS: Final = "GRAFTWATCH_BENCH_SERVERS"
"""Environment variable: name=pid of the database and the broker, separated by commas."""

# The innermost frame that one of these names says what the process was doing; first match wins.
STAGES: Final[Mapping[str, str]] = {
    "/prometheus_client/": "metrics",
    "/aiokafka/": "broker",
    "/shared/runtime/hints": "broker",
    "/services/ingest/telling": "broker",
    "/asyncpg/": "handing rows to PostgreSQL",
    "/shared/runtime/": "handing rows to PostgreSQL",
    "/shared/fhir/": "reading",
    "/services/ingest/reader": "reading",
    "/services/ingest/messages": "reading",
    "/services/ingest/judging": "sampling for conformance",
    "/services/ingest/sampling": "sampling for conformance",
    "/services/ingest/": "versions and facts",
}
_EVERY_SECONDS: Final = 0.005


class Run(msgspec.Struct, frozen=True):
    """One variant's figures."""

    resources: int
    seconds: float
    cpu_seconds: float
    """Of the variant's own process."""
    peak_memory_mb: float
    shares: dict[str, float] = {}
    """Of its processor time, by stage, sampled."""
    servers_cpu_seconds: dict[str, float] = {}
    """Of database, broker and the judging process."""

    @property
    def per_s(self) -> float:
        """Resources a second."""
        return self.resources / self.seconds


class Meter:
    """Measures from its making to `read`."""

    def __init__(self) -> None:
        self._stages: Counter[str] = Counter()
        self._servers = _servers_cpu()
        self._cpu, self._started = time.process_time(), time.perf_counter()
        signal.signal(signal.SIGPROF, lambda _, frame: self._stages.update((_stage(frame),)))
        signal.setitimer(signal.ITIMER_PROF, _EVERY_SECONDS, _EVERY_SECONDS)  # of processor time, not of waiting

    def read(self, resources: int) -> Run:
        """The figures so far."""
        seconds, cpu = time.perf_counter() - self._started, time.process_time() - self._cpu
        used = {name: round(now - self._servers.get(name, 0.0), 2) for name, now in _servers_cpu().items()}
        signal.setitimer(signal.ITIMER_PROF, 0)
        total = self._stages.total() or 1
        shares = {stage: round(n / total, 3) for stage, n in self._stages.most_common()}
        return Run(resources, seconds, cpu, peak_mb(), shares, used)


def _stage(frame: FrameType | None) -> str:
    while frame is not None:
        file = frame.f_code.co_filename
        for part, stage in STAGES.items():
            if part in file:
                return stage
        frame = frame.f_back
    return "event loop"


def _servers_cpu() -> dict[str, float]:
    """Processor seconds of the named servers with all their processes, and of what this process has started."""
    named = [pair.split("=") for pair in os.environ.get(SERVERS, "").split(",") if pair]
    found = {name: _tree_cpu(psutil.Process(int(pid))) for name, pid in named}
    return found | {"judging": sum(map(_tree_cpu, psutil.Process().children()))}


def _tree_cpu(root: psutil.Process) -> float:
    seconds = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += used.user + used.system
    return seconds


def peak_mb() -> float:
    """The most memory that this process ever held."""
    # Not getrusage: its peak is inherited from the process that started this one.
    return _memory_mb("VmHWM")


def memory_mb() -> float:
    """The memory that this process holds."""
    return _memory_mb("VmRSS")


def _memory_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return round(int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024, 1)
