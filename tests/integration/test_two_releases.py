"""Two releases at work at once: the one that began last decides, the other leaves it alone, and takes over where it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.ingest.app import Ingest
from services.ingest.catching_up import CatchingUp
from services.response import evaluate as response
from services.response import figures
from shared.protocol import load as protocol_files
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from shared.runtime.postgres import Pool
from shared.runtime.precedence import Precedence
from shared.runtime.progress import ProgressPage
from shared.runtime.trial_figures import TrialFigures
from tests.integration.test_rederivation import SYSTEM, concepts, local, reading
from tests.support.database import Database
from tests.support.feed import Feed, patient, platelets
from tests.support.rules import CountingRules

NOON = datetime(2024, 5, 5, 12, tzinfo=UTC)
PROTOCOLS = protocol_files.load()
(PROTOCOL,) = PROTOCOLS
AWAY = "UPDATE operation.release_at_work SET worked_at = worked_at - interval '3 minutes'"
"""Three minutes pass in which nobody says that work is done."""
BY = "SELECT rules_version FROM eligibility.evaluation"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as eligibility; nobody has been at work yet."""
    await database.rows("DELETE FROM operation.release_at_work")
    async with await postgres.connect(database.url, "eligibility", size=2) as made:
        yield made


async def _started(pool: Pool, rules: str) -> Evaluator:
    evaluator = Evaluator("eligibility", CountingRules(RULES_VERSION=rules), pool, PROTOCOLS, Clock(NOON))
    await evaluator.precedence.enter(pool)
    return evaluator


async def _behind(worker: Evaluator, pool: Pool) -> list[UUID]:
    async with pool.acquire() as connection:
        patients, _ = await worker.behind(connection, timedelta(0), UUID(int=0), 500)
        recent = await worker.recent(connection, timedelta(0), 500)
    return sorted({*patients, *recent})


async def test_the_older_release_undoes_nothing_and_takes_over_where_the_later_ends(
    database: Database, ingest: Ingest, pool: Pool
) -> None:
    """By hint and by reconciliation; what comes meanwhile waits for the later one, and never for nobody."""
    await ingest.store(Feed().messages(platelets("140")))
    old = await _started(pool, "1")
    assert await old.evaluate({patient(): None}, "hint") == 1
    new = await _started(pool, "2")
    assert await _behind(old, pool) == []  # the later one has done nothing yet: nothing to leave to it
    assert await _behind(new, pool) == [patient()]
    await new.evaluate({patient(): None}, "reconciliation", only_behind=True)
    assert await database.value(BY) == "2"
    assert (await old.evaluate({patient(): None}, "hint"), await _behind(old, pool)) == (0, [])
    await ingest.store(Feed().messages(platelets("90", id_="other")))
    assert (await old.evaluate({patient(): None}, "hint"), await _behind(old, pool)) == (0, [])
    assert await _behind(new, pool) == [patient()]
    assert await new.evaluate({patient(): None}, "hint") == 1
    assert await database.value(BY) == "2"
    await ingest.store(Feed().messages(platelets("60", id_="third")))
    await database.rows(AWAY)
    assert await _behind(old, pool) == [patient()]
    assert await old.evaluate({patient(): None}, "hint") == 1


async def test_whoever_goes_back_to_the_older_release_is_not_held_up(
    database: Database, ingest: Ingest, pool: Pool
) -> None:
    """The older one has been away and begins anew: now it is the later, though the other still runs."""
    await ingest.store(Feed().messages(platelets("140")))
    old = await _started(pool, "1")
    await old.evaluate({patient(): None}, "hint")
    await database.rows(AWAY)
    new = await _started(pool, "2")
    await new.evaluate({patient(): None}, "hint")
    back = await _started(pool, "1")
    await back.evaluate({patient(): None}, "reconciliation", only_behind=True)
    assert await database.value(BY) == "1"
    assert (await new.evaluate({patient(): None}, "hint"), await _behind(new, pool)) == (0, [])


