"""How far notify is: decided, delivered, waiting, given up; and acknowledging by hand. Decides nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from shared.runtime.postgres import Connection, Pool, queries

_LISTED: Final = 50


class DeliveryCount(msgspec.Struct, frozen=True):
    """How many deliveries of a channel are in a state."""

    channel: str
    state: str
    deliveries: int


class GivenUp(msgspec.Struct, frozen=True):
    """A delivery that was given up and is not settled: who was not told of what."""

    event_id: UUID
    kind: str
    urgency: str
    site: str
    recipient: str
    channel: str
    decided_at: datetime
    says: str


class Failing(msgspec.Struct, frozen=True):
    """An endpoint whose deliveries wait for another attempt, and what the last one said."""

    endpoint: str
    deliveries: int
    says: str


class NotifyStatus(msgspec.Struct, frozen=True):
    """All of it."""

    notices: int
    silent: int
    deliveries: list[DeliveryCount]
    untold: int
    """Deliveries that were given up and are not settled."""
    given_up: list[GivenUp]
    """The first of these."""
    failing: list[Failing]
    escalations: int
    acknowledged: int


class Acknowledged(msgspec.Struct, frozen=True):
    """Who acknowledged an event first, and whether that was this time."""

    first: bool
    by_person: str
    by_name: str
    acknowledged_at: datetime


async def read(pool: Pool | Connection) -> NotifyStatus:
    """How things stand; as `reader`."""
    sql = queries("notify_status")
    notices = await pool.fetchrow(sql["notices"])
    assert notices is not None
    return NotifyStatus(
        notices["notices"],
        notices["silent"],
        [DeliveryCount(**dict(r)) for r in await pool.fetch(sql["deliveries"])],
        sum((await given_up(pool)).values()),
        [GivenUp(**dict(r)) for r in await pool.fetch(sql["given_up"], _LISTED)],
        [Failing(**dict(r)) for r in await pool.fetch(sql["failing"])],
        await pool.fetchval(sql["escalations"]),
        await pool.fetchval(sql["acknowledged"]),
    )


async def given_up(pool: Pool | Connection) -> dict[str, int]:
    """By channel how many deliveries were given up and are not settled."""
    rows = await pool.fetch(queries("notify_status")["given_up_by_channel"])
    return {r["channel"]: r["deliveries"] for r in rows}


async def settle(pool: Pool, event: UUID | None, recipient: str | None, by: str, note: str) -> int:
    """Say that whoever was not told was told by another way, of an event or a recipient; of how many deliveries."""
    done: str = await pool.execute(queries("notify_status")["settle"], event, recipient, by, note)
    return int(done.rpartition(" ")[2])


async def acknowledge(pool: Pool, event: UUID, by: str, note: str) -> Acknowledged | None:
    """Acknowledge by hand; None where there is no such event."""
    row = await pool.fetchrow(queries("notify_status")["acknowledge"], event, by, note)
    return None if row is None else Acknowledged(**dict(row))


async def outstanding(pool: Pool | Connection) -> int:
    """Events without a decision, and deliveries that are due: 0 when notify has caught up."""
    undecided = [
        await pool.fetchval(queries("notify_status", s)["undecided"]) for s in ("eligibility", "response", "safety")
    ]
    return int(sum(undecided) + await pool.fetchval(queries("notify_status")["due"]))
