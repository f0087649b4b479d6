"""Replacing the pseudonym key as docs/keys.md says: into a new database, from the same records, to the same timelines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import pytest

from services.cli.stack import Stack
from services.ingest.naming import Naming
from services.ingest.reader import Reader
from services.ingest.store import Ingest
from shared.fhir.keys import HmacKeys
from shared.runtime import crosswalk, postgres
from shared.runtime.postgres import Pool
from shared.runtime.sealing import place
from shared.sites import ConfigurationError
from tests.support import database as databases
from tests.support import feed
from tests.support.database import Database
from tests.support.feed import CAMRELIZUMAB, KEYS, VAULT, Feed, administration, deletion, medication, platelets
from tests.support.records import Resource, resource

NEW: Final = HmacKeys(b"the secret that replaces the one disclosed")
MRN: Final = {"system": "urn:mrn", "value": "4711"}
LINK: Final = [{"other": {"reference": "Patient/p1"}, "type": "replaced-by"}]
RECORDS: Final[tuple[Resource | bytes, ...]] = (
    resource("Patient", "p1", identifier=[MRN], gender="male", birthDate="1971-03-22"),
    resource("Patient", "p2", gender="male", link=LINK),
    platelets("140", 1),
    platelets("90", 2, status="corrected"),
    platelets("150", 1, "gone"),
    deletion("Observation/gone", 2),
    platelets("77", 1, "of-the-merged", of="p2"),
    platelets("120", 1, "by-number", subject={"identifier": MRN}),
    administration(),
    medication(CAMRELIZUMAB),
    platelets("13", 1, "bad", status="banana"),
    b"no JSON",
)
_KEY: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
_OF_NOBODY: Final = ("fact_id", "recorded_at", "changed_at", "merged_at")


@pytest.fixture
async def successor(stack: Stack) -> AsyncIterator[Database]:
    """The new, empty database."""
    made = await databases.create(stack.database_url, databases.TEMPLATE)
    yield made
    await databases.drop(stack.database_url, made)


async def test_records_brought_under_a_new_key_make_the_same_timelines(
    database: Database, ingest_pool: Pool, successor: Database
) -> None:
    """Facts, merges, marks and counts are those of before under other names, and no old name is left."""
    await _bring(ingest_pool, KEYS)
    async with await postgres.connect(successor.url, "ingest", size=2) as pool:
        await _bring(pool, NEW)
    renamed = await _new_names(database)
    old, new = await _timelines(database), await _timelines(successor)
    assert old["fact"].total() == 7  # two of demographics, a link, three platelet counts, one exposure
    assert {table: _renamed(rows, renamed) for table, rows in old.items()} == new
    left = {name for name in renamed if name in repr(await successor.dump("identity", "timeline"))}
    assert left == set()


async def test_a_new_key_is_refused_on_the_old_database(database: Database, ingest_pool: Pool) -> None:
    """Else one patient would have two timelines, each with half of the facts."""
    await _bring(ingest_pool, KEYS)
    before = await database.dump("identity", "timeline")
    with pytest.raises(
        ConfigurationError, match="GRAFTWATCH_PSEUDONYM_KEY: this database was written with another key"
    ):
        await crosswalk.admit(ingest_pool, VAULT, NEW)
    assert await database.dump("identity", "timeline") == before


async def _bring(pool: Pool, keys: HmacKeys) -> None:
    """Feed the records to an installation with this key, and let it follow what is named by an identifier."""
    await crosswalk.admit(pool, VAULT, keys)
    known = feed.reader()
    ingest = Ingest(Reader(known.sites, known.scope, keys), pool, VAULT)
    await ingest.store(Feed().messages(*RECORDS))
    naming = Naming(ingest, pool)
    await naming.waiting(None)
    await naming.changed()


async def _new_names(database: Database) -> dict[str, str]:
    """By each pseudonym of the old database, the new one: whoever has old key or crosswalk can still tell."""
    patients = {
        str(r["patient"]): str(
            NEW.patient(r["site"], VAULT.open(r["patient_id"], place("patient_id", r["patient"])).decode())
        )
        for r in await database.rows("SELECT site, patient, patient_id FROM identity.patient")
    }
    records = {
        r["record"]: NEW.record(
            r["site"], r["resource_type"], VAULT.open(r["resource_id"], place("resource_id", r["record"])).decode()
        )
        for r in await database.rows("SELECT record, site, resource_type, resource_id FROM identity.resource")
    }
    return patients | records


async def _timelines(database: Database) -> dict[str, Counter[str]]:
    """What the deciding services read, row by row, without what is new in any database."""
    tables = await database.dump("timeline")
    wanted = ("fact", "patient", "merge", "feed_count", "unmapped_code")
    return {table: Counter(map(_without_what_is_new, tables[f"timeline.{table}"])) for table in wanted}


def _without_what_is_new(row: str) -> str:
    held = msgspec.json.decode(row)
    if "fact" in held:
        held["fact"].pop("fact_id")
    return msgspec.json.encode({k: v for k, v in held.items() if k not in _OF_NOBODY}, order="sorted").decode()


def _renamed(rows: Counter[str], names: dict[str, str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for row, n in rows.items():
        found[_KEY.sub(lambda key: names.get(key[0], key[0]), row)] += n
    return found
