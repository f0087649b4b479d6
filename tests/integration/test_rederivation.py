"""Stored records are read again where reader, table of codes, site file or scope have changed, beside the feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.ingest.catching_up import CatchingUp
from services.ingest.reader import Reader
from services.ingest.rederive import Rederivation
from services.ingest.replay import Replay
from services.ingest.store import Ingest
from shared import sites
from shared.fhir.scope import Scope
from shared.protocol import load as protocol_files
from shared.runtime import coverage, derivation, rederivation_store
from shared.runtime.dead_letters import Wanted
from shared.runtime.feed_store import DeadLetter
from shared.runtime.hints import Hint
from shared.runtime.postgres import Pool
from shared.runtime.progress import ProgressPage
from shared.sites import Site
from tests.support import feed
from tests.support.database import Database, difference
from tests.support.feed import CAMRELIZUMAB, KEYS, SITES, VAULT, Feed, administration, medication, patient, platelets
from tests.support.records import Resource, coded, lab

SYSTEM = "https://north.example/fhir/CodeSystem/laboratory"
North = dict[str, Any]
SCOPE = protocol_files.scope(protocol_files.load().values())


def reading(pool: Pool, scope: Scope = SCOPE, **north: Any) -> Ingest:
    """An ingest whose site north has another file than that of the demonstration."""
    known: Mapping[str, Site] = sites.load(SITES)
    changed = Site.model_validate(known["north"].model_dump() | north)
    return Ingest(Reader({**known, "north": changed}, scope, KEYS), pool, VAULT)


def narrowed(*without: str) -> Scope:
    """The scope without some concepts."""
    left = SCOPE.concepts - set(without)
    return Scope(left, f"without {without}")


def local(code: str, value: str, unit: str, id_: str = "loc") -> Resource:
    """A result by a code of the site's own."""
    return lab(value=value, unit=unit, id_=id_) | {"code": coded(SYSTEM, code)}


async def again(ingest: Ingest, pool: Pool, size: int = 3) -> tuple[int, list[Hint]]:
    """How many records were read again, and whom of that was to be told."""
    records, hints = 0, list[Hint]()
    async for done in Rederivation(ingest, pool, size).run():
        records += done.records
        hints += done.hints
    return records, hints


async def concepts(database: Database) -> list[str]:
    """The laboratory concepts that stand."""
    query = "SELECT fact->>'concept' AS c FROM timeline.fact WHERE ended_in IS NULL AND kind = 'laboratory' ORDER BY 1"
    return [r["c"] for r in await database.rows(query)]


async def test_nothing_is_read_again_where_nothing_has_changed(database: Database, ingest_pool: Pool) -> None:
    """By the same rules no record waits, and no row changes."""
    await reading(ingest_pool).store(Feed().messages(platelets("140"), administration(), medication(CAMRELIZUMAB)))
    before = await database.dump("identity", "timeline")
    assert await again(reading(ingest_pool), ingest_pool) == (0, [])
    assert difference(before, await database.dump("identity", "timeline")) == {}


async def test_a_changed_code_map_changes_the_facts_and_only_those(database: Database, ingest_pool: Pool) -> None:
    """A code that was mapped wrongly becomes what it is; timelines without it keep their version; done is done."""
    wrong: North = {"codes": [{"system": SYSTEM, "code": "X1", "concept": "alt"}]}
    right: North = {"codes": [{"system": SYSTEM, "code": "X1", "concept": "ast"}]}
    others = [platelets(str(n), 1, f"plt{n}", of=f"q{n}") for n in range(1, 9)]
    await reading(ingest_pool, **wrong).store(Feed().messages(local("X1", "42", "U/L"), *others))
    assert (await concepts(database))[0] == "alt"
    records, hints = await again(reading(ingest_pool, **right), ingest_pool)
    assert records == 9
    assert [(h.patient, h.version, h.lane) for h in hints] == [(patient(), 2, "backfill")]
    assert (await concepts(database))[0] == "ast"
    versions = {
        r["patient"]: r["version"] for r in await database.rows("SELECT patient, version FROM timeline.patient")
    }
    assert versions == {patient(): 2} | {patient(f"q{n}"): 1 for n in range(1, 9)}
    assert await again(reading(ingest_pool, **right), ingest_pool) == (0, [])


