"""Escalation on a real database: at once, in order, with what became of it since, and never to who knows already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from services.notify import escalating, rules
from services.notify.deciding import Decider
from services.notify.deliveries import Deliveries
from services.notify.directory import Directory
from services.notify.escalating import Escalator
from services.notify.notices import Escalation, delivery_id
from shared.events import AnyEvent
from shared.runtime import postgres
from shared.runtime.clock import wall
from shared.runtime.postgres import Pool, queries
from tests.support.database import Database, eventually
from tests.support.notices import (
    COORDINATOR,
    OFFICER,
    PATIENT,
    Outboxes,
    criterion,
    gap,
    gap_closed,
    graded,
    merged,
    read,
    retracted,
    rule,
    screened,
    suspected,
    watched,
)

HALF_AN_HOUR: Final = [{"after_minutes": 30, "to": ["officer"]}]
LATER: Final = {"digest": [f"{wall() + timedelta(hours=12):%H:%M}"]}
SLEEPER: Final = {
    **OFFICER,
    "quiet_hours": {"from": f"{wall() - timedelta(hours=11):%H:%M}", "to": f"{wall() + timedelta(hours=11):%H:%M}"},
}
"""Sleeps whenever the test runs."""
Row = tuple[str, str, str]


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as notify."""
    async with await postgres.connect(database.url, "notify", size=6) as made:
        yield made


@dataclass
class Notify:
    """Decides, escalates, and shows what would be sent to whom."""

    database: Database
    pool: Pool
    directory: Directory
    outboxes: Outboxes

    @property
    def escalator(self) -> Escalator:
        """Escalates by the recipients file."""
        return Escalator(self.pool, self.directory)

    async def commit(self, event: AnyEvent, ordinal: int = 1, kind: str = "rejection", **more: Any) -> UUID:
        """An event that is committed and decided about; what a digest or a night holds is held for a day from now."""
        await self.outboxes.patient(event.patient)
        committed = await self.outboxes.commit(event, ordinal=ordinal, kind=kind, **more)
        await Decider(self.pool, self.directory).decide([event.patient])
        await self.database.rows("UPDATE notify.delivery SET due_at = now() + interval '1 day' WHERE due_at > now()")
        return committed

    async def sent(self) -> None:
        """All that is due has been taken."""
        await self.database.rows(
            "UPDATE notify.delivery SET state = 'delivered', attempts = 1 WHERE state = 'pending' AND due_at <= now()"
        )

    async def escalate(self, *of: UUID) -> int:
        """The time of these escalations has come, or of all; how many were due."""
        await self.database.rows(
            "UPDATE notify.escalation SET due_at = now()"
            " WHERE state = 'pending' AND ($1::uuid[] = '{}' OR event_id = ANY($1::uuid[]))",
            list(of),
        )
        return await self.escalator.escalate()

    async def mails(self, recipient: str = "officer", most: int = 1) -> list[Row]:
        """What the mail server is handed next for one recipient: sentence, reason and mode, in the order of the claims."""
        found: list[Row] = []
        while messages := await Deliveries(self.pool).claim("email", [], [], most):
            for o in (o for message in messages for o in message):
                found += [(o.notice.event.sentence, o.reason, o.mode)] if o.recipient == recipient else []
            await self.database.rows("UPDATE notify.delivery SET state = 'delivered' WHERE attempts > 0")
        return found

    async def held(self, recipient: str = "officer") -> list[str]:
        """What one recipient is to be told later."""
        rows = await self.database.rows(
            "SELECT n.event->>'sentence' FROM notify.delivery d JOIN notify.notice n USING (event_id)"
            " WHERE recipient = $1 AND d.state = 'pending' AND d.due_at > now() ORDER BY d.sequence",
            recipient,
        )
        return [r[0] for r in rows]


def notify(
    database: Database, pool: Pool, folder: Path, *rules: dict[str, Any], officer: dict[str, Any] = OFFICER
) -> Notify:
    """A notify with these rules for coordinator and officer."""
    return Notify(database, pool, read(folder, COORDINATOR, officer, rules=rules), Outboxes(database))


