"""Dead letters as an administrator sees and works them. Decides nothing; their content is read only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from shared.runtime.postgres import Connection, Pool, queries
from shared.runtime.sealing import Vault, place


class Wanted(msgspec.Struct, frozen=True):
    """Which dead letters; None: any."""

    ids: tuple[UUID, ...] | None = None
    site: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    patient: UUID | None = None
    status: str | None = "open"
    limit: int | None = None


class Listed(msgspec.Struct, frozen=True):
    """A dead letter without its content."""

    dead_letter: UUID
    site: str | None
    topic: str
    partition: int
    feed_offset: int
    entry: int
    reason: str
    path: str
    says: str
    patient: UUID | None
    attempts: int
    status: str
    first_failed_at: datetime
    last_failed_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closed_because: str | None


class Content(msgspec.Struct, frozen=True):
    """What came, byte for byte: it holds identifiers."""

    key: bytes | None
    headers: dict[str, str]
    value: bytes | None


async def find(connection: Connection | Pool, wanted: Wanted) -> list[Listed]:
    """The dead letters wanted, in the order of the feed."""
    rows = await connection.fetch(queries("dead_letters")["find"], *msgspec.structs.astuple(wanted))
    return [Listed(**dict(r)) for r in rows]


async def content(connection: Connection | Pool, vault: Vault, letter: UUID) -> Content | None:
    """What one of them holds; None where there is no such dead letter."""
    row = await connection.fetchrow(queries("dead_letters")["content"], letter)
    if row is None:
        return None
    opened = _opened(row, vault)
    return Content(opened["key"], opened["headers"], opened["value"])


async def lock_open(connection: Connection, vault: Vault, letters: Iterable[UUID]) -> list[dict[str, Any]]:
    """Those of these letters that are open, locked until the transaction ends, in the order of the feed."""
    rows = await connection.fetch(queries("dead_letters")["lock_open"], sorted(letters))
    return [_opened(r, vault) for r in rows]


def _opened(row: Any, vault: Vault) -> dict[str, Any]:
    """A stored dead letter with what came, as it came."""
    names = ("key", "headers", "value", "links")
    opened = {n: vault.open_any(row[n], place(n, row["dead_letter"])) for n in names if n in row.keys()}  # noqa: SIM118 - a record iterates over its values
    return dict(row) | opened | {"headers": msgspec.json.decode(opened["headers"] or b"{}", type=dict[str, str])}


async def failed_again(connection: Connection | Pool, letters: Iterable[UUID]) -> None:
    """One more attempt that was in vain."""
    await connection.execute(queries("dead_letters")["failed_again"], sorted(letters))


async def drop(connection: Connection, letters: Iterable[UUID], by: str, because: str) -> None:
    """Close them unread."""
    await connection.execute(queries("dead_letters")["drop"], sorted(letters), by, because)


async def any_pseudonym(connection: Connection | Pool, vault: Vault) -> tuple[str, str, UUID] | None:
    """The site, id and pseudonym of some patient; None while there is none."""
    row = await connection.fetchrow(queries("dead_letters")["any_pseudonym"])
    if row is None:
        return None
    return row["site"], vault.open(row["patient_id"], place("patient_id", row["patient"])).decode(), row["patient"]
