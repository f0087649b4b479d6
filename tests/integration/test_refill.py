"""A wider scope is made up for from the feed topics themselves, changing nothing else."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.cli.stack import Stack, TopicSpec, create_topics
from services.ingest.catching_up import CatchingUp
from services.ingest.messages import FeedMessage, from_record
from services.ingest.reader import Reader
from services.ingest.store import Ingest
from shared import sites
from shared.fhir.scope import Scope
from shared.protocol import load as protocol_files
from shared.runtime import coverage
from shared.runtime.postgres import Pool
from shared.runtime.progress import ProgressPage
from tests.support import feed, process
from tests.support.database import Database, difference
from tests.support.feed import CAMRELIZUMAB, KEYS, SITES, VAULT, Feed, administration, medication, patient, platelets
from tests.support.records import Resource, lab, resource
from tests.support.topics import producer, send

SCOPE = protocol_files.scope(protocol_files.load().values())
NARROW = Scope(SCOPE.concepts - {"platelets", "camrelizumab"}, "narrow")
Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def topic(stack: Stack) -> str:
    """A feed topic of one site's own, so that no other test's messages are read."""
    name = f"north-{uuid4().hex[:12]}"
    create_topics(stack.bootstrap_servers, [TopicSpec(name, 1)])
    return name


@pytest.fixture
def files(tmp_path: Path, topic: str) -> Path:
    """The site files, with that topic."""
    for path in SITES.glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.stem == "north":
            content["topics"] = [topic]
        (tmp_path / path.name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return tmp_path


@pytest.fixture
def graftwatch(stack: Stack, database: Database, files: Path, tmp_path: Path) -> Run:
    """Runs the command line as a user would; exit code and output."""

    async def run(*arguments: str) -> tuple[int, str]:
        env = process.environment(stack, database, GRAFTWATCH_HOME=str(tmp_path / "home"), GRAFTWATCH_SITES=str(files))
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from services.cli.main import main; main()", *arguments),
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(started.communicate(), 90)
        return started.returncode or 0, output.decode()

    return run


async def test_a_refill_ends_in_the_facts_of_a_feed_read_with_todays_scope(
    stack: Stack, database: Database, ingest_pool: Pool, files: Path, topic: str, graftwatch: Run
) -> None:
    """What was out of scope is stored now, in the order of its versions; counts, positions and what was there stay.

    A second refill changes no row, and the gap is closed.
    """
    sent: list[Resource | bytes] = [
        lab(id_="alt"),
        platelets("140", None),
        platelets("90", None),
        b"no JSON",
        administration(),
        medication(CAMRELIZUMAB),
        resource("Patient", "p1", gender="male"),
    ]
    before = Ingest(Reader(sites.load(files), NARROW, KEYS), ingest_pool, VAULT)
    await _widen(before, ingest_pool)
    await _store(before, await _published(stack, topic, Feed().messages(*sent, topic=topic)))
    assert await feed.platelet_counts(database, patient()) == []
    today = Ingest(Reader(sites.load(files), SCOPE, KEYS), ingest_pool, VAULT)
    await _widen(today, ingest_pool)
    code, said = await graftwatch("coverage", "--json")
    (gap,) = json.loads(said)["earlier_feed_missing"]
    assert (code, gap["site"], gap["concepts"]) == (1, "north", ["camrelizumab", "platelets"])
    untouched = await database.dump("timeline")
    code, said = await graftwatch("refill", "--json")
    assert (code, json.loads(said)["messages_read"], json.loads(said)["new_dead_letters"]) == (0, len(sent), 1)
    assert await feed.platelet_counts(database, patient()) == ["90"]
    assert await feed.drugs(database) == ["camrelizumab"]
    after = await database.dump("timeline")
    assert after.keys() - difference(untouched, after).keys() >= {"timeline.feed_count", "timeline.feed_position"}
    assert [g.is_open for g in await coverage.gaps(ingest_pool)] == [False]
    whole = await database.dump("identity", "timeline")
    assert (await graftwatch("refill", "--site", "north"))[0] == 0
    again = await database.dump("identity", "timeline")
    again.pop("timeline.scope_gap"), whole.pop("timeline.scope_gap")
    assert difference(whole, again) == {}


async def test_what_ingest_has_not_read_is_left_to_it(
    stack: Stack, database: Database, ingest_pool: Pool, files: Path, topic: str, graftwatch: Run
) -> None:
    """A refill stops where ingest is: later messages are counted and stored once, by it. A paused site is refused."""
    first, later = platelets("140", 1, "a"), platelets("150", 1, "b")
    ingest = Ingest(Reader(sites.load(files), SCOPE, KEYS), ingest_pool, VAULT)
    records = await _published(stack, topic, Feed().messages(first, later, topic=topic))
    await ingest.store(records[:1])
    assert (await graftwatch("refill", "--site", "north"))[0] == 0
    assert await feed.platelet_counts(database, patient()) == ["140"]
    await ingest.store(records[1:])
    assert await feed.counts(database) == {("accepted", ""): 2}
    await database.rows("UPDATE timeline.site_intake SET paused_at = now() WHERE site = 'north'")
    await database.rows(
        "INSERT INTO timeline.site_intake (site, paused_at) VALUES ('north', now()) ON CONFLICT DO NOTHING"
    )
    code, said = await graftwatch("refill", "--site", "north")
    assert (code, "sites resume north" in said, "Traceback" in said) == (1, True, False)


async def _published(stack: Stack, topic: str, messages: list[FeedMessage]) -> list[FeedMessage]:
    """These messages as the broker delivers them."""
    async with producer(stack.bootstrap_servers) as to:
        await to.partitions_for(topic)
    await send(stack.bootstrap_servers, messages)
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.bootstrap_servers, fetch_max_wait_ms=40)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        found: list[FeedMessage] = []
        async with asyncio.timeout(20):
            while len(found) < len(messages):
                polled = await consumer.getmany(timeout_ms=50)
                found += [from_record(r, stack.feed_epoch) for records in polled.values() for r in records]
        return found
    finally:
        await consumer.stop()


async def _store(ingest: Ingest, messages: list[FeedMessage]) -> None:
    await ingest.store(messages)


async def _widen(ingest: Ingest, pool: Pool) -> None:
    async def tell(hints: object, letters: object) -> None:
        del hints, letters

    await CatchingUp(ingest, pool, ProgressPage("ingest", "127.0.0.1", 0), tell).widen()
