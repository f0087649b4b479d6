"""Records that name their patient by an identifier: they wait for the Patient, and follow the identifier where it goes."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

import pytest

from services.ingest.app import Ingest
from services.ingest.naming import Naming
from services.ingest.replay import Replayed
from shared.runtime.postgres import Pool
from tests.support import feed
from tests.support.database import Database
from tests.support.feed import CAMRELIZUMAB, Feed, administration, deletion, medication, patient, platelets, stamp
from tests.support.records import Resource, resource

MRN = {"system": "https://north.example/fhir/mrn", "value": "MRN-7"}
OTHER = {"system": "https://north.example/fhir/mrn", "value": "MRN-8"}


@pytest.fixture
def naming(ingest: Ingest, ingest_pool: Pool) -> Naming:
    """What the service does beside its batches."""
    return Naming(ingest, ingest_pool, size=2)


def count(id_: str = "plt", version: int = 1) -> Resource:
    """A platelet count of whoever has the identifier."""
    return platelets("140", version, id_, subject={"identifier": MRN})


def person(id_: str, version: int = 1, /, *identifiers: Resource, **more: object) -> Resource:
    """A Patient with these identifiers."""
    return resource("Patient", id_, gender="male", identifier=list(identifiers), meta=stamp(version), **more)


async def test_a_record_waits_visibly_and_completes_by_itself(
    database: Database, ingest: Ingest, naming: Naming
) -> None:
    """A dead letter while nobody states the identifier; then the rows of a feed in which the Patient came first."""
    await ingest.store(Feed().messages(person("p1", 1, MRN), count("a"), count("b"), count("c")))
    clean = await _state(database)
    await database.empty("identity", "timeline")
    await ingest.store(Feed().messages(count("a"), count("b"), count("c")))
    assert await _open(database) == ["subject-by-identifier"] * 3
    assert (await _follow(naming)).read == 0
    await ingest.store(Feed().messages(person("p1", 1, MRN)))
    done = await _follow(naming)
    assert (done.read, [h.patient for h in done.hints]) == (3, [patient()] * 2)  # in two batches
    assert await _open(database) == []
    assert await _state(database) == clean
    assert (await _follow(naming)).read == 0


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_an_identifier_of_several_patients_names_none(
    database: Database, ingest: Ingest, naming: Naming, order: tuple[int, ...]
) -> None:
    """Two Patients state it: a dead letter that says so, whatever came first; one withdraws it, and the record is the other's."""
    source, sent = Feed(), [person("p1", 1, MRN), person("p2", 1, MRN), count()]
    for place in order:
        await ingest.store(source.messages(sent[place]))
        await _follow(naming)
    assert (await _whose(database), await _open(database)) == (set(), ["subject-ambiguous"])
    await ingest.store(source.messages(person("p1", 2, OTHER)))
    await _follow(naming)
    assert (await _whose(database), await _open(database)) == ({patient("p2")}, [])


async def test_a_letter_that_waited_says_so_when_two_patients_come_at_once(
    database: Database, ingest: Ingest, naming: Naming
) -> None:
    """It waited for one, and two state the identifier in one batch: the reason is another now."""
    await ingest.store(Feed().messages(count()))
    await ingest.store(Feed().messages(person("p1", 1, MRN), person("p2", 1, MRN)))
    await _follow(naming)
    assert await _open(database) == ["subject-ambiguous"]


async def test_merged_patients_that_state_the_same_are_one(database: Database, ingest: Ingest, naming: Naming) -> None:
    """The survivor has taken over the identifier: no contradiction; taken back, there is one again."""
    source, link = Feed(), [{"type": "replaced-by", "other": {"reference": "Patient/p2"}}]
    await ingest.store(source.messages(person("p1", 1, MRN), person("p2", 1, MRN), count()))
    assert await _open(database) == ["subject-ambiguous"]
    await ingest.store(source.messages(person("p1", 2, MRN, link=link)))
    await _follow(naming)
    assert (await _whose(database), await _open(database)) == ({patient("p2")}, [])
    await ingest.store(source.messages(person("p1", 3, MRN)))
    await _follow(naming)
    assert (await _whose(database), await _open(database)) == (set(), ["subject-ambiguous"])


