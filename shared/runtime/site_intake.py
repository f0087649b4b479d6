"""The tables that say which site is paused and hold its messages. Decides nothing: when to pause is ingest's rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from shared.runtime.postgres import Connection, Pool, queries
from shared.runtime.sealing import Vault, place


class SiteState(msgspec.Struct, frozen=True):
    """How a site stands."""

    site: str
    recent: str
    """Its last messages, oldest first: `.` could be read, `x` could not."""
    paused_at: datetime | None
    paused_because: str | None
    held: int


class HeldMessage(msgspec.Struct, frozen=True):
    """A message as it came, for a site that is paused."""

    epoch: str
    topic: str
    partition: int
    feed_offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]
    published_at: datetime


async def states(connection: Connection | Pool) -> list[SiteState]:
    """Every site that has sent anything."""
    return [SiteState(**dict(r)) for r in await connection.fetch(queries("site_intake")["states"])]


class SiteIntake:
    """Pausing and holding on one connection, inside one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault
        self._sql = queries("site_intake")

    async def lock_paused(self, sites: Iterable[str]) -> dict[str, int]:
        """Those of the sites that are paused, locked, and how many messages are held of each."""
        rows = await self._connection.fetch(self._sql["lock_paused"], sorted(set(sites)))
        return {r["site"]: r["held"] for r in rows}

    async def recent(self, sites: Iterable[str]) -> dict[str, str]:
        """What the last messages of each site were like."""
        rows = await self._connection.fetch(self._sql["recent"], sorted(set(sites)))
        return {r["site"]: r["recent"] for r in rows}

    async def lock_recent(self, sites: Iterable[str]) -> dict[str, str]:
        """The same, locked until the transaction ends: the last step of a batch, so that nobody waits long."""
        rows = await self._connection.fetch(self._sql["lock_recent"], sorted(set(sites)))
        return {r["site"]: r["recent"] for r in rows}

    async def remember(self, recent: Mapping[str, str], paused: Mapping[str, str]) -> None:
        """Replace what the last messages were like; pause the sites in `paused`, for that reason."""
        sites = sorted(recent)
        await self._connection.execute(
            self._sql["remember"], sites, [recent[s] for s in sites], [paused.get(s) for s in sites]
        )

    async def hold(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Hold messages, sealed: site, epoch, topic, partition, offset, key, headers as JSON, value, publish time."""
        if rows:
            sealed = [self._sealed(*row) for row in rows]
            await self._connection.execute(self._sql["hold"], *[list(c) for c in zip(*sealed, strict=True)])

    async def held_among(self, positions: Sequence[tuple[str, str, int, int]]) -> set[tuple[str, str, int, int]]:
        """Those of the positions (epoch, topic, partition, offset) whose messages are held."""
        columns = [list(c) for c in zip(*positions, strict=True)]
        rows = await self._connection.fetch(self._sql["held_among"], *columns)
        return {(r["epoch"], r["topic"], r["partition"], r["feed_offset"]) for r in rows}

    async def oldest_held(self, site: str, limit: int) -> list[HeldMessage]:
        """The first messages held of a site, in the order of the feed."""
        rows = await self._connection.fetch(self._sql["oldest_held"], site, limit)
        return [HeldMessage(**dict(r) | self._content(r)) for r in rows]

    def _sealed(self, site: str, *row: Any) -> tuple[Any, ...]:
        *position, key, headers, value, published_at = row
        held = (("key", key), ("headers", headers), ("value", value))
        return site, *position, *(self._vault.seal_any(c, place(n, *position)) for n, c in held), published_at

    def _content(self, row: Any) -> dict[str, Any]:
        position = row["epoch"], row["topic"], row["partition"], row["feed_offset"]
        opened = {n: self._vault.open_any(row[n], place(n, *position)) for n in ("key", "headers", "value")}
        return opened | {"headers": msgspec.json.decode(opened["headers"] or b"{}")}

    async def let_go(self, site: str, messages: Sequence[HeldMessage]) -> None:
        """Hold these no longer."""
        positions = [(m.epoch, m.topic, m.partition, m.feed_offset) for m in messages]
        await self._connection.execute(self._sql["let_go"], site, *[list(c) for c in zip(*positions, strict=True)])

    async def resume(self, site: str) -> None:
        """End the pause, and forget what led to it."""
        await self._connection.execute(self._sql["resume"], site)
