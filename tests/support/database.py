"""Decides how a test gets a database of its own, and how two states of one are compared. Holds no rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from shared.runtime.postgres import Connection

TEMPLATE: Final = "graftwatch_test_template"
_HALT: Final = 4_711_471
_VOLATILE: Final = {"identity.dead_letter": ("last_failed_at",)}
"""Columns that a redelivery may move."""


@dataclass(frozen=True)
class Database:
    """A migrated database that no other test uses; queried as its owner."""

    url: str

    async def rows(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """The rows of a query."""
        async with self._connected() as connection:
            return list(await connection.fetch(query, *values))

    async def value(self, query: str, *values: Any) -> Any:
        """The first column of the first row; None where there is none."""
        rows = await self.rows(query, *values)
        return rows[0][0] if rows else None

    async def dump(self, *schemas: str) -> dict[str, list[str]]:
        """Every row of every table of these schemas, but for what a redelivery may move."""
        async with self._connected() as connection:
            return {table: await _content(connection, table) for table in await _tables(connection, schemas)}

    async def empty(self, *schemas: str) -> None:
        """Forget every row of these schemas."""
        async with self._connected() as connection:
            await connection.execute(";".join(f"DELETE FROM {t}" for t in await _tables(connection, schemas)))

    async def disconnect(self) -> None:
        """End whatever still uses it: the sessions of a killed process, say."""
        await self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    @asynccontextmanager
    async def locked(self, table: str) -> AsyncIterator[None]:
        """Meanwhile let nobody else write this table."""
        async with self._connected() as connection, connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            yield

    @asynccontextmanager
    async def refusing(self, platelets: str) -> AsyncIterator[None]:
        """Meanwhile refuse to store this platelet count, for a reason that no reader of messages can foresee."""
        condition = f"CHECK (fact->'value'->>'value' <> '{platelets}')"
        await self.rows(f"ALTER TABLE timeline.fact ADD CONSTRAINT refusing {condition} NOT VALID")
        try:
            yield
        finally:
            await self.rows("ALTER TABLE timeline.fact DROP CONSTRAINT refusing")

    @asynccontextmanager
    async def keeping_no_dead_letter(self) -> AsyncIterator[None]:
        """Meanwhile refuse to store any dead letter."""
        await self.rows("ALTER TABLE identity.dead_letter ADD CONSTRAINT refusing CHECK (false) NOT VALID")
        try:
            yield
        finally:
            await self.rows("ALTER TABLE identity.dead_letter DROP CONSTRAINT refusing")

    @asynccontextmanager
    async def halting(self, record_version: int) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        """Meanwhile let whoever inserts a record in this version wait; gives a condition: somebody waits."""
        halt = f"BEGIN PERFORM pg_advisory_xact_lock({_HALT}); RETURN NEW; END"
        await self.rows(f"CREATE FUNCTION public.halt() RETURNS trigger LANGUAGE plpgsql AS $$ {halt} $$")
        when = f"FOR EACH ROW WHEN (NEW.version_id = {record_version}) EXECUTE FUNCTION public.halt()"
        await self.rows(f"CREATE TRIGGER halt BEFORE INSERT ON identity.resource {when}")
        here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        waiting = (
            f"SELECT true FROM pg_locks WHERE {here} AND locktype = 'advisory' AND objid = {_HALT} AND NOT granted"
        )
        try:
            async with self._connected() as connection, connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({_HALT})")
                yield lambda: self.value(waiting)
        finally:
            await self.rows("DROP FUNCTION public.halt() CASCADE")

    @asynccontextmanager
    async def full(self) -> AsyncIterator[None]:
        """Meanwhile let no fact be stored, as where a file may grow no further; Postgres has no code of its own for that."""
        says = 'could not extend file "base/5/16500": File too large'
        await self.rows(
            "CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$BEGIN RAISE EXCEPTION '{says}' USING ERRCODE = 'XX000'; END$$"
        )
        await self.rows("CREATE TRIGGER is_full BEFORE INSERT ON timeline.fact EXECUTE FUNCTION public.full()")
        try:
            yield
        finally:
            await self.rows("DROP FUNCTION public.full() CASCADE")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        connection = await asyncpg.connect(self.url)
        try:
            yield connection
        finally:
            await connection.close()


async def _tables(connection: Connection, schemas: Sequence[str]) -> list[str]:
    query = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = ANY($1::text[]) ORDER BY 1"
    return [r[0] for r in await connection.fetch(query, list(schemas))]


async def _content(connection: Connection, table: str) -> list[str]:
    query = f"SELECT (to_jsonb(t) - $1::text[])::text FROM {table} t ORDER BY 1"
    return [r[0] for r in await connection.fetch(query, list(_VOLATILE.get(table, ())))]


def named(server: str, database: str) -> str:
    """The address of another database of the same server."""
    return urlsplit(server)._replace(path=f"/{database}").geturl()


async def make_hasty(server: str) -> None:
    """Let this server, which no one needs after the tests, not wait for the disk: databases come and go quickly."""
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        await Database(server).rows(f"ALTER SYSTEM SET {setting} = off")
    await Database(server).rows("SELECT pg_reload_conf()")


async def create(server: str, template: str = "template1") -> Database:
    """A new database of this server, empty or a copy of another."""
    name = f"test_{uuid4().hex}"
    await Database(server).rows(f"CREATE DATABASE {name} TEMPLATE {template}")
    return Database(named(server, name))


async def drop(server: str, database: Database) -> None:
    """Remove a database, whoever still uses it."""
    await Database(server).rows(f"DROP DATABASE {urlsplit(database.url).path.lstrip('/')} WITH (FORCE)")


async def eventually(condition: Any, limit_s: float = 60.0) -> Any:
    """What an awaited condition returns once that is true; fails after the limit."""
    deadline = asyncio.get_running_loop().time() + limit_s
    while not (found := await condition()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {limit_s:.0f} s"
        await asyncio.sleep(0.02)
    return found


def difference(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, Iterable[str]]:
    """The rows that only one of two dumps has, by table; empty where they are equal."""
    changed = {table: set(before[table]) ^ set(after[table]) for table in before}
    return {table: sorted(rows) for table, rows in changed.items() if rows}