async def test_what_a_withdrawn_identifier_named_is_nobodys_until_it_is_stated_again(
    database: Database, ingest: Ingest, naming: Naming
) -> None:
    """Facts are ended and the records wait as dead letters, counted as such; stated again, they stand as before."""
    source = Feed()
    await ingest.store(
        source.messages(person("p1", 1, MRN), count("a"), count("b"), count("c"), platelets("9", 1, "own"))
    )
    before = await _state(database)
    await ingest.store(source.messages(person("p1", 2, OTHER)))
    done = await _follow(naming)
    assert done.unread == 3
    assert await feed.platelet_counts(database, patient()) == ["9"]
    assert await _open(database) == ["subject-by-identifier"] * 3
    assert (await feed.counts(database))["rejected", "subject-by-identifier"] == 3
    await ingest.store(source.messages(person("p1", 3, MRN)))
    await _follow(naming)
    assert await _open(database) == []
    facts, counts = await _state(database)
    assert (facts, counts["accepted", ""]) == (before[0], before[1]["accepted", ""] + 2)
    assert ("rejected", "subject-by-identifier") not in counts


async def test_what_an_identifier_named_follows_it_to_another_patient(
    database: Database, ingest: Ingest, naming: Naming
) -> None:
    """Moved from one Patient to another, in one batch or two: results, and doses of a Medication that came elsewhere."""
    source = Feed()
    dose = {**administration(), "subject": {"identifier": MRN}}
    await ingest.store(source.messages(person("p1", 1, MRN), count("a"), medication(CAMRELIZUMAB), dose))
    await ingest.store(source.messages(person("p2", 1, MRN), person("p1", 2)))
    done = await _follow(naming)
    assert {h.patient for h in done.hints} == {patient("p1"), patient("p2")}
    assert await _whose(database) == {patient("p2")}
    assert await feed.drugs(database) == ["camrelizumab"]
    assert await _open(database) == []


async def test_a_late_old_version_of_a_patient_brings_no_identifier_back(
    database: Database, ingest: Ingest, naming: Naming
) -> None:
    """What the current version does not state is not stated, whatever arrives last; a deleted Patient states nothing."""
    source = Feed()
    await ingest.store(source.messages(person("p1", 2, OTHER)))
    await ingest.store(source.messages(person("p1", 1, MRN), count()))
    await _follow(naming)
    assert await _open(database) == ["subject-by-identifier"]
    await ingest.store(source.messages(person("p1", 3, MRN)))
    await _follow(naming)
    assert await _whose(database) == {patient()}
    await ingest.store(source.messages(deletion("Patient/p1", 4)))
    await _follow(naming)
    assert (await _whose(database), await _open(database)) == (set(), ["subject-by-identifier"])


async def _follow(naming: Naming) -> Replayed:
    """As the service does: what waits, then what changed, until nothing does."""
    done = await naming.waiting()
    done.add(await naming.changed())
    done.add(await naming.waiting())
    return done


async def _state(database: Database) -> tuple[list[tuple[UUID, str]], dict[tuple[str, str], int]]:
    return await feed.live_facts(database), await feed.counts(database)


async def _open(database: Database) -> list[str]:
    return [r[0] for r in await database.rows("SELECT reason FROM identity.dead_letter WHERE status = 'open'")]


async def _whose(database: Database) -> set[UUID]:
    rows = await database.rows(
        "SELECT patient FROM timeline.fact WHERE ended_in IS NULL AND kind IN ('laboratory', 'drug-exposure')"
    )
    return {r["patient"] for r in rows if r["patient"] is not None}
