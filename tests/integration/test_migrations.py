"""The schema: applied twice or by two at once without harm, and each service's role confined to what is its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.cli.stack import Stack
from shared.protocol import load as protocol_files
from shared.protocol.load import protocol_hash
from shared.runtime import migrate, postgres
from tests.support import database as databases
from tests.support.database import Database, difference

DECIDING = ("eligibility", "response", "safety")
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
    assert await migrate.migrate(empty.url, protocols) == [name for name, _ in postgres.migrations()]
    before = await empty.dump("public", "protocol")
    assert await migrate.migrate(empty.url, protocols) == []
    assert difference(before, await empty.dump("public", "protocol")) == {}
    assert await empty.value("SELECT hash FROM protocol.protocol") == protocol_hash(*protocols.values())


async def test_two_migrators_at_once_are_harmless(empty: Database) -> None:
    """One applies each migration, the other waits and finds nothing to do."""
    applied = await asyncio.gather(*(postgres.migrate(empty.url) for _ in range(3)))
    assert sorted(applied, key=len) == [[], [], [name for name, _ in postgres.migrations()]]


async def test_a_failing_migration_leaves_nothing_half_done(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes before it is applied, of itself nothing."""
    broken = [("0001_good.sql", "CREATE TABLE good ()"), ("0002_bad.sql", "CREATE TABLE bad (); SELECT 1/0")]
    monkeypatch.setattr(postgres, "migrations", lambda: broken)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await postgres.migrate(empty.url)
    assert await empty.value("SELECT array_agg(tablename::text) FROM pg_tables WHERE tablename IN ('good', 'bad')") == [
        "good"
    ]
    assert await empty.value("SELECT array_agg(name) FROM graftwatch_migration") == ["0001_good.sql"]


async def test_every_table_says_what_it_is_for(database: Database) -> None:
    """Each table of the schema has a comment."""
    silent = await database.rows(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname IN ('identity', 'timeline', 'protocol', 'eligibility', 'notify')"
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
