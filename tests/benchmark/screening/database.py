"""The cost of one new event with the database beside it: fact stored, evaluated, decision committed."""

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


def milliseconds(protocol: Protocol) -> float:
    """Median wall time of evaluating one patient of 5,000 facts in Postgres after one more was stored.

    Locking, reading what is new, deciding, appending the outcome with its events, and the commit; not the storing of
    the fact, which is ingest's.
    """
    home = (HOME / "stack").resolve()
    stack = up(home)
    try:
        installation.migrate(stack.database_url, None)
        return asyncio.run(_measured(stack.database_url, protocol))
    finally:
        down(home)


async def _measured(url: str, protocol: Protocol) -> float:
    history = long_history()
    writer = await asyncpg.connect(url)
    async with await postgres.connect(url, "eligibility", size=1) as pool:
        evaluator = Evaluator("eligibility", eligibility, pool, {protocol.id: protocol}, Clock(AT))
        await writer.execute("DELETE FROM timeline.fact WHERE patient = $1", history.patient)
        await store(writer, history.patient, history.facts)
        await evaluator.evaluate({history.patient: None}, "bench")
        taken = [await _one(writer, evaluator, history.patient, result(FACTS + n)) for n in range(EVENTS)]
    await writer.close()
    return median(taken) * 1000


async def _one(writer: asyncpg.Connection[asyncpg.Record], evaluator: Evaluator, patient: UUID, fact: AnyFact) -> float:
    await store(writer, patient, [fact])
    started = time.perf_counter()
    await evaluator.evaluate({patient: None}, "bench")
    return time.perf_counter() - started
