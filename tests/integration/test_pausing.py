"""A site that sends mostly what cannot be read is paused: its messages are held in order, and the other sites go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.cli.stack import Stack
from services.ingest.app import Ingest
from services.ingest.pausing import Limits
from services.ingest.replay import Replay
from shared import topics
from shared.runtime.postgres import Pool
from shared.runtime.site_intake import SiteState
from tests.support import feed, process
from tests.support.database import Database, difference, eventually
from tests.support.feed import KEYS, Feed, patient, platelets
from tests.support.topics import send, skip_to_end

LIMITS = Limits(window=20, bad_in_window=10, bad_in_a_row=5, held=8)


@pytest.fixture
def ingest(ingest_pool: Pool) -> Ingest:
    """An ingest that pauses soon."""
    return Ingest(feed.reader(), ingest_pool, feed.VAULT, LIMITS)


async def test_a_bad_site_is_paused_and_others_go_on(database: Database, ingest: Ingest) -> None:
    """The fifth in a row breaks the limit: what follows is held, in that batch and the next, good ones too."""
    source = Feed()
    await ingest.store([*_bad(source, 7), *_good(source, "south", 1)])
    await ingest.store([*_good(source, "north", 1), *_good(source, "south", 2)])
    (north,) = [s for s in await _states(database) if s.site == "north"]
    assert (
        north.paused_because
        == "5 messages in a row could not be read; most often: subject-missing at Observation.subject"
    )
    assert (north.paused_at is not None, north.held) == (True, 3)
    assert await feed.counts(database) == {("rejected", "subject-missing"): 5, ("accepted", ""): 2}
    assert await feed.platelet_counts(database, patient("p1", "south")) == ["101", "102"]
    assert await database.value("SELECT count(*) FROM identity.dead_letter") == 5


async def test_half_bad_over_a_full_window_pauses(database: Database, ingest: Ingest) -> None:
    """Every second one unreadable: after twenty messages, not before."""
    source = Feed()
    for n in range(9):
        await ingest.store([*_bad(source, 1), *_good(source, "north", n)])
    assert [s.paused_at for s in await _states(database)] == [None]
    await ingest.store([*_bad(source, 1), *_good(source, "north", 9)])
    (north,) = await _states(database)
    assert north.paused_because is not None
    assert north.paused_because.startswith("10 of the last 20 messages could not be read")


async def test_redelivery_of_what_is_held_changes_nothing(database: Database, ingest: Ingest) -> None:
    """A crash before the offsets were committed brings the batch again: same rows, nothing held twice or let through."""
    source = Feed()
    messages = [*_bad(source, 6), *_good(source, "north", 1)]
    await ingest.store(messages)
    before = await database.dump("identity", "timeline")
    await ingest.store(messages)
    assert difference(before, await database.dump("identity", "timeline")) == {}


async def test_a_resumed_site_ends_as_if_it_had_not_been_paused(
    database: Database, ingest: Ingest, ingest_pool: Pool
) -> None:
    """Held messages are processed in the order of the feed, those beyond the bound included, each counted once."""
    source = Feed()
    await ingest.store([*_bad(source, 5), *_good(source, "north", 1)])
    late = [source.message(platelets(str(200 + n), None, "same")) for n in range(12)]
    for part in feed.deliver_in_parts(late, 5):
        await ingest.store(part)
    (north,) = await _states(database)
    assert (north.held, await feed.counts(database)) == (
        8,
        {("rejected", "subject-missing"): 5, ("rejected", "site-paused"): 5},
    )
    read = [part.read async for part in Replay(ingest, ingest_pool, 3).resume("north")]
    assert sum(read) == 13
    assert await _states(database) == [SiteState("north", "", None, None, 0)]
    assert await feed.platelet_counts(database, patient()) == ["101", "211"]
    assert await feed.counts(database) == {("rejected", "subject-missing"): 5, ("accepted", ""): 13}
    assert await database.value("SELECT count(*) FROM identity.held_message") == 0
    await ingest.store(_good(source, "north", 2))
    assert await feed.platelet_counts(database, patient()) == ["101", "102", "211"]


async def test_the_pause_survives_a_restart_and_is_shown(stack: Stack, database: Database, tmp_path: Path) -> None:
    """The process that did not pause the site holds its messages all the same, says so, and is healthy."""
    group = f"test-pausing-{uuid4()}"
    await skip_to_end(stack.bootstrap_servers, group, topics.FEED)
    env = process.environment(stack, database, GRAFTWATCH_PAUSE_BAD_IN_A_ROW="5", GRAFTWATCH_CONFORMANCE="off")
    command = ("-m", "tests.support.dying_ingest", group)
    source = Feed()

    async def held(n: int) -> bool:
        return bool(await database.value("SELECT held FROM timeline.site_intake WHERE site = 'north'") == n)

    async with process.running(tmp_path / "first.log", env, *command) as first:
        await first.healthy()
        await send(stack.bootstrap_servers, _bad(source, 8))
        await eventually(lambda: held(3))
    async with process.running(tmp_path / "second.log", env, *command) as second:
        await second.healthy()
        await send(stack.bootstrap_servers, [*_good(source, "north", 1), *_good(source, "south", 1)])
        await eventually(lambda: held(4))
        await eventually(lambda: _shows(second))
        await eventually(lambda: _measures(second, 'graftwatch_site_paused{site="north"} 1.0'))
        await eventually(lambda: _measures(second, 'graftwatch_site_held_messages{site="north"} 4.0'))
    assert await feed.platelet_counts(database, KEYS.patient("south", "p1")) == ["101"]
    assert '"event": "site-paused"' in (tmp_path / "first.log").read_text()


async def _shows(service: process.ServiceProcess) -> bool:
    return "north" in (await service.healthy()).get("paused_sites", {})


async def _measures(service: process.ServiceProcess, figure: str) -> bool:
    _, metrics = await service.page("/metrics")
    return figure in metrics


def _bad(source: Feed, n: int) -> list[Any]:
    return source.messages(*(platelets("1", 1, f"bad{i}", subject={}) for i in range(n)))


def _good(source: Feed, site: str, n: int) -> list[Any]:
    return source.messages(platelets(str(100 + n), 1, f"good{n}"), site=site)


async def _states(database: Database) -> list[SiteState]:
    rows = await database.rows(
        "SELECT site, recent, paused_at, paused_because, held FROM timeline.site_intake ORDER BY site"
    )
    return [SiteState(**dict(r)) for r in rows]
