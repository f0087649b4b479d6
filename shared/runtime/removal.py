"""Erasure, purge and retention as the steward: each step is a function of the database that writes the audit. Decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from shared.runtime.postgres import Pool
from shared.sites import ConfigurationError

Counts = dict[str, int]
"""Rows by table."""
_BATCH: Final = 500
_ROWS_AT_ONCE: Final = 10_000
"""Small enough that nobody waits long for a lock; each batch is a transaction of its own, so that a run can be interrupted."""


async def erasable(pool: Pool, patient: UUID) -> tuple[int, Counts]:
    """How many pseudonyms a person has, and what is kept under them."""
    row = await pool.fetchrow("SELECT patients, counted FROM operation.erasable($1)", patient)
    return _counted(row)


async def erase(pool: Pool, patient: UUID, by: str, reason: str) -> Counts:
    """Erase a person; from the first of two transactions on, nothing more of them is taken in."""
    return await finish(pool, await _audited(pool, "SELECT operation.begin_erasure($1, $2, $3)", patient, by, reason))


async def finish(pool: Pool, removal: UUID) -> Counts:
    """The second transaction: remove what is there. Again it changes nothing."""
    removed: str = await pool.fetchval("SELECT operation.finish_erasure($1)", removal)
    return msgspec.json.decode(removed, type=Counts)


async def unfinished(pool: Pool) -> list[UUID]:
    """Erasures that were interrupted between the two."""
    return [r[0] for r in await pool.fetch("SELECT operation.unfinished()")]


async def lift(pool: Pool, patient: UUID, by: str, reason: str) -> int:
    """Let an erased person come back; how many pseudonyms that concerns, 0 where nobody was erased."""
    lifted: int = await _audited(pool, "SELECT operation.lift_erasure($1, $2, $3)", patient, by, reason)
    return lifted


async def purgeable(pool: Pool, days: int) -> tuple[int, Counts]:
    """How many never-candidates there are, and what is kept of them."""
    return _counted(await pool.fetchrow("SELECT patients, counted FROM operation.purgeable($1)", days))


async def purge(pool: Pool, days: int, by: str, batch: int = _BATCH) -> AsyncIterator[tuple[int, Counts]]:
    """Purge never-candidates, a batch to a transaction, until there are none; killed, the next run goes on."""
    while True:
        row = await pool.fetchrow(
            "SELECT patients, removed AS counted FROM operation.purge($1, $2, $3)", days, batch, by
        )
        patients, removed = _counted(row)
        if not patients:
            return
        yield patients, removed


async def returned(pool: Pool) -> list[asyncpg.Record]:
    """Purged patients of whom something has come since."""
    return list(await pool.fetch("SELECT patient, site, purged_at, returned_at FROM operation.returned()"))


async def classes(pool: Pool) -> list[str]:
    """What may be kept for a time only."""
    return [r[0] for r in await pool.fetch("SELECT DISTINCT class FROM operation.of_time() ORDER BY 1")]


async def outlived(pool: Pool, days: dict[str, int]) -> Counts:
    """How many rows of each class are older than it may become."""
    return {c: await pool.fetchval("SELECT operation.outlived($1, $2)", c, d) for c, d in days.items()}


async def retain(pool: Pool, days: dict[str, int], by: str, rows: int = _ROWS_AT_ONCE) -> Counts:
    """Remove what each class has outlived, in batches; written to the audit at the end."""
    removed: Counts = {}
    for name, age in days.items():
        while n := await pool.fetchval("SELECT operation.retain($1, $2, $3)", name, age, rows):
            removed[name] = removed.get(name, 0) + n
    if removed:
        as_json = [msgspec.json.encode(m).decode() for m in (removed, days)]
        await pool.execute("SELECT operation.retained($1, $2, $3)", by, *as_json)
    return removed


async def _audited(pool: Pool, query: str, *values: Any) -> Any:
    try:
        return await pool.fetchval(query, *values)
    except asyncpg.InvalidParameterValueError as error:
        raise ConfigurationError(str(error)) from None


def _counted(row: asyncpg.Record | None) -> tuple[int, Counts]:
    assert row is not None, "the function returns one row"
    return row["patients"], msgspec.json.decode(row["counted"] or "{}", type=Counts)
