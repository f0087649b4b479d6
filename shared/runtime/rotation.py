"""Seals anew what is sealed with an older key of the crosswalk, batch by batch, while everything goes on.

Decides nothing about when: what is done is done, and begun again it passes over it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from shared.runtime import logs, postgres
from shared.runtime.postgres import Pool, queries
from shared.runtime.sealing import Vault, place

log = logs.logger(__name__)
BATCH: Final = 500
_ATTEMPTS: Final = 5


class SealedTable(msgspec.Struct, frozen=True):
    """A table of `identity` with sealed columns, and the columns that identify a row."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


SEALED: Final = (
    SealedTable("identity.patient", ("patient",), ("patient_id",)),
    SealedTable("identity.patient_identifier", ("identifier", "patient"), ("patient_id",)),
    SealedTable("identity.resource", ("record",), ("resource_id",)),
    SealedTable("identity.resource_version", ("record", "content_sha256"), ("raw", "links")),
    SealedTable("identity.dead_letter", ("dead_letter",), ("key", "headers", "value", "links")),
    SealedTable("identity.held_message", ("epoch", "topic", "partition", "feed_offset"), ("key", "headers", "value")),
)


class Progress(msgspec.Struct, frozen=True):
    """How many rows of a table one batch sealed anew."""

    table: str
    rows: int


async def rotate(pool: Pool, vault: Vault, size: int = BATCH) -> AsyncIterator[Progress]:
    """Seal everything with the current key, one transaction a batch; then retire the other keys, if nothing is left of them."""
    for table in SEALED:
        after: tuple[Any, ...] = ()
        while (done := await _patiently(pool, vault, table, after, size)) is not None:
            after, rows = done
            yield Progress(table.name, rows)
    if not any([await _some(pool, vault, table) for table in SEALED]):
        await pool.execute(queries("crosswalk")["retire"], vault.current)


async def _some(pool: Pool, vault: Vault, table: SealedTable) -> bool:
    async with pool.acquire() as connection, connection.transaction():
        return bool(await connection.fetch(_select(table, ()), vault.head, 1))


async def _patiently(
    pool: Pool, vault: Vault, table: SealedTable, after: tuple[Any, ...], size: int
) -> tuple[tuple[Any, ...], int] | None:
    for attempt in range(_ATTEMPTS):
        try:
            return await _batch(pool, vault, table, after, size)
        except postgres.UNREACHABLE as error:  # a lock that crosses one of ingest's, say: nothing was written
            if attempt == _ATTEMPTS - 1:
                raise
            log.warning("rotation-retried", error=logs.where(error), attempt=attempt)
    return None


async def _batch(
    pool: Pool, vault: Vault, table: SealedTable, after: tuple[Any, ...], size: int
) -> tuple[tuple[Any, ...], int] | None:
    """The key of the last row and how many there were; None where there are no more."""
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(_select(table, after), vault.head, size, *after)
        await connection.executemany(_update(table), [_sealed_anew(vault, table, row) for row in rows])
    return (tuple(rows[-1][c] for c in table.key), len(rows)) if rows else None


def _sealed_anew(vault: Vault, table: SealedTable, row: Any) -> tuple[Any, ...]:
    key = tuple(row[c] for c in table.key)
    written = [k.hex() if isinstance(k, bytes) else k for k in key]
    places = {c: place(c, *written) for c in table.columns}
    return *key, *(vault.seal_any(vault.open_any(row[c], p), p) for c, p in places.items())


def _select(table: SealedTable, after: tuple[Any, ...]) -> str:
    key = ", ".join(table.key)
    given = ", ".join(f"${n}" for n in range(3, 3 + len(after)))
    parts = {
        "{table}": table.name,
        "{key}": key,
        "{columns}": ", ".join(table.columns),
        "{otherwise}": " OR ".join(f"substring({c} FROM 1 FOR length($1::bytea)) <> $1" for c in table.columns),
        "{after}": f"({key}) > ({given})" if after else "true",
    }
    return _filled(queries("crosswalk")["sealed_otherwise"], parts)


def _update(table: SealedTable) -> str:
    first = len(table.key) + 1
    parts = {
        "{table}": table.name,
        "{assigned}": ", ".join(f"{c} = ${n}" for n, c in enumerate(table.columns, first)),
        "{identified}": " AND ".join(f"{c} = ${n}" for n, c in enumerate(table.key, 1)),
    }
    return _filled(queries("crosswalk")["seal_anew"], parts)


def _filled(sql: str, parts: dict[str, str]) -> str:
    for hole, text in parts.items():
        sql = sql.replace(hole, text)
    return sql
