"""`python -m tests.benchmark.rescreening`: store the timelines, screen, change the protocol, screen anew, be killed, go on."""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import msgspec

from services.cli import installation
from services.cli.stack import down, up
from services.eligibility import evaluate as eligibility
from shared.protocol.load import load, protocol_hash
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from shared.runtime.reconcile import Reconciliation
from tests.benchmark.rescreening.population import fill
from tests.support import build

HOME: Final = Path(".graftwatch/bench")
REPORT: Final = HOME / "rescreen.json"
PATIENTS: Final = 100_000
AT: Final = "2024-05-05T12:00:00+00:00"
ROUNDS: Final = 20
_TRIAL: Final = "camrelizumab-hcc-transplant"
_CHANGE: Final = ("at_least: {value: 50,", "at_least: {value: 75,")
_PROGRESS: Final = re.compile(r"(\d+) of (\d+) patients")
_MOVED: Final = (
    "SELECT count(*) FROM eligibility.outcome before JOIN eligibility.outcome after USING (patient, protocol)"
    " WHERE before.ordinal = 1 AND after.ordinal = 2 AND before.content->>'status' <> after.content->>'status'"
)
_EMPTY: Final = (
    "TRUNCATE timeline.patient, timeline.fact, eligibility.outcome, eligibility.evaluation, eligibility.outbox"
)


def main(arguments: list[str]) -> int:
    """Exit code 1 if the interruption cost a patient, or had one screened twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.rescreening")
    parser.add_argument("--patients", type=int, default=PATIENTS)
    asked = parser.parse_args(arguments)
    home = (HOME / "rescreening").resolve()
    home.mkdir(parents=True, exist_ok=True)
    stack = up(home)
    try:
        report = asyncio.run(_measured(home, stack.database_url, asked.patients))
    finally:
        down(home)
    REPORT.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    _print(report)
    return 0 if report["left_behind"] == 0 and report["screened_twice"] == 0 else 1


async def _measured(home: Path, url: str, patients: int) -> dict[str, Any]:
    before, after = _protocols(home)
    writer = await asyncpg.connect(url)
    await asyncio.to_thread(installation.migrate, url, before)
    await writer.execute(_EMPTY)
    facts = await fill(writer, patients)
    first_seconds = await asyncio.to_thread(_by_two, url, before)
    await writer.execute("VACUUM ANALYZE eligibility.evaluation, eligibility.outcome")
    idle = await _idle(url, before)
    killed_at, killed_seconds = _run(url, after, kill_at=patients // 2)
    stored = await _under(writer, after)
    resumed, resumed_seconds = _run(url, after)
    twice = await writer.fetchval("SELECT count(*) FROM eligibility.outcome WHERE ordinal > 2")
    moved = await writer.fetchval(_MOVED)
    left = patients - await _under(writer, after)
    await writer.close()
    seconds = killed_seconds + resumed_seconds
    return {
        "patients": patients,
        "facts": facts,
        "first_screening_seconds": round(first_seconds, 1),
        "first_screening_patients_per_s": round(patients / first_seconds, 1),
        "rescreened_patients": stored + resumed,
        "rescreen_seconds": round(seconds, 1),
        "rescreen_patients_per_s": round((stored + resumed) / seconds, 1),
        "changed_statuses": moved,
        "killed_after_patients": killed_at,
        "stored_when_killed": stored,
        "screened_after_resuming": resumed,
        "screened_twice": max(twice, stored + resumed - patients),
        "left_behind": left,
        **idle,
    }


def _protocols(home: Path) -> tuple[Path, Path]:
    """The trial, and the same with one bound changed: more platelets are asked for."""
    text = (files("shared.protocol") / f"{_TRIAL}.yaml").read_text(encoding="utf-8")
    assert text.count(_CHANGE[0]) == 1, "the bound of platelets is stated once"
    made = (home / "before" / f"{_TRIAL}.yaml", home / "after" / f"{_TRIAL}.yaml")
    for path, content in zip(made, (text, text.replace(*_CHANGE)), strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return made[0].parent, made[1].parent


def _run(url: str, protocols: Path, kill_at: int | None = None) -> tuple[int, float]:
    """Run `graftwatch rescreen` as its user would, or until so many are done and then `kill -9`: how many, and how long."""
    command = [str(Path(sys.executable).parent / "graftwatch"), "rescreen", "--protocols", str(protocols), "--at", AT]
    started, done = time.perf_counter(), 0
    with subprocess.Popen(command, env={"DATABASE_URL": url, "PATH": ""}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None, "it is piped"
        for line in process.stderr:
            sys.stdout.write(f"\r{line.strip():<60}")
            sys.stdout.flush()
            if found := _PROGRESS.search(line):
                done = int(found[1])
            if kill_at is not None and done >= kill_at:
                process.send_signal(signal.SIGKILL)
                break
    sys.stdout.write("\n")
    if kill_at is None and process.returncode:
        raise SystemExit("graftwatch rescreen failed; its message is above")
    return done, time.perf_counter() - started


def _by_two(url: str, protocols: Path) -> float:
    """Screen everybody by two processes that share one sweep, as several workers do; how long."""
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(_run, url, protocols) for _ in range(2)]:
            done.result()
    return time.perf_counter() - started


async def _under(writer: asyncpg.Connection[asyncpg.Record], protocols: Path) -> int:
    (protocol,) = load(protocols).values()
    count: int = await writer.fetchval(
        "SELECT count(*) FROM eligibility.evaluation WHERE protocol_hash = $1", protocol_hash(protocol)
    )
    return count


async def _idle(url: str, protocols: Path) -> dict[str, float]:
    """What reconciliation costs while nobody is behind: every two seconds, and for the sweep every minute."""
    in_force = load(protocols)
    async with await postgres.connect(url, "eligibility", size=1) as pool:
        evaluator = Evaluator("eligibility", eligibility, pool, in_force, Clock(build.at(AT)))
        nobody = Reconciliation(evaluator, pool, build.at(AT) - build.at(AT))
        recent, sweep = [], []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            await nobody.catch_up()
            middle = time.perf_counter()
            await nobody.sweep(lambda _done, _of: None)
            recent.append(middle - started)
            sweep.append(time.perf_counter() - middle)
    return {"idle_recent_ms": round(median(recent) * 1000, 2), "idle_sweep_ms": round(median(sweep) * 1000, 1)}


def _print(report: dict[str, Any]) -> None:
    lines = (
        f"{report['patients']} patients with {report['facts']} facts in Postgres",
        f"first screening, by two processes: {report['first_screening_seconds']} s, "
        f"{report['first_screening_patients_per_s']:.0f} patients/s",
        f"after a change of protocol, by one process: {report['rescreen_seconds']} s, "
        f"{report['rescreen_patients_per_s']:.0f} patients/s, "
        f"{report['changed_statuses']} statuses are others",
        f"killed with {report['stored_when_killed']} done, {report['screened_after_resuming']} after resuming: "
        f"{report['screened_twice']} screened twice, {report['left_behind']} left behind",
        f"with nobody behind: {report['idle_recent_ms']} ms every two seconds, {report['idle_sweep_ms']} ms every minute",
        f"written to {REPORT}",
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
