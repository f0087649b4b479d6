"""The schema: applied twice or by two at once without harm, and each service's role confined to what is its own."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.cli.stack import Stack
from shared.protocol import load as protocol_files
from shared.protocol.load import protocol_hash
from shared.runtime import migrate, migrations, postgres
from shared.runtime.migrations import Step
from shared.sites import ConfigurationError
from tests.support import database as databases
from tests.support import released, servers
from tests.support.database import Database, difference

DECIDING = ("eligibility", "response", "safety")
PARTED = "0118_versions_in_parts.sql"
OUTCOME = "SELECT count(*) FROM {}.outcome"


@pytest.fixture
async def empty(stack: Stack) -> AsyncIterator[Database]:
    """A database without any schema."""
    made = await databases.create(stack.database_url)
    yield made
    await databases.drop(stack.database_url, made)


async def test_migrating_twice_changes_nothing(empty: Database) -> None:
    """The second time nothing is applied, and the protocols registered stay as they are."""
    protocols = protocol_files.load()
    assert await migrate.migrate(empty.url, protocols) == [s.name for s in migrations.steps()]
    before = await empty.dump("public", "protocol")
    assert await migrate.migrate(empty.url, protocols) == []
    assert difference(before, await empty.dump("public", "protocol")) == {}
    assert await empty.value("SELECT hash FROM protocol.protocol") == protocol_hash(*protocols.values())


async def test_two_migrators_at_once_are_harmless(empty: Database) -> None:
    """One applies each migration, the other waits and finds nothing to do."""
    applied = await asyncio.gather(*(migrations.apply(empty.url) for _ in range(3)))
    assert sorted(applied, key=len) == [[], [], [s.name for s in migrations.steps()]]


async def test_a_failing_migration_leaves_nothing_half_done(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes before it is applied, of itself nothing."""
    broken = (Step("0001_good.sql", "CREATE TABLE good ()"), Step("0002_bad.sql", "CREATE TABLE bad (); SELECT 1/0"))
    monkeypatch.setattr(migrations, "steps", lambda: broken)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrations.apply(empty.url)
    assert await empty.value("SELECT array_agg(tablename::text) FROM pg_tables WHERE tablename IN ('good', 'bad')") == [
        "good"
    ]
    assert await empty.value("SELECT array_agg(name) FROM graftwatch_migration") == ["0001_good.sql"]


PRE = Step("0200_more.sql", "ALTER TABLE timeline.patient ADD COLUMN more text")
POST = Step("0201_less.sql", "-- phase: post\nALTER TABLE timeline.patient DROP COLUMN more")


