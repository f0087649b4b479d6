"""The queue of deliveries in Postgres: what is due, attempts before they are sent, what became of them. Decides nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from services.notify import patience
from services.notify.messages import Corrected, Outgoing
from services.notify.notices import EMAIL, IN_ORDER, Notice, digest_id
from shared import events
from shared.runtime import logs, metrics, notify_status
from shared.runtime.postgres import Pool, queries

log = logs.logger(__name__)


@dataclass(frozen=True)
class Settled:
    """What became of one attempt, and what is next: `due_at` where it is tried again."""

    delivery_id: UUID
    attempt: int
    outcome: str
    says: str
    state: str
    due_at: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """How much of a channel waits, how much of that is due, and for how long the oldest of it has been."""

    channel: str
    deliveries: int
    due: int
    oldest_due_seconds: float


@dataclass(frozen=True)
class _Unreadable:
    """A claimed delivery that cannot be sent by this release, and why."""

    row: Record
    says: str


class Deliveries:
    """Reads and writes `notify.delivery` and `notify.attempt`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sql = queries("notify_deliveries")

    async def interrupt(self) -> int:
        """Note the attempts that an ended process left behind; how many."""
        done: str = await self._pool.execute(self._sql["interrupt"])
        return int(done.rpartition(" ")[2])

    async def due_endpoints(self) -> list[str]:
        """The endpoints at which something is due."""
        return [r["endpoint"] for r in await self._pool.fetch(self._sql["due_endpoints"])]

    async def claim(
        self, endpoint: str, under_way: Collection[UUID], patients: Collection[UUID], most: int
    ) -> list[list[Outgoing]]:
        """The next messages of an endpoint, in order; each is an attempt from now on."""
        if endpoint == EMAIL:
            await self._bind_digests(endpoint)
        while True:
            if endpoint.startswith(IN_ORDER):
                rows = await self._pool.fetch(self._sql["claim_in_order"], endpoint, most)
                found, unreadable = _read_in_order(rows)
            else:
                rows = await self._pool.fetch(self._sql["claim"], endpoint, list(under_way), list(patients), most)
                found, unreadable = _read(rows)
            if unreadable:
                await self._set_aside(endpoint, unreadable)
            if found or not rows:
                return found

    async def look_again(self) -> int:
        """What another release could not read, this one may: it is due; how many."""
        done: str = await self._pool.execute(self._sql["look_again"])
        return int(done.rpartition(" ")[2])

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Write what became of attempts."""
        await self._pool.execute(
            self._sql["settle"],
            [s.delivery_id for s in settled],
            [s.attempt for s in settled],
            [s.outcome for s in settled],
            [s.says for s in settled],
            [s.state for s in settled],
            [s.due_at for s in settled],
        )

    async def release(self, endpoint: str) -> None:
        """An endpoint is back: everything that waited for another attempt is due."""
        await self._pool.execute(self._sql["release"], endpoint)

    async def follow_clock(self) -> int:
        """What a clock of the database put off that has been set back since waits no longer for it; how much there was."""
        row = await self._pool.fetchrow(self._sql["follow_clock"], 2 * patience.LONGEST)
        assert row is not None
        if found := row["deliveries"] + row["escalations"]:
            log.warning("clock-was-set-back", deliveries=row["deliveries"], escalations=row["escalations"])
        return int(found)

    async def give_up(self, endpoint: str, patience: timedelta, says: str) -> int:
        """Give up what an endpoint that is down has not taken for so long; how many."""
        done: str = await self._pool.execute(self._sql["give_up"], endpoint, patience, says)
        return int(done.rpartition(" ")[2])

    async def waiting(self) -> list[Waiting]:
        """What waits, by channel."""
        return [Waiting(**dict(r)) for r in await self._pool.fetch(self._sql["waiting"])]

    async def given_up(self) -> dict[str, int]:
        """By channel how many were given up and are not settled."""
        return await notify_status.given_up(self._pool)

    async def _set_aside(self, endpoint: str, unreadable: Sequence[_Unreadable]) -> None:
        """A failed attempt of each; tried again ever more rarely, never given up: a newer release can read it."""
        for u in unreadable:
            delivery, event = str(u.row["delivery_id"]), str(u.row["event_id"])
            log.error("delivery-unreadable", delivery_id=delivery, event_id=event, endpoint=endpoint, says=u.says)
        metrics.ATTEMPTS.labels(endpoint.partition(":")[0], "failed").inc(len(unreadable))
        await self._pool.execute(
            self._sql["set_aside"],
            [u.row["delivery_id"] for u in unreadable],
            [u.row["attempts"] for u in unreadable],
            [u.says for u in unreadable],
            [u.row["claimed_at"] + patience.delay(u.row["attempts"]) for u in unreadable],
        )

    async def _bind_digests(self, endpoint: str) -> None:
        """Make one message for each recipient of what is due in a digest; what it carries is fixed from now on."""
        async with self._pool.acquire() as connection, connection.transaction():
            by_recipient: Mapping[str, list[UUID]] = defaultdict(list)
            for row in await connection.fetch(self._sql["unbound_digest"], endpoint):
                by_recipient[row["recipient"]].append(row["delivery_id"])
            bound = [(d, digest_id(ids)) for ids in by_recipient.values() for d in ids]
            if bound:
                await connection.execute(self._sql["bind_digest"], [d for d, _ in bound], [m for _, m in bound])


def _read(rows: Sequence[Record]) -> tuple[list[list[Outgoing]], list[_Unreadable]]:
    """By message; what cannot be read stays behind."""
    messages: dict[UUID, list[Outgoing]] = {}
    unreadable: list[_Unreadable] = []
    for row in rows:
        try:
            messages.setdefault(row["message_id"], []).append(_outgoing(row))
        except msgspec.MsgspecError:
            unreadable.append(_Unreadable(row, f"an event that this release cannot read: {row['kind']}"))
    return [message for message in messages.values() if message], unreadable


def _read_in_order(rows: Sequence[Record]) -> tuple[list[list[Outgoing]], list[_Unreadable]]:
    """As one message; from the first that cannot be read on, all stays behind: what follows must not overtake it."""
    message: list[Outgoing] = []
    for place, row in enumerate(rows):
        try:
            message.append(_outgoing(row))
        except msgspec.MsgspecError:
            first = _Unreadable(row, f"an event that this release cannot read: {row['kind']}")
            says = f"waits for event {row['event_number']} before it, which this release cannot read"
            return ([message] if message else []), [first, *(_Unreadable(r, says) for r in rows[place + 1 :])]
    return ([message] if message else []), []


def _outgoing(r: Record | Mapping[str, Any]) -> Outgoing:
    event = events.decode(r["event"].encode())
    notice = Notice(r["event_id"], r["source"], r["outcome_id"], r["patient"], r["site"], r["created_at"], event)
    corrected = None
    if r["corrects"] is not None and r["corrected_at"] is not None:
        corrected = Corrected(r["corrects"], r["corrected_at"], r["corrected_sentence"])
    return Outgoing(
        delivery_id=r["delivery_id"],
        message_id=r["message_id"],
        attempt=r["attempts"],
        claimed_at=r["claimed_at"],
        recipient=r["recipient"],
        channel=r["channel"],
        mode=r["mode"],
        reason=r["reason"],
        decided_at=r["decided_at"],
        notice=notice,
        follows=r["follows"],
        corrected=corrected,
        event_number=r["event_number"],
        traceparent=r["traceparent"],
    )
