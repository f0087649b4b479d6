"""Puts facts into a database's timelines as ingest would, for tests of what comes after it. Decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from shared.facts import AnyFact, encode, kind

_PATIENT: Final = "INSERT INTO timeline.patient (patient, site, version) VALUES ($1, 'test', 0) ON CONFLICT DO NOTHING"
_RAISE: Final = (
    "UPDATE timeline.patient SET version = version + 1, changed_at = now() WHERE patient = $1 RETURNING version"
)
_END: Final = (
    "UPDATE timeline.fact SET ended_in = $2 WHERE patient = $1 AND fact_id = ANY($3::uuid[]) AND ended_in IS NULL"
)
_ADD: Final = """
    INSERT INTO timeline.fact (patient, fact_id, record, kind, occurred_at, fact, added_in)
    SELECT $1, f.fact_id, f.record, f.kind, f.occurred_at, f.fact::jsonb, $7
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
        AS f (fact_id, record, kind, occurred_at, fact)
"""


async def store(
    connection: asyncpg.Connection[asyncpg.Record],
    patient: UUID,
    added: Sequence[AnyFact],
    ended: Collection[AnyFact] = (),
) -> int:
    """Add and end facts of a patient in one transaction; the timeline version that this makes."""
    async with connection.transaction():
        await connection.execute(_PATIENT, patient)
        version: int = await connection.fetchval(_RAISE, patient)
        await connection.execute(_END, patient, version, [f.fact_id for f in ended])
        columns = (
            [f.fact_id for f in added],
            [f.source.key for f in added],
            [kind(f) for f in added],
            [f.occurred.first if f.occurred is not None else None for f in added],
            [encode(f).decode() for f in added],
        )
        await connection.execute(_ADD, patient, *columns, version)
    return version
