"""`python -m tests.benchmark.safety`: gradings a second, cost of an evaluation, and from message to event."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import msgspec

from services.safety.evaluate import evaluate
from shared.facts import AnyFact
from shared.quantities import Quantity
from shared.rules.ctcae import VERSIONS, Reading, grade
from shared.timeline import Timeline
from tests.benchmark.safety import end_to_end
from tests.spec.safety.trial import LIMITS, PROTOCOL, first_dose, liver
from tests.support import build

GRADINGS: Final = 50_000
PATIENTS: Final = 1_000
EVALUATIONS: Final = 10
OUT: Final = Path(".graftwatch/bench/safety.json")


def main() -> int:
    """Run it all, print and write the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--patients", type=int, default=PATIENTS)
    arguments.add_argument("--without-stack", action="store_true", help="leave out the end-to-end figures")
    arguments.add_argument(
        "--broker", choices=("embedded", "apache"), help="only this broker; both where they can be had"
    )
    given = arguments.parse_args()
    figures: dict[str, object] = {
        "gradings_per_s": round(gradings_per_s()),
        "evaluation_100_facts_ms": round(evaluation_ms(100), 2),
        "evaluation_700_facts_ms": round(evaluation_ms(700), 2),
    }
    brokers = () if given.without_stack else (given.broker,) if given.broker else end_to_end.available()
    for broker in brokers:
        figures |= _events(end_to_end.measured(OUT.parent.resolve() / "safety-stack", given.patients, broker), broker)
    for name, value in figures.items():
        print(f"{name:<28}{value}")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
    return 0


def _events(taken: end_to_end.Taken, broker: str) -> dict[str, object]:
    """The figures of one broker, and as `event_p50_s` those of the last: Apache Kafka where it can be had."""
    p50, p99 = round(median(taken.seconds), 3), round(quantiles(taken.seconds, n=100)[98], 3)
    stages = {f"{broker}_{stage}_p50_s": round(median(values), 3) for stage, values in taken.stages.items()}
    return {
        f"{broker}_event_p50_s": p50,
        f"{broker}_event_p99_s": p99,
        **stages,
        "broker": broker,
        "event_p50_s": p50,
        "event_p99_s": p99,
        "events": len(taken.seconds),
        "events_by_reconciliation": taken.by_reconciliation,
        "messages_per_s": end_to_end.PER_SECOND,
    }


def gradings_per_s() -> float:
    """Values of every term of both versions, with limits and baseline, one after the other."""
    work = [
        (term, reading, base) for terms in VERSIONS.values() for term in terms for reading, base in [_case(term.units)]
    ]
    started = time.perf_counter()
    for n in range(GRADINGS):
        grade(*work[n % len(work)])
    return GRADINGS / (time.perf_counter() - started)


def _case(units: tuple[str, ...]) -> tuple[Reading, Reading]:
    unit = units[0] if units else ""
    low, high, value, base = (Quantity(Decimal(n), unit) for n in ("10", "100", "250", "120"))
    return Reading(value, low, high), Reading(base, low, high)


def evaluation_ms(facts: int) -> float:
    """Median cost of deciding anew everything of a patient with so many facts."""
    known = build.timeline(*_facts(facts))
    return (
        median(_timed(lambda: evaluate(_fresh(known), PROTOCOL, build.at("2024-09-01"))) for _ in range(EVALUATIONS))
        * 1000
    )


def _fresh(known: Timeline) -> Timeline:
    return Timeline(known.patient, known.version, known.facts, known.recorded)


def _facts(count: int) -> list[AnyFact]:
    """Liver tests, a trough and HBV DNA every day, rising after the first dose."""
    found = [first_dose()]
    day = date(2024, 4, 10)
    while len(found) < count:
        on, n = day.isoformat(), (day - date(2024, 4, 10)).days
        factor = Decimal("0.8") if n < 10 else Decimal("2.5") + n % 7
        found += [liver(test, str(Decimal(high) * factor), on) for test, high in LIMITS.items()]
        found += [build.lab("tacrolimus-trough", str(2 + n % 4), "ng/mL", on=on), build.lab("hbv-dna", "20", on=on)]
        day += timedelta(days=1)
    return found[:count]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