async def test_a_worker_that_starts_again_beside_its_like_overtakes_nobody(database: Database, pool: Pool) -> None:
    """A crash of the older release in the middle of an upgrade changes nothing."""
    old = await _started(pool, "1")
    await old.precedence.worked(pool)
    new = await _started(pool, "2")
    await new.precedence.worked(pool)
    again = await _started(pool, "1")
    assert await again.precedence.overtaken(pool) == {PROTOCOL}
    assert await new.precedence.overtaken(pool) == frozenset()
    assert await database.value("SELECT count(*) FROM operation.release_at_work") == 2


async def test_who_worked_at_a_time_to_come_keeps_nobody_out(database: Database, pool: Pool) -> None:
    """By a clock that was a day ahead the release before began and worked tomorrow: it is gone, and the next decides at once."""
    await (await _started(pool, "1")).precedence.worked(pool)
    await database.rows(
        "UPDATE operation.release_at_work SET since = since + interval '1 day', worked_at = worked_at + interval '1 day'"
    )
    new = await _started(pool, "2")
    assert await new.precedence.overtaken(pool) == frozenset()
    await new.precedence.worked(pool)
    back = await _started(pool, "1")  # which goes by what it says now
    await back.precedence.worked(pool)
    assert await new.precedence.overtaken(pool) == {PROTOCOL}


async def test_a_command_gives_way_to_nobody(pool: Pool, ingest: Ingest) -> None:
    """What somebody asks for is done, whatever release is at work."""
    await ingest.store(Feed().messages(platelets("140")))
    await (await _started(pool, "2")).evaluate({patient(): None}, "hint")
    asked = Evaluator("eligibility", CountingRules(RULES_VERSION="1"), pool, PROTOCOLS, Clock(NOON))
    assert await _behind(asked, pool) == [patient()]


async def test_figures_are_kept_by_one_release(database: Database) -> None:
    """Otherwise the row would change every two seconds for as long as an upgrade takes."""
    await database.rows("DELETE FROM operation.release_at_work")
    async with await postgres.connect(database.url, "response", size=2) as pool:
        both = [Precedence("response", {PROTOCOL: rules}) for rules in ("1", "2")]
        for release in both:
            await release.enter(pool)
        old, new = (TrialFigures("response", figures, pool, PROTOCOLS, Clock(NOON)) for _ in both)
        old.precedence, new.precedence = both
        await both[1].worked(pool)
        assert (await old.refresh(), await new.refresh()) == (0, 1)
    assert response.RULES_VERSION == figures.RULES_VERSION


async def test_stored_records_are_read_again_by_the_later_release_alone(database: Database, ingest_pool: Pool) -> None:
    """A site file that changes a code: the old ingest does not read back what the new one has read again."""
    await database.rows("DELETE FROM operation.release_at_work")
    page = ProgressPage("ingest", "127.0.0.1", 0)
    as_albumin, as_alt = (
        reading(ingest_pool, codes=[{"system": SYSTEM, "code": "X1", "concept": c}]) for c in ("albumin", "alt")
    )
    await as_albumin.store(Feed().messages(local("X1", "42", "U/L") | {"id": "r"}))
    old = CatchingUp(as_albumin, ingest_pool, page, _nobody)
    new = CatchingUp(as_alt, ingest_pool, page, _nobody)
    for release in (old, new):
        await release.widen()
        await release.once()
    assert await concepts(database) == ["alt"]
    await database.rows(
        "UPDATE operation.release_at_work SET worked_at = now() WHERE since = (SELECT max(since) FROM operation.release_at_work)"
    )
    await old.once()
    assert await concepts(database) == ["alt"]
    await database.rows(AWAY)
    await old.once()
    assert await concepts(database) != ["alt"]


async def _nobody(*_: object) -> None:
    return None
