"""Decides how a test gets a database of its own, and how two states of one are compared. Holds no rule."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

TEMPLATE: Final = "graftwatch_test_template"
_VOLATILE: Final = {"identity.dead_letter": ("last_failed_at",)}
"""Columns that a redelivery may move."""


@dataclass(frozen=True)
class Database:
    """A migrated database that no other test uses; queried as its owner."""

    url: str

    async def rows(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """The rows of a query."""
        connection = await asyncpg.connect(self.url)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    async def value(self, query: str, *values: Any) -> Any:
        """The first column of the first row; None where there is none."""
        rows = await self.rows(query, *values)
        return rows[0][0] if rows else None

    async def dump(self, *schemas: str) -> dict[str, list[str]]:
        """Every row of every table of these schemas, but for what a redelivery may move."""
        tables = await self.rows(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname = ANY($1::text[]) ORDER BY 1",
            list(schemas),
        )
        return {t["name"]: await self._content(t["name"]) for t in tables}

    async def empty(self, *schemas: str) -> None:
        """Forget every row of these schemas."""
        tables = await self.dump(*schemas)
        await self.rows(f"TRUNCATE {', '.join(tables)}")

    async def _content(self, table: str) -> list[str]:
        left_out = list(_VOLATILE.get(table, ()))
        rows = await self.rows(f"SELECT (to_jsonb(t) - $1::text[])::text AS row FROM {table} t ORDER BY 1", left_out)
        return [r["row"] for r in rows]


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


async def eventually(condition: Any, limit_s: float = 20.0) -> Any:
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
