"""The shell around the rules: what it stores, when it evaluates again, and what one patient's fault costs the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from services.ingest.app import Ingest
from shared.protocol import load as protocol_files
from shared.protocol.load import protocol_hash
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.decisions import outcome_id
from shared.runtime.evaluator import Evaluator
from shared.runtime.postgres import Pool
from shared.runtime.timelines import TimelineStore
from tests.support import feed
from tests.support.database import Database, difference
from tests.support.feed import Feed, patient, platelets
from tests.support.rules import CountingRules

NOON = datetime(2024, 5, 5, 12, tzinfo=UTC)
AT_ONCE = timedelta(0)
PROTOCOLS = protocol_files.load()
(PROTOCOL,) = PROTOCOLS
Making = Callable[..., Evaluator]


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as eligibility."""
    async with await postgres.connect(database.url, "eligibility", size=4) as made:
        yield made


@pytest.fixture
def evaluator(pool: Pool) -> Making:
    """Makes an evaluator with these rules, at this time, as its own process would."""

    def make(rules: CountingRules | None = None, at: datetime = NOON, protocols: Any = PROTOCOLS) -> Evaluator:
        return Evaluator("eligibility", rules or CountingRules(), pool, protocols, Clock(at))

    return make


async def test_a_hint_becomes_an_outcome_with_evidence_and_an_event(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """Outcome, evidence and outbox row are there together, under ids that can be computed beforehand."""
    await _arrive(ingest, platelets("140"))
    assert await evaluator().evaluate({patient(): feed.STARTED}, "hint") == 1
    (outcome,) = await database.rows("SELECT * FROM eligibility.outcome")
    assert outcome["content"] == '{"facts": 1}'
    assert outcome["evidence"].count("fact_id") == 1
    assert outcome["outcome_id"] == outcome_id(patient(), PROTOCOL, "count", "", None, outcome["content_hash"])
    assert (outcome["timeline_version"], outcome["evaluated_at"], outcome["published_at"]) == (1, NOON, feed.STARTED)
    (event,) = await database.rows("SELECT * FROM eligibility.outbox")
    assert (event["outcome_id"], event["patient"]) == (outcome["outcome_id"], patient())
    assert (event["topic"], event["type"]) == ("screening-decisions", "graftwatch.screening-status-changed.v1")
    assert event["relayed_at"] is None


async def test_the_same_evaluation_again_appends_nothing(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """A hint that comes twice, to one worker or to another, leaves outcomes and events as they are."""
    await _arrive(ingest, platelets("140"))
    worker = evaluator()
    await worker.evaluate({patient(): feed.STARTED}, "hint")
    before = await database.dump("eligibility")
    assert await worker.evaluate({patient(): None}, "hint") == 0
    assert await evaluator().evaluate({patient(): feed.STARTED}, "hint") == 0
    assert difference(before, await database.dump("eligibility")) == {}


async def test_the_same_history_gives_the_same_ids(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """Evaluated anew from nothing, the outcomes and events have the ids that they had before."""
    await _arrive(ingest, platelets("140"))
    await evaluator().evaluate({patient(): None}, "hint")
    ids = "SELECT outcome_id, event_id FROM eligibility.outcome JOIN eligibility.outbox USING (outcome_id)"
    before = await database.rows(ids)
    await database.empty("eligibility")
    await evaluator().evaluate({patient(): None}, "reconciliation")
    assert await database.rows(ids) == before


async def test_an_outcome_that_returns_is_news(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """One fact, two, one again: three outcomes, each superseding the one before, and three events."""
    source = Feed()
    worker = evaluator()
    for sent in (platelets("140"), platelets("90", 1, "other"), platelets("90", 2, "other", status="entered-in-error")):
        await ingest.store(source.messages(sent))
        await worker.evaluate({patient(): None}, "hint")
    rows = await database.rows(
        "SELECT outcome_id, supersedes, content->>'facts' AS n FROM eligibility.outcome ORDER BY ordinal"
    )
    assert [r["n"] for r in rows] == ["1", "2", "1"]
    assert [r["supersedes"] for r in rows] == [None, rows[0]["outcome_id"], rows[1]["outcome_id"]]
    assert await database.value("SELECT count(*) FROM eligibility.outbox") == 3


async def test_a_lost_hint_is_repaired_by_reconciliation(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """Whoever was never evaluated, or at an older version, is behind; after an evaluation nobody is."""
    await _arrive(ingest, platelets("140", of="p1"), platelets("90", 1, "other", of="p2"))
    worker = evaluator()
    assert set(await _behind(worker, database)) == {patient("p1"), patient("p2")}
    await _reconcile(worker, database)
    assert await _behind(worker, database) == []
    await _arrive(ingest, platelets("42", 2, of="p1"))
    assert await _behind(worker, database) == [patient("p1")]


async def test_a_fresh_change_is_left_to_the_stream(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """Within its grace reconciliation does not compete with the hint."""
    await _arrive(ingest, platelets("140"))
    worker = evaluator()
    assert await _behind(worker, database, grace=timedelta(hours=1)) == []


async def test_an_expired_outcome_is_evaluated_again(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """When the time until which an outcome stands has come, the patient is due, and not before."""
    await _arrive(ingest, platelets("140"))
    rules = CountingRules(valid_until=lambda at: at + timedelta(days=14), dated=True)
    await _reconcile(evaluator(rules), database)
    assert await _behind(evaluator(rules, NOON + timedelta(days=14, microseconds=-1)), database) == []
    later = evaluator(rules, NOON + timedelta(days=14))
    assert await _behind(later, database) == [patient()]
    await _reconcile(later, database)
    assert await database.value("SELECT max(evaluated_at) FROM eligibility.outcome") == NOON + timedelta(days=14)


async def test_an_outcome_that_expires_at_once_is_not_evaluated_for_ever(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """Rules that state a time of expiry that has passed are asked again a minute later, not in a loop."""
    await _arrive(ingest, platelets("140"))
    worker = evaluator(CountingRules(valid_until=lambda at: at))
    await _reconcile(worker, database)
    assert await _behind(worker, database) == []


async def test_what_a_clock_decided_that_was_set_back_is_decided_again(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """The database's clock was a day fast, and is right again: what was found overdue then is not left standing."""
    await _arrive(ingest, platelets("140"))
    rules = CountingRules(dated=True)
    await _reconcile(evaluator(rules, NOON + timedelta(days=1)), database)
    assert await _behind(evaluator(rules, NOON + timedelta(days=1, seconds=-59)), database) == []
    right = evaluator(rules, NOON)
    assert await _behind(right, database) == [patient()]
    await right.evaluate({patient(): None}, "reconciliation", only_behind=True)
    assert await database.value("SELECT evaluated_at FROM eligibility.evaluation") == NOON
    assert await _behind(right, database) == []


async def test_nothing_is_decided_at_an_earlier_time_than_before(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """Who began a little earlier and waited for the lock takes nothing back that was found overdue meanwhile."""
    await _arrive(ingest, platelets("140"))
    rules = CountingRules(dated=True)
    await evaluator(rules, NOON).evaluate({patient(): None}, "hint")
    assert await evaluator(rules, NOON - timedelta(seconds=30)).evaluate({patient(): None}, "hint") == 0
    assert await database.value("SELECT evaluated_at FROM eligibility.evaluation") == NOON


async def test_a_timeline_that_changed_by_such_a_clock_is_no_exception(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """What came while the clock was a day fast does not wait a day for the sweep, nor does what failed then."""
    await _arrive(ingest, platelets("140"))
    await database.rows("UPDATE timeline.patient SET changed_at = changed_at + interval '1 day'")
    worker = evaluator()
    assert await _behind(worker, database, timedelta(seconds=2)) == [patient()]
    await _reconcile(evaluator(CountingRules(failing={patient()})), database)
    assert await _behind(worker, database) == []
    await database.rows("UPDATE eligibility.evaluation SET retry_at = retry_at + interval '1 day'")
    assert await _behind(worker, database) == [patient()]


async def test_what_another_server_said_is_forgotten(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """A promoted replica lacks two batches; they come again as one, and the next gets a version that this worker has seen.

    Of a server that crashes, or of another one, only what tells it apart is made here: that it forgets its statistics.
    """
    source, worker = Feed(), evaluator()
    first, *lost, late = source.messages(*(platelets(str(n), id_=f"o{n}") for n in range(1, 5)))
    await ingest.store([first])
    for message in lost:
        await ingest.store([message])
        await worker.evaluate({patient(): None}, "hint")
    assert await database.value("SELECT timeline_version FROM eligibility.evaluation") == 3
    await database.empty("eligibility")
    await database.rows("DELETE FROM timeline.fact WHERE added_in > 1")
    await database.rows("DELETE FROM identity.resource WHERE record NOT IN (SELECT record FROM timeline.fact)")
    await database.rows("UPDATE timeline.patient SET version = 1")
    await database.rows("SELECT pg_stat_reset_shared('bgwriter')")
    await ingest.store(lost)
    await ingest.store([late])
    await worker.evaluate({patient(): None}, "hint")
    outcome = await database.value("SELECT content FROM eligibility.outcome ORDER BY ordinal DESC LIMIT 1")
    assert outcome == '{"facts": 4}'
    assert await database.value("SELECT timeline_version FROM eligibility.evaluation") == 3


async def test_another_rules_version_is_evaluated_again(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """New rules look at every patient once, and say nothing where they agree with the old ones."""
    await _arrive(ingest, platelets("140"))
    await _reconcile(evaluator(CountingRules(RULES_VERSION="1")), database)
    renewed = evaluator(CountingRules(RULES_VERSION="2"))
    assert await _behind(renewed, database) == [patient()]
    await _reconcile(renewed, database)
    assert await _behind(renewed, database) == []
    assert await database.value("SELECT count(*) FROM eligibility.outcome") == 1


async def test_another_protocol_version_is_evaluated_again(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """A protocol whose content changed, whatever its version says, is applied to every patient."""
    await _arrive(ingest, platelets("140"))
    await _reconcile(evaluator(), database)
    amended = PROTOCOLS[PROTOCOL].model_copy(update={"title": "the same, with another title"})
    worker = evaluator(protocols={PROTOCOL: amended})
    assert await _behind(worker, database) == [patient()]
    await _reconcile(worker, database)
    assert await database.value("SELECT protocol_hash FROM eligibility.evaluation") == protocol_hash(amended)


async def test_two_protocols_are_evaluated_side_by_side(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """Each patient has one outcome under each protocol."""
    await _arrive(ingest, platelets("140"))
    second = PROTOCOLS[PROTOCOL].model_copy(update={"id": "second-trial"})
    await _reconcile(evaluator(protocols={PROTOCOL: PROTOCOLS[PROTOCOL], second.id: second}), database)
    rows = await database.rows("SELECT protocol FROM eligibility.outcome ORDER BY 1")
    assert [r["protocol"] for r in rows] == [PROTOCOL, "second-trial"]


async def test_two_workers_on_the_same_patients_end_with_one_outcome_each(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """Evaluated at the same time in opposite orders, every patient has one outcome and one event."""
    ids = [f"p{i}" for i in range(30)]
    await _arrive(ingest, *(platelets("140", 1, f"o{p}", of=p) for p in ids))
    one, other = evaluator(), evaluator()
    await asyncio.gather(
        one.evaluate({patient(p): None for p in ids}, "hint"),
        other.evaluate({patient(p): None for p in reversed(ids)}, "hint"),
    )
    assert await database.value("SELECT count(*) FROM eligibility.outcome") == 30
    assert await database.value("SELECT count(*) FROM eligibility.outbox") == 30


async def test_a_fault_in_the_rules_costs_the_others_nothing(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """Of three patients one makes the rules fail: two outcomes, and the failure is recorded without any value."""
    await _arrive(ingest, *(platelets("140", 1, f"o{i}", of=f"p{i}") for i in range(3)))
    worker = evaluator(CountingRules(failing={patient("p1")}))
    await worker.evaluate({patient(f"p{i}"): None for i in range(3)}, "hint")
    assert await _evaluated(database) == {patient("p0"), patient("p2")}
    failure = await database.value("SELECT failure FROM eligibility.evaluation WHERE patient = $1", patient("p1"))
    assert failure.startswith("ArithmeticError at rules.py")
    assert "a fault in the rules" not in failure


async def test_what_failed_is_tried_again_later_and_when_something_changes(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """Not at once, for that would never end; but when its time comes, or when the timeline has news."""
    await _arrive(ingest, platelets("140"))
    failing = evaluator(CountingRules(failing={patient()}))
    await _reconcile(failing, database)
    assert await _behind(failing, database) == []
    await _arrive(ingest, platelets("90", 1, "news"))
    assert await _behind(failing, database) == [patient()]
    await _reconcile(failing, database)
    await database.rows("UPDATE eligibility.evaluation SET retry_at = now() - interval '1 second'")
    mended = evaluator()
    assert await _behind(mended, database) == [patient()]
    await _reconcile(mended, database)
    assert await database.value("SELECT failure FROM eligibility.evaluation") is None
    assert await _evaluated(database) == {patient()}


async def test_an_outcome_that_cannot_be_stored_costs_the_others_nothing(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """Of three patients one outcome is refused by Postgres: two are stored, the failure is recorded and retried later."""
    await _arrive(ingest, *(platelets("140", 1, f"o{i}", of=f"p{i}") for i in range(3)))
    worker = evaluator(CountingRules(unstorable={patient("p1")}))
    await _reconcile(worker, database)
    assert await _evaluated(database) == {patient("p0"), patient("p2")}
    (failed,) = await database.rows(
        "SELECT patient, retry_at > now() AS later FROM eligibility.evaluation WHERE failure IS NOT NULL"
    )
    assert (failed["patient"], failed["later"]) == (patient("p1"), True)
    assert await _behind(worker, database) == []


async def test_a_stale_evaluator_overwrites_nothing(database: Database, ingest: Ingest, evaluator: Making) -> None:
    """Where a newer version was evaluated already, one that sees an older version writes nothing."""
    await _arrive(ingest, platelets("140"))
    await _reconcile(evaluator(), database)
    await database.rows("UPDATE eligibility.evaluation SET timeline_version = 7, rules_version = 'newer'")
    before = await database.dump("eligibility")
    assert await evaluator(CountingRules(dated=True)).evaluate({patient(): None}, "hint") == 0
    assert difference(before, await database.dump("eligibility")) == {}


async def test_a_hint_about_nobody_is_harmless(database: Database, evaluator: Making) -> None:
    """A hint about a patient whom this database does not know appends nothing and leaves nobody behind."""
    worker = evaluator()
    assert await worker.evaluate({UUID(int=7): None}, "hint") == 0
    assert await _behind(worker, database) == []


async def test_a_lost_connection_is_for_the_caller_to_try_again(
    database: Database, ingest: Ingest, evaluator: Making
) -> None:
    """Backends terminated between two evaluations cost one attempt and no patient."""
    await _arrive(ingest, platelets("140"))
    worker = evaluator()
    await database.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'graftwatch-eligibility %'"
        " AND datname = current_database()"
    )
    for _ in range(4):  # one for each connection of the pool, at most
        await asyncio.gather(worker.evaluate({patient(): None}, "hint"), return_exceptions=True)
    assert await _evaluated(database) == {patient()}
    assert await database.value("SELECT failure FROM eligibility.evaluation") is None


@pytest.mark.parametrize("seed", range(6))
async def test_a_cached_timeline_equals_a_fresh_one(database: Database, ingest: Ingest, pool: Pool, seed: int) -> None:
    """After any additions, ends and statements made again, loading only what is new gives what loading all gives."""
    chance = Random(seed)
    source, cached = Feed(), TimelineStore(capacity=3, most_facts=chance.choice([3, 1000]))
    for version in range(1, 25):
        chosen = [f"o{chance.randrange(4)}" for _ in range(chance.randrange(1, 4))]
        status = chance.choice(["final", "final", "entered-in-error"])
        sent = [platelets(chance.choice("12"), version, o, of=f"p{o[-1]}", status=status) for o in set(chosen)]
        await ingest.store(source.messages(*sent))
        if chance.random() < 0.6:
            await _equal(pool, cached, [patient(f"p{i}") for i in chance.sample(range(4), 3)])
    await _equal(pool, cached, [patient(f"p{i}") for i in range(4)])


async def _equal(pool: Pool, cached: TimelineStore, patients: list[UUID]) -> None:
    async with pool.acquire() as connection:
        held = await cached.load(connection, patients)
        fresh = await TimelineStore().load(connection, patients)
    cached.trim()
    assert cached.held_facts <= cached._most_facts
    assert held.keys() == fresh.keys()
    for p, timeline in fresh.items():
        assert (held[p].version, held[p].facts, held[p].recorded) == (
            timeline.version,
            timeline.facts,
            timeline.recorded,
        )


async def _arrive(ingest: Ingest, *sent: dict[str, Any]) -> None:
    await ingest.store(Feed().messages(*sent))


async def _behind(worker: Evaluator, database: Database, grace: timedelta = AT_ONCE) -> list[UUID]:
    async with await postgres.connect(database.url, "eligibility", size=1) as pool, pool.acquire() as connection:
        patients, _ = await worker.behind(connection, grace, UUID(int=0), 500)
        return patients


async def _reconcile(worker: Evaluator, database: Database) -> None:
    """As the service does, but for a limit: what is behind is evaluated until nothing is."""
    for _ in range(5):
        patients: Iterable[UUID] = await _behind(worker, database)
        if not patients:
            return
        await worker.evaluate(dict.fromkeys(patients), "reconciliation")
    raise AssertionError("reconciliation does not come to an end")


async def _evaluated(database: Database) -> set[UUID]:
    return {r["patient"] for r in await database.rows("SELECT patient FROM eligibility.outcome")}