async def test_a_service_refuses_a_schema_that_it_cannot_work_on(
    database: Database, empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without schema, with one too old, with one too new: refused in words; between pre and post both releases work."""
    with pytest.raises(ConfigurationError, match=r"graftwatch_reader.*does not exist|no schema|role"):
        await postgres.connect(empty.url, "reader", size=1)
    ours = migrations.steps()
    with monkeypatch.context() as next_release:
        next_release.setattr(migrations, "steps", lambda: (*ours, PRE, POST))
        with pytest.raises(ConfigurationError, match=r"older than this release.*0200_more.sql.*--phase pre"):
            await postgres.connect(database.url, "reader", size=1)
        copy = await databases.create(database.url, databases.TEMPLATE)
        assert await migrations.apply(copy.url, "pre") == [PRE.name]
        await _as(copy, "reader", "SELECT more FROM timeline.patient")
    await _as(copy, "reader", "SELECT * FROM timeline.patient")  # this release on the next one's schema
    with monkeypatch.context() as next_release:
        next_release.setattr(migrations, "steps", lambda: (*ours, PRE, POST))
        assert await migrations.apply(copy.url, "post") == [POST.name]
        await _as(copy, "reader", "SELECT * FROM timeline.patient")
    with pytest.raises(ConfigurationError, match=r"newer than this release: 0201_less.sql"):
        await postgres.connect(copy.url, "reader", size=1)
    await databases.drop(database.url, copy)


async def test_a_post_step_waits_until_the_release_before_has_stopped(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a session of it is there the step is refused, and names it; afterwards it is applied."""
    copy = await databases.create(database.url, databases.TEMPLATE)
    ours = migrations.steps()
    async with await postgres.connect(copy.url, "safety", size=1):
        monkeypatch.setattr(migrations, "steps", lambda: (*ours, PRE, POST))
        assert await migrations.apply(copy.url, "pre") == [PRE.name]
        with pytest.raises(ConfigurationError, match=r"graftwatch-safety \(\d{4}\).*stop it first"):
            await migrations.apply(copy.url, "post")
    await copy.disconnect()
    assert await migrations.apply(copy.url, "post") == [POST.name]
    await databases.drop(database.url, copy)


async def test_a_step_holds_nobody_up_behind_a_backup(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """While `pg_dump` reads every table in one transaction, services go on, and the migrator says what is in its way."""
    ours = migrations.steps()
    copy = await databases.create(database.url, databases.TEMPLATE)
    monkeypatch.setattr(migrations, "steps", lambda: (*ours, PRE))
    for name, value in (("_LOCK_WAIT_MS", 200), ("_REST_SECONDS", 0.1), ("_TRIES", 3)):
        monkeypatch.setattr(migrations, name, value)
    backup = await asyncpg.connect(copy.url, server_settings={"application_name": "pg_dump"})
    async with backup.transaction():
        await backup.execute("LOCK TABLE timeline.patient IN ACCESS SHARE MODE")
        with pytest.raises(ConfigurationError, match=rf"{PRE.name}.*pg_dump \(process \d+\).*nothing of this step"):
            await asyncio.wait_for(migrations.apply(copy.url, "pre"), 30)
        monkeypatch.setattr(migrations, "_TRIES", 1000)
        migrating = asyncio.create_task(migrations.apply(copy.url, "pre"))
        await databases.eventually(lambda: _is_waiting(copy))
        async with asyncio.timeout(30):
            await copy.rows("SELECT FROM timeline.patient FOR UPDATE")  # as ingest does
        assert not migrating.done()
    assert await migrating == [PRE.name]
    await backup.close()
    await databases.drop(database.url, copy)


async def _is_waiting(database: Database) -> bool:
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    waiting = f"SELECT true FROM pg_locks WHERE {here} AND mode = 'AccessExclusiveLock' AND NOT granted"
    return bool(await database.value(waiting))


async def test_a_limit_that_somebody_set_for_the_whole_server_cuts_nothing_off(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a step that takes long, nor a service's sweep, nor a batch that waits for a lock."""
    copy = await databases.create(database.url, databases.TEMPLATE)
    for limit in ("statement_timeout", "lock_timeout"):
        of = f"format('ALTER DATABASE %I SET {limit} = 100', current_database())"
        await copy.rows(f"DO $$BEGIN EXECUTE {of}; END$$")
    ours = migrations.steps()
    monkeypatch.setattr(migrations, "steps", lambda: (*ours, Step("0200_slow.sql", "SELECT pg_sleep(0.3)")))
    assert await migrations.apply(copy.url, "pre") == ["0200_slow.sql"]
    async with await postgres.connect(copy.url, "safety", size=1) as pool:
        limits = [await pool.fetchval(f"SHOW {limit}") for limit in ("statement_timeout", "lock_timeout")]
    assert limits == ["0", "0"]
    await databases.drop(database.url, copy)


def test_phases_come_in_their_order() -> None:
    """pre before post; what an earlier release owes before either, unless everything is stopped and no phase is named."""
    steps = (PRE, POST)
    assert migrations.due((), None, steps, ()) == [PRE, POST]
    assert migrations.due((), "pre", steps, ()) == [PRE]
    with pytest.raises(ConfigurationError, match="--phase pre"):
        migrations.due((), "post", steps, ())
    owed = Step("0199_owed.sql", "-- phase: post\nSELECT 1")
    with pytest.raises(ConfigurationError, match=r"0199_owed.sql of an earlier release"):
        migrations.due({"0001_foundation.sql"}, "pre", (owed, PRE), {owed.name})
    assert migrations.due({"0001_foundation.sql"}, None, (owed, PRE), {owed.name}) == [owed, PRE]
    assert migrations.due((), "pre", (owed, PRE), {owed.name}) == [PRE]  # a new installation owes nothing


async def test_versions_that_are_there_stay_where_they_are(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parted tables from a database with rows: the whole becomes one part, nothing is copied, and what is new joins it."""
    ours = migrations.steps()
    monkeypatch.setattr(migrations, "steps", lambda: tuple(s for s in ours if s.name < PARTED))
    await migrations.apply(empty.url)
    insert = "INSERT INTO identity.resource_version (record, content_sha256, raw) VALUES ($1, $2, $3)"
    records = ["0" * 8, "7f" * 4, "ff" * 4]
    for record in records:
        await empty.rows(insert, record, record.encode(), b"sealed")
    before = await empty.rows("SELECT ctid, record, raw FROM identity.resource_version ORDER BY record")
    monkeypatch.setattr(migrations, "steps", lambda: ours)
    assert (await migrations.apply(empty.url))[0] == PARTED
    kept = await empty.rows("SELECT ctid, record, raw FROM identity.resource_version_whole ORDER BY record")
    assert kept == before
    parts = "SELECT count(*) FROM pg_partition_tree('identity.resource_version') WHERE isleaf"
    assert await empty.value(parts) == 1
    connection = await asyncpg.connect(empty.url)
    try:
        await connection.execute("SET ROLE graftwatch_ingest")
        await connection.execute(insert, "ab" * 4, b"new", b"sealed")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(insert, records[0], records[0].encode(), b"again")
        assert await connection.fetchval("SELECT count(*) FROM identity.resource_version") == len(records) + 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SELECT FROM identity.resource_version_whole")
    finally:
        await connection.close()
    await empty.rows("UPDATE identity.resource_version SET received_at = now() - interval '9 years'")
    assert await empty.value("SELECT operation.retain('superseded-versions', 30, 100)") == len(records) + 1
    assert await migrations.apply(empty.url) == []


async def test_a_full_disk_ends_a_step_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to do; what was applied stays, the database works, and with room the rest is applied."""
    ours = migrations.steps()
    large = Step(
        "9000_large.sql", "CREATE TABLE large AS SELECT repeat(md5(n::text), 60) FROM generate_series(1, 20000) n"
    )
    with servers.server(tmp_path) as server:
        with _files_of_at_most(20 * 2**20):
            await server.start()
        await server.do("CREATE DATABASE full_disk")
        url = server.url("full_disk")
        await migrations.apply(url)
        monkeypatch.setattr(migrations, "steps", lambda: (*ours, large))
        with pytest.raises(ConfigurationError, match="make room on the database's disk and run it again") as refused:
            await migrations.apply(url)
        assert str(refused.value).startswith("migrate: 9000_large.sql: could not ")
        assert "\n" not in str(refused.value)
        arrival = "INSERT INTO timeline.patient (patient, site) VALUES (gen_random_uuid(), 'north')"
        await server.do(arrival, database="full_disk")
        assert [s.name for s in (await migrations.state(url)).missing] == [large.name]
        server.stop()
        await server.start()
        assert await migrations.apply(url) == [large.name]


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """Whoever is started meanwhile writes no larger file: as on a full disk, and cheaper than one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_an_interrupted_migration_leaves_whole_steps(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off in the middle of a step, the database has the steps before it and nothing of that one; the next run goes on."""
    slow = Step("0002_slow.sql", "CREATE TABLE slow (); SELECT pg_sleep(60)")
    monkeypatch.setattr(migrations, "steps", lambda: (Step("0001_good.sql", "CREATE TABLE good ()"), slow))
    running = asyncio.create_task(migrations.apply(empty.url))

    async def sleeping() -> bool:
        return bool(
            await empty.value(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"
                " AND pid <> pg_backend_pid() AND datname = current_database()"
            )
        )

    await databases.eventually(sleeping)
    await empty.disconnect()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await running
    assert await empty.value("SELECT array_agg(name) FROM graftwatch_migration") == ["0001_good.sql"]
    assert await empty.value("SELECT to_regclass('slow')") is None
    monkeypatch.setattr(
        migrations,
        "steps",
        lambda: (Step("0001_good.sql", "SELECT 1/0"), Step("0002_slow.sql", "CREATE TABLE slow ()")),
    )
    assert await migrations.apply(empty.url) == ["0002_slow.sql"]


async def test_check_says_what_is_missing_and_changes_nothing(empty: Database) -> None:
    """`migrate --check` names the steps and ends with 1; after migrating it ends with 0."""
    told = {"DATABASE_URL": empty.url}
    done = await asyncio.to_thread(CliRunner().invoke, app, ["migrate", "--check"], env=told)
    assert (done.exit_code, "missing pre  0001_foundation.sql" in done.stdout) == (1, True)
    assert await empty.value("SELECT to_regclass('public.graftwatch_migration')") is None
    await migrations.apply(empty.url)
    done = await asyncio.to_thread(CliRunner().invoke, app, ["migrate", "--check"], env=told)
    assert (done.exit_code, done.stdout.strip()) == (0, "the schema is up to date")


async def test_the_release_before_works_on_the_new_schema(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `pre` every statement of the last release can still be run by each role that could, and its rows can be written.

    `docs/released/database.json` holds them, with the hash of each migration of that release: those are frozen.
    """
    of, ours = released.read(), migrations.steps()
    assert {s.name: released.digest(s) for s in ours if s.name in of.migrations} == of.migrations
    assert set(of.migrations) == migrations.released()
    monkeypatch.setattr(migrations, "steps", lambda: tuple(s for s in ours if s.name in of.migrations))
    await migrations.apply(empty.url)
    monkeypatch.setattr(migrations, "steps", lambda: ours)
    await migrations.apply(empty.url, "pre")
    connection = await asyncpg.connect(empty.url)
    try:
        assert await released.broken(connection, of) == []
        for breaking in (
            "ALTER TABLE timeline.fact RENAME COLUMN record TO of_record",
            "REVOKE INSERT ON safety.outcome FROM graftwatch_safety",
            "ALTER TABLE notify.delivery ADD COLUMN needed text NOT NULL",
            "ALTER TABLE eligibility.evaluation DROP CONSTRAINT evaluation_pkey",
        ):
            trial = connection.transaction()
            await trial.start()
            await connection.execute(breaking)
            assert await released.broken(connection, of), breaking
            await trial.rollback()
    finally:
        await connection.close()


async def test_every_table_says_what_it_is_for(database: Database) -> None:
    """Each table of the schema has a comment."""
    silent = await database.rows(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('identity', 'timeline', 'protocol',"
        " 'eligibility', 'notify', 'console', 'operation')"
        " AND obj_description(c.oid, 'pg_class') IS NULL"
    )
    assert [r["name"] for r in silent] == []


@pytest.mark.parametrize("service", DECIDING)
async def test_a_deciding_service_may_do_its_own(database: Database, service: str) -> None:
    """It reads timelines and protocols, and writes its evaluations and its outbox."""
    for allowed in (
        "SELECT * FROM timeline.fact",
        "SELECT * FROM protocol.protocol",
        f"INSERT INTO {service}.evaluation (patient, protocol) VALUES (gen_random_uuid(), 'p')",
        f"UPDATE {service}.outbox SET relayed_at = now()",
        f"SELECT * FROM {service}.current_outcome",
    ):
        await _as(database, service, allowed)


@pytest.mark.parametrize("service", DECIDING)
async def test_a_deciding_service_is_refused_elsewhere(database: Database, service: str) -> None:
    """It cannot see an identifier, change a timeline or a protocol, look at another service, or rewrite an outcome."""
    other = next(s for s in DECIDING if s != service)
    for refused in (
        "SELECT * FROM identity.patient",
        "SELECT * FROM identity.resource_version",
        "SELECT * FROM identity.dead_letter",
        "INSERT INTO timeline.patient (patient, site) VALUES (gen_random_uuid(), 'north')",
        "UPDATE timeline.fact SET ended_in = 1",
        "DELETE FROM protocol.protocol",
        OUTCOME.format(other),
        f"UPDATE {service}.outcome SET content = '{{}}'",
        f"DELETE FROM {service}.outcome",
        "CREATE TABLE timeline.mine ()",
    ):
        await _refused(database, service, refused)


async def test_ingest_writes_timelines_and_sees_no_decision(database: Database) -> None:
    """It writes identity and timeline, deletes nothing, and reads no outcome."""
    await _as(database, "ingest", "SELECT * FROM identity.dead_letter")
    await _as(database, "ingest", "INSERT INTO timeline.patient (patient, site) VALUES (gen_random_uuid(), 'north')")
    for refused in (
        "DELETE FROM timeline.fact",
        "DELETE FROM identity.resource_version",
        OUTCOME.format("eligibility"),
    ):
        await _refused(database, "ingest", refused)


async def test_the_reader_reads_outcomes_and_nothing_with_identifiers(database: Database) -> None:
    """Who shows how far the system is sees timelines and outcomes, writes nothing, and sees no identifier."""
    for service in DECIDING:
        await _as(database, "reader", OUTCOME.format(service))
    for refused in ("SELECT * FROM identity.patient", "UPDATE timeline.patient SET version = 0"):
        await _refused(database, "reader", refused)


async def _as(database: Database, service: str, sql: str) -> None:
    async with await postgres.connect(database.url, service, size=1) as pool:
        await pool.execute(sql)


async def _refused(database: Database, service: str, sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _as(database, service, sql)
