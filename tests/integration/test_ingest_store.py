"""What a batch of feed messages leaves in Postgres: versions, facts, counts and dead letters, in any order and twice."""

from __future__ import annotations

import asyncio
from random import Random

import asyncpg
import pytest

from services.ingest.app import Ingest
from shared.runtime import postgres
from shared.runtime.postgres import Pool
from shared.runtime.sealing import place
from tests.support import feed
from tests.support.database import Database, difference, eventually
from tests.support.feed import (
    CAMRELIZUMAB,
    KEYS,
    PARACETAMOL,
    VAULT,
    Feed,
    administration,
    bundle,
    deletion,
    medication,
    patient,
    platelets,
)
from tests.support.records import Resource, as_json, resource

STORED = ("identity", "timeline")
_TWO_WAIT = """
SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def test_one_batch_writes_versions_facts_crosswalk_and_counts(database: Database, ingest: Ingest) -> None:
    """A result, byte for byte as received, its fact, its patient and its count are there together."""
    (message,) = Feed().messages(platelets("140"))
    hints, letters = await ingest.store([message])
    assert [(h.patient, h.version, h.published_at) for h in hints] == [(patient(), 1, message.published_at)]
    assert letters == []
    assert await feed.kept(database) == [message.value]
    assert await database.value("SELECT content_sha256 FROM identity.resource") == KEYS.content(message.value or b"")
    sealed = await database.value("SELECT patient_id FROM identity.patient WHERE patient = $1", patient())
    assert VAULT.open(sealed, place("patient_id", patient())) == b"p1"
    assert await feed.platelet_counts(database, patient()) == ["140"]
    assert await feed.counts(database) == {("accepted", ""): 1}
    assert await database.value("SELECT next_offset FROM timeline.feed_position") == 1


async def test_a_failing_batch_writes_nothing(database: Database, ingest: Ingest) -> None:
    """What cannot be stored leaves no row of its neighbours either: it is one transaction."""
    before = await database.dump(*STORED)
    async with database.refusing("13"):
        with pytest.raises(asyncpg.CheckViolationError):
            await ingest.store(Feed().messages(platelets("140", 1, "a"), platelets("13", 1, "b")))
    assert difference(before, await database.dump(*STORED)) == {}


async def test_redelivery_changes_no_row_and_returns_the_hints_again(database: Database, ingest: Ingest) -> None:
    """Versions, retractions, deletions, Medications and dead letters delivered again leave every row as it is."""
    source = Feed()
    messages = source.messages(
        platelets("140", 1),
        platelets("90", 2, status="corrected"),
        platelets("88", None, "unversioned"),
        platelets("150", 1, "gone"),
        administration(),
        medication(PARACETAMOL, 1),
        medication(CAMRELIZUMAB, 2),
        b"no JSON",
        {"resourceType": "Banana"},
        bundle(platelets("200", 1, "in-bundle"), platelets("201", 1, "no-subject", subject={})),
        resource("Communication", "c1"),
    )
    messages.append(source.message(None, key="Observation/gone"))
    first = [await ingest.store([m]) for m in messages]
    before = await database.dump(*STORED)
    again = [await ingest.store([m]) for m in messages]
    together = await ingest.store(messages)
    assert difference(before, await database.dump(*STORED)) == {}
    assert [letters for _, letters in again] == [letters for _, letters in first]
    assert [h.patient for h in together[0]] == [patient()]
    newest = await database.value("SELECT version FROM timeline.patient")
    assert {h.version for hints, _ in again for h in hints} == {newest}
    assert [{h.patient for h in hints} for hints, _ in again] == [{h.patient for h in hints} for hints, _ in first]


async def test_redelivery_counts_each_resource_once(database: Database, ingest: Ingest) -> None:
    """A batch that overlaps what was counted adds only what is new."""
    source = Feed()
    messages = source.messages(*(platelets("140", 1, f"o{i}") for i in range(4)))
    await ingest.store(messages[:3])
    await ingest.store(messages[1:])
    assert await feed.counts(database) == {("accepted", ""): 4}


async def test_the_same_resource_in_another_message_is_counted_again(database: Database, ingest: Ingest) -> None:
    """A duplicate that the hospital sends is a delivered resource; it changes no fact and no version."""
    source = Feed()
    await ingest.store(source.messages(platelets("140")))
    hints, _ = await ingest.store(source.messages(platelets("140")))
    assert [h.version for h in hints] == [1]
    assert await feed.counts(database) == {("accepted", ""): 2}
    assert await database.value("SELECT count(*) FROM identity.resource_version") == 1


async def test_an_epoch_has_offsets_of_its_own(database: Database, ingest: Ingest) -> None:
    """The first offset of a broker that has forgotten everything is not taken for a redelivery."""
    await ingest.store(Feed().messages(platelets("140")))
    await ingest.store(Feed().messages(platelets("90", 2)))
    assert await feed.counts(database) == {("accepted", ""): 2}
    assert await feed.platelet_counts(database, patient()) == ["90"]


@pytest.mark.parametrize("batch", [1, 2])
async def test_a_late_older_version_is_kept_and_decides_nothing(database: Database, ingest: Ingest, batch: int) -> None:
    """Of two versions out of order the newer one stands; the older one is kept as received."""
    messages = Feed().messages(platelets("90", 2), platelets("140", 1))
    for part in feed.deliver_in_parts(messages, batch):
        await ingest.store(part)
    assert await feed.platelet_counts(database, patient()) == ["90"]
    assert await database.value("SELECT count(*) FROM identity.resource_version") == 2


async def test_a_correction_ends_the_fact_and_adds_another(database: Database, ingest: Ingest) -> None:
    """The old count ends in the very version of the timeline in which the corrected one begins."""
    source = Feed()
    await ingest.store(source.messages(platelets("140", 1)))
    await ingest.store(source.messages(platelets("42", 2, status="corrected")))
    rows = await database.rows("SELECT fact->'value'->>'value' AS v, added_in, ended_in FROM timeline.fact ORDER BY 2")
    assert [tuple(r) for r in rows] == [("140", 1, 2), ("42", 2, None)]


async def test_entered_in_error_ends_what_the_record_stated(database: Database, ingest: Ingest) -> None:
    """A retraction leaves no fact of the record, and the version rises."""
    source = Feed()
    await ingest.store(source.messages(platelets("140", 1)))
    hints, _ = await ingest.store(source.messages(platelets("140", 2, status="entered-in-error")))
    assert [h.version for h in hints] == [2]
    assert await feed.live_facts(database) == []


async def test_a_tombstone_ends_what_the_record_stated(database: Database, ingest: Ingest) -> None:
    """A null value under `Observation/plt` retracts its fact, counts as accepted, and the patient is told of."""
    source = Feed()
    await ingest.store(source.messages(platelets("140", 1)))
    hints, _ = await ingest.store([source.message(None, key="Observation/plt")])
    assert [(h.patient, h.version) for h in hints] == [(patient(), 2)]
    assert await feed.live_facts(database) == []
    assert await feed.counts(database) == {("accepted", ""): 2}


async def test_a_late_older_version_does_not_undo_a_deletion(database: Database, ingest: Ingest) -> None:
    """After the second version was deleted, the first one, arriving late, brings nothing back."""
    source = Feed()
    await ingest.store(source.messages(platelets("90", 2)))
    await ingest.store([source.message(None, key="Observation/plt")])
    await ingest.store(source.messages(platelets("140", 1)))
    assert await feed.live_facts(database) == []
    assert await database.value("SELECT deleted FROM identity.resource")


async def test_a_duplicate_of_the_deleted_version_does_not_undo_the_deletion(
    database: Database, ingest: Ingest
) -> None:
    """The hospital sends the deleted version once more: the same version is no news."""
    source = Feed()
    await ingest.store(source.messages(platelets("90", 2)))
    await ingest.store([source.message(None, key="Observation/plt")])
    await ingest.store(source.messages(platelets("90", 2)))
    assert await feed.live_facts(database) == []


async def test_a_newer_version_brings_a_deleted_record_back(database: Database, ingest: Ingest) -> None:
    """A record that the hospital creates anew after deleting it counts again."""
    source = Feed()
    await ingest.store(source.messages(platelets("90", 2)))
    await ingest.store([source.message(None, key="Observation/plt")])
    await ingest.store(source.messages(platelets("140", 3)))
    assert await feed.platelet_counts(database, patient()) == ["140"]


async def test_a_record_moves_to_another_patient(database: Database, ingest: Ingest) -> None:
    """Where the subject is corrected, the fact ends for the one and begins for the other, and both are told of."""
    source = Feed()
    await ingest.store(source.messages(platelets("140", 1, of="p1")))
    hints, _ = await ingest.store(source.messages(platelets("140", 2, of="p2")))
    assert {h.patient for h in hints} == {patient("p1"), patient("p2")}
    assert await feed.platelet_counts(database, patient("p1")) == []
    assert await feed.platelet_counts(database, patient("p2")) == ["140"]


async def test_a_record_that_leaves_scope_ends_what_it_stated(database: Database, ingest: Ingest) -> None:
    """A correction of the code to one that no protocol asks for retracts the fact and is counted as out of scope."""
    source = Feed()
    unasked = platelets("140", 2) | {"code": {"coding": [{"system": "http://loinc.org", "code": "6463-4"}]}}
    await ingest.store(source.messages(platelets("140", 1)))
    await ingest.store(source.messages(unasked))
    assert await feed.live_facts(database) == []
    assert await feed.counts(database) == {("accepted", ""): 1, ("out_of_scope", ""): 1}


@pytest.mark.parametrize("later", [1, 2])
async def test_two_workers_with_two_versions_of_a_new_record(database: Database, ingest: Ingest, later: int) -> None:
    """One version in scope, one that no protocol asks for, arriving at once on two workers: the newer one decides.

    They have no common patient to lock, and neither sees the other when it looks what is stored.
    """
    unasked = platelets("140", 2) | {"code": {"coding": [{"system": "http://loinc.org", "code": "6463-4"}]}}
    source = Feed()
    versions = {1: source.messages(platelets("140", 1)), 2: source.messages(unasked, topic="fhir-conditions")}
    async with await postgres.connect(database.url, "ingest", size=1) as pool:
        async with database.halting(later) as somebody_waits:
            storing = asyncio.create_task(feed.ingest(pool).store(versions[later]))
            await eventually(somebody_waits)
            await ingest.store(versions[3 - later])
        with pytest.raises(postgres.UNREACHABLE):  # the service tries the same batch again
            await storing
        await feed.ingest(pool).store(versions[later])
    assert await feed.live_facts(database) == []
    assert await database.value("SELECT version_id FROM identity.resource WHERE deleted") == 2
    assert await feed.counts(database) == {("accepted", ""): 1, ("out_of_scope", ""): 1}


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("medication_first", [True, False])
async def test_a_medication_completes_its_administration(
    database: Database, ingest: Ingest, batch: int, medication_first: bool
) -> None:
    """The drug is known, whichever of the two messages comes first, in one batch or two."""
    messages = Feed().messages(
        *sorted([medication(CAMRELIZUMAB), administration()], key=_type, reverse=not medication_first)
    )
    for part in feed.deliver_in_parts(messages, batch):
        await ingest.store(part)
    assert await feed.drugs(database) == ["camrelizumab"]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize(("was", "known"), [(CAMRELIZUMAB, []), (PARACETAMOL, ["camrelizumab"])])
async def test_a_corrected_medication_corrects_its_administrations(
    database: Database, ingest: Ingest, was: Resource, known: list[str], order: tuple[int, ...], batch: int
) -> None:
    """Whatever arrives first, the administration is one of the drug that the newest version of its Medication names."""
    becomes = PARACETAMOL if was is CAMRELIZUMAB else CAMRELIZUMAB
    sent: list[Resource] = [medication(was, 1), medication(becomes, 2), administration()]
    for part in feed.deliver_in_parts(Feed().messages(*(sent[i] for i in order)), batch):
        await ingest.store(part)
    assert await feed.drugs(database) == known


async def test_a_corrected_medication_is_told_of(database: Database, ingest: Ingest) -> None:
    """The patient of an administration gets a hint when its Medication turns out to be another drug."""
    source = Feed()
    await ingest.store(source.messages(medication(CAMRELIZUMAB, 1), administration()))
    hints, _ = await ingest.store(source.messages(medication(PARACETAMOL, 2)))
    assert [(h.patient, h.version) for h in hints] == [(patient(), 2)]


async def test_who_needs_the_same_medication_waits_only_for_who_brings_it(database: Database, ingest: Ingest) -> None:
    """While one worker has not finished, another stores what needs the same Medication; a third that brings it waits for both."""
    source = Feed()
    one, another = (
        administration(version=2, id_="a1"),
        administration(id_="a2") | {"subject": {"reference": "Patient/p2"}},
    )
    unfinished, beside, bringing = (
        [source.message(r, partition=n)] for n, r in enumerate((one, another, medication(CAMRELIZUMAB)))
    )
    async with (
        await postgres.connect(database.url, "ingest", size=1) as pool,
        await postgres.connect(database.url, "ingest", size=1) as third,
    ):
        async with database.halting(2) as somebody_waits:
            first = asyncio.create_task(feed.ingest(pool).store(unfinished))
            await eventually(somebody_waits)
            await asyncio.wait_for(ingest.store(beside), 30)
            last = asyncio.create_task(feed.ingest(third).store(bringing))
            await eventually(lambda: database.value(_TWO_WAIT))
        await asyncio.gather(first, last)
    assert await feed.drugs(database) == ["camrelizumab", "camrelizumab"]


async def test_a_deleted_medication_ends_what_rested_on_it(database: Database, ingest: Ingest) -> None:
    """Without its Medication nobody knows what was given."""
    source = Feed()
    await ingest.store(source.messages(medication(CAMRELIZUMAB, 1), administration()))
    await ingest.store([source.message(None, key="Medication/m1")])
    assert await feed.drugs(database) == []


async def test_a_bundle_is_judged_entry_by_entry(database: Database, ingest: Ingest) -> None:
    """Between two good entries a bad one becomes a dead letter of its own, replayable as it stands."""
    bad = platelets("90", 1, "bad", effectiveDateTime="2024-02-30")
    _, letters = await ingest.store(Feed().messages(bundle(platelets("140", 1, "a"), bad, platelets("150", 1, "b"))))
    assert await feed.platelet_counts(database, patient()) == ["140", "150"]
    assert [(d.entry, d.reason, d.value) for d in letters] == [(1, "impossible-date", as_json(bad))]
    assert await feed.counts(database) == {("accepted", ""): 2, ("rejected", "impossible-date"): 1}


@pytest.mark.parametrize(("given", "path"), [({"site": None}, "headers.site"), ({"site": "east"}, "headers.site")])
async def test_a_message_of_no_known_site_is_a_dead_letter(
    database: Database, ingest: Ingest, given: dict[str, str | None], path: str
) -> None:
    """A missing or unknown `site` costs the message, names the header, and keeps the bytes."""
    message = Feed().message(platelets("140"), **given)  # type: ignore[arg-type] # only the site is given
    hints, (letter,) = await ingest.store([message])
    assert hints == []
    assert (letter.reason, letter.path, letter.site, letter.value) == ("unknown-site", path, None, message.value)
    assert await feed.counts(database) == {("rejected", "unknown-site"): 1}


async def test_two_sites_may_use_the_same_ids(database: Database, ingest: Ingest) -> None:
    """Patient/p1 and Observation/plt of two hospitals are two patients and two records."""
    source = Feed()
    await ingest.store([source.message(platelets("140")), source.message(platelets("90"), site="south")])
    assert await feed.platelet_counts(database, patient()) == ["140"]
    assert await feed.platelet_counts(database, patient(site="south")) == ["90"]


@pytest.mark.parametrize("seed", range(8))
async def test_order_of_delivery_does_not_matter(database: Database, ingest: Ingest, seed: int) -> None:
    """Corrections, retractions, moves, deletions and Medications end in the same current state in any order."""
    sent = _history()
    for part in feed.deliver_in_parts(Feed().messages(*sent), 3):
        await ingest.store(part)
    expected = await _current(database)
    await database.empty(*STORED)
    chance = Random(seed)
    chance.shuffle(sent)
    for part in feed.deliver_in_parts(Feed().messages(*sent, *chance.sample(sent, 4)), chance.choice([1, 2, 5, 40])):
        await ingest.store(part)
    assert await _current(database) == expected


async def test_two_writers_of_the_same_patients_neither_lose_nor_double(database: Database, ingest_pool: Pool) -> None:
    """Batches about the same patients, stored at the same time in opposite orders, all arrive."""
    source = Feed()
    one = source.messages(*(platelets("140", 1, f"a{i}", of=f"p{i}") for i in range(20)), partition=0)
    other = source.messages(*(platelets("90", 1, f"b{i}", of=f"p{i}") for i in reversed(range(20))), partition=1)
    await asyncio.gather(*(feed.ingest(ingest_pool).store(messages) for messages in (one, other)))
    assert len(await feed.live_facts(database)) == 40
    versions = await database.rows("SELECT version FROM timeline.patient")
    assert [r["version"] for r in versions] == [2] * 20


async def test_a_lost_connection_leaves_nothing_half_written(
    database: Database, ingest: Ingest, ingest_pool: Pool
) -> None:
    """A backend terminated within the transaction leaves no row; the same batch stored again brings everything."""
    messages = Feed().messages(*(platelets("140", 1, f"o{i}") for i in range(50)))
    before = await database.dump(*STORED)
    async with ingest_pool.acquire() as blocker, blocker.transaction():
        # The batch waits for this lock, so the moment at which it is cut off is known.
        await blocker.execute("LOCK TABLE timeline.fact IN EXCLUSIVE MODE")
        storing = asyncio.create_task(ingest.store(messages))
        await eventually(lambda: _waiting(database))
        await database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        (lost,) = await asyncio.gather(storing, return_exceptions=True)
        assert isinstance(lost, Exception)
    assert difference(before, await database.dump(*STORED)) == {}
    await ingest.store(messages)
    assert await feed.counts(database) == {("accepted", ""): 50}
    assert len(await feed.live_facts(database)) == 50


def _type(of: Resource) -> str:
    # Medication sorts before MedicationAdministration.
    return str(of["resourceType"])


def _history() -> list[Resource]:
    """What a hospital says over time, each version with its own `lastUpdated`."""
    return [
        platelets("140", 1, "corrected"),
        platelets("42", 2, "corrected", status="corrected"),
        platelets("61", 3, "corrected", status="corrected"),
        platelets("150", 1, "in-error"),
        platelets("150", 2, "in-error", status="entered-in-error"),
        platelets("160", 1, "moved", of="p1"),
        platelets("160", 2, "moved", of="p2"),
        platelets("170", 1, "deleted"),
        platelets("171", 2, "deleted"),
        deletion("Observation/deleted", 3),
        medication(CAMRELIZUMAB, 1, "becomes-another"),
        medication(PARACETAMOL, 2, "becomes-another"),
        administration(1, "a1", "becomes-another"),
        medication(PARACETAMOL, 1, "becomes-ours"),
        medication(CAMRELIZUMAB, 2, "becomes-ours"),
        administration(1, "a2", "becomes-ours"),
        bundle(platelets("180", 1, "bundled"), resource("Condition", "c1", meta=feed.stamp(1), code=_CARCINOMA)),
        platelets("181", 2, "bundled"),
    ]


_CARCINOMA = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C22.0"}]}


async def _current(database: Database) -> tuple[object, ...]:
    """Facts that stand and records as they are now; not when or in which version they came."""
    rows = await database.rows(
        "SELECT record, patient, content_sha256 FROM identity.resource WHERE NOT deleted ORDER BY record"
    )
    kept = await database.rows("SELECT record, content_sha256 FROM identity.resource_version ORDER BY 1, 2")
    return await feed.live_facts(database), [tuple(r) for r in rows], [tuple(r) for r in kept]


async def _waiting(database: Database) -> int:
    waiting: int = await database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return waiting
