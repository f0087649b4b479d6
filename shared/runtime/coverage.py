"""For what each site's feed was read, and which earlier part of it is missing for codes that are asked for since.

Decides nothing about what is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec

from shared.runtime.postgres import Connection, Pool, queries


class Gap(msgspec.Struct, frozen=True):
    """Codes for which a site's earlier messages were out of scope, and are not stored."""

    site: str
    since: datetime
    concepts: list[str]
    codes: list[str]
    filled_at: datetime | None = None
    filled_from: str | None = None
    missing_before: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether something of it is missing still."""
        return self.filled_at is None or self.missing_before is not None


async def widen(connection: Connection, site: str, asked: Collection[str]) -> list[str]:
    """Remember what is asked for of a site now; what was not asked for while it already sent: a gap, which is recorded."""
    sql, now = queries("coverage"), sorted(asked)
    before = await connection.fetchval(sql["lock_site_scope"], site, now)
    new = sorted(set(now) - set(before))
    if new and await connection.fetchval(sql["has_sent"], site):
        concepts = sorted({entry.partition("|")[0] for entry in new})
        await connection.execute(sql["add_gap"], site, concepts, new)
    else:
        new = []
    await connection.execute(sql["set_site_scope"], site, now)
    return new


async def gaps(connection: Connection | Pool, site: str | None = None) -> list[Gap]:
    """Every gap, filled ones too."""
    return [Gap(**dict(r)) for r in await connection.fetch(queries("coverage")["gaps"], site)]


async def fill(
    pool: Pool, sites: Iterable[str], source: str, missing_before: datetime | None, began_at: datetime
) -> None:
    """These sites' gaps that were there when the filling began are filled, but for what was published before then."""
    for site in sites:
        await pool.execute(queries("coverage")["fill"], site, source, missing_before, began_at)


async def positions(pool: Pool, epoch: str) -> dict[tuple[str, int], int]:
    """The first offset of each partition that ingest has not read yet."""
    rows = await pool.fetch(queries("coverage")["positions"], epoch)
    return {(r["topic"], r["partition"]): r["next_offset"] for r in rows}
