"""`make scale`: writes the tables of docs/scale.md from the costs that `make bench-scale` measured. Decides nothing."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from typing import Final

import msgspec

from tests.benchmark.scale.simulation import Cost, at_once_per_s
from tests.benchmark.scale.sizing import DECIDING, Assumed, Costs, Plan, costs, limits, plan
from tests.benchmark.scale.workers import Used

MEASURED: Final = Path(".graftwatch/bench/scale.json")
KEPT: Final = Path("tests/benchmark/scale/measured.json")
DOCUMENT: Final = Path("docs/scale.md")
TIERS: Final = (("A hospital", 100.0), ("A network", 5_000.0), ("A country", 500_000.0))
SERVICES: Final = {"ingest", *DECIDING, "notify"}
_UNMEASURED: Final = "*Not measured yet: `make bench-scale`, then `make scale`.*"
_BLOCK: Final = re.compile(r"(<!-- (\w+): begin -->\n).*?(<!-- \2: end -->)", re.DOTALL)


class Measured(msgspec.Struct, frozen=True):
    """What `make bench-scale` wrote."""

    broker: str
    cores: int
    runs: list[Used]


def main() -> int:
    """Write the document, or only say whether it is fresh."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--measured", action="store_true", help="take the figures of the last `make bench-scale`")
    arguments.add_argument("--check", action="store_true")
    given = arguments.parse_args()
    if given.measured:
        shutil.copyfile(MEASURED, KEPT)
    fresh = written(DOCUMENT.read_text(encoding="utf-8"))
    if given.check:
        return int(fresh != DOCUMENT.read_text(encoding="utf-8"))
    DOCUMENT.write_text(fresh, encoding="utf-8")
    print(f"written: {DOCUMENT}")
    return 0


def written(text: str) -> str:
    """The document with its tables as the measured costs have them now."""
    measured = msgspec.json.decode(KEPT.read_bytes(), type=Measured) if KEPT.exists() else None
    if measured is None or not {r.service for r in measured.runs if r.workers == 1} >= SERVICES:
        return _BLOCK.sub(lambda m: f"{m[1]}{_UNMEASURED}\n{m[3]}", text)
    assumed = Assumed()
    found = costs(measured.runs)
    plans = [plan(name, per_s, found, assumed) for name, per_s in TIERS]
    blocks = {
        "measured": _measured(measured),
        "validation": _validation(measured),
        "limits": _limits(found, assumed),
        "plans": _plans(plans),
        "assumed": _assumed(assumed),
    }
    return _BLOCK.sub(lambda m: f"{m[1]}{blocks[m[2]]}\n{m[3]}", text)


def _measured(measured: Measured) -> str:
    rows = [
        f"| {r.service} | {r.partitions} x {r.workers} | {r.units:,} | {r.per_s:,.0f} | {r.service_cpu_ms:.2f} | "
        f"{r.postgres_cpu_ms:.2f} | {r.broker_cpu_ms:.2f} | {r.wal_bytes:,.0f} | {r.rows:.1f} | {r.stored_bytes:,.0f} | "
        f"{100 * r.waits.get('Lock', 0.0):.0f} % | {r.busiest} | {r.others_cores:.1f} |"
        for r in measured.runs
    ]
    head = "service | partitions x workers | units | units/s | worker ms | Postgres ms | broker ms | WAL bytes"
    head += " | rows | bytes kept | waiting for locks | busiest | cores used by others"
    return "\n".join((f"Broker: {measured.broker}; {measured.cores} cores.\n", *_table(head, rows)))


def _validation(measured: Measured) -> str:
    found, rows = costs(measured.runs), []
    for r in measured.runs:
        if r.service == "notify":
            continue
        cost: Cost = found.of[r.service]
        can = min(r.workers, r.partitions)
        cores = max(0.2, measured.cores - r.others_cores)
        simulated = at_once_per_s(cost, found.broker_ms[r.service], can, cores, r.service == "ingest")
        rows.append(
            f"| {r.service} | {r.partitions} x {r.workers} | {r.per_s:,.0f} | {simulated:,.0f} | {simulated / r.per_s:.2f} |"
        )
    return "\n".join(_table("service | partitions x workers | measured/s | simulated/s | ratio", rows))


def _limits(found: Costs, assumed: Assumed) -> str:
    rows = [f"| {what} | {per_s:,.0f} | {helps} |" for what, per_s, helps in limits(found, assumed)]
    return "\n".join(_table("limit of one installation | reached at resources/s | what then helps", rows))


def _plans(plans: list[Plan]) -> str:
    def row(what: str, *cells: str) -> str:
        return f"| {what} | {' | '.join(cells)} |"

    rows = [row("resources a second, at the peak", *(f"{p.per_s:,.0f}" for p in plans))]
    rows.append(row("regions, each with its own Postgres", *(f"{p.shards:,}" for p in plans)))
    rows += [
        row(f"workers of {n}, in each", *(f"{p.workers[n]:,}" for p in plans))
        for n in ("ingest", "eligibility", "response", "safety")
    ]
    rows += [
        row("partitions of each topic, in each", *(f"{p.partitions:,}" for p in plans)),
        row("Postgres busy at the peak", *(f"{100 * p.database_share:.0f} %" for p in plans)),
        row("WAL of each, MB/s", *(f"{p.wal_mb_per_s:,.1f}" for p in plans)),
        row("network of all, MB/s", *(f"{p.network_mb_per_s:,.1f}" for p in plans)),
        row("database, TB more each year", *(f"{p.database_tb_per_year:,.1f}" for p in plans)),
        row("feed topics, TB (30 days, 3 copies)", *(f"{p.feed_tb:,.2f}" for p in plans)),
        row("virtual cores, all", *(f"{p.vcpus:,}" for p in plans)),
        row("cost a month at the end of the first year, EUR", *(f"{p.eur_per_month:,.0f}" for p in plans)),
        row("simulated: resource to outcomes, p50", *(f"{1000 * p.simulated.p50_s:.0f} ms" for p in plans)),
        row("simulated: resource to outcomes, p99", *(f"{1000 * p.simulated.p99_s:.0f} ms" for p in plans)),
        row("simulated: busiest of a region", *(_busiest(p) for p in plans)),
    ]
    return "\n".join(_table(" | ".join(("", *(p.name for p in plans))), rows))


def _busiest(of: Plan) -> str:
    name = max(of.simulated.utilisation, key=lambda n: of.simulated.utilisation[n])
    return f"{name} {100 * of.simulated.utilisation[name]:.0f} %"


def _assumed(assumed: Assumed) -> str:
    rows = [f"| `{name}` | {getattr(assumed, name):g} |" for name in Assumed.__struct_fields__]
    return "\n".join(_table("assumption (not measured) | value", rows))


def _table(head: str, rows: list[str]) -> list[str]:
    return [f"| {head} |", "|---" * (head.count("|") + 1) + "|", *rows]


if __name__ == "__main__":
    sys.exit(main())
