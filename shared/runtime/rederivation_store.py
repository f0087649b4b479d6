"""The queries of re-derivation, one method each, on one connection inside one transaction. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from shared.runtime.postgres import Connection, Pool, queries

_LEADS: Final = 7_220_612


async def try_to_lead(connection: Connection) -> bool:
    """Whether this session is the one that re-derives, until it ends."""
    return bool(await connection.fetchval(queries("rederivation")["try_to_lead"], _LEADS))


async def waiting(connection: Connection | Pool, derivations: Mapping[str, str]) -> dict[str, int]:
    """How many records of each site were read by other rules than those of today."""
    rows = await connection.fetch(queries("rederivation")["stale_counts"], *_columns(derivations))
    return {r["site"]: r["resources"] for r in rows}


async def waiting_letters(connection: Connection | Pool, derivations: Mapping[str, str], of_no_site: str) -> int:
    """How many open dead letters were last tried by other rules."""
    return int(await connection.fetchval(queries("rederivation")["stale_letters"], *_columns(derivations), of_no_site))


async def open_letters(connection: Connection | Pool, derivations: Mapping[str, str], of_no_site: str) -> list[UUID]:
    """Those dead letters, in the order of the feed."""
    rows = await connection.fetch(queries("rederivation")["open_of_stale_rules"], *_columns(derivations), of_no_site)
    return [r["dead_letter"] for r in rows]


async def stale(connection: Connection | Pool, derivations: Mapping[str, str], after: str, limit: int) -> list[str]:
    """The next records that were read by other rules, not locked."""
    rows = await connection.fetch(queries("rederivation")["stale"], *_columns(derivations), after, limit)
    return [r["record"] for r in rows]


async def needed_by(connection: Connection, records: Iterable[str]) -> set[str]:
    """The Medications that complete them."""
    rows = await connection.fetch(queries("rederivation")["needed_by"], sorted(records))
    return {r["needed"] for r in rows}


async def whose(connection: Connection, records: Iterable[str]) -> set[UUID]:
    """The patients whom they are about."""
    return {r["patient"] for r in await connection.fetch(queries("rederivation")["whose"], sorted(records))}


def _columns(derivations: Mapping[str, str]) -> tuple[list[Any], list[Any]]:
    return list(derivations), list(derivations.values())
