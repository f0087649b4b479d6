"""What the last release needs of the database, kept in `docs/released/database.json`, and whether a database still gives it.

The statements of the last release, each planned by PostgreSQL as each role that could run it then: a dropped or renamed column,
a changed type, a missing unique index or a lost right shows. Beside it the columns, for what a plan does not show.

    python -m tests.support.released SQL-FOLDER DATABASE_URL    writes it anew: at a release, on a database of that release
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from shared.runtime import rights
from shared.runtime.migrations import Step, steps
from shared.runtime.postgres import Connection

PATH: Final = Path("docs/released/database.json")
_QUERY: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_SCHEMAS: Final = ("eligibility", "response", "safety")
_COLUMNS: Final = """
SELECT n.nspname || '.' || c.relname AS relation, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS needed
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'v', 'p') AND NOT c.relispartition AND a.attnum > 0
    AND NOT a.attisdropped ORDER BY 1, 2
"""
_CHECKS: Final = """
SELECT c.conrelid::regclass::text || ': ' || pg_get_constraintdef(c.oid) AS says, ARRAY(
    SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)) AS columns
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = ANY($1::text[]) AND c.contype IN ('c', 'f', 'u', 'p', 'x') AND NOT t.relispartition ORDER BY 1
"""


class Column(msgspec.Struct, frozen=True):
    """A column; `needed`: who inserts must give it."""

    type: str
    needed: bool


class Released(msgspec.Struct, frozen=True):
    """The contract of the last release."""

    migrations: dict[str, str]
    """SHA-256 of each migration: they are frozen."""
    columns: dict[str, dict[str, Column]]
    constraints: list[str]
    statements: dict[str, list[str]]
    """Which roles each statement was planned as."""


def read() -> Released:
    """The contract as it was written at the last release."""
    return msgspec.json.decode(PATH.read_bytes(), type=Released)


def digest(step: Step) -> str:
    """What a migration is, so that an edited one shows."""
    return hashlib.sha256(step.sql.encode()).hexdigest()


def statements(folder: Path) -> Iterator[str]:
    """Every named query of a folder, in each schema that it is used in."""
    for file in sorted(folder.glob("*.sql")):
        for body in _QUERY.split(file.read_text(encoding="utf-8"))[2::2]:
            for schema in _SCHEMAS if "{schema}" in body else ("",):
                yield body.strip().replace("{schema}", schema)


async def planned(connection: Connection, role: str, statement: str) -> str | None:
    """None where the role may run the statement; else what PostgreSQL says."""
    try:
        async with connection.transaction(readonly=False):
            await connection.execute(f"SET LOCAL ROLE {role}")
            await connection.execute(f"EXPLAIN (GENERIC_PLAN) {statement}")
    except asyncpg.PostgresError as error:
        return f"{role}: {error}: {statement}"
    return None


async def columns(connection: Connection) -> dict[str, dict[str, Column]]:
    """Every column of every table and view."""
    found: dict[str, dict[str, Column]] = {}
    for r in await connection.fetch(_COLUMNS, list(rights.SCHEMAS)):
        found.setdefault(r["relation"], {})[r["name"]] = Column(r["type"], r["needed"])
    return found


async def constraints(connection: Connection) -> dict[str, list[str]]:
    """What rows must fulfil, and in which columns."""
    return {r["says"]: r["columns"] for r in await connection.fetch(_CHECKS, list(rights.SCHEMAS))}


async def broken(connection: Connection, of: Released) -> list[str]:
    """What the last release needs and a database does not give any more."""
    now, faults = await columns(connection), list[str]()
    for relation, theirs in of.columns.items():
        ours = now.get(relation, {})
        faults += [
            f"{relation}.{name}: {c.type} is gone or changed"
            for name, c in theirs.items()
            if name not in ours or ours[name].type != c.type or (ours[name].needed and not c.needed)
        ]
        faults += [
            f"{relation}.{name}: new, and must be given" for name, c in ours.items() if name not in theirs and c.needed
        ]
    known = set(of.constraints)
    for says, constrained in (await constraints(connection)).items():
        theirs = of.columns.get(says.partition(":")[0], {})
        if says not in known and not theirs.keys().isdisjoint(constrained):  # in new columns old rows are null
            faults.append(f"new constraint on columns of the last release: {says}")
    for statement, roles in of.statements.items():
        for role in roles:
            if (fault := await planned(connection, role, statement)) is not None:
                faults.append(fault)
    return faults


async def contract(connection: Connection, folder: Path) -> Released:
    """The contract that a database and the statements of a folder make."""
    able: dict[str, list[str]] = {}
    for statement in statements(folder):
        roles = [r.role for r in rights.SERVICES if await _has(connection, r.role)]
        if able_now := [role for role in roles if await planned(connection, role, statement) is None]:
            able[statement] = able_now  # what is no statement by itself, or is used in one schema only, nobody could
    there = {r["name"] for r in await connection.fetch(f"SELECT name FROM {rights.LEDGER}")}
    digests = {s.name: digest(s) for s in steps() if s.name in there}
    return Released(digests, await columns(connection), list(await constraints(connection)), able)


async def _has(connection: Connection, role: str) -> bool:
    return bool(await connection.fetchval("SELECT to_regrole($1) IS NOT NULL", role))


async def _write(folder: str, url: str) -> None:
    connection: Any = await asyncpg.connect(url)
    made = await contract(connection, Path(folder))
    await connection.close()
    PATH.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")


if __name__ == "__main__":
    asyncio.run(_write(*sys.argv[1:]))
