"""Each service logs in as its own user, and the database refuses it whatever the table of rights does not name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from shared.protocol import load as protocol_files
from shared.runtime import logins, migrate, migrations, postgres, rights
from shared.runtime.rights import Role
from shared.sites import ConfigurationError
from tests.support import servers
from tests.support.servers import Server

RELATIONS = """
SELECT n.nspname || '.' || c.relname AS relation, c.relkind::text AS kind,
    (SELECT attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = 1)::text AS first
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname = ANY($1::text[]) OR n.nspname || '.' || c.relname = $2) AND c.relkind IN ('r', 'v', 'p')
ORDER BY 1
"""
ATTEMPTS = {
    "SELECT": "SELECT {first} FROM {relation} LIMIT 0",
    "INSERT": "INSERT INTO {relation} DEFAULT VALUES",
    "UPDATE": "UPDATE {relation} SET {first} = {first} WHERE false",
    "DELETE": "DELETE FROM {relation} WHERE false",
    "TRUNCATE": "TRUNCATE {relation}",
}


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server whose roles log in by password, with a database that the migrator made the schema of."""
    folder = tmp_path_factory.mktemp("roles")
    with servers.server(folder) as made:
        await made.start()
        await made.do("CREATE DATABASE hospital")
        await made.do(logins.script(passwords(made)), database="hospital")
        await migrate.migrate(of(made, rights.MIGRATOR), protocol_files.load())
        yield made


def passwords(server: Server) -> dict[str, str]:
    """The passwords of the roles of a test's server."""
    return logins.passwords(server.data.parent / "passwords")


def of(server: Server, role: Role) -> str:
    """The address as which a role logs in."""
    return server.url("hospital", role.role, passwords(server)[role.role])


async def test_the_migrator_is_no_superuser_and_needs_to_make_no_role(server: Server) -> None:
    """The whole schema is made by a user without any attribute."""
    connection = await asyncpg.connect(of(server, rights.MIGRATOR))
    row = await connection.fetchrow(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = current_user"
    )
    assert row is not None
    assert not any(row)
    assert len(await migrations.done(connection)) == len(migrations.steps())
    await connection.close()


async def test_rights_are_those_of_the_table(server: Server) -> None:
    """Every role has on every table, view, column and function what the table of rights says, and nothing else."""
    connection = await asyncpg.connect(of(server, rights.MIGRATOR))
    assert await logins.deviations(connection) == []
    await connection.execute("GRANT DELETE ON safety.outcome TO graftwatch_safety")
    await connection.execute("REVOKE SELECT ON timeline.fact FROM graftwatch_response")
    assert await logins.deviations(connection) == [
        "graftwatch_response may not SELECT timeline.fact, which it must",
        "graftwatch_safety may DELETE safety.outcome, which it must not",
    ]
    await connection.execute("REVOKE DELETE ON safety.outcome FROM graftwatch_safety")
    await connection.execute("GRANT SELECT ON timeline.fact TO graftwatch_response")
    await connection.close()


@pytest.mark.parametrize("role", rights.SERVICES, ids=lambda r: r.name)
async def test_what_is_not_named_is_refused(server: Server, role: Role) -> None:
    """Logged in as itself, a role is refused every statement on every table that the table of rights does not name."""
    owner = await asyncpg.connect(of(server, rights.MIGRATOR))
    relations = await owner.fetch(RELATIONS, list(rights.SCHEMAS), rights.LEDGER)
    await owner.close()
    connection = await asyncpg.connect(of(server, role))
    await connection.execute("SET default_transaction_read_only = off")  # a setting is no right
    tried = 0
    for relation in relations:
        for privilege, statement in ATTEMPTS.items():
            if privilege in role.relations.get(relation["relation"], ()):
                continue
            if relation["kind"] == "v" and privilege != "SELECT":
                continue  # a view of several tables takes no rows whoever asks
            if relation["first"] in role.columns.get(relation["relation"], {}).get(privilege, ()):
                continue
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement.format(**relation))
            tried += 1
    assert tried > 150
    for refused in (
        "CREATE TABLE public.mine ()",
        "CREATE SCHEMA mine",
        "SET ROLE graftwatch_migrator",
        "CREATE ROLE mine",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(refused)
    await connection.close()


def test_identity_is_ingests_alone_and_nobody_rewrites_what_was_decided() -> None:
    """Only ingest reads identity, only ingest writes timelines, and no role updates or deletes outcomes or the audit."""
    for role in rights.SERVICES:
        named = {n: set(p) for n, p in role.relations.items()}
        assert role.name == "ingest" or not [n for n in named if n.startswith("identity.")]
        for schema in ("timeline", "protocol"):
            writing = [n for n, p in named.items() if n.startswith(f"{schema}.") and p - {"SELECT"}]
            assert not writing or (role.name == "ingest" and schema == "timeline")
        for final in ("eligibility.outcome", "response.outcome", "safety.outcome", "console.audit", "notify.notice"):
            assert not named.get(final, set()) - {"SELECT", "INSERT"}
        assert named.get("console.audit", set()) <= {"SELECT"}
    console = [n for n in rights.CONSOLE.relations if not n.startswith("console.") and n != rights.LEDGER]
    assert console == []


@pytest.mark.parametrize("role", rights.SERVICES, ids=lambda r: r.name)
async def test_a_service_works_as_the_user_that_it_logs_in_as(server: Server, role: Role) -> None:
    """A pool opened with its own user and password acts as it, and as nobody else."""
    async with await postgres.connect(of(server, role), role.name, size=1) as pool:
        assert await pool.fetchval("SELECT session_user = current_user AND current_user = $1", role.role)
    other = next(r for r in rights.SERVICES if r is not role)
    with pytest.raises(ConfigurationError, match="graftwatch roles"):
        await postgres.connect(of(server, role), other.name, size=1)


async def test_a_wrong_password_is_refused_with_what_to_do(server: Server) -> None:
    """The message names user and remedy, and not the password."""
    with pytest.raises(ConfigurationError, match=r"graftwatch_safety.*graftwatch roles") as refused:
        await postgres.connect(server.url("hospital", "graftwatch_safety", "not-this-one"), "safety", size=1)
    assert "not-this-one" not in str(refused.value)


async def test_roles_may_be_made_again_and_passwords_are_kept(server: Server) -> None:
    """A second run changes no right and no password, also on a schema that somebody else made."""
    await server.do("CREATE DATABASE older")
    await migrate.migrate(server.url("older"), protocol_files.load())
    for database in ("hospital", "older"):
        await server.do(logins.script(passwords(server)), database=database)
    connection = await asyncpg.connect(
        server.url("older", "graftwatch_migrator", passwords(server)["graftwatch_migrator"])
    )
    assert await logins.deviations(connection) == []
    await connection.execute("ALTER TABLE timeline.fact ADD COLUMN of_the_owner integer")
    await connection.close()


def test_no_password_is_in_the_script(tmp_path: Path) -> None:
    """What is handed to whoever administers the server holds verifiers only; the files are their owner's alone."""
    told = logins.passwords(tmp_path / "passwords")
    script = logins.script(told)
    assert not [p for p in told.values() if p in script]
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "passwords").iterdir()} == {0o600}
    assert told == logins.passwords(tmp_path / "passwords")
