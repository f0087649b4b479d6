"""The patients of the benchmark: charts made once, copied by Postgres under pseudonyms and record keys of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import asyncpg

from shared.facts import AnyFact, encode, kind
from tests.support import build
from tests.support.patients import ELIGIBLE, eligible

CHARTS: Final = 200
CANDIDATES: Final = 60
"""Of the charts so many are of candidates: with carcinoma, transplant and most of what the trial asks for."""
_COPIED: Final = 10_000
_ANALYTES: Final = ("platelets", "neutrophils", "haemoglobin", "albumin", "bilirubin-total", "inr")
_VALUES: Final = {
    "platelets": ("45", "60", "70", "90", "140", "210"),
    "neutrophils": ("1.2", "2.4", "3.1", "4.8"),
    "haemoglobin": ("8.4", "10.2", "12.1", "13.5"),
    "albumin": ("2.6", "3.2", "3.9", "4.4"),
    "bilirubin-total": ("0.7", "1.1", "2.4"),
    "inr": ("1.0", "1.1", "1.4"),
}
_PATIENTS: Final = """
    INSERT INTO timeline.patient (patient, site, version, changed_at)
    SELECT md5('patient/' || n)::uuid, 'bench', 1, now() - interval '1 day'
    FROM generate_series($1::integer, $2::integer) AS n
"""
_FACTS: Final = """
    INSERT INTO timeline.fact (patient, fact_id, record, kind, occurred_at, fact, added_in)
    SELECT md5('patient/' || n)::uuid, made.id, made.id::text, chart.kind, chart.occurred_at,
        chart.fact || jsonb_build_object(
            'fact_id', made.id, 'source', chart.fact->'source' || jsonb_build_object('key', made.id)
        ),
        1
    FROM generate_series($1::integer, $2::integer) AS n
    JOIN chart ON chart.number = n % $3
    CROSS JOIN LATERAL (SELECT md5(n || '/' || chart.place)::uuid AS id) AS made
"""

_INDEXES: Final = """
    SELECT i.indexname AS name, i.indexdef AS made_by FROM pg_indexes i
    WHERE i.schemaname = 'timeline' AND i.tablename = 'fact'
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)
"""
"""Made anew once all facts are there: rows in no order cost an index far more one by one."""


async def fill(connection: asyncpg.Connection[asyncpg.Record], patients: int) -> int:
    """Store so many timelines; how many facts they have together."""
    await connection.execute(
        "CREATE TEMPORARY TABLE chart"
        " (number integer, place integer, kind text, occurred_at timestamptz, fact text, PRIMARY KEY (number, place))"
    )
    await connection.copy_records_to_table("chart", records=list(_rows()))
    await connection.execute("ALTER TABLE chart ALTER COLUMN fact TYPE jsonb USING fact::jsonb")
    await connection.execute("ANALYZE chart")
    indexes = await connection.fetch(_INDEXES)
    for index in indexes:
        await connection.execute(f"DROP INDEX timeline.{index['name']}")
    for first in range(0, patients, _COPIED):
        last = min(first + _COPIED, patients) - 1
        await connection.execute(_PATIENTS, first, last)
        await connection.execute(_FACTS, first, last, CHARTS)
        sys.stdout.write(f"\r{last + 1} of {patients} timelines stored")
        sys.stdout.flush()
    sys.stdout.write("\n")
    for index in indexes:
        await connection.execute(index["made_by"])
    await connection.execute("VACUUM ANALYZE timeline.patient, timeline.fact")
    facts: int = await connection.fetchval("SELECT count(*) FROM timeline.fact")
    return facts


def _rows() -> Iterator[tuple[Any, ...]]:
    for number in range(CHARTS):
        for place, fact in enumerate(_chart(number)):
            occurred = fact.occurred.first if fact.occurred is not None else None
            yield number, place, kind(fact), occurred, encode(fact).decode()


def _chart(number: int) -> tuple[AnyFact, ...]:
    """A candidate with gaps and failures of every kind, or a patient of whom only laboratory results are kept."""
    chance = Random(number)
    history = [
        build.lab(analyte, chance.choice(_VALUES[analyte]), on=f"2024-0{chance.randrange(1, 5)}-{day:02}")
        for analyte in _ANALYTES
        for day in chance.sample(range(1, 29), 4 if number < CANDIDATES else 2)
    ]
    if number >= CANDIDATES:
        return (build.demographics(f"{chance.randrange(1935, 2005)}-06-15"), *history)
    known = [name for name in ELIGIBLE if name not in ("diagnosis", "transplant")]
    current = {a: build.lab(a, chance.choice(_VALUES[a]), on="2024-05-03") for a in ("platelets", "haemoglobin")}
    return eligible(*history, without=tuple(chance.sample(known, chance.randrange(3))), **current)