async def test_changed_limits_of_the_site_reach_old_results(database: Database, ingest_pool: Pool) -> None:
    """The same result with the limits of today."""
    await reading(ingest_pool).store(Feed().messages(lab(id_="alt")))
    limits: North = {"limits": [{"concept": "alt", "unit": "U/L", "high": "55"}]}
    await again(reading(ingest_pool, **limits), ingest_pool)
    query = "SELECT fact->'high'->>'value' FROM timeline.fact WHERE ended_in IS NULL AND kind = 'laboratory'"
    assert await database.value(query) == "55"


async def test_a_narrower_scope_ends_facts_and_a_wider_one_brings_them_back(
    database: Database, ingest_pool: Pool
) -> None:
    """What nobody asks for any more states nothing; it is kept, and states it again when somebody asks again."""
    await reading(ingest_pool).store(Feed().messages(platelets("140"), lab(id_="alt")))
    await again(reading(ingest_pool, narrowed("platelets")), ingest_pool)
    assert await concepts(database) == ["alt"]
    await again(reading(ingest_pool), ingest_pool)
    assert await concepts(database) == ["alt", "platelets"]


async def test_it_stops_anywhere_and_goes_on(database: Database, ingest_pool: Pool) -> None:
    """Broken off after a batch, and with new versions arriving in between, it ends as if it had run through."""
    source = Feed()
    old = narrowed("platelets")
    await reading(ingest_pool).store(
        source.messages(*(platelets(str(n), 1, f"p{n}", of=f"q{n}") for n in range(10, 30)))
    )
    await again(reading(ingest_pool, old), ingest_pool, 50)
    assert await concepts(database) == []
    today = reading(ingest_pool)
    async for _ in Rederivation(today, ingest_pool, 4).run():
        break
    assert len(await concepts(database)) == 4
    await today.store(source.messages(*(platelets("99", 2, f"p{n}", of=f"q{n}") for n in range(10, 20))))
    await again(today, ingest_pool, 4)
    counts = [
        r["v"]
        for r in await database.rows(
            "SELECT fact->'value'->>'value' AS v FROM timeline.fact WHERE ended_in IS NULL ORDER BY 1"
        )
    ]
    assert counts == [str(n) for n in range(20, 30)] + ["99"] * 10


async def test_drugs_are_completed_as_before(database: Database, ingest_pool: Pool) -> None:
    """A record that needs a Medication is read again with it."""
    await reading(ingest_pool).store(Feed().messages(administration(), medication(CAMRELIZUMAB)))
    records, hints = await again(reading(ingest_pool, time_zone="Asia/Shanghai"), ingest_pool)
    assert (records, await feed.drugs(database)) == (2, ["camrelizumab"])
    assert hints == []  # the administration states its offset


async def test_a_record_that_cannot_be_stored_costs_the_others_nothing(database: Database, ingest_pool: Pool) -> None:
    """It stays as it was, and is read again when the reason is gone."""
    source = Feed()
    await reading(ingest_pool).store(
        source.messages(*(platelets(str(n), 1, f"p{n}", of=f"q{n}") for n in range(10, 16)))
    )
    await again(reading(ingest_pool, narrowed("platelets")), ingest_pool)
    today = reading(ingest_pool)
    async with database.refusing("13"):
        await again(today, ingest_pool)
        assert len(await concepts(database)) == 5
    assert (await again(today, ingest_pool))[0] == 1
    assert len(await concepts(database)) == 6


async def test_what_cannot_be_read_any_more_is_a_dead_letter(database: Database, ingest_pool: Pool) -> None:
    """Its facts end and its patient is marked; with the file mended it is read by itself, or by a replay, and the mark goes."""
    as_alt: North = {"codes": [{"system": SYSTEM, "code": "X1", "concept": "alt"}]}
    as_platelets: North = {"codes": [{"system": SYSTEM, "code": "X1", "concept": "platelets"}]}
    for heal in (again, _replay):
        await reading(ingest_pool, **as_alt).store(Feed().messages(local("X1", "42", "U/L")))
        await again(reading(ingest_pool, **as_platelets), ingest_pool)
        assert await concepts(database) == []
        assert await _open(database) == [("incompatible-unit", patient())]
        assert await database.value("SELECT open_dead_letters FROM timeline.patient") == 1
        await heal(reading(ingest_pool, **as_alt), ingest_pool)
        assert await concepts(database) == ["alt"]
        assert await _open(database) == []
        assert await database.value("SELECT open_dead_letters FROM timeline.patient") == 0


