"""Patients that their site merges and unmerges: one timeline, whatever the order in which the word of it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from itertools import permutations
from random import Random
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.eligibility import evaluate as eligibility
from services.ingest.app import Ingest
from shared.events import PatientMerged, PatientUnmerged, ScreeningStatusChanged, decode
from shared.facts import Laboratory
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from shared.runtime.postgres import Pool
from shared.runtime.timelines import TimelineStore
from tests.integration.test_evaluator import NOON, PROTOCOL, PROTOCOLS
from tests.support import feed
from tests.support.database import Database
from tests.support.feed import Feed, deletion, patient, platelets, stamp
from tests.support.records import HL7, ICD, SNOMED, Resource, coded, resource
from tests.support.rules import CountingRules

A, B, C, D = "a", "b", "c", "d"
AT_ONCE = timedelta(0)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as eligibility."""
    async with await postgres.connect(database.url, "eligibility", size=4) as made:
        yield made


@pytest.fixture
def worker(pool: Pool) -> Evaluator:
    """An evaluator that counts facts and tells every change of their number."""
    return Evaluator("eligibility", Quiet(), pool, PROTOCOLS, Clock(NOON))


class Quiet(CountingRules):
    """Counts laboratory results; a patient without any was never told of, and an equal number is no news."""

    def evaluate(self, timeline: Any, protocol: Any, at: Any) -> Any:
        """The number of results."""
        kept = [f for f in timeline.facts if isinstance(f, Laboratory)]
        return super().evaluate(type(timeline)(timeline.patient, timeline.version, kept, {}), protocol, at)

    def announce(self, patient: Any, protocol: Any, before: Any, after: Any) -> Any:
        """A change of the number."""
        was, now = (0 if o is None else o.content["facts"] for o in (before, after))
        return () if was == now else super().announce(patient, protocol, before, after)


def person(id_: str, version: int = 1, /, replaced_by: Sequence[str] = (), replaces: Sequence[str] = ()) -> Resource:
    """A Patient with what it says of others."""
    links = [("replaced-by", p) for p in replaced_by] + [("replaces", p) for p in replaces]
    stated = [{"type": kind, "other": {"reference": f"Patient/{p}"}} for kind, p in links]
    return resource("Patient", id_, gender="male", meta=stamp(version), **({"link": stated} if stated else {}))


def results(*of: str) -> list[Resource]:
    """A platelet count of each patient."""
    return [platelets("140", 1, f"count-{p}", of=p) for p in of]


def carcinoma(of: str) -> Resource:
    """A confirmed carcinoma."""
    subject, confirmed = {"reference": f"Patient/{of}"}, coded(HL7 + "condition-ver-status", "confirmed")
    return resource("Condition", f"hcc-{of}", subject=subject, code=coded(ICD, "C22.0"), verificationStatus=confirmed)


def transplantation(of: str) -> Resource:
    """A transplantation of the liver."""
    subject, code = {"reference": f"Patient/{of}"}, coded(SNOMED, "18027006")
    return resource(
        "Procedure", f"graft-{of}", subject=subject, status="completed", code=code, performedDateTime="2021"
    )


async def test_a_link_makes_one_timeline_of_two(database: Database, ingest: Ingest, pool: Pool) -> None:
    """The survivor's timeline is the union; each fact keeps the key that it came under."""
    await _arrive(ingest, *results(A, B), person(A), person(B, 1, replaced_by=[A]))
    assert await _counts(pool, A) == {"count-a", "count-b"}
    assert await _counts(pool, B) is None
    rows = await database.rows("SELECT DISTINCT patient FROM timeline.fact WHERE kind = 'laboratory'")
    assert {r["patient"] for r in rows} == {patient(A), patient(B)}


CHAIN = [*results(A, B, C), person(A, 1, replaced_by=[B]), person(B, 1, replaced_by=[C])]


