"""Backup, restore to a point in time, and failover: what the database lost is read again from the feed, and nothing else."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from services.cli.stack import Stack
from services.cli.status import database as database_status
from shared import topics
from shared.runtime import metrics, watching
from tests.support import process, servers
from tests.support.database import Database, eventually
from tests.support.feed import Feed, platelets
from tests.support.installation import (
    REPLICATING,
    as_service,
    base_backup,
    installed,
    is_primary,
    receives_nothing,
    replicated,
    stop_following,
)
from tests.support.topics import committed, send, skip_to_end

INGEST = ("-m", "tests.support.dying_ingest")
FACTS = (
    "SELECT patient::text, fact_id::text, record, kind, occurred_at::text, fact::text, ended_in IS NULL AS live"
    " FROM timeline.fact ORDER BY 1, 2, 3"
)
RESOURCES = "SELECT record, encode(content_sha256, 'hex') AS content, deleted FROM identity.resource ORDER BY 1"
POSITIONS = "SELECT topic, partition, next_offset FROM timeline.feed_position WHERE next_offset > 0 ORDER BY 1, 2"
A_FILE_OF_LOG = "SELECT pg_logical_emit_message(true, 'test', 'x'), pg_switch_wal()"
_LIMIT_S = 180.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="graftwatch-backup-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
async def group(stack: Stack) -> str:
    """A consumer group that begins at the end of the feed."""
    name = f"test-backup-{uuid4()}"
    await skip_to_end(stack.bootstrap_servers, name, topics.FEED)
    return name


async def _until(database: Database, facts: int) -> None:
    """Wait until ingest, which may have to start first, has stored so many facts."""
    await eventually(lambda: _read(database, facts), _LIMIT_S)


async def _committed(stack: Stack, group: str, database: Database) -> bool:
    """Whether the group's offsets are where the database is."""
    offsets = await committed(stack.bootstrap_servers, group, topics.FEED)
    known = {(r["topic"], r["partition"]): r["next_offset"] for r in await database.rows(POSITIONS)}
    return known == {place: offsets.get(place) for place in known}


async def _read(database: Database, facts: int) -> bool:
    return int(await database.value("SELECT count(*) FROM timeline.fact")) == facts


