"""`python -m tests.benchmark.ingest`: every variant over the mixed feed, and ingest over one all of it in scope."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final

import msgspec

from services.cli.demo import publish
from services.cli.stack import down
from tests.benchmark.ingest import hospital
from tests.benchmark.ingest.measuring import Run
from tests.benchmark.ingest.running import apart, fresh
from tests.benchmark.ingest.variants import VARIANTS

IN_SCOPE: Final = 60_000
NAIVE: Final = 3_000
OUT: Final = Path(".graftwatch/bench/ingest.json")
_UNPACED: Final = 1_000_000


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
    print("generating the hospital (clinosim); kept for later runs", flush=True)
    mixed, scoped = hospital.mixed(home), hospital.in_scope(IN_SCOPE)
    runs: dict[str, Run] = {}
    own = home / "bench" / "ingest"
    for name, feed, variants in (
        ("mixed", mixed, {"floor": len(mixed), "naive": NAIVE, "ingest": len(mixed)}),
        ("mixed", mixed, {"ingest-all": len(mixed)}),
        ("in scope", scoped, {"ingest": len(scoped)}),
    ):
        stack = fresh(own)
        try:
            asyncio.run(publish.publish(stack.bootstrap_servers, feed, _UNPACED, lambda _: None))
            for variant, count in variants.items():
                runs[f"{variant}, {name}"] = found = apart(variant, count, stack, own)
                print(_lines(f"{variant}, {name}", found), flush=True)
        finally:
            down(own)
    return _report(runs)


def _lines(name: str, run: Run) -> str:
    servers = ", ".join(f"{server} {seconds:.1f}" for server, seconds in run.servers_cpu_seconds.items())
    text = (
        f"{name:<20}{run.resources:>8,} resources {run.per_s:>9,.0f}/s in {run.seconds:5.1f} s  "
        f"CPU s: own {run.cpu_seconds:.1f}, {servers}  peak {run.peak_memory_mb:.0f} MB"
    )
    if name.startswith("ingest"):
        text += "\n    its processor time: " + ", ".join(
            f"{stage} {100 * share:.0f} %" for stage, share in run.shares.items()
        )
    return text


def _report(runs: dict[str, Run]) -> int:
    floor_s, naive_s = runs["floor, mixed"].per_s, runs["naive, mixed"].per_s
    ingest_s, all_s, scoped_s = (runs[n].per_s for n in ("ingest, mixed", "ingest-all, mixed", "ingest, in scope"))
    print(
        f"ingest / floor {ingest_s / floor_s:.2f} (aim 0.5)   ingest / naive {ingest_s / naive_s:.1f} (aim 10)   "
        f"in scope {scoped_s:,.0f}/s (aim 8,000)\n"
        f"with conformance of everything: {all_s:,.0f}/s, {all_s / floor_s:.2f} of the floor, {all_s / naive_s:.1f} x naive"
    )
    figures = {
        "floor_per_s": round(floor_s),
        "ingest_per_s": round(ingest_s),
        "ingest_all_conformance_per_s": round(all_s),
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