@pytest.mark.parametrize("order", range(10))
async def test_the_order_of_arrival_does_not_matter(
    database: Database, ingest: Ingest, pool: Pool, worker: Evaluator, order: int
) -> None:
    """A chain of three, each message in a batch of its own and evaluated in between or not: the same in any order."""
    chance = Random(order)
    for message in Feed().messages(*chance.sample(CHAIN, len(CHAIN))):
        await ingest.store([message])
        if chance.random() < 0.4:
            await _reconcile(worker, database)
    await _reconcile(worker, database)
    assert await _counts(pool, C) == {"count-a", "count-b", "count-c"}
    assert await _standing(database) == {A: "merged", B: "merged", C: "3"}
    assert await _merged_into(database) == {patient(A): patient(C), patient(B): patient(C)}


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_merge_is_taken_back_whatever_the_order(
    database: Database, ingest: Ingest, pool: Pool, worker: Evaluator, order: Sequence[int]
) -> None:
    """A later version without the link unmerges, also where it comes before the one with it."""
    sent = [person(B, 1), person(B, 2, replaced_by=[A]), person(B, 3)]
    await _arrive(ingest, *results(A, B))
    for place in order:
        await ingest.store(Feed().messages(sent[place]))
        await _reconcile(worker, database)
    assert (await _counts(pool, A), await _counts(pool, B)) == ({"count-a"}, {"count-b"})
    assert await _standing(database) == {A: "1", B: "1"}


@pytest.mark.parametrize("gone", ["bundle", "tombstone"])
async def test_the_deletion_of_the_linking_patient_unmerges(
    database: Database, ingest: Ingest, pool: Pool, gone: str
) -> None:
    """A Bundle's DELETE or a tombstone of the Patient that states the link takes it back."""
    source = Feed()
    await ingest.store(source.messages(*results(A, B), person(B, 1, replaced_by=[A])))
    assert await _counts(pool, A) == {"count-a", "count-b"}
    message = (
        source.message(deletion(f"Patient/{B}", 2)) if gone == "bundle" else source.message(None, key=f"Patient/{B}")
    )
    await ingest.store([message])
    assert (await _counts(pool, A), await _counts(pool, B)) == ({"count-a"}, {"count-b"})
    assert await _merged_into(database) == {}


async def test_either_patients_word_suffices_until_both_take_it_back(ingest: Ingest, pool: Pool) -> None:
    """`replaced-by` and the survivor's `replaces` say the same: merged while one of them stands."""
    source = Feed()
    await ingest.store(source.messages(*results(A, B), person(A, 1, replaces=[B])))
    assert await _counts(pool, A) == {"count-a", "count-b"}
    await ingest.store(source.messages(person(B, 1, replaced_by=[A]), person(A, 2)))
    assert await _counts(pool, A) == {"count-a", "count-b"}
    await ingest.store(source.messages(person(B, 2)))
    assert await _counts(pool, A) == {"count-a"}


async def test_circles_and_contradictions_are_named_and_merge_nobody(
    database: Database, ingest: Ingest, pool: Pool
) -> None:
    """A circle of three and a patient replaced by two stay on their own, each with the reason, and come right when one goes."""
    source = Feed()
    circle = [person(A, 1, replaced_by=[B]), person(B, 1, replaced_by=[C]), person(C, 1, replaced_by=[A])]
    await ingest.store(source.messages(*results(A, B, C, D), *circle, person(D, 1, replaced_by=[A, B])))
    assert await _issues(database) == {A: "cycle", B: "cycle", C: "cycle", D: "contradictory"}
    assert await _counts(pool, A) == {"count-a"}
    await ingest.store(source.messages(person(C, 2)))
    assert await _issues(database) == {}
    assert await _counts(pool, C) == {"count-a", "count-b", "count-c", "count-d"}


async def test_a_contradiction_ends_when_the_other_side_takes_its_word_back(
    database: Database, ingest: Ingest, pool: Pool
) -> None:
    """Two say that they replace one: when the first takes that back, the second has it."""
    source = Feed()
    await ingest.store(source.messages(*results(B), person(A, 1, replaces=[B]), person(C, 1, replaces=[B])))
    assert await _issues(database) == {B: "contradictory"}
    await ingest.store(source.messages(person(A, 2)))
    assert await _issues(database) == {}
    assert await _counts(pool, C) == {"count-b"}