async def test_a_log_that_is_not_archived_and_a_replica_that_does_not_read_are_seen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the metric and on the screen, as the server itself says; and that it was mended."""
    with servers.server(folder, "primary") as primary:
        mended = folder / "mended"
        await primary.start({"wal_level": "replica", "archive_mode": "on", "archive_command": f"test -e {mended}"})
        async with asyncpg.create_pool(primary.url(), ssl=False, min_size=1, max_size=1) as pool:

            async def fails(*, expected: bool) -> bool:
                await watching._log_archive(pool)
                return bool(metrics.ARCHIVE_FAILS._value.get()) is expected

            await pool.execute(A_FILE_OF_LOG)
            await eventually(lambda: fails(expected=True), _LIMIT_S)
            await pool.execute("SELECT pg_create_physical_replication_slot('standby', true)")
            found = {f.part: f for f in await database_status._backup(pool)}
            assert found["backup"].state == "wrong"
            assert "cannot archive its log" in found["backup"].says
            assert found["replica standby"].state == "well"  # little is kept so far
            monkeypatch.setattr(database_status, "_KEPT_BYTES", -1)
            found = {f.part: f for f in await database_status._backup(pool)}
            assert (found["replica standby"].state, "is not read" in found["replica standby"].says) == ("wrong", True)
            mended.touch()
            await pool.execute(A_FILE_OF_LOG)  # else the server waits a minute before it tries again
            await eventually(lambda: fails(expected=False), _LIMIT_S)
            found = {f.part: f for f in await database_status._backup(pool)}
            assert found["backup"].state == "well"


async def test_restored_to_before_a_mistake_it_catches_up_from_the_feed(stack: Stack, group: str, folder: Path) -> None:
    """A base backup and the archived log give back the minute before a deletion; ingest then reads again what came later."""
    archive = folder / "archive"
    archive.mkdir(mode=0o700)
    feed_ = Feed()
    parts = [feed_.messages(*(platelets(str(100 + n), 1, f"o{p}-{n}", f"p{n}") for n in range(6))) for p in range(3)]
    with servers.server(folder, "primary") as primary, servers.server(folder, "restored", empty=True) as restored:
        primary.own(archive)
        await primary.start(REPLICATING | {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f"})
        primary.configure("pg_hba.conf", "host replication graftwatch_backup 127.0.0.1/32 scram-sha-256\n")
        await primary.do("SELECT pg_reload_conf()")
        database = await installed(primary)
        async with process.running(
            folder / "before.log", as_service("ingest", primary, stack), *INGEST, group
        ) as ingest:
            await send(stack.bootstrap_servers, parts[0])
            await _until(database, 6)
            base_backup(primary, restored)
            await send(stack.bootstrap_servers, parts[1])
            await _until(database, 12)
            until = await database.value("SELECT now()::text")
            await send(stack.bootstrap_servers, parts[2])
            await _until(database, 18)
            await eventually(lambda: _committed(stack, group, database), _LIMIT_S)
            await ingest.kill()
        complete = [await database.rows(q) for q in (FACTS, RESOURCES, POSITIONS)]
        await database.rows("DELETE FROM timeline.fact")  # the mistake
        await _archived(database)
        primary.stop()
        (restored.data / "recovery.signal").touch()
        restored.own(restored.data / "recovery.signal")
        await restored.start(
            REPLICATING
            | {
                "restore_command": f"cp {archive}/%f %p",
                "recovery_target_time": until,
                "recovery_target_action": "promote",
                "archive_mode": "off",
            }
        )
        again = Database(restored.url("hospital"))
        await eventually(lambda: is_primary(again), _LIMIT_S)
        assert await _read(again, 12)
        async with process.running(
            folder / "after.log", as_service("ingest", primary, stack, restored), *INGEST, group
        ):
            await _until(again, 18)  # without any new message: the group had committed all of it
        assert [await again.rows(q) for q in (FACTS, RESOURCES, POSITIONS)] == complete
        assert "feed-read-again" in (folder / "after.log").read_text()


async def _archived(database: Database) -> None:
    """Wait until the log so far is in the archive."""
    segment = await database.value("SELECT pg_walfile_name(pg_switch_wal())")

    async def there() -> bool:
        return bool(await database.value("SELECT last_archived_wal >= $1 FROM pg_stat_archiver", segment))

    await eventually(there, _LIMIT_S)


@pytest.mark.parametrize("behind", [False, True], ids=["the-replica-has-everything", "the-replica-lags"])
async def test_services_go_on_with_the_promoted_replica(stack: Stack, group: str, folder: Path, behind: bool) -> None:
    """The primary dies while ingest runs: it finds the promoted replica by itself, and what that one lacks is read again."""
    feed_ = Feed()
    parts = [feed_.messages(*(platelets(str(100 + n), 1, f"o{p}-{n}", f"p{n}") for n in range(6))) for p in range(3)]
    with servers.server(folder, "primary") as primary, servers.server(folder, "replica", empty=True) as replica:
        database = await replicated(primary, replica)
        copy = Database(replica.url("hospital"))
        env = as_service("ingest", primary, stack, primary, replica)
        async with process.running(folder / "ingest.log", env, *INGEST, group):
            await send(stack.bootstrap_servers, parts[0])
            await _until(copy, 6)
            if behind:
                await stop_following(replica)
                await eventually(lambda: receives_nothing(copy), _LIMIT_S)
            await send(stack.bootstrap_servers, parts[1])
            await _until(database, 12)
            if not behind:
                await _until(copy, 12)
            primary.stop(signal.SIGQUIT)
            await copy.rows("SELECT pg_promote(wait => false)")
            await eventually(lambda: is_primary(copy), _LIMIT_S)
            await _until(copy, 12)  # what was lost comes back without any new message
            await send(stack.bootstrap_servers, parts[2])
            await _until(copy, 18)
        assert ("feed-read-again" in (folder / "ingest.log").read_text()) == behind
        assert len(await copy.rows(RESOURCES)) == 18


async def test_every_connection_cut_costs_time_only(stack: Stack, group: str, folder: Path) -> None:
    """All sessions of all services ended at once, several times: each is opened anew, and nothing is missing."""
    messages = Feed().messages(*(platelets("140", 1, f"o{n}", f"p{n % 7}") for n in range(60)))
    with servers.server(folder, "primary") as primary:
        await primary.start()
        database = await installed(primary)
        env = as_service("ingest", primary, stack)
        async with process.running(folder / "ingest.log", env, *INGEST, group):
            for n in range(0, 60, 20):
                await send(stack.bootstrap_servers, messages[n : n + 20])
                await database.disconnect()
                await _until(database, n + 20)
                await database.disconnect()
