"""How far the whole system is: what became of the feed, who is behind, how fast it was. Reads only, as `reader`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from shared.protocol.load import protocol_hash
from shared.protocol.model import Protocol
from shared.runtime.postgres import Connection, Pool, queries

DECIDING: Final = ("eligibility", "response", "safety")


class FeedCount(msgspec.Struct, frozen=True):
    """How many delivered resources of a site and topic ended how, and why."""

    site: str
    topic: str
    outcome: str
    reason: str
    resources: int


class Latency(msgspec.Struct, frozen=True):
    """Seconds from the feed message published to the outcome committed, over all outcomes that a message caused."""

    outcomes: int
    p50: float | None
    p99: float | None


async def feed_counts(connection: Connection | Pool) -> list[FeedCount]:
    """What became of every delivered resource."""
    return [FeedCount(**dict(r)) for r in await connection.fetch(queries("status")["feed_counts"])]


async def behind(connection: Connection | Pool, protocols: Mapping[str, Protocol]) -> dict[str, int]:
    """How many (patient, protocol) each deciding service has yet to evaluate, and events yet to be relayed."""
    waiting: dict[str, int] = {}
    for service in DECIDING:
        sql = queries("status", service)
        counts = [await connection.fetchval(sql["behind"], p.id, protocol_hash(p)) for p in protocols.values()]
        waiting[service] = sum(counts) + await connection.fetchval(sql["unrelayed"])
    return waiting


async def failures(connection: Connection | Pool) -> list[tuple[str, UUID, str]]:
    """Patients whose rules failed: service, pseudonym, and where."""
    return [
        (service, r["patient"], r["failure"])
        for service in DECIDING
        for r in await connection.fetch(queries("status", service)["failures"])
    ]


async def latency(connection: Connection | Pool, service: str) -> Latency:
    """The latency of one deciding service."""
    row = await connection.fetchrow(queries("status", service)["latency"])
    assert row is not None
    return Latency(row["outcomes"], _seconds(row["p50"]), _seconds(row["p99"]))


async def current_outcomes(
    connection: Connection | Pool, service: str, protocol: str
) -> dict[UUID, dict[tuple[str, str], dict[str, Any]]]:
    """Contents of all current outcomes of a service, by patient and (kind, subject)."""
    found: dict[UUID, dict[tuple[str, str], dict[str, Any]]] = {}
    for r in await connection.fetch(queries("status", service)["current_outcomes"], protocol):
        found.setdefault(r["patient"], {})[r["kind"], r["subject"]] = msgspec.json.decode(r["content"])
    return found


async def event_counts(connection: Connection | Pool) -> dict[str, int]:
    """How many events of each type were committed."""
    return {
        r["type"]: r["events"]
        for service in DECIDING
        for r in await connection.fetch(queries("status", service)["event_counts"])
    }


def _seconds(value: Any) -> float | None:
    return None if value is None else round(float(value), 3)
