"""`python -m tests.benchmark.soak`: an idle and a busy stack side by side; slopes of all that each process holds."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.benchmark.soak.running import Soak, soak
from tests.benchmark.soak.sampling import Sample
from tests.benchmark.soak.slopes import Slope, slope
from tests.support.stack import without_users_own_servers

OUT: Final = Path(".graftwatch/bench/soak.json")
_ENDS: Final = (signal.SIGTERM, signal.SIGINT)
KINDS: Final = ("idle", "busy")
TOLERATED: Final = {"rss_mb": 5.0, "private_mb": 5.0, "handles": 1.0, "threads": 1.0, "connections": 1.0}
"""Growth in an hour that is of no importance even where it exceeds the noise."""
STORES: Final = ("broker",)
"""The embedded broker keeps its topics in memory: it grows by what it is given to keep."""
BOUNDED: Final = ("postgres handles",)
"""A session of PostgreSQL opens the files of tables as it comes to them, up to its `max_files_per_process` (1,000)."""


def main() -> int:
    """Run both, or one, or read again what was run; exit code 1 where something of ours grows."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=60.0)
    arguments.add_argument("--every", type=float, default=15.0, help="seconds between two samples")
    arguments.add_argument("--per-second", type=int, default=25, help="feed messages of the busy stack")
    arguments.add_argument("--only", choices=KINDS, help="one stack alone; what was sampled of the other is read again")
    arguments.add_argument("--sample", choices=KINDS, help=argparse.SUPPRESS)
    arguments.add_argument("--report", action="store_true", help="only read again what was sampled")
    given = arguments.parse_args()
    if given.report:
        return report(OUT.parent / "soak")
    for name in _ENDS:
        signal.signal(name, _end)
    if given.sample:
        folder = OUT.parent.resolve() / "soak"
        what = Soak(given.sample, given.minutes * 60, given.every, given.per_second, folder / given.sample)
        with without_users_own_servers():
            soak(what, folder / f"{given.sample}.jsonl")
        return 0
    command = [
        sys.executable,
        "-m",
        "tests.benchmark.soak",
        "--minutes",
        str(given.minutes),
        "--every",
        str(given.every),
    ]
    command += ["--per-second", str(given.per_second)]
    kinds = [given.only] if given.only else KINDS
    print(f"{' and '.join(kinds)}: {given.minutes:.0f} minutes", flush=True)
    running = [subprocess.Popen([*command, "--sample", kind]) for kind in kinds]
    try:
        failed = [process.wait() for process in running]
    finally:
        for process in running:
            process.terminate()
            process.wait()
    return report(OUT.parent / "soak") or int(any(failed))


def _end(*_: object) -> None:
    """Stop the stack and end; told once more meanwhile (by our starter, or by whoever stops the whole group), finish that."""
    for name in _ENDS:
        signal.signal(name, signal.SIG_IGN)
    sys.exit(1)


def report(folder: Path) -> int:
    """Print and write the slopes of what was sampled."""
    figures: dict[str, Any] = {}
    growing: list[str] = []
    for kind in KINDS:
        path = folder / f"{kind}.jsonl"
        if not path.exists():
            continue
        samples = [msgspec.json.decode(line, type=Sample) for line in path.read_bytes().splitlines()]
        found = slopes(samples)
        growing += [f"{kind}: {name}" for name in grows(found)]
        _show(kind, samples, found)
        figures[kind] = _figures(samples, found)
    figures["growing"] = growing
    print("growing: " + ("; ".join(growing) or "nothing"))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
    print(f"written: {OUT}")
    return int(bool(growing))


def slopes(samples: list[Sample]) -> dict[str, Slope]:
    """The slope of every curve, by `part quantity`."""
    found: dict[str, Slope] = {}
    for part in samples[0].parts:
        for quantity in ("rss_mb", "private_mb", "handles", "threads", "cpu_s"):
            found[f"{part} {quantity}"] = slope([(s.second, getattr(s.parts[part], quantity)) for s in samples])
    for name in sorted({n for s in samples for n in s.connections}):
        found[f"{name} connections"] = slope([(s.second, s.connections.get(name, 0)) for s in samples])
    found["postgres database_mb"] = slope([(s.second, s.database_mb) for s in samples])
    found["postgres wal_mb"] = slope([(s.second, s.wal_mb) for s in samples])
    return found


def grows(found: dict[str, Slope]) -> list[str]:
    """Which of them grow and must not; shared memory that the database's processes touch for the first time is no growth."""
    named = []
    for name, curve in found.items():
        part, quantity = name.rsplit(" ", 1)
        is_kept = part in STORES and quantity in ("rss_mb", "private_mb")
        is_shared = part == "postgres" and quantity == "rss_mb"
        is_ours = quantity in TOLERATED and not is_kept and not is_shared and name not in BOUNDED
        if is_ours and curve.grows(TOLERATED[quantity]):
            named.append(f"{name} {curve.per_hour:+.1f}/h ({curve.low:+.1f} to {curve.high:+.1f})")
    return named


def _show(kind: str, samples: list[Sample], found: dict[str, Slope]) -> None:
    minutes, sent = samples[-1].second / 60, samples[-1].sent - samples[0].sent
    print(f"\n{kind}: {minutes:.0f} minutes, {len(samples)} samples, {sent:,} messages sent meanwhile")
    print(f"{'':<44}{'at first':>10}{'at last':>10}{'per hour':>10}   95 %")
    for name, curve in found.items():
        print(
            f"{name:<44}{curve.first:>10.1f}{curve.last:>10.1f}{curve.per_hour:>+10.2f}   {curve.low:+.2f} to {curve.high:+.2f}"
        )


def _figures(samples: list[Sample], found: dict[str, Slope]) -> dict[str, Any]:
    return {
        "minutes": round(samples[-1].second / 60, 1),
        "samples": len(samples),
        "messages": samples[-1].sent - samples[0].sent,
        "visits": samples[-1].visits,
        "visits_refused": samples[-1].refused,
        "slopes": found,
        "curve": [
            {"second": s.second} | {n: p.rss_mb for n, p in s.parts.items()}
            for s in samples[:: max(1, len(samples) // 60)]
        ],
    }


if __name__ == "__main__":
    raise SystemExit(main())
