"""What screening costs with the database beside it: one new event, and everybody anew after a change of protocol."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Final
from uuid import UUID, uuid5

import asyncpg
import msgspec

from services.cli import installation
from services.cli.stack import down, up
from services.eligibility import evaluate as eligibility
from shared.facts import AnyFact
from shared.protocol.model import Protocol
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.decisions import OUTCOME_NAMESPACE
from shared.runtime.evaluator import Evaluator
from shared.runtime.postgres import Pool
from tests.benchmark.screening.graftwatch import AT
from tests.benchmark.screening.hospital import HOME
from tests.benchmark.screening.incremental import FACTS, long_history, result
from tests.support.stored import store

EVENTS: Final = 100
COPIES: Final = 5
"""How often the generated patients are stored, each copy under pseudonyms of its own."""
_TAKE: Final = 500
_AT_ONCE: Final = timedelta(0)


class Measured(msgspec.Struct, frozen=True):
    """Wall time with the database: one event of one patient, and patients screened anew after a change of protocol."""

    event_ms: float
    rescreened: int
    rescreened_per_s: float


def measure(trial: Protocol, five: Protocol, cohort: Mapping[str, Sequence[AnyFact]]) -> Measured:
    """Start a database, measure, stop it.

    An event: locking, reading what is new, deciding, appending the outcome with its events, and the commit; not the
    storing of the fact, which is ingest's. Screening anew: all patients are behind, and reconciliation's own query
    takes them 500 at a time; what is done is done, so that it goes on where it was stopped.
    """
    home = (HOME / "stack").resolve()
    stack = up(home)
    try:
        installation.migrate(stack.database_url, None)
        return asyncio.run(_measured(stack.database_url, trial, five, cohort))
    finally:
        down(home)


async def _measured(url: str, trial: Protocol, five: Protocol, cohort: Mapping[str, Sequence[AnyFact]]) -> Measured:
    writer = await asyncpg.connect(url)
    await writer.execute(
        "TRUNCATE timeline.patient, timeline.fact, eligibility.outcome, eligibility.evaluation, eligibility.outbox"
    )
    async with await postgres.connect(url, "eligibility", size=2) as pool:
        event_ms = await _event(writer, Evaluator("eligibility", eligibility, pool, {trial.id: trial}, Clock(AT)))
        stricter = five.model_copy(update={"version": "2"})
        for copy in range(COPIES):
            for patient, facts in cohort.items():
                await store(writer, uuid5(OUTCOME_NAMESPACE, f"{patient}/{copy}"), facts)
        await _rescreen(Evaluator("eligibility", eligibility, pool, {five.id: five}, Clock(AT)), pool)
        started = time.perf_counter()
        done = await _rescreen(Evaluator("eligibility", eligibility, pool, {five.id: stricter}, Clock(AT)), pool)
        rate = done / (time.perf_counter() - started)
    await writer.close()
    return Measured(event_ms, done, rate)


async def _rescreen(evaluator: Evaluator, pool: Pool) -> int:
    """Evaluate whoever is behind until nobody is; how many that were."""
    done = 0
    while True:
        async with pool.acquire() as connection:
            patients = await evaluator.behind(connection, _AT_ONCE, _TAKE)
        if not patients:
            sys.stdout.write("\n")
            return done
        await evaluator.evaluate(dict.fromkeys(patients), "reconciliation")
        done += len(patients)
        sys.stdout.write(f"\r{done} patients screened with the database")
        sys.stdout.flush()


async def _event(writer: asyncpg.Connection[asyncpg.Record], evaluator: Evaluator) -> float:
    history = long_history()
    await store(writer, history.patient, history.facts)
    await evaluator.evaluate({history.patient: None}, "bench")
    taken = [await _one(writer, evaluator, history.patient, result(FACTS + n)) for n in range(EVENTS)]
    return median(taken) * 1000


async def _one(writer: asyncpg.Connection[asyncpg.Record], evaluator: Evaluator, patient: UUID, fact: AnyFact) -> float:
    await store(writer, patient, [fact])
    started = time.perf_counter()
    await evaluator.evaluate({patient: None}, "bench")
    return time.perf_counter() - started
