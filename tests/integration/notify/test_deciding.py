"""Deciding on a real database: once per event whatever is lost or repeated, corrections, escalation, and what notify may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from services.notify.deciding import EVER, Decider
from services.notify.directory import Directory
from services.notify.notices import delivery_id
from shared import events
from shared.runtime import postgres
from shared.runtime.postgres import Pool
from tests.support.database import Database, difference
from tests.support.notices import (
    COORDINATOR,
    OFFICER,
    PATIENT,
    STUDY,
    Outboxes,
    criterion,
    read,
    retracted,
    rule,
    screened,
    suspected,
    watched,
)

NOW = timedelta(0)
STATES = "SELECT recipient, reason, state FROM notify.delivery ORDER BY sequence"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as notify."""
    async with await postgres.connect(database.url, "notify", size=6) as made:
        yield made


@pytest.fixture
async def outboxes(database: Database) -> Outboxes:
    """The outboxes of the deciding services; one patient is registered."""
    made = Outboxes(database)
    await made.patient()
    return made


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """The coordinator is told of suspected rejections, the officer of everything urgent."""
    return read(
        tmp_path,
        COORDINATOR,
        OFFICER,
        rules=[
            rule("suspicions", "coordinator", kinds=["rejection-suspected"]),
            rule("urgent", "officer", urgency="urgent"),
        ],
    )


async def test_deciding_twice_or_at_once_decides_once(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """Repeated, and by five deciders at the same time: one notice, the same deliveries."""
    patients = [PATIENT, *(uuid4() for _ in range(9))]
    for patient in patients:
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient))
    counts = await asyncio.gather(*(Decider(pool, directory).decide(patients) for _ in range(5)))
    assert sorted(counts) == [0, 0, 0, 0, 10]
    before = await database.dump("notify")
    assert await Decider(pool, directory).decide(patients) == 0
    assert difference(before, await database.dump("notify")) == {}
    assert await database.value("SELECT count(*) FROM notify.delivery") == 20


async def test_a_delivery_has_the_same_id_for_ever(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """It follows from recipient, channel and event alone."""
    event = await outboxes.commit(suspected())
    await Decider(pool, directory).decide([PATIENT])
    found = {r[0] for r in await database.rows("SELECT delivery_id FROM notify.delivery")}
    assert found == {delivery_id(who, "email", event) for who in ("coordinator", "officer")}
    assert delivery_id("officer", "email", UUID(int=1)) == UUID("d87c5f1c-53f3-5d67-a5dd-293276aec5b0")


async def test_reconciliation_finds_what_the_broker_lost(
    pool: Pool, outboxes: Outboxes, directory: Directory, database: Database
) -> None:
    """An event without a decision is found whatever its sequence, also one that committed late among decided ones."""
    decider = Decider(pool, directory)
    first = uuid4()
    await outboxes.patient(first)
    async with await postgres.connect(database.url, "safety", size=1) as late, late.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO safety.outbox (event_id, patient, outcome_id, topic, type, event)"
            " VALUES ($1, $2, $3, 'safety-events', 't', $4)",
            *(uuid4(), first, uuid4(), _json(suspected(first))),
        )
        await outboxes.commit(suspected())
        assert await decider.undecided_patients(EVER, NOW) == [PATIENT]
        await decider.decide([PATIENT])
        await transaction.commit()
    assert await decider.undecided_patients(EVER, NOW) == [first]
    assert await decider.undecided_patients(EVER, timedelta(hours=1)) == []
    await decider.decide([first])
    assert await decider.undecided_patients(EVER, NOW) == []


