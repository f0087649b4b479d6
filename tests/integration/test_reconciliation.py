"""Reconciliation: who is found at once, who by a sweep, and that a sweep may be stopped and shared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.outcomes import Evaluation
from shared.protocol import load as protocol_files
from shared.protocol.model import Protocol
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from shared.runtime.postgres import Pool
from shared.runtime.reconcile import Reconciliation
from shared.timeline import Timeline
from tests.support.database import Database
from tests.support.rules import CountingRules

NOON = datetime(2024, 5, 5, 12, tzinfo=UTC)
AT_ONCE = timedelta(0)
PROTOCOLS = protocol_files.load()
(PROTOCOL,) = PROTOCOLS
AMENDED = {PROTOCOL: PROTOCOLS[PROTOCOL].model_copy(update={"title": "the same, with another title"})}
_PATIENTS = """
    INSERT INTO timeline.patient (patient, site, version, changed_at)
    SELECT gen_random_uuid(), 'north', 1, now() - $2::interval FROM generate_series(1, $1) RETURNING patient
"""


@dataclass
class Recording(CountingRules):
    """Rules that remember whom they were asked about, in order."""

    asked: list[UUID] = field(default_factory=list)

    def evaluate(self, timeline: Timeline, protocol: Protocol, at: datetime) -> Evaluation:
        """As the counting rules do."""
        self.asked.append(timeline.patient)
        return super().evaluate(timeline, protocol, at)


class _StoppedError(Exception):
    """Ends a sweep where a kill would."""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as eligibility."""
    async with await postgres.connect(database.url, "eligibility", size=4) as made:
        yield made


def _reconciling(
    pool: Pool, rules: CountingRules, protocols: Any = PROTOCOLS, at: datetime = NOON, grace: timedelta = AT_ONCE
) -> Reconciliation:
    return Reconciliation(Evaluator("eligibility", rules, pool, protocols, Clock(at)), pool, grace)


async def _arrive(database: Database, number: int, ago: timedelta = timedelta(days=1)) -> list[UUID]:
    return [r["patient"] for r in await database.rows(_PATIENTS, number, ago)]


def _silent(_done: int, _of: int) -> None:
    """Progress that nobody looks at."""


async def test_what_is_recent_is_found_without_a_sweep(database: Database, pool: Pool) -> None:
    """A timeline that changed just now, an expired outcome, a failure whose time has come; each once, then nobody."""
    (new,) = await _arrive(database, 1, AT_ONCE)
    expiring, failed, settled = await _arrive(database, 3)
    rules = Recording(valid_until=lambda at: at + timedelta(days=14), failing={failed})
    await _reconciling(pool, rules, at=NOON - timedelta(days=14)).sweep(_silent)
    await database.rows("UPDATE timeline.patient SET version = 2, changed_at = now() WHERE patient = $1", new)
    await database.rows("UPDATE eligibility.evaluation SET valid_until = NULL WHERE patient = ANY($1)", [new, settled])
    await database.rows("UPDATE eligibility.evaluation SET retry_at = now() WHERE failure IS NOT NULL")
    later = Recording()
    await _reconciling(pool, later).catch_up()
    assert sorted(later.asked) == sorted([new, expiring, failed])
    await _reconciling(pool, later).catch_up()
    assert len(later.asked) == 3


async def test_a_recent_change_is_left_to_the_stream_for_a_while(database: Database, pool: Pool) -> None:
    """Neither the quick look nor the sweep takes it before the grace has passed."""
    await _arrive(database, 1, timedelta(seconds=5))
    rules = Recording()
    patient_one = _reconciling(pool, rules, grace=timedelta(hours=1))
    await patient_one.catch_up()
    assert await patient_one.sweep(_silent) == 0
    assert rules.asked == []
    await _reconciling(pool, rules, grace=timedelta(seconds=4)).catch_up()
    assert len(rules.asked) == 1


