"""The ingest process between a real broker and a real Postgres: crashes, poison, lost connections."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from services.cli.stack import Stack
from shared import topics
from shared.runtime.hints import Hint
from tests.support import feed, process
from tests.support.database import Database, difference, eventually
from tests.support.feed import Feed, patient, platelets
from tests.support.records import Resource
from tests.support.stack import BROKER_VARIABLE
from tests.support.topics import committed, listening, send, skip_to_end

INGEST = ("-m", "tests.support.dying_ingest")

POISON: dict[str, Resource | bytes | None] = {
    "not-json": b"MSH|^~\\&|LAB|NORTH",
    "not-utf-8": b"\xff\xfe\x00{",
    "truncated": b'{"resourceType": "Observation", "id": ',
    "empty": b"",
    "no-object": b"[1, 2, 3]",
    "no-type": {"id": "x"},
    "unknown-type": {"resourceType": "Observatoin"},
    "too-deep": b'{"resourceType": "Observation", "code": ' + b"[" * 50_000,
    "no-subject": platelets("1", subject={}),
    "impossible-date": platelets("1", effectiveDateTime="2024-02-30"),
    "unknown-unit": platelets("1", valueQuantity={"value": 1, "code": "blobs", "system": "http://unitsofmeasure.org"}),
    "text-for-a-number": platelets("1", valueQuantity={"value": "one", "code": "10*9/L"}),
    "tombstone-of-no-record": None,
}


@pytest.fixture
async def group(stack: Stack) -> str:
    """A consumer group that begins at the end of the feed."""
    name = f"test-ingest-{uuid4()}"
    await skip_to_end(stack.bootstrap_servers, name, topics.FEED)
    return name


async def test_poison_between_good_messages_stops_nothing(
    stack: Stack, database: Database, group: str, tmp_path: Path
) -> None:
    """In one partition each kind of poison becomes one dead letter with its bytes, and all its neighbours are stored.

    Among the poison is a message that Postgres refuses; pointers on `dead-letters` hold none of the content.
    """
    source = Feed()
    messages = [source.message(platelets("140", 1, "good-first"))]
    for name, poison in POISON.items():
        messages += source.messages(poison, platelets("140", 1, f"good-{name}"), key="row-17")
    messages += source.messages(platelets("13", 1, "refused"), platelets("140", 1, "good-last"))
    messages += [source.message(platelets("1"), site=None), source.message(platelets("1"), site="nowhere")]
    messages += [source.message(platelets("140", 1, "good-end"))]
    env = process.environment(stack, database)
    async with (
        database.refusing("13"),
        listening(stack.bootstrap_servers, topics.DEAD_LETTERS) as pointers,
        process.running(tmp_path / "ingest.log", env, *INGEST, group) as ingest,
    ):
        await ingest.healthy()
        await send(stack.bootstrap_servers, messages)
        await eventually(lambda: _counted(database, len(messages)))
        heard = await pointers.until(lambda records: len({r.key for r in records}) >= len(POISON) + 3)
    letters = await database.rows("SELECT dead_letter, reason FROM identity.dead_letter")
    values = (await feed.dead_values(database)).values()
    assert len(await feed.live_facts(database)) == len(POISON) + 3
    assert sorted(v or b"" for v in values) == sorted(m.value or b"" for m in messages if _is_poison(m.value))
    assert {d["reason"] for d in letters} >= {"not-json", "empty", "unknown-site", "tombstone-key", "reader-fault"}
    ours = {UUID(r.key.decode()): r.value for r in heard}
    assert {d["dead_letter"] for d in letters} <= ours.keys()
    assert all(
        b"blobs" not in pointer and b"nowhere" not in pointer and b"p1" not in pointer for pointer in ours.values()
    )


async def test_a_crash_between_commit_and_hint_loses_nothing(
    stack: Stack, database: Database, group: str, tmp_path: Path
) -> None:
    """Killed after its transaction and before its hints, ingest is given the batch again: same rows, and the hint is sent.

    It restarts under a group at the same offsets, so that nobody waits for the broker to give up the killed member.
    """
    successor = f"{group}-successor"
    await skip_to_end(stack.bootstrap_servers, successor, topics.FEED)
    offsets = await committed(stack.bootstrap_servers, group, topics.FEED)
    env = process.environment(stack, database)
    messages = Feed().messages(platelets("140"), b"no JSON")
    async with listening(stack.bootstrap_servers, topics.TIMELINE_CHANGES) as hints:
        await send(stack.bootstrap_servers, messages)  # before it begins, so that it finds both in its first batch
        async with process.running(tmp_path / "first.log", env, *INGEST, group, "die") as mortal:
            assert await mortal.ended() == -signal.SIGKILL
        assert await committed(stack.bootstrap_servers, group, topics.FEED) == offsets
        before = await database.dump("identity", "timeline")
        assert await feed.platelet_counts(database, patient()) == ["140"]
        async with process.running(tmp_path / "second.log", env, *INGEST, successor) as restarted:
            await restarted.healthy()
            heard = await hints.until(lambda records: any(r.key == str(patient()).encode() for r in records), 40)
            assert await restarted.end() == 0
    assert difference(before, await database.dump("identity", "timeline")) == {}
    assert {msgspec.json.decode(r.value, type=Hint).version for r in heard if r.key == str(patient()).encode()} == {1}


async def test_a_lost_database_connection_is_survived(
    stack: Stack, database: Database, group: str, tmp_path: Path
) -> None:
    """Backends terminated while batches arrive cost time and nothing else: each resource is stored and counted once."""
    env = process.environment(stack, database, GRAFTWATCH_BATCH_SIZE="20")
    messages = Feed().messages(*(platelets("140", 1, f"o{i}", of=f"p{i % 7}") for i in range(200)))
    async with process.running(tmp_path / "ingest.log", env, *INGEST, group) as ingest:
        await ingest.healthy()
        for part in feed.deliver_in_parts(messages, 50):
            await send(stack.bootstrap_servers, part)
            await database.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'graftwatch-ingest %' AND datname = current_database()"
            )
        await eventually(lambda: _counted(database, len(messages)), 30)
        status, text = await ingest.page("/metrics")
    assert (status, "graftwatch_feed_resources_total" in text) == (200, True)
    assert len(await feed.live_facts(database)) == 200
    assert await feed.counts(database) == {("accepted", ""): 200}


async def test_a_full_disk_makes_no_dead_letters(stack: Stack, database: Database, group: str, tmp_path: Path) -> None:
    """While Postgres cannot extend a file the batch is tried again; nothing is set aside, and all of it stored once it can."""
    log = tmp_path / "ingest.log"
    messages = Feed().messages(platelets("140", 1, "o1"), platelets("90", 1, "o2"))

    async def tried_twice() -> bool:
        return log.read_text().count("batch-retried") >= 2

    async with process.running(log, process.environment(stack, database), *INGEST, group) as ingest:
        await ingest.healthy()
        async with database.full():
            await send(stack.bootstrap_servers, messages)
            await eventually(tried_twice)
            assert await database.value("SELECT count(*) FROM identity.dead_letter") == 0
        await eventually(lambda: _counted(database, len(messages)))
    assert await feed.counts(database) == {("accepted", ""): 2}
    assert "message-set-aside" not in log.read_text()


async def test_offsets_that_cannot_be_committed_end_nothing(
    stack: Stack, database: Database, group: str, tmp_path: Path
) -> None:
    """The coordinator of the group is away after one batch and the next: both are stored, and ingest goes on."""
    log = tmp_path / "ingest.log"
    source = Feed()
    env = process.environment(stack, database)
    async with process.running(log, env, *INGEST, group, "uncommitted") as ingest:
        await ingest.healthy()
        for n in (1, 2):
            await send(stack.bootstrap_servers, source.messages(platelets("140", 1, f"o{n}")))
            await eventually(lambda n=n: _counted(database, n))
        assert "commit-skipped" in log.read_text()
        assert await ingest.end() == 0


async def _counted(database: Database, messages: int) -> bool:
    counted = sum((await feed.counts(database)).values())
    assert counted <= messages
    return counted == messages


def _is_poison(value: bytes | None) -> bool:
    return value is None or b'"id":"good-' not in value


async def test_no_offset_is_committed_past_a_dead_letter_that_cannot_be_kept(
    stack: Stack, database: Database, group: str, tmp_path: Path
) -> None:
    """It is tried again until it can be kept, and only then is its place in the feed given up."""
    servers, log = stack.bootstrap_servers, tmp_path / "ingest.log"
    before = await committed(servers, group, topics.FEED)

    async def tried_twice() -> bool:
        return log.read_text().count("message-set-aside") > 1

    async def moved() -> bool:
        return await committed(servers, group, topics.FEED) != before

    async with process.running(log, process.environment(stack, database), *INGEST, group) as ingest:
        await ingest.healthy()
        async with database.keeping_no_dead_letter():
            await send(servers, Feed().messages(b"no JSON"))
            await eventually(tried_twice)
            assert not await moved()
            assert await feed.counts(database) == {}
        await eventually(moved)
    assert list((await feed.dead_values(database)).values()) == [b"no JSON"]


async def test_what_is_polled_and_not_stored_counts_as_lag(
    stack: Stack, database: Database, group: str, tmp_path: Path
) -> None:
    """While the database does not let a batch through, health and metrics show its messages as waiting; then none."""
    env = process.environment(stack, database)
    topic = topics.OBSERVATIONS.name
    messages = Feed().messages(*(platelets("140", 1, f"o{i}") for i in range(5)), topic=topic)
    async with process.running(tmp_path / "ingest.log", env, *INGEST, group) as ingest:
        await ingest.healthy()
        async with database.locked("timeline.feed_position"):
            await send(stack.bootstrap_servers, messages)
            await eventually(lambda: _lags(ingest, 5), 30)
            assert await feed.counts(database) == {}
        await eventually(lambda: _counted(database, len(messages)), 30)
        await eventually(lambda: _lags(ingest, 0), 30)


async def _lags(ingest: process.ServiceProcess, messages: int) -> bool:
    _, text = await ingest.page("/health")
    return text != "" and bool(msgspec.json.decode(text)["lag"] == messages)


async def test_where_the_database_lacks_something_the_group_is_set_back_before_it_is_read_again(
    stack: Stack, database: Database, group: str, tmp_path: Path
) -> None:
    """Nothing is stored meanwhile: whoever got the partition now, in a rebalance say, would begin where the database is."""
    servers, of_one_partition = stack.bootstrap_servers, (platelets("140", 1, f"o{n}") for n in range(5))

    async def stands() -> bool:
        known = await database.rows("SELECT topic, partition, next_offset FROM timeline.feed_position")
        offsets = await committed(servers, group, topics.FEED)
        return {r["next_offset"] for r in known} == {offsets[r["topic"], r["partition"]] for r in known}

    async with process.running(tmp_path / "ingest.log", process.environment(stack, database), *INGEST, group) as ingest:
        await ingest.healthy()
        await send(servers, Feed().messages(*of_one_partition, key="row-17"))
        await eventually(lambda: _counted(database, 5), 30)
        await eventually(stands, 30)
        at = "SELECT max(next_offset) FROM timeline.feed_position"
        end = await database.value(at)
        await database.rows("UPDATE timeline.feed_position SET next_offset = next_offset - 2")
        async with database.locked("timeline.feed_position"):  # unless ingest has been quicker, and is done
            await eventually(stands, 30)
        await eventually(lambda: _is(database, at, end), 30)
        await database.rows("UPDATE timeline.feed_position SET next_offset = next_offset + 1000")
        await eventually(
            lambda: _says(ingest, "/health", "feed-made-anew"), 30
        )  # the topic ends before what was read of it


async def _is(database: Database, query: str, value: int) -> bool:
    return bool(await database.value(query) == value)


@pytest.mark.skipif(os.environ.get(BROKER_VARIABLE) != "apache", reason=f"{BROKER_VARIABLE} is not apache")
async def test_what_the_broker_removed_unread_is_said(
    stack: Stack, database: Database, group: str, tmp_path: Path
) -> None:
    """Ingest was away for longer than the topic keeps its messages: two of three are gone, and it goes on with the third."""
    servers, log = stack.bootstrap_servers, tmp_path / "ingest.log"
    source, env, known = (
        Feed(),
        process.environment(stack, database),
        "SELECT topic, partition, next_offset FROM timeline.feed_position",
    )
    first, *rest = source.messages(*(platelets("140", 1, f"o{n}") for n in range(4)), key="row-17")
    await send(servers, [first])
    async with process.running(log, env, *INGEST, group) as ingest:
        await eventually(lambda: _counted(database, 1), 30)
        assert await ingest.end() == 0
    await send(servers, rest)
    ((topic, partition, offset),) = await database.rows(known)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=offset + 2)})
    await admin.close()
    async with process.running(log, env, *INGEST, group) as ingest:
        await eventually(lambda: _counted(database, 2), 30)
        await eventually(
            lambda: _says(ingest, "/metrics", f'graftwatch_feed_lost_messages_total{{topic="{topic}"}} 2.0'), 30
        )
    assert "feed-lost" in log.read_text()


async def _says(ingest: process.ServiceProcess, page: str, what: str) -> bool:
    _, text = await ingest.page(page)
    return what in text
