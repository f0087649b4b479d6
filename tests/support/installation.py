"""Decides how a test installs Graftwatch on a PostgreSQL server of its own, and what a service with its own login is told."""

from __future__ import annotations

from services.cli.stack import Stack
from shared.protocol import load as protocol_files
from shared.runtime import logins, migrate
from tests.support import process
from tests.support.database import Database
from tests.support.servers import Server

REPLICATING = {"wal_level": "replica", "max_wal_senders": "5", "hot_standby": "on"}


async def installed(server: Server) -> Database:
    """An installation of its own on a server, with the roles that log in."""
    await server.do("CREATE DATABASE hospital")
    told = logins.passwords(server.data.parent / "passwords")
    await server.do(logins.script(told), database="hospital")
    await migrate.migrate(
        server.url("hospital", "graftwatch_migrator", told["graftwatch_migrator"]), protocol_files.load()
    )
    return Database(server.url("hospital"))


def as_service(service: str, server: Server, stack: Stack, *hosts: Server) -> dict[str, str]:
    """What a service is told: its own login, and every host that may be the primary."""
    login = f"graftwatch_{service}"
    password = logins.passwords(server.data.parent / "passwords")[login]
    places = ",".join(f"127.0.0.1:{s.port}" for s in (hosts or (server,)))
    url = f"postgresql://{login}:{password}@{places}/hospital?target_session_attrs=read-write"
    return process.environment(stack, Database(url))


def base_backup(of: Server, to: Server, *more: str) -> None:
    """Copy a running server as graftwatch_backup, which may do nothing else."""
    password = logins.passwords(of.data.parent / "passwords")["graftwatch_backup"]
    to.run(
        "pg_basebackup", "--host=127.0.0.1", f"--port={of.port}", "--username=graftwatch_backup", f"--pgdata={to.data}",
        "--checkpoint=fast", "--wal-method=stream", "--no-sync", *more, env={"PGPASSWORD": password},
    )  # fmt: skip


async def replicated(primary: Server, replica: Server) -> Database:
    """An installation on a primary that a replica follows; the database of the primary."""
    await primary.start(REPLICATING)
    primary.configure("pg_hba.conf", "host replication graftwatch_backup 127.0.0.1/32 scram-sha-256\n")
    await primary.do("SELECT pg_reload_conf()")
    database = await installed(primary)
    base_backup(primary, replica, "--write-recovery-conf")
    await replica.start(REPLICATING)
    return database


async def stop_following(replica: Server) -> None:
    """Let it receive nothing more of the primary."""
    await replica.do("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")


async def receives_nothing(replica: Database) -> bool:
    """Whether it follows nobody."""
    return not await replica.value("SELECT count(*) FROM pg_stat_wal_receiver")


async def is_primary(database: Database) -> bool:
    """Whether it takes writes."""
    return not await database.value("SELECT pg_is_in_recovery()")
