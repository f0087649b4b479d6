"""What one new event costs with the database beside it."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import Final
from uuid import UUID

import asyncpg

from services.cli import installation
from services.cli.stack import down, up
from services.eligibility import evaluate as eligibility
from shared.facts import AnyFact
from shared.protocol.model import Protocol
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from tests.benchmark.screening.graftwatch import AT
from tests.benchmark.screening.hospital import HOME
from tests.benchmark.screening.incremental import FACTS, long_history, result
from tests.support.stored import store

EVENTS: Final = 100


def event_ms(trial: Protocol) -> float:
    """Start a database, measure, stop it: the median wall time of one event of a patient with a long history.

    Locking, reading what is new, deciding, appending the outcome with its events, and the commit; not the storing of the
    fact, which is ingest's.
    """
    home = (HOME / "stack").resolve()
    stack = up(home)
    try:
        installation.migrate(stack.database_url, None)
        return asyncio.run(_measured(stack.database_url, trial))
    finally:
        down(home)


async def _measured(url: str, trial: Protocol) -> float:
    writer = await asyncpg.connect(url)
    await writer.execute(
        "TRUNCATE timeline.patient, timeline.fact, eligibility.outcome, eligibility.evaluation, eligibility.outbox"
    )
    async with await postgres.connect(url, "eligibility", size=2) as pool:
        taken = await _event(writer, Evaluator("eligibility", eligibility, pool, {trial.id: trial}, Clock(AT)))
    await writer.close()
    return taken


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