async def test_a_patient_whom_only_a_link_names_has_the_timeline(ingest: Ingest, pool: Pool) -> None:
    """Nothing has come of the survivor yet: the records are under its key, and its own join when they come."""
    source = Feed()
    await ingest.store(source.messages(*results(B), person(B, 1, replaced_by=[A])))
    assert await _counts(pool, A) == {"count-b"}
    await ingest.store(source.messages(*results(A)))
    assert await _counts(pool, A) == {"count-a", "count-b"}


async def test_refer_seealso_and_other_sites_do_not_merge(database: Database, ingest: Ingest, pool: Pool) -> None:
    """Links that do not say that two are one, and those to another server, change no timeline; the latter is an issue."""
    other = [
        {"type": "refer", "other": {"reference": "Patient/a"}},
        {"type": "seealso", "other": {"reference": "Patient/a"}},
        {"type": "replaced-by", "other": {"reference": "https://south.example/fhir/Patient/a"}},
    ]
    await _arrive(ingest, *results(A, B), resource("Patient", B, gender="male", link=other))
    assert await _counts(pool, B) == {"count-b"}
    issues = await database.value("SELECT issues::text FROM identity.resource WHERE resource_type = 'Patient'")
    assert "sites do not merge" in issues
    await ingest.store(Feed().messages(*results(A), person(B, 1, replaced_by=[A]), site="south"))
    assert await _counts(pool, B) == {"count-b"}


async def test_an_absolute_link_to_the_sites_own_server_merges(ingest: Ingest, pool: Pool) -> None:
    """The site's file names its servers."""
    link = [{"type": "replaced-by", "other": {"reference": "https://north.example/fhir/Patient/a/_history/2"}}]
    await _arrive(ingest, *results(A, B), resource("Patient", B, link=link))
    assert await _counts(pool, A) == {"count-a", "count-b"}


@pytest.mark.parametrize("seed", range(4))
async def test_a_cached_union_equals_a_fresh_one(ingest: Ingest, pool: Pool, seed: int) -> None:
    """Links come and go among five patients, with facts in between: loading what is new gives what loading all gives."""
    chance, source, cached = Random(seed), Feed(), TimelineStore(capacity=3)
    people = "abcde"
    for version in range(1, 30):
        sent: list[Resource] = []
        for _ in range(chance.randrange(1, 3)):
            who = chance.choice(people)
            others = chance.sample(people.replace(who, ""), chance.choice([0, 0, 1, 1, 2]))
            sent.append(person(who, version, **{chance.choice(["replaced_by", "replaces"]): others}))
        counted = chance.choice(people)
        sent.append(platelets(chance.choice("12"), version, f"o{chance.randrange(3)}-{counted}", of=counted))
        await ingest.store(source.messages(*sent))
        if chance.random() < 0.6:
            await _equal(pool, cached, chance.sample(people, 3))
    await _equal(pool, cached, people)


async def test_two_ingest_workers_merge_alike(database: Database, ingest_pool: Pool, pool: Pool) -> None:
    """Two workers bring the links of a chain and facts at the same time, again and again: one answer."""
    one, other = feed.ingest(ingest_pool), feed.ingest(ingest_pool)
    for version in range(1, 9):
        back = version % 2 == 0
        first = [person(A, version, replaced_by=[] if back else [B]), platelets("1", version, "count-a", of=A)]
        second = [person(B, version, replaced_by=[] if back else [C]), platelets("1", version, "count-b", of=B)]
        await asyncio.gather(_until_stored(one, first), _until_stored(other, second))
        expected = {} if back else {patient(A): patient(C), patient(B): patient(C)}
        assert await _merged_into(database) == expected
        assert await _counts(pool, C) == (set() if back else {"count-a", "count-b"})


async def test_what_closes_is_told_once_and_what_goes_on_is_not_told_again(
    database: Database, ingest: Ingest, worker: Evaluator
) -> None:
    """B, told of, merges into A, of whom nothing was told: one event says so, and what A takes over is no news."""
    await _arrive(ingest, *results(B), person(A))
    await _reconcile(worker, database)
    await _arrive(ingest, person(B, 2, replaced_by=[A]))
    await _reconcile(worker, database)
    first, merged = await _told(database)
    assert isinstance(first, ScreeningStatusChanged)
    assert isinstance(merged, PatientMerged)
    assert (merged.patient, merged.into, merged.before) == (patient(B), patient(A), None)
    assert str(patient(A)) in merged.sentence
    closed = await database.rows("SELECT content->>'merged_into' AS into FROM eligibility.outcome WHERE withdrawn")
    assert [r["into"] for r in closed] == [str(patient(A))]


