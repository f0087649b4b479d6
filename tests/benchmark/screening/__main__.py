"""`python -m tests.benchmark.screening`: run every engine, see that they agree, print the ratios, write the figures."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from shared.protocol.load import load
from shared.timeline import Timeline
from tests.benchmark.screening import database, graftwatch, handwritten, incremental, npm
from tests.benchmark.screening.hospital import HOME, Hospital, hospital

T = TypeVar("T")
BORN_BY: Final = "2008-01-01"
"""Adult on the day of screening, 1 January 2026."""
ROUNDS: Final = 5
REPORT: Final = HOME / "screening.json"
TRIAL: Final = "camrelizumab-hcc-transplant"


class Found(msgspec.Struct, frozen=True):
    """One engine: its eligible patients, and CPU seconds of parsing and of screening all of them."""

    eligible: set[str]
    parse_seconds: float
    seconds: float


def main(arguments: list[str]) -> int:
    """Exit code 1 if the engines disagree on a single patient."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.screening")
    parser.add_argument("--without-npm", action="store_true", help="only this engine and the hand-written loop")
    asked = parser.parse_args(arguments)
    HOME.mkdir(parents=True, exist_ok=True)
    patients = hospital()
    found = {"graftwatch": _graftwatch(patients), "handwritten": _handwritten(patients)}
    if not asked.without_npm:
        npm.install()
        for engine in ("cql", "fhirpath"):
            _say(f"{engine}: screening {len(patients.resources)} patients …")
            measured = npm.measure(engine, patients, BORN_BY)
            found[engine] = Found(measured.eligible, measured.parse_seconds, measured.seconds)
    five, trial = graftwatch.protocol(), load()[TRIAL]
    report = _report(patients, found)
    report |= {
        "incremental_ms": round(incremental.milliseconds(five), 3),
        "incremental_trial_ms": round(incremental.milliseconds(trial), 3),
    }
    report["incremental_db_ms"] = round(database.event_ms(trial), 3)
    REPORT.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    _print(report, found)
    return 0 if report["identical_sets"] else 1


def _graftwatch(patients: Hospital) -> Found:
    by = graftwatch.protocol()
    context = graftwatch.reader(by)
    facts, parsing = _timed(lambda: {p: graftwatch.facts(raws, context) for p, raws in patients.resources.items()})

    def screen(timelines: dict[str, Timeline]) -> set[str]:
        return {patient for patient, of in timelines.items() if graftwatch.eligible(of, by)}

    best, eligible = float("inf"), set[str]()
    for _ in range(ROUNDS):
        timelines = {p: graftwatch.timeline(p, stated) for p, stated in facts.items()}
        eligible, seconds = _timed(partial(screen, timelines))
        best = min(best, seconds)
    return Found(eligible, parsing, best)


def _handwritten(patients: Hospital) -> Found:
    parsed, parsing = _timed(patients.parsed)
    best, eligible = float("inf"), set[str]()
    for _ in range(ROUNDS):
        eligible, seconds = _timed(lambda: {p for p, of in parsed.items() if handwritten.eligible(of, BORN_BY)})
        best = min(best, seconds)
    return Found(eligible, parsing, best)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result and the CPU seconds: what else the machine does at the same time must not count."""
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def _report(patients: Hospital, found: dict[str, Found]) -> dict[str, Any]:
    names = {"graftwatch": "engine"}
    number = len(patients.resources)
    report: dict[str, Any] = {"patients": number, "resources": patients.size}
    for engine, of in found.items():
        report[f"{names.get(engine, engine)}_patients_per_s"] = round(number / of.seconds, 1)
        report[f"{names.get(engine, engine)}_parsing_in_patients_per_s"] = round(
            number / (of.seconds + of.parse_seconds), 1
        )
    report["eligible"] = {engine: len(of.eligible) for engine, of in sorted(found.items())}
    report["identical_sets"] = len({frozenset(of.eligible) for of in found.values()}) == 1
    return report


def _print(report: dict[str, Any], found: dict[str, Found]) -> None:
    own = found["graftwatch"]
    _say(f"{report['patients']} patients, {report['resources']} resources; CPU time of one core")
    _say(f"{'engine':<12}{'eligible':>10}{'patients/s':>12}{'parsing in':>12}{'this engine is':>17}")
    for engine, of in found.items():
        rates = [report["patients"] / seconds for seconds in (of.seconds, of.seconds + of.parse_seconds)]
        ratio = f"{of.seconds / own.seconds:.2f} × as fast"
        _say(f"{engine:<12}{len(of.eligible):>10}{rates[0]:>12,.0f}{rates[1]:>12,.0f}{ratio:>17}")
    _say(f"identical sets: {report['identical_sets']}")
    _say(
        f"one event, 5,000 facts: {report['incremental_ms']} ms; {report['incremental_trial_ms']} ms by the built-in trial"
    )
    _say(f"with the database (locks, reading, outcome, commit): {report['incremental_db_ms']} ms")
    _say(f"written to {Path(REPORT)}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
