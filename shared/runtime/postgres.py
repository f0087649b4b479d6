"""Postgres: pools that act as one service's role, and the named queries of `sql/*.sql`. Holds no rule."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from shared.runtime import migrations
from shared.runtime.reaching import no_room, reach

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
    asyncpg.InternalClientError,  # a statement on a session that the server has ended, whose closing is still under way
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresSystemError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TargetServerAttributeNotMatched,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,  # a password that is being changed, a pg_hba.conf that is being edited
    asyncpg.InvalidCatalogNameError,  # a database that is being restored
    asyncpg.LockNotAvailableError,
)
"""What may go away by itself: try the same again. Anything else is a matter of the data or of our code."""


class Overtaken(asyncpg.SerializationError):
    """Another transaction has meanwhile written what this one took for absent: the same, tried again, will see it."""

    def __init__(self) -> None:
        super().__init__("another transaction stored the same record meanwhile; try again")


_NOBODY_WAITS_FOR_EVER: Final = {
    "idle_in_transaction_session_timeout": "5min",
    # What somebody set for the whole server cuts off no sweep, and no batch that waits for a frozen worker's locks (ADR 67).
    "statement_timeout": "0",
    "lock_timeout": "0",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""A process that is frozen, or whose host is gone, in the middle of a transaction holds its locks no longer than that."""
_QUERY: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def may_pass(error: Exception) -> bool:
    """Whether the same may work later: the server is away, its disk is full, or a quota or limit of it is reached."""
    return isinstance(error, UNREACHABLE) or no_room(error)


async def connect(url: str, service: str, *, size: int = 4) -> Pool:
    """A pool whose connections act as the service's own role; raises ConfigurationError where none can be had.

    The user of the address is that role itself, or one that may become it. Refused as well: a schema that this release
    cannot work on.
    """
    role = {"role": f"graftwatch_{service}", "application_name": migrations.session_name(service)}
    # A plan made once and kept would be that of the empty tables of a new installation: every array scanned against all rows.
    role["plan_cache_mode"] = "force_custom_plan"
    role |= _NOBODY_WAITS_FOR_EVER
    pool: Pool = await reach(
        url, lambda: asyncpg.create_pool(url, min_size=1, max_size=size, init=_json, server_settings=role)
    )
    try:
        async with pool.acquire() as connection:
            await migrations.admit(connection)
    except BaseException:
        await pool.close()
        raise
    return pool


async def _json(connection: Connection) -> None:
    # jsonb travels as text; what it holds is decoded where its type is known.
    await connection.set_type_codec("jsonb", encoder=str, decoder=str, schema="pg_catalog")


@cache
def queries(file: str, schema: str = "") -> dict[str, str]:
    """The named queries of `sql/<file>.sql`; `{schema}` in them becomes the service's own schema."""
    text = (resources.files("shared.runtime") / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    parts = _QUERY.split(text)[1:]
    return {name: body.strip().replace("{schema}", schema) for name, body in zip(parts[::2], parts[1::2], strict=True)}
