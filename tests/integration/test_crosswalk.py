"""What names a person is encrypted at rest, its keys are checked at start, and changed while ingest writes."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from services.ingest.catching_up import CatchingUp
from services.ingest.replay import Replay
from services.ingest.store import Ingest
from shared.codes import PSEUDONYM_SYSTEM
from shared.fhir.keys import HmacKeys
from shared.runtime import crosswalk, dead_letters, rotation
from shared.runtime.dead_letters import Wanted
from shared.runtime.postgres import Pool
from shared.runtime.progress import ProgressPage
from shared.runtime.sealing import Vault
from shared.sites import ConfigurationError
from tests.support import feed
from tests.support.database import Database, eventually
from tests.support.feed import (
    CAMRELIZUMAB,
    CROSSWALK_KEY,
    KEYS,
    VAULT,
    Feed,
    administration,
    medication,
    patient,
    platelets,
)
from tests.support.records import resource

NEWER = "newer:" + "ab" * 32
ROTATING = Vault.of(f"{NEWER},{CROSSWALK_KEY}")
MRN = [{"system": "urn:mrn", "value": "zq-4711"}]
EVERYTHING = (
    resource("Patient", "zqp1", identifier=MRN, gender="male"),
    platelets("140", 1, "zqplt", of="zqp1"),
    administration(1, "zqadm"),
    {"resourceType": "Observation", "id": "zqbad", "status": "final", "note": [{"text": "zq"}]},
    b"zq no JSON",
)


async def test_nothing_that_names_a_person_lies_there_in_clear(database: Database, ingest: Ingest) -> None:
    """Ids, identifiers, records, keys, headers and the bytes of dead letters: sealed, every one of them."""
    source = Feed()
    await ingest.store([source.message(each, key="zq-key", headers={"zq": "zq"}) for each in EVERYTHING])
    tables = await database.dump("identity")
    filled = {name for name, rows in tables.items() if rows}
    assert filled >= {"identity.patient", "identity.patient_identifier", "identity.resource", "identity.dead_letter"}
    written = repr(tables)
    assert "zq" not in written
    assert b"zq".hex() not in written
    assert any(b"zqp1" in raw for raw in await feed.kept(database))


async def test_a_rotation_while_ingest_writes(database: Database, ingest_pool: Pool) -> None:
    """Begun, broken off and begun again beside a writing ingest, it seals everything with the new key and retires the old.

    Nothing is lost or changed by it: records are completed, identifiers found, dead letters read as before.
    """
    source = Feed()
    await feed.ingest(ingest_pool).store(source.messages(*EVERYTHING, *(_count(i) for i in range(60))))
    await crosswalk.admit(ingest_pool, VAULT, KEYS)
    before = sorted(await feed.kept(database))
    await crosswalk.admit(ingest_pool, ROTATING, KEYS)
    async for _ in rotation.rotate(ingest_pool, ROTATING, 7):
        break  # as if it had been stopped
    rotating = Ingest(feed.reader(), ingest_pool, ROTATING)
    numbers, stop = count(100), asyncio.Event()

    async def write() -> int:
        written = 0
        while not stop.is_set():
            written += len(await _store(rotating, source, [next(numbers) for _ in range(5)]))
        return written

    writing = asyncio.create_task(write())
    anew = sum([p.rows async for p in rotation.rotate(ingest_pool, ROTATING, 7)])
    stop.set()
    written = await writing
    assert anew > 60
    states = {k.key: k.retired_at is not None for k in await crosswalk.known_keys(ingest_pool)}
    assert states == {"tests": True, "newer": False}
    new = Vault.of(NEWER)
    await crosswalk.admit(ingest_pool, new, KEYS)  # the old key may be gone now
    assert [p async for p in rotation.rotate(ingest_pool, new)] == []
    after = sorted(await feed.kept(database, new))
    assert set(before) <= set(after)
    assert len(after) == len(before) + written
    await _goes_on(database, Ingest(feed.reader(), ingest_pool, new), ingest_pool, source, new)


async def _goes_on(database: Database, ingest: Ingest, pool: Pool, source: Feed, vault: Vault) -> None:
    by_identifier = platelets("77", 1, "by-mrn", subject={"identifier": MRN[0]})
    named = {"identifier": {"system": PSEUDONYM_SYSTEM, "value": str(patient("zqp1"))}}
    await ingest.store(
        source.messages(medication(CAMRELIZUMAB), by_identifier, platelets("78", 1, "by-pseudonym", subject=named))
    )
    assert await feed.drugs(database) == ["camrelizumab"]
    assert {"140", "77", "78"} <= set(await feed.platelet_counts(database, patient("zqp1")))
    (letter,) = await dead_letters.find(pool, Wanted(reason="not-json"))
    held = await dead_letters.content(pool, vault, letter.dead_letter)
    assert held is not None
    assert held.value == b"zq no JSON"
    assert [part.unread async for part in Replay(ingest, pool).letters(Wanted())] == [2]


async def test_wrong_and_missing_keys_are_refused(database: Database, ingest: Ingest, ingest_pool: Pool) -> None:
    """Another secret under a known name, a key that is still needed, another pseudonym key: each is named, none is shown."""
    del database
    await crosswalk.admit(ingest_pool, VAULT, KEYS)
    await ingest.store(Feed().messages(platelets("140")))
    other = "cd" * 32
    for vault, keys, says in (
        (Vault.of(f"tests:{other}"), KEYS, "'tests' is not the key of that name"),
        (Vault.of(NEWER), KEYS, "this database is sealed with 'tests' too"),
        (VAULT, HmacKeys(b"another key of the pseudonyms"), "GRAFTWATCH_PSEUDONYM_KEY"),
    ):
        with pytest.raises(ConfigurationError) as refused:
            await crosswalk.admit(ingest_pool, vault, keys)
        assert says in str(refused.value)
        assert other not in str(refused.value)
    assert [k.key for k in await crosswalk.known_keys(ingest_pool)] == ["tests"]
    await crosswalk.admit(ingest_pool, ROTATING, KEYS)
    assert [k.key for k in await crosswalk.known_keys(ingest_pool)] == ["tests", "newer"]


async def test_a_key_is_not_retired_while_something_is_sealed_with_it(database: Database, ingest_pool: Pool) -> None:
    """What an ingest that was not restarted still seals with the old key keeps that key needed, until the next rotation."""
    del database
    await crosswalk.admit(ingest_pool, VAULT, KEYS)
    old, source, numbers = feed.ingest(ingest_pool), Feed(), count()
    await old.store(source.messages(_count(next(numbers))))
    await crosswalk.admit(ingest_pool, ROTATING, KEYS)
    async for progress in rotation.rotate(ingest_pool, ROTATING):
        if progress.table == "identity.resource_version":
            await old.store(source.messages(_count(next(numbers))))
    assert [k.retired_at is not None for k in await crosswalk.known_keys(ingest_pool)] == [False, False]
    assert [p.table async for p in rotation.rotate(ingest_pool, ROTATING)] != []
    assert [k.retired_at is not None for k in await crosswalk.known_keys(ingest_pool)] == [True, False]


async def test_a_key_is_needed_while_an_ingest_seals_with_it(ingest_pool: Pool) -> None:
    """It was idle during the rotation, and was not restarted: before it seals anything more it says so."""
    await crosswalk.admit(ingest_pool, VAULT, KEYS)
    old = CatchingUp(feed.ingest(ingest_pool), ingest_pool, ProgressPage("ingest", "127.0.0.1", 0), _nobody)
    await crosswalk.admit(ingest_pool, ROTATING, KEYS)
    assert [p async for p in rotation.rotate(ingest_pool, ROTATING)] == []
    assert [k.retired_at is not None for k in await crosswalk.known_keys(ingest_pool)] == [True, False]
    async with asyncio.TaskGroup() as saying:
        task = saying.create_task(old.say_that_it_works())
        await eventually(lambda: _needed(ingest_pool))
        task.cancel()


async def _needed(pool: Pool) -> bool:
    return all(k.retired_at is None for k in await crosswalk.known_keys(pool))


async def _nobody(*_: object) -> None:
    return None


async def _store(ingest: Ingest, source: Feed, numbers: list[int]) -> list[int]:
    await ingest.store(source.messages(*(_count(n) for n in numbers)))
    return numbers


def _count(number: int) -> dict[str, object]:
    return platelets(str(number + 1), 1, f"zq-{number}", of=f"zqp{number % 9}")
