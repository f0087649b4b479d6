"""`python -m tests.benchmark.chaos`: 100,000 messages calm and amid faults; exit code 1 with the differences where there are any.

`--short`: 5,000 messages, 7 kills, one of each service; on the embedded broker, which forgets everything when it is
restarted, where Java or Maven is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from services.cli.stack.model import BrokerKind
from tests.benchmark.chaos import comparison, faults
from tests.benchmark.chaos import feed as feeds
from tests.benchmark.chaos.comparison import Delivery, Difference
from tests.benchmark.chaos.running import RECIPIENTS, Ended, Plan, intended, run
from tests.benchmark.chaos.servers import own_mounts

OUT: Final = Path(".graftwatch/bench/chaos.json")
SEED: Final = 20
FULL: Final = (100_000, 28)
"""Messages and kills."""
SHORT: Final = (5_000, 7)
_LIMIT_S: Final = 40 * 60.0
_UNPACED: Final = 20_000
_SHOWN: Final = 10


def main() -> int:
    """Both runs, one after the other; print and write what was found."""
    given = _arguments()
    messages = given.messages or (SHORT if given.short else FULL)[0]
    kills = given.kills or (SHORT if given.short else FULL)[1]
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the broker is away on purpose
    mounts = own_mounts()
    home = Path(".graftwatch").resolve()
    feed = feeds.make(home, messages)
    broker: BrokerKind = given.broker or ("apache" if shutil.which("java") and shutil.which("mvn") else "embedded")
    acts = intended(feed)
    schedule = faults.schedule(kills, broker, given.seed, each=not given.short)

    def plan(name: str, sent: list[feeds.Sending], per_second: int, strikes: list[faults.Fault]) -> Plan:
        return Plan(home / "chaos" / name, broker, sent, feed, per_second, strikes, given.seed, print, mounts, acts)

    async def both() -> tuple[Ended, Ended]:
        ours = asyncio.current_task()
        assert ours is not None
        for name in (signal.SIGTERM, signal.SIGINT):  # whoever stops us finds nothing of it running
            asyncio.get_running_loop().add_signal_handler(name, ours.cancel)
        async with asyncio.timeout(_LIMIT_S):
            print(f"calm: {len(feed.messages):,} messages on {broker}", flush=True)
            calm = await run(plan("calm", feeds.calm(feed.messages), _UNPACED, []))
            print(f"calm: done after {calm.seconds} s; the same amid {len(schedule)} faults", flush=True)
            sent = feeds.disordered(feed.messages, given.seed)
            return calm, await run(plan("faults", sent, given.per_second, schedule))

    calm, struck = asyncio.run(both())
    return _report(calm, struck, kills, len(feed.messages), broker)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="the form of .ci/run")
    parser.add_argument("--messages", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--per-second", type=int, default=400, help="pace of the feed amid faults")
    parser.add_argument("--broker", choices=("apache", "embedded"))
    parser.add_argument("--seed", type=int, default=SEED)
    return parser.parse_args()


def _report(calm: Ended, struck: Ended, kills: int, messages: int, broker: str) -> int:
    different = comparison.differences(calm.rows, struck.rows)
    states = [comparison.last_told(e.told, RECIPIENTS) for e in (calm, struck)]
    last = comparison.differences(*({"state last told": s} for s in states))
    stale = [comparison.stale(e.told) for e in (calm, struck)]
    told = [comparison.delivery(e.told, RECIPIENTS) for e in (calm, struck)]
    found: dict[str, Any] = {
        "messages": messages,
        "kills": kills,
        "clocks_wrong": sum(s.fault.startswith("clock") for s in struck.struck),
        "acts": [len(e.rows["act of somebody"]) for e in (calm, struck)],
        "rows_compared": comparison.compared(calm.rows, struck.rows),
        "rows_different": len(different),
        "notifications": [len(e.told.taken) for e in (calm, struck)],
        "notifications_missing": sum(len(t.missing) for t in told),
        "notifications_doubled": sum(len(t.doubled) for t in told),
        "notifications_unfounded": sum(len(t.unfounded) for t in told),
        "last_told_compared": len(states[0].keys() | states[1].keys()),
        "last_told_different": len(last),
        "last_told_stale": sum(map(len, stale)),
        "unaccounted": calm.accounted.unaccounted + struck.accounted.unaccounted,
        "cohort_mismatches": len(calm.mismatches) + len(struck.mismatches),
    }
    wrong = _wrong(found)
    _print_wrong(calm, struck, different, last, told)
    for name, wrongly in zip(("calm", "faults"), stale, strict=True):
        for text in wrongly[:_SHOWN]:
            print(f"{name}: stale: {text}")
    _print(found, struck)
    if not found["clocks_wrong"]:
        print("NOT TRIED: a wrong clock (libfaketime is missing)")
    found |= {
        "broker": broker,
        "disk_full_by": struck.disk,
        "rows": {kind: len(rows) for kind, rows in calm.rows.items()},
        "accounted": [calm.accounted, struck.accounted],
        "seconds": [calm.seconds, struck.seconds],
        "ended_by_themselves": struck.exits,
        "faults": struck.struck,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    print(f"written: {OUT}")
    return int(wrong)


def _wrong(found: Mapping[str, Any]) -> bool:
    return any(
        found[name]
        for name in (
            "rows_different",
            "notifications_missing",
            "notifications_doubled",
            "notifications_unfounded",
            "last_told_different",
            "last_told_stale",
            "unaccounted",
            "cohort_mismatches",
        )
    )


def _print_wrong(
    calm: Ended, struck: Ended, different: list[Difference], last: list[Difference], told: list[Delivery]
) -> None:
    """Whatever is not as it must be, the first of each kind."""
    for text in (comparison.readable(different), comparison.readable(last)):
        if text:
            print(text)
    for difference in last[:_SHOWN]:
        for run_, ended in (("calm", calm), ("faults", struck)):
            archive = difference.name.replace(difference.name.split()[0], "archive", 1)
            print(f"{difference.name}, {run_}: told {comparison.history(ended.told, difference.name)}")
            print(f"    of {comparison.history(ended.told, archive)}")
    for name, ended, delivered in zip(("calm", "faults"), (calm, struck), told, strict=True):
        for what in ("missing", "doubled", "unfounded"):
            for recipient, event in getattr(delivered, what)[:_SHOWN]:
                known = ended.told.events.get(event)
                print(f"{name}: {what}: {recipient}, event {event} ({known.kind if known else 'of no commit'})")
        if ended.accounted.unaccounted:
            print(f"{name}: unaccounted: {ended.accounted}")
        for check in ended.mismatches[:_SHOWN]:
            print(
                f"{name}: cohort: {check.scenario} {check.what}: expected {check.expected}, concluded {check.concluded}"
            )


def _print(found: Mapping[str, Any], struck: Ended) -> None:
    for name, value in found.items():
        print(f"{name:<26}{value}")
    print(f"{'fault':<28}{'times':>6}{'longest until work went on (s)':>32}")
    kinds = sorted({(s.of, s.fault) for s in struck.struck})
    for of, fault in kinds:
        times = [s.recovery_seconds for s in struck.struck if (s.of, s.fault) == (of, fault)]
        print(f"{of + ' ' + fault:<34}{len(times):>4}{max(times):>28.1f}")
    for service, codes in sorted(struck.exits.items()):
        print(f"{service} ended by itself and was started anew: {codes}")


if __name__ == "__main__":
    raise SystemExit(main())
