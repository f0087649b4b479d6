"""The queue of deliveries in Postgres: what is due, attempts before they are sent, what became of them. Decides nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from services.notify.messages import Corrected, Outgoing
from services.notify.notices import EMAIL, IN_ORDER, Notice, digest_id
from shared import events
from shared.runtime.postgres import Pool, queries


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
        if endpoint.startswith(IN_ORDER):
            rows = await self._pool.fetch(self._sql["claim_in_order"], endpoint, most)
            return [[_outgoing(row) for row in rows]] if rows else []
        rows = await self._pool.fetch(self._sql["claim"], endpoint, list(under_way), list(patients), most)
        messages: dict[UUID, list[Outgoing]] = {}
        for row in rows:
            messages.setdefault(row["message_id"], []).append(_outgoing(row))
        return list(messages.values())

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

    async def give_up(self, endpoint: str, patience: timedelta, says: str) -> int:
        """Give up what an endpoint that is down has not taken for so long; how many."""
        done: str = await self._pool.execute(self._sql["give_up"], endpoint, patience, says)
        return int(done.rpartition(" ")[2])

    async def waiting(self) -> list[Waiting]:
        """What waits, by channel."""
        return [Waiting(**dict(r)) for r in await self._pool.fetch(self._sql["waiting"])]

    async def _bind_digests(self, endpoint: str) -> None:
        """Make one message for each recipient of what is due in a digest; what it carries is fixed from now on."""
        async with self._pool.acquire() as connection, connection.transaction():
            by_recipient: Mapping[str, list[UUID]] = defaultdict(list)
            for row in await connection.fetch(self._sql["unbound_digest"], endpoint):
                by_recipient[row["recipient"]].append(row["delivery_id"])
            bound = [(d, digest_id(ids)) for ids in by_recipient.values() for d in ids]
            if bound:
                await connection.execute(self._sql["bind_digest"], [d for d, _ in bound], [m for _, m in bound])


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