async def test_an_unmerge_is_told_and_what_had_been_told_is_not(
    database: Database, ingest: Ingest, worker: Evaluator
) -> None:
    """B stands on its own again: one event; its count is what it was, the survivor's is another."""
    for sent in ([*results(A, B)], [person(B, 1, replaced_by=[A])], [person(B, 2)]):
        await _arrive(ingest, *sent)
        await _reconcile(worker, database)
    told = await _told(database)
    assert [type(e).__name__ for e in told[2:]] == [
        "ScreeningStatusChanged",
        "PatientMerged",
        "ScreeningStatusChanged",
        "PatientUnmerged",
    ]
    unmerged = told[-1]
    assert isinstance(unmerged, PatientUnmerged)
    assert (unmerged.patient, unmerged.before) == (patient(B), patient(A))
    assert [e.patient for e in told[2:]] == [patient(A), patient(B), patient(A), patient(B)]


async def test_the_survivors_followers_learn_what_is_new_to_them(
    database: Database, ingest: Ingest, worker: Evaluator
) -> None:
    """Where something else was told of the survivor before, the change is told, though the absorbed one had the same."""
    await _arrive(ingest, *results(A), *results(B), platelets("90", 1, "second-b", of=B))
    await _reconcile(worker, database)
    await _arrive(ingest, person(B, 2, replaced_by=[A]))
    await _reconcile(worker, database)
    news = [e for e in await _told(database) if isinstance(e, ScreeningStatusChanged) and e.patient == patient(A)]
    assert [e.status for e in news] == ["1", "3"]


async def test_open_dead_letters_go_with_the_patient(database: Database, ingest: Ingest, pool: Pool) -> None:
    """The survivor is marked with what could not be read of the absorbed one, and raised when that is replayed or comes."""
    bad = platelets("140", 1, "bad", of=B, effectiveDateTime="2024-02-30")
    await _arrive(ingest, *results(A), bad, person(B, 1, replaced_by=[A]))
    assert await _unread(pool, A) == 1
    before = await _version(database, A)
    await _arrive(ingest, platelets("140", 1, "worse", of=B, effectiveDateTime="2024-02-31"))
    assert await _unread(pool, A) == 2
    assert await _version(database, A) == before + 1


async def test_either_id_shows_the_one_person_and_the_past_what_was_known_then(
    database: Database, ingest: Ingest, pool: Pool
) -> None:
    """`timeline` and `explain` say that two were merged; at a time before it, each shows what was known of it alone."""
    day = timedelta(days=1)
    for sent, at in (
        ([*results(A), carcinoma(A), transplantation(B)], NOON),
        ([person(B, 1, replaced_by=[A])], NOON + day),
        ([person(B, 2)], NOON + 2 * day),
    ):
        await _arrive(ingest, *sent)
        await _reconcile(Evaluator("eligibility", eligibility, pool, PROTOCOLS, Clock(at)), database)
        if at == NOON + day:
            for shown in [await _run(database, "timeline", str(patient(p))) for p in (A, B)]:
                assert f"Patient {patient(A)}" in shown
                assert "merged into" in shown
                assert "potentially eligible" in shown
            now = await _run(database, "explain", str(patient(B)))
            assert f"shown is the decision about patient {patient(A)}" in now
            assert "Known then: 5 facts" in now
    for p, facts in ((A, 2), (B, 1)):
        then = await _run(database, "explain", str(patient(p)), "--at", NOON.isoformat())
        assert f"Known then: {facts} facts" in then
        assert "was merged into" in await _run(database, "timeline", str(patient(p)))
    during = await _run(database, "explain", str(patient(B)), "--at", (NOON + day).isoformat())
    assert f"shown is the decision about patient {patient(A)}" in during
    assert "Known then: 5 facts" in during
    assert "Today's rules say the same" in during


