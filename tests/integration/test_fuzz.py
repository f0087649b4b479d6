"""Mutants of real resources through the real service: whatever a hospital sends, everything is accounted for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from uuid import uuid4

from services.cli.stack import Stack
from shared import topics
from tests.support import feed, process
from tests.support.database import Database, eventually
from tests.support.examples import examples
from tests.support.feed import Feed
from tests.support.mutation import Mutator
from tests.support.topics import send, skip_to_end

MUTANTS = 1500
NEVER_PAUSED = {"GRAFTWATCH_PAUSE_BAD": "0", "GRAFTWATCH_PAUSE_BAD_IN_A_ROW": "0"}


async def test_every_mutant_is_accounted_for_by_the_service(stack: Stack, database: Database, tmp_path: Path) -> None:
    """Each is counted once; each rejected one is a dead letter that names its field; none could not be stored."""
    group = f"test-fuzz-{uuid4()}"
    await skip_to_end(stack.bootstrap_servers, group, topics.FEED)
    source = Feed()
    messages = [source.message(value) for value, _ in Mutator(examples(), seed=7).messages(MUTANTS)]
    env = process.environment(stack, database, **NEVER_PAUSED)
    async with process.running(tmp_path / "ingest.log", env, "-m", "tests.support.dying_ingest", group) as ingest:
        await ingest.healthy()
        await send(stack.bootstrap_servers, messages)
        await eventually(lambda: _counted(database), 90)
        assert (await ingest.healthy())["status"] == "ok"
    counts = await feed.counts(database)
    letters = await database.rows("SELECT reason, path, says FROM identity.dead_letter")
    rejected = Counter({reason: n for (outcome, reason), n in counts.items() if outcome == "rejected"})
    assert Counter(d["reason"] for d in letters) == rejected
    assert "reader-fault" not in rejected
    assert all(d["path"] and d["says"].startswith("expected ") for d in letters)
    assert {outcome for outcome, _ in counts} == {"accepted", "accepted_with_issues", "out_of_scope", "rejected"}


async def _counted(database: Database) -> bool:
    counted = sum((await feed.counts(database)).values())
    assert counted <= MUTANTS
    return counted == MUTANTS
