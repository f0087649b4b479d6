"""Builds feed messages as a broker delivers them, and an ingest that reads them. Decides nothing about what they state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from services.ingest.app import Ingest
from services.ingest.messages import FeedMessage
from services.ingest.reader import Reader
from shared import sites, topics
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime.postgres import Pool
from shared.runtime.sealing import Vault, place
from tests.support.database import Database
from tests.support.records import ATC, Resource, as_json, coded, lab, resource

SITE: Final = "north"
SITES: Final = Path("deploy/sites")
SECRET: Final = "the secret of the tests, 32 bytes or more"
KEYS: Final = HmacKeys(SECRET.encode())
CROSSWALK_KEY: Final = f"tests:{'0123456789abcdef' * 4}"
VAULT: Final = Vault.of(CROSSWALK_KEY)
STARTED: Final = datetime(2024, 5, 3, 8, tzinfo=UTC)
CAMRELIZUMAB: Final = coded("https://north.example/fhir/CodeSystem/pharmacy", "CAM200")
PARACETAMOL: Final = coded(ATC, "N02BE01")


class Feed:
    """A feed of its own: numbers the messages of each partition, each published a second after the one before."""

    def __init__(self) -> None:
        self.epoch = str(uuid4())
        self._offsets: Counter[tuple[str, int]] = Counter()
        self._sent = 0

    def message(
        self,
        of: Resource | bytes | None,
        *,
        site: str | None = SITE,
        topic: str = topics.RESOURCES.name,
        key: str | None = None,
        partition: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> FeedMessage:
        """The next message of a partition."""
        offset = self._offsets[topic, partition]
        self._offsets[topic, partition] += 1
        self._sent += 1
        return FeedMessage(
            self.epoch,
            topic,
            partition,
            offset,
            key.encode() if key is not None else None,
            as_json(of) if isinstance(of, dict) else of,
            {**({"site": site} if site is not None else {}), **(headers or {})},
            STARTED + timedelta(seconds=self._sent),
        )

    def messages(self, *of: Resource | bytes | None, **given: Any) -> list[FeedMessage]:
        """Some messages of one partition."""
        return [self.message(each, **given) for each in of]


@cache
def reader() -> Reader:
    """A reader of the demonstration's sites that asks for what the built-in protocols need."""
    return Reader(sites.load(SITES), protocol_files.scope(protocol_files.load().values()), KEYS)


def ingest(pool: Pool) -> Ingest:
    """An ingest that acts on this pool."""
    return Ingest(reader(), pool, VAULT)


def patient(id_: str = "p1", site: str = SITE) -> UUID:
    """The pseudonym of a patient."""
    return KEYS.patient(site, id_)


def stamp(version: int) -> Resource:
    """The `meta` of a numbered version, each stored an hour after the one before."""
    updated = STARTED + timedelta(hours=version)
    return {"versionId": str(version), "lastUpdated": updated.isoformat().replace("+00:00", "Z")}


def platelets(value: str, version: int | None = 1, id_: str = "plt", of: str = "p1", **elements: Any) -> Resource:
    """A platelet count; version None: one without `meta`."""
    meta = {} if version is None else {"meta": stamp(version)}
    subject = {"reference": f"Patient/{of}"}
    return lab("777-3", value, "10*9/L", id_=id_, **({"subject": subject} | meta | elements))


def medication(code: Resource, version: int = 1, id_: str = "m1") -> Resource:
    """A Medication in a message of its own."""
    return resource("Medication", id_, code=code, meta=stamp(version))


def administration(version: int = 1, id_: str = "a1", of: str = "m1") -> Resource:
    """An administration that says what was given by reference only."""
    return resource(
        "MedicationAdministration",
        id_,
        status="completed",
        meta=stamp(version),
        medicationReference={"reference": f"Medication/{of}"},
        effectiveDateTime="2024-05-02T09:00:00+02:00",
        dosage={"dose": {"value": 200, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}},
    )


def bundle(*entries: Resource) -> Resource:
    """A collection of resources."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": e} for e in entries]}


def deletion(reference: str, version: int) -> Resource:
    """A Bundle that says when a record was deleted."""
    entry = {
        "request": {"method": "DELETE", "url": reference},
        "response": {"status": "204", "lastModified": stamp(version)["lastUpdated"], "etag": f'W/"{version}"'},
    }
    return {"resourceType": "Bundle", "type": "history", "entry": [entry]}


async def kept(database: Database, vault: Vault = VAULT) -> list[bytes]:
    """Every stored version as received."""
    rows = await database.rows("SELECT record, content_sha256, raw FROM identity.resource_version ORDER BY 1, 2")
    return [vault.open(r["raw"], place("raw", r["record"], r["content_sha256"].hex())) for r in rows]


async def dead_values(database: Database) -> dict[UUID, bytes | None]:
    """What each dead letter holds."""
    rows = await database.rows("SELECT dead_letter, value FROM identity.dead_letter")
    return {r["dead_letter"]: VAULT.open_any(r["value"], place("value", r["dead_letter"])) for r in rows}


async def mend(database: Database, wrong: bytes, right: bytes) -> None:
    """Put right what every dead letter holds, as its sender would."""
    for letter, value in (await dead_values(database)).items():
        mended = VAULT.seal((value or b"").replace(wrong, right), place("value", letter))
        await database.rows("UPDATE identity.dead_letter SET value = $2 WHERE dead_letter = $1", letter, mended)


async def live_facts(database: Database) -> list[tuple[UUID, str]]:
    """(patient, fact as JSON) of every fact that stands."""
    rows = await database.rows("SELECT patient, fact::text AS fact FROM timeline.fact WHERE ended_in IS NULL")
    return sorted((r["patient"], r["fact"]) for r in rows)


async def platelet_counts(database: Database, of: UUID) -> list[str]:
    """The platelet counts that stand of a patient."""
    rows = await database.rows(
        "SELECT fact->'value'->>'value' AS value FROM timeline.fact"
        " WHERE patient = $1 AND ended_in IS NULL AND fact->>'concept' = 'platelets' ORDER BY 1",
        of,
    )
    return [r["value"] for r in rows]


async def drugs(database: Database) -> list[str]:
    """The drugs whose exposures stand."""
    rows = await database.rows(
        "SELECT fact->>'drug' AS drug FROM timeline.fact WHERE kind = 'drug-exposure' AND ended_in IS NULL ORDER BY 1"
    )
    return [r["drug"] for r in rows]


async def counts(database: Database) -> dict[tuple[str, str], int]:
    """How many resources ended how, and why."""
    rows = await database.rows(
        "SELECT outcome, reason, sum(resources)::int AS n FROM timeline.feed_count GROUP BY 1, 2"
    )
    return {(r["outcome"], r["reason"]): r["n"] for r in rows}


def deliver_in_parts(messages: Sequence[FeedMessage], size: int) -> list[Sequence[FeedMessage]]:
    """Batches of at most so many messages."""
    return [messages[i : i + size] for i in range(0, len(messages), size)]
