"""The relay of events from a service's outbox to Kafka: at least once, in order, by one relay at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from services.cli.stack import Stack
from shared import events, topics
from shared.runtime import postgres
from shared.runtime.outbox import OutboxRelay
from shared.runtime.postgres import Pool
from tests.support.database import Database, eventually
from tests.support.topics import Listener, listening, producer

HEADERS = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type"}


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as eligibility."""
    async with await postgres.connect(database.url, "eligibility", size=4) as made:
        yield made


@pytest.fixture
async def sender(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    """A producer."""
    async with producer(stack.bootstrap_servers) as made:
        yield made


@pytest.fixture
async def decisions(stack: Stack) -> AsyncIterator[Listener]:
    """What arrives on the topic of screening."""
    async with listening(stack.bootstrap_servers, topics.SCREENING_DECISIONS) as made:
        yield made


async def test_events_arrive_as_cloud_events_in_order_per_patient(
    database: Database, pool: Pool, sender: AIOKafkaProducer, decisions: Listener
) -> None:
    """Each event has the id, type and patient of its row; those of one patient arrive in the order of the outbox."""
    patients = [uuid4(), uuid4()]
    ids = [await _commit(database, patients[i % 2], str(i)) for i in range(20)]
    async with _relaying(pool, sender):
        heard = await decisions.until(lambda records: len(_of(records, ids)) >= 20)
        await eventually(lambda: _all_relayed(database))
    assert {name for name, _ in heard[0].headers} == HEADERS
    for p in patients:
        of_patient = [r for r in _of(heard, ids) if r.key == str(p).encode()]
        assert [_header(r, "ce_id") for r in of_patient] == [str(i) for i in ids[patients.index(p) :: 2]]
        assert {_header(r, "ce_subject") for r in of_patient} == {str(p)}
    decoded = events.decode(_of(heard, ids)[0].value)
    assert isinstance(decoded, events.ScreeningStatusChanged)
    assert _header(_of(heard, ids)[0], "ce_type") == events.type_name(decoded)
    assert _header(_of(heard, ids)[0], "ce_source") == "/graftwatch/eligibility"


async def test_what_is_relayed_is_not_sent_again(database: Database, pool: Pool, sender: AIOKafkaProducer) -> None:
    """A second pass over the outbox sends nothing."""
    await _commit(database, uuid4())
    relay = OutboxRelay("eligibility", pool, sender)
    async with pool.acquire() as connection:
        assert await relay.relay(connection) == 1
        assert await relay.relay(connection) == 0


async def test_a_crash_between_sending_and_marking_sends_the_same_event_again(
    database: Database, pool: Pool, sender: AIOKafkaProducer, decisions: Listener
) -> None:
    """Where the mark was lost, the event goes out twice under one id, so that a receiver can tell."""
    event = await _commit(database, uuid4())
    relay = OutboxRelay("eligibility", pool, sender)
    async with pool.acquire() as connection:
        unmarked = connection.transaction()
        await unmarked.start()
        assert await relay.relay(connection) == 1
        await unmarked.rollback()
        assert await relay.relay(connection) == 1
    heard = await decisions.until(lambda records: len(_of(records, [event])) >= 2)
    assert [_header(r, "ce_id") for r in _of(heard, [event])] == [str(event)] * 2
    assert len({(r.key, r.value) for r in _of(heard, [event])}) == 1


async def test_a_lost_wake_up_is_repaired_by_polling(database: Database, pool: Pool, sender: AIOKafkaProducer) -> None:
    """An event committed while nobody woke the relay is relayed all the same."""
    async with _relaying(pool, sender):
        await _commit(database, uuid4())
        await eventually(lambda: _all_relayed(database))
        await _commit(database, uuid4())
        await eventually(lambda: _all_relayed(database))


async def test_of_two_relays_one_relays(
    database: Database, pool: Pool, sender: AIOKafkaProducer, decisions: Listener
) -> None:
    """Two workers' relays at the same time send each event once; when one is gone the other takes over."""
    async with await postgres.connect(database.url, "eligibility", size=1) as other_pool:
        other = asyncio.create_task(OutboxRelay("eligibility", other_pool, sender).run())
        first = [await _commit(database, uuid4()) for _ in range(30)]
        async with _relaying(pool, sender):
            await eventually(lambda: _all_relayed(database))
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)
            last = await _commit(database, uuid4())
            await eventually(lambda: _all_relayed(database))
    heard = await decisions.until(lambda records: _of(records, [last]))
    assert sorted(_header(r, "ce_id") for r in _of(heard, first)) == sorted(map(str, first))


async def test_a_lost_connection_does_not_end_the_relay(
    database: Database, pool: Pool, sender: AIOKafkaProducer
) -> None:
    """Its backend terminated, the relay connects again, takes the lock again and goes on."""
    async with _relaying(pool, sender):
        await _commit(database, uuid4())
        await eventually(lambda: _all_relayed(database))
        await database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'graftwatch-eligibility %'"
            " AND datname = current_database()"
        )
        await _commit(database, uuid4())
        await eventually(lambda: _all_relayed(database))


@asynccontextmanager
async def _relaying(pool: Pool, sender: AIOKafkaProducer) -> AsyncIterator[OutboxRelay]:
    relay = OutboxRelay("eligibility", pool, sender)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _commit(database: Database, patient: UUID, status: str = "eligible") -> UUID:
    """An event in the outbox, as an evaluation leaves it."""
    event = events.ScreeningStatusChanged(
        patient=patient,
        protocol="p",
        protocol_version="1",
        subject="",
        sentence="another status",
        before=None,
        status=status,
    )
    event_id = uuid4()
    await database.rows(
        "INSERT INTO eligibility.outbox (event_id, patient, outcome_id, topic, type, event) VALUES ($1, $2, $3, $4, $5, $6)",
        event_id,
        patient,
        uuid4(),
        events.TOPIC_OF[type(event)],
        events.type_name(event),
        msgspec.json.encode(event).decode(),
    )
    return event_id


async def _all_relayed(database: Database) -> bool:
    return bool(await database.value("SELECT bool_and(relayed_at IS NOT NULL) FROM eligibility.outbox"))


def _of(records: list[ConsumerRecord], ids: list[UUID]) -> list[ConsumerRecord]:
    wanted = set(map(str, ids))
    return [r for r in records if _header(r, "ce_id") in wanted]


def _header(record: ConsumerRecord, name: str) -> Any:
    return dict(record.headers)[name].decode()
