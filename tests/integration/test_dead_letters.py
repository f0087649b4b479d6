"""What could not be read: kept, marked, replayed after a fix as a clean feed would have it, or dropped with a reason."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import pytest

from services.cli.stack import Stack
from services.ingest.app import Ingest
from services.ingest.reader import Reader
from services.ingest.replay import Replay, Replayed
from shared import sites
from shared.protocol import load as protocol_files
from shared.runtime import dead_letters, postgres
from shared.runtime.clock import Clock
from shared.runtime.dead_letters import Wanted
from shared.runtime.evaluator import Evaluator
from shared.runtime.postgres import Pool
from tests.support import database as databases
from tests.support import feed
from tests.support.database import Database, difference
from tests.support.feed import CAMRELIZUMAB, KEYS, SITES, Feed, administration, bundle, medication, patient, platelets
from tests.support.records import lab
from tests.support.rules import CountingRules

ANY: Final = Wanted(status=None)
BATCH: Final = 4
VARIES: Final = re.compile(
    r'"(?:recorded_at|first_seen_at|updated_at|received_at|changed_at|last_seen_at)": "[^"]*"'
    r'|"(?:version|added_in|ended_in)": (?:\d+|null)'
)
"""Record times and timeline versions: when it was learned, not what."""


def _unsited(pool: Pool) -> Ingest:
    """An ingest that does not know the site `north` yet, the fault of a forgotten file."""
    known = {name: site for name, site in sites.load(SITES).items() if name != feed.SITE}
    scope = protocol_files.scope(protocol_files.load().values())
    return Ingest(Reader(known, scope, KEYS), pool, feed.VAULT)


def _messages(source: Feed) -> list[Any]:
    """Versions out of order, a Medication after its administration, a Bundle, a deletion, a code that nobody knows."""
    sent = source.messages(
        platelets("42", 2, status="corrected"),
        platelets("140", 1),
        administration(),
        bundle(platelets("90", 1, "b1"), platelets("91", None, "b2"), platelets("7", 1, "b3", subject={})),
        medication(CAMRELIZUMAB),
        platelets("80", 1, "gone", of="p2"),
        lab("00000-0", id_="unknown-code", meta=feed.stamp(1)),
        {"resourceType": "Patient", "id": "p1", "birthDate": "1960-02-01"},
    )
    return [*sent, source.message(None, key="Observation/gone")]


async def test_a_replay_ends_in_the_rows_of_a_clean_feed(stack: Stack, database: Database, ingest_pool: Pool) -> None:
    """Fed while its site was not configured, then replayed: every row is as if it had been configured from the start."""
    source = Feed()
    messages = _messages(source)
    await _unsited(ingest_pool).store(messages)
    assert set(await feed.counts(database)) == {("rejected", "unknown-site")}
    done = await _replay(feed.ingest(ingest_pool), ingest_pool)
    assert (done.read, done.unread) == (len(messages), 0)
    assert [(d.entry, d.reason) for d in done.letters] == [(2, "subject-missing")]  # of the Bundle
    clean = await databases.create(stack.database_url, databases.TEMPLATE)
    async with await postgres.connect(clean.url, "ingest", size=2) as pool:
        for part in feed.deliver_in_parts(messages, BATCH):
            await feed.ingest(pool).store(part)
    assert difference(await _comparable(database), await _comparable(clean)) == {}
    await databases.drop(stack.database_url, clean)


async def test_a_replay_counts_its_attempts_and_comes_to_an_end(database: Database, ingest_pool: Pool) -> None:
    """In vain: one attempt more. Read at last: stored, counted once, told. Afterwards there is nothing left to replay."""
    broken = platelets("140", valueQuantity={"value": 140, "code": "blobs", "system": "http://unitsofmeasure.org"})
    ingest = feed.ingest(ingest_pool)
    await ingest.store(Feed().messages(broken))
    first = await _replay(ingest, ingest_pool)
    assert (first.read, first.unread) == (0, 1)
    await feed.mend(database, b"blobs", b"10*9/L")
    second = await _replay(ingest, ingest_pool)
    assert (second.read, [h.patient for h in second.hints]) == (1, [patient()])
    assert await feed.platelet_counts(database, patient()) == ["140"]
    assert await feed.counts(database) == {("accepted", ""): 1}
    (letter,) = await dead_letters.find(ingest_pool, ANY)
    assert (letter.status, letter.attempts) == ("replayed", 2)
    third = await _replay(ingest, ingest_pool)
    assert (third.read, third.unread, third.hints) == (0, 0, [])


async def test_an_older_version_replayed_late_decides_nothing(database: Database, ingest_pool: Pool) -> None:
    """Versions without numbers order by their place in the feed, not by when they could be read."""
    source = Feed()
    old, new = source.messages(platelets("140", None), platelets("42", None))
    await _unsited(ingest_pool).store([old])
    ingest = feed.ingest(ingest_pool)
    await ingest.store([new])
    await _replay(ingest, ingest_pool)
    assert await feed.platelet_counts(database, patient()) == ["42"]


async def test_a_message_set_aside_as_a_whole_is_replayed_entry_by_entry(database: Database, ingest_pool: Pool) -> None:
    """Of a Bundle whose one entry cannot be read the others are stored, and only that entry remains, counted once."""
    message = Feed().message(bundle(platelets("140"), platelets("7", 1, "bad", subject={}), platelets("90", 1, "b")))
    await _unsited(ingest_pool).store([message])
    done = await _replay(feed.ingest(ingest_pool), ingest_pool)
    assert await feed.platelet_counts(database, patient()) == ["140", "90"]
    assert await feed.counts(database) == {("accepted", ""): 2, ("rejected", "subject-missing"): 1}
    left = await dead_letters.find(ingest_pool, Wanted())
    assert [(d.entry, d.reason) for d in left] == [(1, "subject-missing")]
    assert [d.entry for d in done.letters] == [1]


async def test_a_record_that_is_delivered_unreadable_twice_is_one(database: Database, ingest_pool: Pool) -> None:
    """A dead letter for each message, one record that could not be read: duplicates change nothing of what is concluded."""
    source, ingest = Feed(), feed.ingest(ingest_pool)
    broken = platelets("140", valueQuantity={"value": 140, "code": "blobs", "system": "http://unitsofmeasure.org"})
    other = {**broken, "id": "another"}
    marks = []
    for delivered in (broken, broken, other):
        await ingest.store(source.messages(delivered))
        marks.append(await database.value("SELECT open_dead_letters FROM timeline.patient"))
    assert marks == [1, 1, 2]
    assert len(await dead_letters.find(ingest_pool, Wanted())) == 3


async def test_a_letter_that_cannot_be_stored_costs_the_others_nothing(database: Database, ingest_pool: Pool) -> None:
    """Postgres refuses one of three: two are replayed, the third has one attempt more."""
    await _unsited(ingest_pool).store(Feed().messages(*(platelets(v, 1, f"o{v}") for v in ("140", "13", "90"))))
    async with database.refusing("13"):
        done = await _replay(feed.ingest(ingest_pool), ingest_pool)
    assert (done.read, done.unread) == (2, 1)
    assert await feed.platelet_counts(database, patient()) == ["140", "90"]
    (left,) = await dead_letters.find(ingest_pool, Wanted())
    assert left.attempts == 2


async def test_a_patient_is_marked_until_the_letter_is_closed(
    database: Database, ingest: Ingest, ingest_pool: Pool
) -> None:
    """Every outcome says how many records could not be read, as long as any is open, and no longer; nothing else is news."""
    source = Feed()
    await ingest.store(source.messages(platelets("140"), _unreadable("one"), _unreadable("two")))
    assert await _marks(database) == {patient(): 2}
    async with await postgres.connect(database.url, "eligibility", size=2) as pool:
        worker = Evaluator(
            "eligibility", CountingRules(), pool, protocol_files.load(), Clock(datetime(2024, 5, 5, tzinfo=UTC))
        )
        await worker.evaluate({patient(): None}, "hint")
        first, second = await dead_letters.find(ingest_pool, Wanted())
        replay = Replay(ingest, ingest_pool)
        dropped = await replay.drop([first.dead_letter], "administrator", "a test message of the laboratory")
        assert [(h.patient, h.version) for h in dropped.hints] == [(patient(), 2)]
        await worker.evaluate({patient(): None}, "hint")
        await replay.drop([second.dead_letter], "administrator", "sent by mistake")
        await worker.evaluate({patient(): None}, "hint")
    contents = await database.rows("SELECT content::text AS content FROM eligibility.outcome ORDER BY ordinal")
    assert [c["content"] for c in contents] == [
        '{"facts": 1, "open_dead_letters": 2}',
        '{"facts": 1, "open_dead_letters": 1}',
        '{"facts": 1}',
    ]
    assert await _marks(database) == {patient(): 0}


async def test_whoever_is_known_by_dead_letters_only_is_marked_too(database: Database, ingest: Ingest) -> None:
    """The first thing that a site says of a patient cannot be read: the mark is there before any fact is."""
    hints, _ = await ingest.store(Feed().messages(_unreadable("one", of="p9")))
    assert await _marks(database) == {patient("p9"): 1}
    assert [(h.patient, h.version) for h in hints] == [(patient("p9"), 1)]


async def test_redelivery_of_what_was_closed_opens_nothing(
    database: Database, ingest: Ingest, ingest_pool: Pool
) -> None:
    """A message delivered again, whose dead letter was dropped, stays dropped and marks nobody."""
    messages = Feed().messages(_unreadable("one"))
    await ingest.store(messages)
    (letter,) = await dead_letters.find(ingest_pool, Wanted())
    await Replay(ingest, ingest_pool).drop([letter.dead_letter], "administrator", "known")
    await ingest.store(messages)
    (again,) = await dead_letters.find(ingest_pool, ANY)
    assert (again.status, again.closed_by, again.closed_because) == ("dropped", "administrator", "known")
    assert await _marks(database) == {patient(): 0}


async def test_a_dead_letter_that_cannot_be_written_takes_the_batch_with_it(database: Database, ingest: Ingest) -> None:
    """Facts, counts and positions of the batch are not there either: nothing was processed, so nothing is committed."""
    before = await database.dump("identity", "timeline")
    await database.rows("ALTER TABLE identity.dead_letter ADD CONSTRAINT refusing CHECK (reason <> 'subject-missing')")
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await ingest.store(Feed().messages(platelets("140"), platelets("1", 1, "x", subject={})))
    finally:
        await database.rows("ALTER TABLE identity.dead_letter DROP CONSTRAINT refusing")
    assert difference(before, await database.dump("identity", "timeline")) == {}


async def test_filters_find_what_they_name(ingest: Ingest, ingest_pool: Pool) -> None:
    """By site, reason, patient and status, alone or together."""
    await ingest.store(
        Feed().messages(_unreadable("a"), _unreadable("b", of="p2"), platelets("1", 1, "c", subject={}), b"no JSON")
    )
    for wanted, n in (
        (Wanted(), 4),
        (Wanted(site="north"), 4),
        (Wanted(site="south"), 0),
        (Wanted(reason="not-json"), 1),
        (Wanted(patient=patient("p2")), 1),
        (Wanted(reason="not-json", patient=patient("p2")), 0),
        (Wanted(status="dropped"), 0),
        (Wanted(until=datetime(2020, 1, 1, tzinfo=UTC)), 0),
        (Wanted(limit=3), 3),
    ):
        assert len(await dead_letters.find(ingest_pool, wanted)) == n, wanted


def _unreadable(id_: str, of: str = "p1") -> dict[str, Any]:
    return platelets("1", 1, id_, of=of, effectiveDateTime="2024-02-30")


async def _replay(ingest: Ingest, pool: Pool, wanted: Wanted = ANY) -> Replayed:
    total = Replayed()
    async for part in Replay(ingest, pool, BATCH).letters(wanted):
        total.read += part.read
        total.unread += part.unread
        total.hints += part.hints
        total.letters += part.letters
    return total


async def _marks(database: Database) -> dict[Any, int]:
    rows = await database.rows("SELECT patient, open_dead_letters FROM timeline.patient")
    return {r["patient"]: r["open_dead_letters"] for r in rows}


async def _comparable(database: Database) -> dict[str, list[str]]:
    dump = await database.dump("identity", "timeline")
    del dump["timeline.site_feed"]  # when a site delivered last: a replay is no delivery
    dump["identity.dead_letter"] = [
        str(tuple(r))
        for r in await database.rows(
            "SELECT dead_letter, site, entry, value, links, record, patient, reason, path, says"
            " FROM identity.dead_letter WHERE status = 'open' ORDER BY 1"
        )
    ]
    return {table: [VARIES.sub("", row) for row in rows] for table, rows in dump.items()}
