"""`python -m tests.benchmark.response`: random courses against the transcription, one new measurement, end to end."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from services.response.evaluate import evaluate
from shared.facts import AnyFact
from tests.benchmark.response import end_to_end
from tests.benchmark.response.random_courses import courses
from tests.property.response_in_words import followed, transcribed_best
from tests.property.test_response import START, derived, facts_of, visits_of
from tests.spec.response.treated import SHIPPED
from tests.support import build

COURSES: Final = 20_000
VISITS: Final = 30
LESIONS: Final = 5
MEASUREMENTS: Final = 100
CORRECTIONS: Final = 10
OUT: Final = Path(".graftwatch/bench/response.json")


def main() -> int:
    """Run it all, print and write the figures; exit code 1 if a course disagrees with the published words."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--courses", type=int, default=COURSES)
    arguments.add_argument("--without-stack", action="store_true", help="leave out the end-to-end figure")
    given = arguments.parse_args()
    disagreeing, per_s = agreement(given.courses)
    figures: dict[str, object] = {
        "courses": given.courses,
        "courses_disagreeing": disagreeing,
        "courses_per_s": round(per_s),
        "incremental_ms": round(incremental_ms(), 2),
    }
    if not given.without_stack:
        taken = end_to_end.seconds(OUT.parent.resolve() / "response-stack", CORRECTIONS)
        figures["correction_to_event_s"] = round(median(taken), 3)
        figures["correction_to_event_max_s"] = round(max(taken), 3)
        figures["corrections"] = CORRECTIONS
    for name, value in figures.items():
        print(f"{name:<28}{value}")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
    return int(bool(disagreeing))


def agreement(count: int) -> tuple[int, float]:
    """How many random courses disagree with the literal transcription, and courses derived a second."""
    disagreeing, spent = 0, 0.0
    for patient in courses(count):
        facts = facts_of(patient)
        started = time.perf_counter()
        course = derived(patient, facts)
        spent += time.perf_counter() - started
        expected = visits_of(patient)
        overall, days = [e.overall for _, e in expected], tuple(d for d, _ in expected)
        best = transcribed_best(overall, days, bool(followed(patient)))
        found = [(v.target, v.non_target, v.new_lesion, v.response) for v in course.visits]
        same = found == [tuple(e) for _, e in expected]
        disagreeing += not (same and (course.best.unconfirmed, course.best.confirmed) == best)
    return disagreeing, count / spent


def incremental_ms() -> float:
    """Median cost of deciding anew when one measurement comes for a patient with 30 visits."""
    facts = [build.dose(on=START.isoformat()), *(f for visit in range(VISITS) for f in _scans(visit))]
    at = build.at((START + timedelta(days=60 * VISITS)).isoformat())
    taken = [_timed(partial(_decide, [*facts, _scan(VISITS, n % LESIONS)], at)) for n in range(MEASUREMENTS)]
    return median(taken) * 1000


def _scans(visit: int) -> list[AnyFact]:
    return [_scan(visit, lesion) for lesion in range(LESIONS)]


def _scan(visit: int, lesion: int) -> AnyFact:
    on = START + timedelta(days=56 * visit - 7 * (visit == 0))
    size = str(40 - visit % 3)
    return build.lesion(f"lesion-{lesion}", on=on.isoformat(), viable=size, longest="60")


def _decide(facts: list[AnyFact], at: datetime) -> None:
    evaluate(build.timeline(*facts), SHIPPED, at)


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