async def test_an_event_that_concerns_nobody_is_decided_too(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """It has a notice with no delivery, and is not looked at again."""
    await outboxes.commit(criterion(), kind="screening")
    assert await Decider(pool, directory).decide([PATIENT]) == 1
    assert await database.value("SELECT deliveries FROM notify.notice") == 0


async def test_an_event_that_cannot_be_read_stops_no_other(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """Of another version, say: the other events are decided; it is not decided, and is looked at again later."""
    decider = Decider(pool, directory)
    await outboxes.commit(suspected())
    odd = await outboxes.commit(screened("eligible"), kind="screening")
    await database.rows('UPDATE eligibility.outbox SET event = \'{"type": "of-tomorrow"}\' WHERE event_id = $1', odd)
    assert await decider.decide([PATIENT]) == 1
    assert await decider.undecided_patients(EVER, NOW) == []
    decider.give_another_chance()
    assert await decider.undecided_patients(EVER, NOW) == [PATIENT]


async def test_an_event_that_waits_for_a_decision_is_seen_however_old_it_is(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """One that cannot be read, and one that was found and could not be decided: hours later both still show."""
    hours = 3 * 3600
    decider = Decider(pool, directory)
    odd = await outboxes.commit(screened("eligible"), kind="screening", age_seconds=hours)
    await database.rows('UPDATE eligibility.outbox SET event = \'{"type": "of-tomorrow"}\' WHERE event_id = $1', odd)
    await decider.decide([PATIENT])
    assert await decider.oldest_undecided_seconds() >= hours
    decider.give_another_chance()
    assert await decider.oldest_undecided_seconds() >= hours  # no gap while it is tried again: an alert would end
    assert await Decider(pool, directory).oldest_undecided_seconds() == 0  # begun anew, and nothing was searched yet
    begun = Decider(pool, directory)
    assert await begun.undecided_patients(EVER, NOW) == [PATIENT]
    assert await begun.oldest_undecided_seconds() >= hours
    await database.rows("DELETE FROM eligibility.outbox WHERE event_id = $1", odd)
    assert await begun.oldest_undecided_seconds() == 0


async def test_a_correction_reaches_whoever_was_told(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """The record was withdrawn: the coordinator, whose rule speaks of suspicions alone, is told, and of what it corrects."""
    decider = Decider(pool, directory)
    fact = await outboxes.fact(ended_in=2)
    first = await outboxes.commit(suspected(), facts=[fact])
    await decider.decide([PATIENT])
    await _sent(database)
    second = await outboxes.commit(retracted(), ordinal=2, timeline_version=2)
    await decider.decide([PATIENT])
    rows = await database.rows("SELECT recipient, reason, corrects FROM notify.delivery WHERE event_id = $1", second)
    assert {(r["recipient"], r["reason"], r["corrects"]) for r in rows} == {
        ("coordinator", "told-before", delivery_id("coordinator", "email", first)),
        ("officer", "urgent", delivery_id("officer", "email", first)),
    }
    assert await database.value("SELECT corrects FROM notify.notice WHERE event_id = $1", second) == first


async def test_a_withdrawn_outcome_is_a_correction(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """Its evidence is gone, whatever the facts say."""
    decider = Decider(pool, directory)
    first = await outboxes.commit(suspected())
    await decider.decide([PATIENT])
    await _sent(database)
    second = await outboxes.commit(retracted(), ordinal=2, withdrawn=True)
    await decider.decide([PATIENT])
    assert await database.value("SELECT corrects FROM notify.notice WHERE event_id = $1", second) == first


async def test_what_was_told_last_is_told_to_be_over(
    database: Database, pool: Pool, outboxes: Outboxes, tmp_path: Path
) -> None:
    """Who is told of eligible patients alone is told that one is no longer, and when what was told with that ends too."""
    rules = [rule("eligible", "coordinator", kinds=["screening-status-changed"], when={"status": ["eligible"]})]
    decider = Decider(pool, read(tmp_path, COORDINATOR, rules=rules))
    story = [
        screened("eligible"),
        criterion(),
        screened("ineligible", "eligible"),
        screened("potentially_eligible", "ineligible"),
    ]
    for ordinal, event in enumerate(story, start=1):
        await outboxes.commit(event, kind="screening", ordinal=ordinal)
        await decider.decide([PATIENT])
        await _sent(database)
    rows = await database.rows(
        "SELECT d.reason, d.corrects, n.event->>'sentence' AS says FROM notify.delivery d JOIN notify.notice n USING (event_id)"
        " ORDER BY d.sequence"
    )
    assert [(r["says"], r["reason"], r["corrects"]) for r in rows] == [
        ("now eligible", "eligible", None),
        ("now ineligible", "told-before", None),
        ("now potentially_eligible", "told-before", None),
    ]


async def test_a_clock_that_is_set_back_hides_nothing_that_was_told(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """Dated an hour ahead by a primary whose successor's clock is right: it is corrected, and the story goes on in order."""
    decider = Decider(pool, directory)
    story = [
        await _commit(decider, outboxes, suspected(), 1),
        await _commit(decider, outboxes, suspected(sentence="still suspected"), 2, ahead=True),
        await _commit(decider, outboxes, retracted(), 3, withdrawn=True),
        await _commit(decider, outboxes, suspected(sentence="suspected again"), 4),
    ]
    rows = await database.rows("SELECT event_id, follows, corrects FROM notify.notice ORDER BY sequence")
    assert [r["event_id"] for r in rows] == story
    assert [r["follows"] for r in rows] == [None, *story[:3]]
    told = "SELECT reason FROM notify.delivery WHERE recipient = 'coordinator' AND event_id = $1"
    assert (rows[2]["corrects"], await database.value(told, story[2])) == (story[1], "told-before")


async def _commit(
    decider: Decider, outboxes: Outboxes, event: events.AnyEvent, ordinal: int, *, ahead: bool = False, **more: Any
) -> UUID:
    """An event that is committed, perhaps by a clock an hour ahead, decided about and sent."""
    event_id = await outboxes.commit(event, ordinal=ordinal, **more)
    if ahead:
        await outboxes.ahead(event_id)
    await decider.decide([event.patient])
    await _sent(outboxes.database)
    return event_id


async def test_of_one_service_the_outbox_says_what_came_first(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """Three events decided at once, the second dated ahead: told as they were committed, or what ended would be told last."""
    for ordinal, (event, ahead) in enumerate([(suspected(), False), (watched(), True), (retracted(), False)], start=1):
        event_id = await outboxes.commit(event, ordinal=ordinal)
        if ahead:
            await outboxes.ahead(event_id)
    assert await Decider(pool, directory).decide([PATIENT]) == 3
    rows = await database.rows("SELECT event ->> 'sentence' AS says FROM notify.notice ORDER BY sequence")
    assert [r["says"] for r in rows] == [suspected().sentence, watched().sentence, retracted().sentence]


async def test_an_event_dated_ahead_that_the_broker_lost_is_found(
    pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """Reconciliation does not wait until its time has come."""
    await outboxes.ahead(await outboxes.commit(suspected()))
    assert await Decider(pool, directory).undecided_patients(timedelta(hours=1), timedelta(seconds=5)) == [PATIENT]


async def test_what_ends_before_the_digest_is_told_in_the_same_digest(
    database: Database, pool: Pool, outboxes: Outboxes, tmp_path: Path
) -> None:
    """Nobody reads that a patient is no longer eligible hours before the mail that says eligible."""
    send = {"digest": ["12:00"]}
    rules = [
        rule("eligible", "coordinator", kinds=["screening-status-changed"], when={"status": ["eligible"]}, send=send)
    ]
    decider = Decider(pool, read(tmp_path, COORDINATOR, rules=rules))
    for ordinal, event in enumerate([screened("eligible"), screened("ineligible", "eligible")], start=1):
        await outboxes.commit(event, kind="screening", ordinal=ordinal)
        await decider.decide([PATIENT])
        await database.rows("UPDATE notify.delivery SET due_at = now() + interval '1 day' WHERE reason = 'eligible'")
    rows = await database.rows("SELECT reason, mode, due_at FROM notify.delivery ORDER BY sequence")
    assert [(r["reason"], r["mode"]) for r in rows] == [("eligible", "digest"), ("told-before", "digest")]
    assert rows[1]["due_at"] > await database.value("SELECT now() + interval '23 hours'")


async def test_what_a_digest_holds_back_is_told_before_what_follows_it_at_once(
    database: Database, pool: Pool, outboxes: Outboxes, tmp_path: Path
) -> None:
    """All of it, in order: nobody reads by a mail of noon what another, of the night, has overtaken. Other subjects wait."""
    status = {"kinds": ["screening-status-changed"]}
    rules = [
        rule("others", "coordinator", send={"digest": ["12:00"]}, **status),
        rule("ineligible", "coordinator", when={"status": ["ineligible"]}, **status),
        rule("officer", "officer", send={"digest": ["12:00"]}, **status),
    ]
    decider = Decider(pool, read(tmp_path, COORDINATOR, OFFICER, rules=rules))
    other = uuid4()
    await outboxes.patient(other)
    await outboxes.commit(screened("eligible"), kind="screening")
    await outboxes.commit(screened("eligible", patient=other), kind="screening")
    await decider.decide([PATIENT, other])
    for ordinal, (now, before) in enumerate(
        [("potentially_eligible", "eligible"), ("ineligible", "potentially_eligible")], start=2
    ):
        await outboxes.commit(screened(now, before), kind="screening", ordinal=ordinal)
        await database.rows("UPDATE notify.delivery SET due_at = now() + interval '1 day' WHERE mode = 'digest'")
        await decider.decide([PATIENT])
    rows = await database.rows(
        "SELECT d.mode, n.event->>'sentence' AS says FROM notify.delivery d JOIN notify.notice n USING (event_id)"
        " WHERE recipient = 'coordinator' AND d.due_at <= now() ORDER BY d.due_at, d.sequence"
    )
    assert [tuple(r) for r in rows] == [
        ("at-once", "now eligible"),
        ("at-once", "now potentially_eligible"),
        ("at-once", "now ineligible"),
    ]
    held = await database.rows("SELECT recipient, mode FROM notify.delivery WHERE due_at > now() ORDER BY sequence")
    assert [tuple(r) for r in held] == [
        ("officer", "digest"),
        *[("coordinator", "digest"), ("officer", "digest")],
        *[("officer", "digest")] * 2,
    ]


async def test_a_merge_is_told_to_whoever_was_told_of_the_patient_and_the_story_goes_on(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """Told of the absorbed patient: of the merge, and of what then ends with the surviving one."""
    decider, survivor = Decider(pool, directory), uuid4()
    await outboxes.patient(survivor)
    first = await outboxes.commit(suspected(), age_seconds=5)
    await decider.decide([PATIENT])
    await _sent(database)
    merge = events.PatientMerged(
        patient=PATIENT,
        protocol=STUDY,
        protocol_version="1",
        subject="",
        sentence="one person",
        before=None,
        into=survivor,
    )
    told = await outboxes.commit(merge, kind="merged", source="safety")
    assert await outboxes.commit(merge, kind="merged", source="eligibility", outcome_of="safety") == told
    await decider.decide([PATIENT])
    rows = await database.rows("SELECT recipient, reason FROM notify.delivery WHERE event_id = $1", told)
    assert {tuple(r) for r in rows} == {("coordinator", "told-before"), ("officer", "urgent")}
    await _sent(database)
    await database.rows(
        "INSERT INTO timeline.merge (patient, survivor, merged_in) VALUES ($1, $2, 2)", PATIENT, survivor
    )
    ended = await outboxes.commit(retracted(survivor), ordinal=2, withdrawn=True)
    await decider.decide([survivor])
    corrects = "SELECT corrects FROM notify.delivery WHERE event_id = $1 AND recipient = 'coordinator'"
    assert await database.value(corrects, ended) == delivery_id("coordinator", "email", first)


async def test_what_was_corrected_before_it_was_sent_is_not_sent(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """Neither it nor its correction reaches somebody who was told nothing; whom a rule chooses is told what is true now."""
    decider = Decider(pool, directory)
    fact = await outboxes.fact(ended_in=2)
    await outboxes.commit(suspected(), facts=[fact])
    await decider.decide([PATIENT])
    await outboxes.commit(retracted(), ordinal=2, timeline_version=2)
    await decider.decide([PATIENT])
    assert [tuple(r) for r in await database.rows(STATES)] == [
        ("coordinator", "suspicions", "superseded"),
        ("officer", "urgent", "superseded"),
        ("officer", "urgent", "pending"),
    ]


async def test_a_chain_that_is_decided_at_once_ends_as_one_by_one(
    database: Database, pool: Pool, outboxes: Outboxes, directory: Directory
) -> None:
    """Two events of a chain in one batch: the second knows the first."""
    first = await outboxes.commit(suspected(), age_seconds=1)
    second = await outboxes.commit(retracted(), ordinal=2)
    assert await Decider(pool, directory).decide([PATIENT]) == 2
    assert await database.value("SELECT follows FROM notify.notice WHERE event_id = $1", second) == first


async def test_a_corrected_event_is_not_escalated(
    database: Database, pool: Pool, outboxes: Outboxes, tmp_path: Path
) -> None:
    """What does not stand need not be acknowledged."""
    escalate = [{"after_minutes": 30, "to": ["officer"]}]
    rules = [rule("all", "coordinator", kinds=["rejection-suspected"], escalate=escalate)]
    decider = Decider(pool, read(tmp_path, COORDINATOR, OFFICER, rules=rules))
    await outboxes.commit(suspected())
    await decider.decide([PATIENT])
    await _sent(database)
    await outboxes.commit(retracted(), ordinal=2, withdrawn=True)
    await decider.decide([PATIENT])
    assert await database.value("SELECT state FROM notify.escalation") == "corrected"


async def test_notify_reads_outboxes_and_writes_its_own(database: Database, pool: Pool) -> None:
    """It sees no identifier, changes no timeline, outcome or outbox, and rewrites no notice."""
    for allowed in ("SELECT * FROM safety.outbox", "SELECT * FROM timeline.patient", "SELECT * FROM notify.delivery"):
        await pool.execute(allowed)
    for refused in (
        "SELECT * FROM identity.patient",
        "SELECT * FROM identity.resource_version",
        "UPDATE safety.outbox SET relayed_at = now()",
        "INSERT INTO timeline.patient (patient, site) VALUES (gen_random_uuid(), 'north')",
        "UPDATE notify.notice SET kind = 'another'",
        "UPDATE notify.acknowledgement SET by_person = 'another'",
        "DELETE FROM notify.delivery",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(refused)


async def test_the_console_reads_what_was_mailed_and_nothing_else_of_notify(database: Database) -> None:
    """By a view of its own schema; it acknowledges there too, by a function of the console's."""
    async with await postgres.connect(database.url, "console", size=1) as console:
        await console.execute("SELECT * FROM console.mailbox")
        for refused in (
            "SELECT * FROM notify.delivery",
            "SELECT * FROM notify.acknowledge(gen_random_uuid(), 'p', 'P', 'console')",
            "UPDATE notify.delivery SET state = 'stopped'",
            "SELECT headers FROM notify.subscription",
            "INSERT INTO notify.acknowledgement VALUES (gen_random_uuid(), gen_random_uuid(), 'a', 'b', 'c')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await console.execute(refused)


async def _sent(database: Database) -> None:
    await database.rows("UPDATE notify.delivery SET state = 'delivered', attempts = 1 WHERE state = 'pending'")


def _json(event: object) -> str:
    return msgspec.json.encode(event).decode()


@pytest.mark.parametrize(("query", "takes"), [("told_before", "uuid[]"), ("told_since", "uuid[], text[]")])
async def test_what_was_told_is_looked_up_by_patient_even_by_a_plan_made_while_the_tables_were_empty(
    pool: Pool, query: str, takes: str
) -> None:
    """PostgreSQL keeps such a plan; one that reads every outcome of the kind costs each event more, the more there are."""
    sql = postgres.queries("notify", "safety")[query]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute("SET LOCAL enable_seqscan = off")  # else free, where a vacuum has found a table empty
        await connection.execute(f"PREPARE told ({takes}) AS {sql}")
        given = ", ".join("'{}'" for _ in takes.split(", "))
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE told ({given})")
        await connection.execute("DEALLOCATE told")
    (of_earlier,) = [node for node in _nodes(msgspec.json.decode(plan)[0]["Plan"]) if node.get("Alias") == "p"]
    assert "patient" in of_earlier.get("Index Cond", of_earlier.get("Recheck Cond", ""))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)
