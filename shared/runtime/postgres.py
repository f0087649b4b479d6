"""Postgres: pools that act as one service's role, migrations, and the named queries of `sql/*.sql`. Holds no rule."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

from shared.sites import ConfigurationError

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:  # generic for the type checker only
    Connection, Pool = asyncpg.Connection, asyncpg.Pool

UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresSystemError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
"""What may go away by itself: try the same again. Anything else is a matter of the data or of our code."""


class Overtaken(asyncpg.SerializationError):
    """Another transaction has meanwhile written what this one took for absent: the same, tried again, will see it."""

    def __init__(self) -> None:
        super().__init__("another transaction stored the same record meanwhile; try again")


_NOBODY_WAITS_FOR_EVER: Final = {
    "idle_in_transaction_session_timeout": "5min",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""A process that is frozen, or whose host is gone, in the middle of a transaction holds its locks no longer than that."""
_MIGRATION_LOCK: Final = 7_220_611
_QUERY: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_OF_A_FILE: Final = re.compile(r"could not \w+ .*file ")


def may_pass(error: Exception) -> bool:
    """Whether the same may work later: the server is away, its disk is full, or a quota or limit of it is reached.

    For a file that may grow no further (EDQUOT, EFBIG) Postgres has no code but that of an internal error.
    """
    if isinstance(error, UNREACHABLE):
        return True
    return isinstance(error, asyncpg.InternalServerError) and _OF_A_FILE.match(str(error)) is not None


async def connect(url: str, service: str, *, size: int = 4) -> Pool:
    """A pool whose connections act as the service's own role; raises ConfigurationError where none can be had."""

    role = {"role": f"graftwatch_{service}", "application_name": f"graftwatch-{service}"}
    # A plan made once and kept would be that of the empty tables of a new installation: every array scanned against all rows.
    role["plan_cache_mode"] = "force_custom_plan"
    role |= _NOBODY_WAITS_FOR_EVER
    pool: Pool = await _reach(
        url, lambda: asyncpg.create_pool(url, min_size=1, max_size=size, init=_json, server_settings=role)
    )
    return pool


async def _json(connection: Connection) -> None:
    # jsonb travels as text; what it holds is decoded where its type is known.
    await connection.set_type_codec("jsonb", encoder=str, decoder=str, schema="pg_catalog")


async def _reach(url: str, opening: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await opening()
    except (OSError, asyncpg.PostgresError, TimeoutError, asyncpg.InterfaceError) as error:
        raise ConfigurationError(
            f"DATABASE_URL: cannot use the database at {_place(url)}: {type(error).__name__}: {error}; "
            "is Postgres running there (`graftwatch stack status`) and migrated (`graftwatch migrate`)?"
        ) from None


def _place(url: str) -> str:
    return re.sub(r"//([^:@/]*):[^@/]*@", r"//\1:***@", url)


def migrations() -> list[tuple[str, str]]:
    """(name, SQL) of every migration in order."""
    folder = resources.files("shared.runtime") / "sql" / "migrations"
    return sorted((f.name, f.read_text(encoding="utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))


async def migrate(url: str) -> list[str]:
    """Apply the migrations that this database lacks, each in its transaction, one migrator at a time; their names."""
    connection: Connection = await _reach(url, lambda: asyncpg.connect(url))
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS public.graftwatch_migration"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {r["name"] for r in await connection.fetch("SELECT name FROM public.graftwatch_migration")}
        missing = [(name, sql) for name, sql in migrations() if name not in done]
        for name, sql in missing:
            async with connection.transaction():
                await connection.execute(sql)
                await connection.execute("INSERT INTO public.graftwatch_migration (name) VALUES ($1)", name)
        return [name for name, _ in missing]
    finally:
        await connection.close()


@cache
def queries(file: str, schema: str = "") -> dict[str, str]:
    """The named queries of `sql/<file>.sql`; `{schema}` in them becomes the service's own schema."""
    text = (resources.files("shared.runtime") / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    parts = _QUERY.split(text)[1:]
    return {name: body.strip().replace("{schema}", schema) for name, body in zip(parts[::2], parts[1::2], strict=True)}