async def test_dead_letters_are_tried_again_where_their_cause_changed(database: Database, ingest_pool: Pool) -> None:
    """A code mapped, a site configured: what failed for it is read without anybody asking; once, not again and again."""
    bad = local("X1", "42", "U/L") | {"effectiveDateTime": "2024-02-30"}
    as_alt: North = {"codes": [{"system": SYSTEM, "code": "X1", "concept": "alt"}]}
    no_unit: North = {"codes": [{"system": SYSTEM, "code": "X1", "concept": "platelets"}]}
    await reading(ingest_pool, **no_unit).store(Feed().messages(local("X1", "42", "U/L"), bad))
    assert len(await _open(database)) == 2
    today, told = reading(ingest_pool, **as_alt), list[Hint]()
    await _caught_up(today, ingest_pool, told)
    assert await concepts(database) == ["alt"]
    assert [h.patient for h in told] == [patient()]
    assert await _open(database) == [("impossible-date", patient())]
    assert await database.value("SELECT max(attempts) FROM identity.dead_letter") == 2
    await _caught_up(today, ingest_pool, told)
    assert await database.value("SELECT max(attempts) FROM identity.dead_letter") == 2


async def test_a_wider_scope_says_what_is_missing(database: Database, ingest_pool: Pool) -> None:
    """Per site that has sent something: the concepts and codes that its earlier messages were not read for; once."""
    page = ProgressPage("ingest", "127.0.0.1", 0)
    before = reading(ingest_pool, narrowed("platelets", "afp"))
    await CatchingUp(before, ingest_pool, page, _nobody).widen()
    await before.store(Feed().messages(lab(id_="alt")))
    assert await coverage.gaps(ingest_pool) == []
    today = reading(ingest_pool)
    for _ in range(2):
        behind = CatchingUp(today, ingest_pool, page, _nobody)
        await behind.widen()
    (gap,) = await coverage.gaps(ingest_pool)
    assert (gap.site, gap.concepts, gap.is_open) == ("north", ["afp", "platelets"], True)
    assert "afp|http://loinc.org|1834-1" in gap.codes
    await behind.once()
    assert page.earlier_feed_missing == {"north": ["afp", "platelets"]}
    mapped = reading(ingest_pool, codes=[{"system": SYSTEM, "code": "NEW", "concept": "alt"}])
    await CatchingUp(mapped, ingest_pool, page, _nobody).widen()
    assert [g.concepts for g in await coverage.gaps(ingest_pool)] == [["afp", "platelets"], ["alt"]]


async def test_one_worker_leads(ingest_pool: Pool) -> None:
    """While one worker reads again, another leaves it to it; the lock goes with the connection."""
    async with ingest_pool.acquire() as one, ingest_pool.acquire() as other:
        assert await rederivation_store.try_to_lead(one)
        assert not await rederivation_store.try_to_lead(other)
    async with ingest_pool.acquire() as later:
        assert await rederivation_store.try_to_lead(later)


def test_what_a_derivation_depends_on() -> None:
    """Reader, scope, codes, limits and time zone; not topics, and not the token of the intake."""
    site = sites.load(SITES)["north"]
    own = derivation.derivation(site, SCOPE)
    changes: list[North] = [{"codes": []}, {"limits": []}, {"time_zone": "UTC"}, {"fhir_version": "R5"}]
    for change in changes:
        assert derivation.derivation(Site.model_validate(site.model_dump() | change), SCOPE) != own
    alike: list[North] = [{"topics": ["x"]}, {"intake_token_sha256": "0" * 64}]
    for change in alike:
        assert derivation.derivation(Site.model_validate(site.model_dump() | change), SCOPE) == own
    assert derivation.derivation(site, narrowed("alt")) != own
    assert derivation.derivation(site, SCOPE, reader="another") != own
    assert derivation.reader_version() == derivation.reader_version()


async def _nobody(hints: Any, letters: Any) -> None:
    del hints, letters


async def _caught_up(ingest: Ingest, pool: Pool, told: list[Hint]) -> None:
    async def tell(hints: Sequence[Hint], letters: Sequence[DeadLetter]) -> None:
        del letters
        told.extend(hints)

    await CatchingUp(ingest, pool, ProgressPage("ingest", "127.0.0.1", 0), tell).once()


async def _replay(ingest: Ingest, pool: Pool) -> None:
    async for _ in Replay(ingest, pool).letters(Wanted()):
        pass


async def _open(database: Database) -> list[tuple[str, Any]]:
    rows = await database.rows("SELECT reason, patient FROM identity.dead_letter WHERE status = 'open' ORDER BY 1")
    return [(r["reason"], r["patient"]) for r in rows]
