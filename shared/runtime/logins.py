"""Lets each role of the table of rights log in with a password of its own, and finds where a database deviates from the table.

Passwords reach the server as SCRAM-SHA-256 verifiers, so that no statement, log or script holds one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.runtime import rights
from shared.runtime.postgres import queries
from shared.runtime.rights import Role

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection

_ITERATIONS: Final = 4096
_SALT_BYTES: Final = 16


def passwords(folder: Path) -> dict[str, str]:
    """The password of each role from the file of its name in a folder; a missing one is made, readable by its owner only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {role.role: _password(folder / role.role) for role in rights.ROLES}


def _password(path: Path) -> str:
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text(encoding="ascii").strip()


def verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps of a password (RFC 5803): enough to check it, not to log in with it."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(p).decode() for p in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *parts)


def script(told: Mapping[str, str]) -> str:
    """The SQL that a superuser runs in the installation's database, before its first migration or at any time after."""
    head = (
        "-- Roles of Graftwatch. Run as a superuser, connected to the database of the installation; may be run again.\n"
    )
    made = "\n".join(_role(role, told[role.role]) for role in rights.ROLES)
    services = ", ".join(role.role for role in rights.SERVICES)
    rest = queries("roles")["owned"]
    return head + made + "\n\n" + rest.replace("{services}", services).replace("{migrator}", rights.MIGRATOR.role)


def _role(role: Role, password: str) -> str:
    kept = verifier(password, secrets.token_bytes(_SALT_BYTES))
    return (
        f"\n-- {role.name}: {role.purpose}.\n"
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role.role}') THEN\n"
        f"    CREATE ROLE {role.role};\nEND IF; END $$;\n"
        f"ALTER ROLE {role.role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
        f" {role.attributes or 'NOREPLICATION'} PASSWORD '{kept}';"
    )


async def deviations(connection: Connection) -> list[str]:
    """Where the rights in a database are not those of the table, one line each."""
    found: list[str] = []
    for role in rights.SERVICES:
        actual = await _relations(connection, role.role)
        for relation in sorted(actual.keys() | role.relations.keys()):
            has, should = set(actual.get(relation, ())), set(role.relations.get(relation, ()))
            found += [f"{role.role} may {p} {relation}, which it must not" for p in sorted(has - should)]
            found += [f"{role.role} may not {p} {relation}, which it must" for p in sorted(should - has)]
        columns = await _columns(connection, role.role)
        if columns != (stated := {(r, p): set(c) for r, by in role.columns.items() for p, c in by.items()}):
            found += [
                f"{role.role}: columns of {r} for {p} deviate"
                for r, p in sorted(columns.keys() | stated.keys())
                if columns.get((r, p)) != stated.get((r, p))
            ]
        functions = await _functions(connection, role.role)
        found += [f"{role.role} may execute {f}, which it must not" for f in sorted(functions - set(role.functions))]
        found += [f"{role.role} may not execute {f}, which it must" for f in sorted(set(role.functions) - functions)]
    return found


_RELATIONS: Final = """
SELECT n.nspname || '.' || c.relname AS relation, array_agg(p.p) AS privileges
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest($2::text[]) p(p)
WHERE (n.nspname = ANY($3::text[]) OR n.nspname || '.' || c.relname = $4) AND c.relkind IN ('r', 'v', 'm', 'p')
    AND NOT c.relispartition AND has_table_privilege($1, c.oid, p.p)
GROUP BY 1
"""
_COLUMNS: Final = """
SELECT n.nspname || '.' || c.relname AS relation, p.p AS privilege, array_agg(a.attname::text) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) p(p)
WHERE n.nspname = ANY($2::text[]) AND c.relkind IN ('r', 'v', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    AND has_column_privilege($1, c.oid, a.attnum, p.p) AND NOT has_table_privilege($1, c.oid, p.p)
GROUP BY 1, 2
"""
_FUNCTIONS: Final = """
SELECT p.oid::regprocedure::text AS function FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY($2::text[]) AND has_function_privilege($1, p.oid, 'EXECUTE')
"""


async def _relations(connection: Connection, role: str) -> dict[str, list[str]]:
    rows = await connection.fetch(_RELATIONS, role, list(rights.PRIVILEGES), list(rights.SCHEMAS), rights.LEDGER)
    return {r["relation"]: r["privileges"] for r in rows}


async def _columns(connection: Connection, role: str) -> dict[tuple[str, str], set[str]]:
    rows = await connection.fetch(_COLUMNS, role, list(rights.SCHEMAS))
    return {(r["relation"], r["privilege"]): set(r["columns"]) for r in rows}


async def _functions(connection: Connection, role: str) -> set[str]:
    return {r["function"] for r in await connection.fetch(_FUNCTIONS, role, list(rights.SCHEMAS))}