def begins(kind: str, **more: Any) -> dict[str, Any]:
    """The coordinator is told what begins, and after half an hour without an answer the officer is."""
    return rule("begins", "coordinator", kinds=[kind], escalate=HALF_AN_HOUR, **more)


@pytest.mark.parametrize("most", [1, 10])
async def test_whoever_is_told_by_escalation_is_told_what_came_of_it_too(
    database: Database, pool: Pool, tmp_path: Path, most: int
) -> None:
    """The gap was closed ten minutes later, when the officer was nobody to be told: they read both, in order, the end last."""
    of = notify(database, pool, tmp_path, begins("surveillance-gap-found"))
    await of.commit(gap(), kind="surveillance")
    await of.sent()
    await of.commit(gap_closed(), 2, kind="surveillance")
    assert await of.escalate() == 1
    assert await of.mails(most=most) == [
        ("no liver test since", "escalation", "at-once"),
        ("no liver test is overdue any more", "told-before", "at-once"),
    ]


async def test_a_clock_that_is_set_back_hides_nothing_that_came_of_it(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """What is to be escalated was committed by a clock an hour ahead, and ended by one that is right: both are told."""
    of = notify(database, pool, tmp_path, begins("rejection-suspected"))
    await of.outboxes.ahead(await of.commit(suspected()))
    await of.sent()
    await of.commit(retracted(), 2)
    assert await of.escalate() == 1
    assert [(says, reason) for says, reason, _ in await of.mails()] == [
        (suspected().sentence, "escalation"),
        (retracted().sentence, "told-before"),
    ]


@pytest.mark.parametrize("most", [1, 10])
@pytest.mark.parametrize("kinds", [["surveillance-gap-found", "surveillance-gap-closed"], ["surveillance-gap-closed"]])
async def test_an_escalation_leaves_nothing_of_the_same_behind_in_a_digest(
    database: Database, pool: Pool, tmp_path: Path, kinds: list[str], most: int
) -> None:
    """Beginning and end wait for noon, or the end alone: they go out together, in order; the beginning as an escalation."""
    digest = rule("digest", "officer", kinds=kinds, send=LATER)
    of = notify(database, pool, tmp_path, begins("surveillance-gap-found"), digest)
    await of.commit(gap(), kind="surveillance")
    await of.commit(gap_closed(), 2, kind="surveillance")
    assert await of.escalate() == 1
    assert await of.mails(most=most) == [
        ("no liver test since", "escalation", "at-once"),
        ("no liver test is overdue any more", "digest", "at-once"),
    ]
    assert await of.held() == []


async def test_a_gap_and_its_end_wait_for_the_same_digest(database: Database, pool: Pool, tmp_path: Path) -> None:
    """Told in a digest that liver tests are overdue: that they are no more comes in the same, after it."""
    of = notify(database, pool, tmp_path, rule("gaps", "officer", kinds=["surveillance-gap-found"], send=LATER))
    await of.commit(gap(), kind="surveillance")
    await of.commit(gap_closed(), 2, kind="surveillance")
    assert await of.mails() == []
    assert await of.held() == ["no liver test since", "no liver test is overdue any more"]
    await database.rows("UPDATE notify.delivery SET due_at = now()")
    (digest,) = await Deliveries(pool).claim("email", [], [], 1)
    assert [(o.notice.kind, o.mode) for o in digest] == [
        ("surveillance-gap-found", "digest"),
        ("surveillance-gap-closed", "digest"),
    ]


async def test_a_rejection_that_still_stands_is_escalated(database: Database, pool: Pool, tmp_path: Path) -> None:
    """Suspected, then watched: nothing is over, and nothing is silenced."""
    of = notify(database, pool, tmp_path, begins("rejection-suspected"))
    await of.commit(suspected())
    await of.commit(watched(), 2)
    assert await of.escalate() == 1
    assert [(says, reason) for says, reason, _ in await of.mails()] == [
        ("graft rejection is suspected: ALT 412 U/L", "escalation"),
        ("graft rejection no longer suspected, now watch", "told-before"),
    ]


async def test_who_was_sent_what_came_of_it_is_not_told_the_beginning_last(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """The officer has read that no test is overdue: that one is, as if it were news, would be the last that they read."""
    closed = rule("closed", "officer", kinds=["surveillance-gap-closed"])
    of = notify(database, pool, tmp_path, begins("surveillance-gap-found"), closed)
    await of.commit(gap(), kind="surveillance")
    await of.commit(gap_closed(), 2, kind="surveillance")
    await of.sent()
    assert await of.escalate() == 1
    assert await of.mails() == []


async def test_a_criterion_that_changed_since_silences_nothing(database: Database, pool: Pool, tmp_path: Path) -> None:
    """The status still stands: who was sent that alone has not been told of it, and who was not need not be."""
    eligible = rule("eligible", "coordinator", when={"status": ["eligible"]}, escalate=HALF_AN_HOUR)
    of = notify(database, pool, tmp_path, eligible, rule("criteria", "officer", kinds=["criterion-changed"]))
    first = await of.commit(screened("eligible"), kind="screening")
    await of.commit(criterion(), 2, kind="screening")
    await of.sent()
    assert await of.escalate(first) == 1
    assert [(says, reason) for says, reason, _ in await of.mails()] == [("now eligible", "escalation")]


async def test_what_was_corrected_since_is_not_told(database: Database, pool: Pool, tmp_path: Path) -> None:
    """Grade 2, then 3 and 4 by one result that was withdrawn: the officer is told of the 2, and that it is a 2."""
    grades = {"kinds": ["toxicity-graded"], "when": {"before": ["none"]}}
    of = notify(database, pool, tmp_path, rule("grades", "coordinator", escalate=HALF_AN_HOUR, **grades))
    fact = await of.outboxes.fact(ended_in=2)
    await of.commit(graded(2, None), kind="toxicity")
    for ordinal, grade in enumerate((3, 4), start=2):
        await of.commit(graded(grade, grade - 1), ordinal, kind="toxicity", facts=[fact])
    await of.sent()
    await of.commit(graded(2, 4), 4, kind="toxicity", timeline_version=2)
    assert await of.escalate() == 1
    assert [(says, reason) for says, reason, _ in await of.mails()] == [
        ("ALT increased, grade 2", "escalation"),
        ("ALT increased, grade 2", "told-before"),
    ]


async def test_an_escalation_is_one_whoever_decided_the_delivery(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """The mail says that nobody has acknowledged it; what came before keeps its reason."""
    status = {"kinds": ["screening-status-changed"]}
    of = notify(
        database,
        pool,
        tmp_path,
        rule("digest", "officer", send=LATER, **status),
        rule("all", "coordinator", escalate=HALF_AN_HOUR, **status),
    )
    await of.commit(screened("eligible"), kind="screening")
    last = await of.commit(screened("ineligible", "eligible"), 2, kind="screening")
    assert await of.escalate(last) == 1
    assert await of.mails() == [
        ("now eligible", "digest", "at-once"),
        ("now ineligible", "escalation", "at-once"),
    ]


async def test_the_night_of_whom_it_reaches_holds_no_escalation_back(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """Quiet hours held their own delivery and the one before: both go out."""
    all_of_it = rule("officer", "officer")
    of = notify(database, pool, tmp_path, rule("all", "coordinator", escalate=HALF_AN_HOUR), all_of_it, officer=SLEEPER)
    await of.commit(screened("eligible"), kind="screening")
    last = await of.commit(screened("ineligible", "eligible"), 2, kind="screening")
    assert await of.held() == ["now eligible", "now ineligible"]
    assert await of.escalate(last) == 1
    assert await of.mails() == [
        ("now eligible", "officer", "at-once"),
        ("now ineligible", "escalation", "at-once"),
    ]


async def test_the_night_does_not_hold_back_what_another_rule_overtakes(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """Put off until the morning, and followed at once by a rule that knows no night: told just before it."""
    never = {"from": "00:00", "to": "00:00"}
    ineligible = rule("ineligible", "officer", when={"status": ["ineligible"]}, quiet_hours=never)
    of = notify(database, pool, tmp_path, rule("all", "officer"), ineligible, officer=SLEEPER)
    await of.commit(screened("eligible"), kind="screening")
    assert await of.held() == ["now eligible"]
    await of.commit(screened("ineligible", "eligible"), 2, kind="screening")
    assert await of.mails() == [("now eligible", "all", "at-once"), ("now ineligible", "ineligible", "at-once")]


async def test_a_digest_whose_message_is_made_is_left_alone(database: Database, pool: Pool, tmp_path: Path) -> None:
    """What it carries is fixed: an escalation that finds the delivery in it changes neither its way nor its reason."""
    of = notify(
        database,
        pool,
        tmp_path,
        begins("surveillance-gap-found"),
        rule("digest", "officer", kinds=["surveillance-gap-found"], send=LATER),
    )
    await of.commit(gap(), kind="surveillance")
    mine = "recipient = 'officer'"
    await database.rows(f"UPDATE notify.delivery SET message_id = $1 WHERE {mine}", uuid4())
    before = await database.rows(f"SELECT * FROM notify.delivery WHERE {mine}")
    assert await of.escalate() == 1
    assert await database.rows(f"SELECT * FROM notify.delivery WHERE {mine}") == before


async def test_steps_that_are_due_together_tell_each_thing_once_and_in_order(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """Suspected and retracted, both unanswered, the officer's of the second held: two escalations, in order."""
    of = notify(
        database,
        pool,
        tmp_path,
        rule("all", "coordinator", escalate=HALF_AN_HOUR),
        rule("digest", "officer", kinds=["rejection-retracted"], send=LATER),
    )
    await of.commit(suspected())
    await of.sent()
    await of.commit(retracted(), 2)
    assert await of.escalate() == 2
    assert await of.mails() == [
        ("graft rejection is suspected: ALT 412 U/L", "escalation", "at-once"),
        ("graft rejection no longer suspected, now none", "escalation", "at-once"),
    ]


async def test_of_two_steps_the_one_that_was_acknowledged_brings_nothing_forward(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """Of two patients in one look: the officer's digest of the other waits for noon as it did."""
    of = notify(
        database,
        pool,
        tmp_path,
        begins("surveillance-gap-found"),
        rule("digest", "officer", kinds=["surveillance-gap-found"], send=LATER),
    )
    other = uuid4()
    unanswered, answered = await of.commit(gap(), kind="surveillance"), await of.commit(gap(other), kind="surveillance")
    assert await _acknowledge(pool, answered, "p1") == (True, "p1")
    assert await of.escalate() == 2
    rows = await database.rows(
        "SELECT event_id, reason, mode, due_at <= now() AS is_due FROM notify.delivery WHERE recipient = 'officer'"
    )
    assert {tuple(r) for r in rows} == {
        (unanswered, "escalation", "at-once", True),
        (answered, "digest", "digest", False),
    }


async def test_whoever_is_told_of_a_merged_patient_is_told_of_the_merge_and_how_it_went_on(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """Suspected of the one, then merged, then retracted of the other: all three."""
    of = notify(database, pool, tmp_path, begins("rejection-suspected"))
    survivor = uuid4()
    await of.outboxes.patient(survivor)
    await of.commit(suspected())
    await of.sent()
    await of.commit(merged(survivor), kind="merged", source="safety")
    await database.rows(
        "INSERT INTO timeline.merge (patient, survivor, merged_in) VALUES ($1, $2, 2)", PATIENT, survivor
    )
    await of.commit(retracted(survivor), 2)
    assert await of.escalate() == 1
    assert [(says, reason) for says, reason, _ in await of.mails()] == [
        ("graft rejection is suspected: ALT 412 U/L", "escalation"),
        ("one person with another", "told-before"),
        ("graft rejection no longer suspected, now none", "told-before"),
    ]


@pytest.mark.parametrize("merge_is_first", [True, False])
async def test_what_two_events_bring_forward_goes_out_with_the_sooner(
    database: Database, pool: Pool, tmp_path: Path, *, merge_is_first: bool
) -> None:
    """A merge that waits for the next noon, and the survivor's news, which does not: decided together, in either order."""
    of = notify(
        database,
        pool,
        tmp_path,
        rule("suspected", "officer", kinds=["rejection-suspected"], send=LATER),
        rule("merges", "officer", kinds=["patient-merged"], send=LATER),
        rule("retracted", "officer", kinds=["rejection-retracted"]),
    )
    survivor = uuid4()
    await of.outboxes.patient(survivor)
    await of.commit(suspected(), age_seconds=60)
    await database.rows("UPDATE notify.delivery SET due_at = now() + interval '3 days'")
    await database.rows(
        "INSERT INTO timeline.merge (patient, survivor, merged_in) VALUES ($1, $2, 2)", PATIENT, survivor
    )
    ages = (30, 20) if merge_is_first else (20, 30)
    await of.outboxes.commit(merged(survivor), kind="merged", source="safety", age_seconds=ages[0])
    await of.outboxes.commit(retracted(survivor), ordinal=2, age_seconds=ages[1])
    assert await Decider(pool, of.directory).decide([PATIENT, survivor]) == 2
    rows = await database.rows(
        "SELECT reason, mode, due_at <= now() AS is_due FROM notify.delivery ORDER BY due_at, sequence"
    )
    assert [tuple(r) for r in rows] == [
        ("suspected", "at-once", True),
        ("retracted", "at-once", True),
        ("merges", "digest", False),
    ]


async def test_nothing_is_brought_forward_to_later_than_it_was(database: Database, pool: Pool, tmp_path: Path) -> None:
    """Whatever is asked."""
    of = notify(database, pool, tmp_path, rule("all", "officer", send=LATER))
    event = await of.commit(gap(), kind="surveillance")
    mine = delivery_id("officer", "email", event)
    before = await database.rows("SELECT * FROM notify.delivery")
    later = "SELECT due_at + interval '1 second' FROM notify.delivery"
    await pool.execute(
        queries("notify")["bring_forward"], [mine], ["at-once"], [await database.value(later)], ["escalation"]
    )
    assert await database.rows("SELECT * FROM notify.delivery") == before


async def test_escalating_waits_for_who_decides_about_the_patient(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """A correction is being decided on: the step that was due meanwhile finds that nothing is left to be told."""
    of = notify(database, pool, tmp_path, begins("rejection-suspected"))
    first = await of.commit(suspected())
    await database.rows("UPDATE notify.escalation SET due_at = now()")
    async with pool.acquire() as deciding:
        transaction = deciding.transaction()
        await transaction.start()
        await deciding.fetchval(queries("notify")["lock_patients"], [PATIENT])
        escalating = asyncio.create_task(of.escalator.escalate())
        await eventually(lambda: _waits_for_a_lock(database))
        await deciding.execute("UPDATE notify.escalation SET state = 'corrected' WHERE event_id = $1", first)
        await transaction.commit()
    assert await escalating == 0
    assert await database.value("SELECT count(*) FROM notify.delivery WHERE recipient = 'officer'") == 0


async def test_who_waited_for_the_lock_is_later_than_who_held_it(database: Database, pool: Pool) -> None:
    """By the time of their decision, which orders what they tell; a transaction's own time is that of its begin."""
    sql = queries("notify")["lock_patients"]
    async with pool.acquire() as first, pool.acquire() as second:
        holding, waiting = first.transaction(), second.transaction()
        await waiting.start()
        await second.fetchval("SELECT 1")
        await holding.start()
        held_at = await first.fetchval(sql, [PATIENT])
        waited = asyncio.create_task(second.fetchval(sql, [PATIENT]))
        await eventually(lambda: _waits_for_a_lock(database))
        await holding.commit()
        assert await waited > held_at
        await waiting.commit()


async def test_deciding_and_escalating_at_once_tell_everything_in_order(
    database: Database, pool: Pool, tmp_path: Path
) -> None:
    """Of twenty patients each, and of patients merged into one another: nobody waits in a circle, and the end is told last."""
    of = notify(database, pool, tmp_path, begins("rejection-suspected"))
    patients = [uuid4() for _ in range(20)]
    for patient in patients:
        await of.outboxes.patient(patient)
        await of.outboxes.commit(suspected(patient))
    await Decider(pool, of.directory).decide(patients)
    for patient, survivor in zip(patients[::2], patients[1::2], strict=True):
        await database.rows(
            "INSERT INTO timeline.merge (patient, survivor, merged_in) VALUES ($1, $2, 2)", patient, survivor
        )
    for patient in patients:
        await of.outboxes.commit(retracted(patient), ordinal=2)
    await database.rows("UPDATE notify.escalation SET due_at = now()")
    done = await asyncio.gather(
        *(Decider(pool, of.directory).decide(patients) for _ in range(2)),
        *(of.escalator.escalate() for _ in range(2)),
    )
    assert (sum(done[:2]), sum(done[2:])) == (20, 20)
    rows = await database.rows(
        "SELECT n.patient, array_agg(n.kind ORDER BY d.due_at, d.sequence) FROM notify.delivery d"
        " JOIN notify.notice n USING (event_id) WHERE recipient = 'officer' GROUP BY 1"
    )
    assert {r[0]: r[1] for r in rows} == {p: ["rejection-suspected", "rejection-retracted"] for p in patients}


async def test_what_nobody_acknowledges_goes_to_further_people(database: Database, pool: Pool, tmp_path: Path) -> None:
    """When its time has come, once; not if somebody acknowledged before."""
    of = notify(database, pool, tmp_path, rule("all", "coordinator", escalate=HALF_AN_HOUR))
    unanswered, answered = await of.commit(suspected()), await of.commit(suspected(uuid4()))
    assert await of.escalator.escalate() == 0
    assert await _acknowledge(pool, answered, "p1") == (True, "p1")
    assert await _acknowledge(pool, answered, "p2") == (False, "p1")
    assert await of.escalate() == 2
    assert await of.escalate() == 0
    rows = await database.rows("SELECT event_id, recipient FROM notify.delivery WHERE reason = 'escalation'")
    assert [tuple(r) for r in rows] == [(unanswered, "officer")]
    states = await database.rows("SELECT event_id, state FROM notify.escalation")
    assert {tuple(r) for r in states} == {(unanswered, "escalated"), (answered, "acknowledged")}


async def _acknowledge(pool: Pool, event: UUID, person: str) -> tuple[bool, str]:
    row = await pool.fetchrow("SELECT * FROM notify.acknowledge($1, $2, $2, 'test')", event, person)
    assert row is not None
    return row["first"], row["by_person"]


async def _waits_for_a_lock(database: Database) -> bool:
    return bool(
        await database.value(
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)"
        )
    )


async def test_a_fault_in_one_escalation_costs_no_other_patient(
    database: Database, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are told; the one waits and shows how long, is left alone for a minute, and is told once it can be."""
    of = notify(database, pool, tmp_path, begins("rejection-suspected"))
    odd, *rest = [await of.commit(suspected(p)) for p in (PATIENT, uuid4(), uuid4())]
    await of.sent()
    escalator = of.escalator
    with monkeypatch.context() as broken:
        broken.setattr(rules, "escalate", _failing_at(odd))
        await database.rows("UPDATE notify.escalation SET due_at = now() - interval '2 minutes'")
        assert await escalator.escalate() == len(rest)
        assert await escalator.escalate() == 0
    assert await escalator.oldest_seconds() >= 120
    assert await escalator.escalate() == 0  # left alone
    escalator._aside.clear()
    assert await escalator.escalate() == 1
    assert await escalator.oldest_seconds() == 0


async def test_patients_left_alone_take_nobodys_place(
    database: Database, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many faulty ones as are looked at at once, due before all others: the others are told all the same."""
    of = notify(database, pool, tmp_path, begins("rejection-suspected"))
    odd, _ = [await of.commit(suspected(p)) for p in (PATIENT, uuid4())]
    await of.sent()
    monkeypatch.setattr(rules, "escalate", _failing_at(odd))
    monkeypatch.setattr(escalating, "_AT_ONCE", 1)
    await database.rows("UPDATE notify.escalation SET due_at = now() - interval '1 minute'")
    await database.rows("UPDATE notify.escalation SET due_at = now() - interval '2 minutes' WHERE event_id = $1", odd)
    escalator = of.escalator
    assert [await escalator.escalate() for _ in range(2)] == [0, 1]


def _failing_at(odd: UUID) -> Callable[..., Any]:
    """The rule, with a fault of ours at one event."""
    real = rules.escalate

    def faulty(escalation: Escalation, *more: Any) -> Any:
        if escalation.event_id == odd:
            raise KeyError("a fault of ours")
        return real(escalation, *more)

    return faulty
