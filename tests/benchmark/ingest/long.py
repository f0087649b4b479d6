"""`python -m tests.benchmark.ingest.long`: a million resources of ever other patients through ingest: is its memory flat?"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from services.cli.demo import publish
from services.cli.simulate.model import FeedMessage
from services.cli.stack import Stack, down
from tests.benchmark.ingest import hospital
from tests.benchmark.ingest.measuring import Run
from tests.benchmark.ingest.running import command, environment, fresh
from tests.benchmark.ingest.variants import ingest

RESOURCES: Final = 1_000_000
LIMIT_S: Final = 420.0
"""Reading ends after so long, whatever is left: with what comes before, the run ends within ten minutes."""
OUT: Final = Path(".graftwatch/bench/ingest-long.json")
_UNPACED: Final = 1_000_000
_ROWS: Final = 25
_WIDTH: Final = 60


class Long(msgspec.Struct, frozen=True):
    """The run, and the memory (MB) after so many resources."""

    run: Run
    curve: list[tuple[int, float]]


def main() -> int:
    """Run it, or the process that is measured (as it does itself)."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--measured", type=int, default=0)
    arguments.add_argument("--resources", type=int, default=RESOURCES)
    arguments.add_argument("--home", type=Path, default=Path(".graftwatch"))
    given = arguments.parse_args()
    if given.measured:
        curve: list[tuple[int, float]] = []
        run = asyncio.run(ingest(given.measured, curve, LIMIT_S))
        sys.stdout.buffer.write(msgspec.json.encode(Long(run, curve)))
        return 0
    home = given.home.resolve()
    return _report(_measure(hospital.mixed(home), given.resources, home / "bench" / "ingest"))


def _measure(mixed: Sequence[FeedMessage], resources: int, home: Path) -> Long:
    stack = fresh(home)
    try:
        measured = command("tests.benchmark.ingest.long", "--measured", str(resources))
        with subprocess.Popen(measured, env=environment(stack, home, "long"), stdout=subprocess.PIPE) as process:
            _publish(mixed, resources, stack, process)  # while it is read
            out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(process.returncode)
        return msgspec.json.decode(out.splitlines()[-1], type=Long)
    finally:
        down(home)


def _publish(mixed: Sequence[FeedMessage], resources: int, stack: Stack, reader: subprocess.Popen[bytes]) -> None:
    for turn in range(-(-resources // len(mixed))):
        if reader.poll() is not None:
            return
        part = list(hospital.as_others(mixed[: resources - turn * len(mixed)], turn))
        asyncio.run(publish.publish(stack.bootstrap_servers, part, _UNPACED, lambda _: None))


def slope_mb(curve: Sequence[tuple[int, float]]) -> float:
    """Growth per million resources over the second half, by least squares: the first half fills the bounded caches."""
    half = [(n / 1e6, mb) for n, mb in curve if n >= curve[-1][0] / 2]
    mean_n, mean_mb = sum(n for n, _ in half) / len(half), sum(mb for _, mb in half) / len(half)
    spread = sum((n - mean_n) ** 2 for n, _ in half)
    return sum((n - mean_n) * (mb - mean_mb) for n, mb in half) / spread if spread else 0.0


def _report(long: Long) -> int:
    curve, run = long.curve, long.run
    step = max(1, len(curve) // _ROWS)
    for n, mb in [*curve[::step], curve[-1]]:
        print(f"{n:>10,} {mb:7.1f} MB {'#' * round(_WIDTH * mb / run.peak_memory_mb)}")
    slope = slope_mb(curve)
    if run.seconds > 0.95 * LIMIT_S:
        print(f"stopped after {LIMIT_S:.0f} s, before the end of the feed")
    print(
        f"{run.resources:,} resources in {run.seconds:.0f} s ({run.per_s:,.0f}/s), CPU {run.cpu_seconds:.0f} s, "
        f"peak {run.peak_memory_mb:.0f} MB; second half grows by {slope:+.1f} MB per million resources"
    )
    figures = {
        "resources": run.resources,
        "ingest_per_s": round(run.per_s),
        "peak_memory_mb": run.peak_memory_mb,
        "slope_mb_per_million": round(slope, 2),
        "curve": curve,
        "run": run,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    print(f"written: {OUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
