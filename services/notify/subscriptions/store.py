"""Subscriptions and the records of deliveries in Postgres. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from asyncpg import Record as Row

from services.notify.subscriptions.bundles import Event
from services.notify.subscriptions.communication import Record
from services.notify.subscriptions.model import Subscription, Version, Wanted
from shared.runtime.postgres import Connection, Pool, queries

_FILTERS: Final = msgspec.json.Decoder(tuple[tuple[str, tuple[str, ...]], ...])
_HEADERS: Final = msgspec.json.Decoder(tuple[tuple[str, str], ...])


class Subscriptions:
    """Reads and writes `notify.subscription`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sql = queries("notify_subscriptions")

    async def create(self, subscription_id: UUID, owner: str, wanted: Wanted) -> None:
        """Keep what was asked for; the handshake is due."""
        await self._pool.execute(
            self._sql["create"],
            *(subscription_id, owner, wanted.version, wanted.topic, _json(wanted.filters), wanted.address),
            *(_json(wanted.headers), wanted.content, wanted.heartbeat_seconds, wanted.timeout_seconds),
            *(wanted.max_count, wanted.ends_at, wanted.says),
        )

    async def update(self, subscription_id: UUID, wanted: Wanted) -> None:
        """Keep what is asked for instead; the handshake is due again, events count on."""
        await self._pool.execute(
            self._sql["update"],
            *(subscription_id, wanted.topic, _json(wanted.filters), wanted.address, _json(wanted.headers)),
            *(wanted.content, wanted.heartbeat_seconds, wanted.timeout_seconds, wanted.max_count, wanted.ends_at),
            wanted.says,
        )

    async def of(self, owner: str, version: Version, subscription_id: UUID | None = None) -> list[Subscription]:
        """An owner's subscriptions of a version, or the one with an id."""
        rows = await self._pool.fetch(self._sql["subscriptions_of"], owner, version, subscription_id)
        return [_subscription(r) for r in rows]

    async def count(self, owner: str) -> int:
        """How many an owner has."""
        found: int = await self._pool.fetchval(self._sql["count_of"], owner)
        return found

    async def live(self, connection: Connection | None = None) -> list[Subscription]:
        """All that are not off."""
        return [_subscription(r) for r in await (connection or self._pool).fetch(self._sql["live"])]

    async def count_events(self, connection: Connection, subscription_id: UUID, more: int) -> int | None:
        """The number of the last of so many more events; None where it is off or has ended."""
        found: int | None = await connection.fetchval(self._sql["count_events"], subscription_id, more)
        return found

    async def existing(self, connection: Connection, deliveries: list[UUID]) -> set[UUID]:
        """Which of these deliveries there are."""
        if not deliveries:
            return set()
        return {r["delivery_id"] for r in await connection.fetch(self._sql["existing"], deliveries)}

    async def switch_off(self, subscription_id: UUID, says: str, asked_at: datetime | None = None) -> None:
        """Deleted, ended, or given up as it was asked for then: not if it was updated meanwhile."""
        async with self._pool.acquire() as connection, connection.transaction():
            is_off = await connection.fetchval(  # waits for who numbers events
                self._sql["switch_off"], subscription_id, says, asked_at
            )
            if is_off:
                await connection.execute(self._sql["stop_waiting"], subscription_id, says)

    async def handshake_due(self) -> list[Subscription]:
        """Those whose handshake is to be tried."""
        return [_subscription(r) for r in await self._pool.fetch(self._sql["handshake_due"])]

    async def heartbeat_due(self) -> list[Subscription]:
        """Those that have heard nothing for as long as their heartbeat says."""
        return [_subscription(r) for r in await self._pool.fetch(self._sql["heartbeat_due"])]

    async def ended(self) -> list[UUID]:
        """Those whose end has come."""
        return [r["subscription_id"] for r in await self._pool.fetch(self._sql["ended"])]

    async def answered(self, of: Subscription) -> None:
        """It took what it was sent, as it was asked for then: an updated one has its handshake still to answer."""
        await self._pool.execute(self._sql["answered"], of.subscription_id, of.asked_at)

    async def failed(self, of: Subscription, says: str, next_handshake_at: datetime | None = None) -> None:
        """It did not; of a handshake: when it is tried again."""
        await self._pool.execute(self._sql["failed"], of.subscription_id, says, next_handshake_at, of.asked_at)

    async def events(self, subscription_id: UUID, since: int, until: int, most: int) -> list[Event]:
        """Events by number, both ends included."""
        rows = await self._pool.fetch(self._sql["events"], subscription_id, since, until, most)
        return [Event(r["event_number"], _record(r)) for r in rows]

    async def records(
        self, recipient: str | None, most: int, delivery_id: UUID | None = None, since: datetime | None = None
    ) -> list[Record]:
        """Deliveries as they stand, the newest first."""
        rows = await self._pool.fetch(self._sql["records"], recipient, delivery_id, since, most)
        return [_record(r) for r in rows]

    async def now(self) -> datetime:
        """The database's time."""
        now: datetime = await self._pool.fetchval("SELECT now()")
        return now


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _subscription(r: Row | Mapping[str, Any]) -> Subscription:
    wanted = Wanted(
        version=r["fhir_version"],
        topic=r["topic"],
        filters=_FILTERS.decode(r["filters"]),
        address=r["address"],
        headers=_HEADERS.decode(r["headers"]),
        content=r["content"],
        heartbeat_seconds=r["heartbeat_seconds"],
        timeout_seconds=r["timeout_seconds"],
        max_count=r["max_count"],
        ends_at=r["ends_at"],
        says=r["says"],
    )
    return Subscription(
        subscription_id=r["subscription_id"],
        owner=r["owner"],
        wanted=wanted,
        status=r["status"],
        error=r["error"],
        events=r["events"],
        handshakes=r["handshakes"],
        asked_at=r["asked_at"],
    )


def _record(r: Row | Mapping[str, Any]) -> Record:
    return Record(
        delivery_id=r["delivery_id"],
        recipient=r["recipient"],
        channel=r["channel"],
        state=r["state"],
        says=r["says"],
        decided_at=r["decided_at"],
        delivered_at=r["delivered_at"],
        corrects=r["corrects"],
        kind=r["kind"],
        urgency=r["urgency"],
        patient=r["patient"],
        study=r["study"],
        site=r["site"],
        sentence=r["sentence"],
        created_at=r["created_at"],
    )