async def test_what_no_recent_trace_shows_is_found_by_the_sweep(database: Database, pool: Pool) -> None:
    """Changes of long ago that no hint brought, and another protocol: the quick look is blind to them, the sweep is not."""
    patients = await _arrive(database, 3)
    rules = Recording()
    await _reconciling(pool, rules).catch_up()
    assert rules.asked == []
    await _reconciling(pool, rules).run()
    assert sorted(rules.asked) == sorted(patients)
    await _reconciling(pool, rules, AMENDED).run()
    assert sorted(rules.asked) == sorted([*patients, *patients])


async def test_a_sweep_says_how_far_it_is(database: Database, pool: Pool) -> None:
    """From nothing to everybody, never back; and to whom nobody is behind it says that at once."""
    await _arrive(database, 450)
    said: list[tuple[int, int]] = []
    assert await _reconciling(pool, Recording()).sweep(lambda done, of: said.append((done, of))) == 450
    assert said[0] == (0, 450)
    assert said == sorted(said)
    assert said[-1] == (450, 450)
    said.clear()
    assert await _reconciling(pool, Recording()).sweep(lambda done, of: said.append((done, of))) == 0
    assert said == [(0, 0)]


async def test_a_sweep_that_was_stopped_goes_on_where_it_was(database: Database, pool: Pool) -> None:
    """What was committed is not done again, and nobody is left out."""
    patients = await _arrive(database, 900)

    def stop(done: int, _of: int) -> None:
        if done >= 400:
            raise _StoppedError

    first, second = Recording(), Recording()
    with pytest.raises(_StoppedError):
        await _reconciling(pool, first).sweep(stop)
    committed = await database.value("SELECT count(*) FROM eligibility.evaluation WHERE evaluated_at IS NOT NULL")
    assert committed == len(first.asked)
    assert 0 < committed < 900
    assert await _reconciling(pool, second).sweep(_silent) == 900 - committed
    assert sorted([*first.asked, *second.asked]) == sorted(patients)


async def test_two_sweeps_share_the_work(database: Database, pool: Pool) -> None:
    """Whoever the other has evaluated meanwhile is not evaluated again."""
    patients = await _arrive(database, 900)
    one, other = Recording(), Recording()
    await asyncio.gather(_reconciling(pool, one).sweep(_silent), _reconciling(pool, other).sweep(_silent))
    assert sorted([*one.asked, *other.asked]) == sorted(patients)
    assert await database.value("SELECT count(*) FROM eligibility.outcome") == 900


async def test_a_changed_protocol_delays_nobodys_news(database: Database, pool: Pool) -> None:
    """While 3,000 patients are screened anew, who has news is evaluated after the first few hundred of them."""
    await _arrive(database, 3_000)
    await _reconciling(pool, Recording()).sweep(_silent)
    (news,) = await _arrive(database, 1, AT_ONCE)
    rules = Recording()
    await _reconciling(pool, rules, AMENDED).sweep(_silent)
    assert rules.asked.index(news) < 500
    assert len(rules.asked) == 3_001


async def test_expired_outcomes_of_a_protocol_out_of_force_are_left_alone(database: Database, pool: Pool) -> None:
    """A trial that ended is not evaluated for ever."""
    await _arrive(database, 1)
    second = PROTOCOLS[PROTOCOL].model_copy(update={"id": "second-trial"})
    ending = Recording(valid_until=lambda at: at + timedelta(days=1))
    await _reconciling(pool, ending, {PROTOCOL: PROTOCOLS[PROTOCOL], second.id: second}).sweep(_silent)
    await database.rows("UPDATE eligibility.evaluation SET valid_until = NULL WHERE protocol = $1", PROTOCOL)
    later = Evaluator("eligibility", Recording(), pool, PROTOCOLS, Clock(NOON + timedelta(days=2)))
    async with pool.acquire() as connection:
        assert await later.recent(connection, AT_ONCE, 10) == []
        assert await later.count_behind(connection, AT_ONCE) == 0