async def test_a_merge_costs_a_batch_without_links_no_query(ingest: Ingest, database: Database) -> None:
    """Patients without links, corrected or new, ask nothing of the links."""
    await database.rows("ALTER VIEW timeline.link RENAME TO link_that_is_not_there")
    try:
        await _arrive(ingest, *results(A, B), person(A))
    finally:
        await database.rows("ALTER VIEW timeline.link_that_is_not_there RENAME TO link")


async def _run(database: Database, *arguments: str) -> str:
    """What the command prints; in a thread of its own, as it runs its own event loop."""
    done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env={"DATABASE_URL": database.url})
    assert done.exit_code == 0, done.output
    return done.stdout


async def _arrive(ingest: Ingest, *sent: Resource) -> None:
    await ingest.store(Feed().messages(*sent))


async def _until_stored(ingest: Ingest, sent: Sequence[Resource]) -> None:
    """As the service does: what was rolled back to end a deadlock is stored again."""
    messages = Feed().messages(*sent)
    for _ in range(10):
        try:
            await ingest.store(messages)
            return
        except postgres.UNREACHABLE:
            continue
    raise AssertionError("not stored in ten attempts")


async def _reconcile(worker: Evaluator, database: Database) -> None:
    async with await postgres.connect(database.url, "eligibility", size=1) as pool, pool.acquire() as connection:
        for _ in range(6):
            patients, _ = await worker.behind(connection, AT_ONCE, UUID(int=0), 500)
            if not patients:
                return
            await worker.evaluate(dict.fromkeys(patients), "reconciliation")
    raise AssertionError("reconciliation does not come to an end")


async def _counts(pool: Pool, id_: str) -> set[str] | None:
    """The ids of the counts on a patient's timeline; None where there is none of its own."""
    names = {feed.KEYS.record(feed.SITE, "Observation", f"count-{p}"): f"count-{p}" for p in "abcde"}
    async with pool.acquire() as connection:
        timeline = (await TimelineStore().load(connection, [patient(id_)])).get(patient(id_))
    return None if timeline is None else {names[f.source.key] for f in timeline.of(Laboratory)}


async def _equal(pool: Pool, cached: TimelineStore, ids: Iterable[str]) -> None:
    patients = [patient(p) for p in ids]
    async with pool.acquire() as connection:
        held, fresh = await cached.load(connection, patients), await TimelineStore().load(connection, patients)
    cached.trim()
    assert held.keys() == fresh.keys()
    for p, timeline in fresh.items():
        assert [getattr(held[p], name) for name in ("version", "facts", "recorded", "absorbed")] == [
            getattr(timeline, name) for name in ("version", "facts", "recorded", "absorbed")
        ]


async def _standing(database: Database) -> dict[str, str]:
    """What stands of each patient: how many facts, or that it is merged."""
    ids = {patient(p): p for p in "abcde"}
    rows = await database.rows(
        "SELECT patient, coalesce(content->>'facts', kind) AS says FROM eligibility.current_outcome"
        " WHERE NOT withdrawn AND protocol = $1",
        PROTOCOL,
    )
    return {ids[r["patient"]]: r["says"] for r in rows}


async def _told(database: Database) -> list[Any]:
    return [
        decode(r[0].encode()) for r in await database.rows("SELECT event FROM eligibility.outbox ORDER BY sequence")
    ]


async def _merged_into(database: Database) -> dict[UUID, UUID]:
    rows = await database.rows("SELECT patient, merged_into FROM timeline.patient WHERE merged_into IS NOT NULL")
    return {r["patient"]: r["merged_into"] for r in rows}


async def _issues(database: Database) -> dict[str, str]:
    ids = {patient(p): p for p in "abcde"}
    rows = await database.rows("SELECT patient, link_issue FROM timeline.patient WHERE link_issue IS NOT NULL")
    return {ids[r["patient"]]: r["link_issue"] for r in rows}


async def _unread(pool: Pool, id_: str) -> int:
    async with pool.acquire() as connection:
        return (await TimelineStore().look(connection, [patient(id_)])).unread.get(patient(id_), 0)


async def _version(database: Database, id_: str) -> int:
    found: int = await database.value("SELECT version FROM timeline.patient WHERE patient = $1", patient(id_))
    return found
