"""The queue of one endpoint beside a slow database: nothing is sent twice while answers are being written down."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.notify.deciding import Decider
from services.notify.deliveries import Deliveries, Settled
from services.notify.messages import Answer, Outgoing
from services.notify.queue import EndpointQueue
from shared.runtime import postgres
from shared.runtime.postgres import Pool
from tests.support.database import Database, eventually
from tests.support.notices import COORDINATOR, Outboxes, read, rule, suspected


class SlowToWrite(Deliveries):
    """Answers keep coming while others are written down."""

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Write them, after a while."""
        await asyncio.sleep(0.01)
        await super().settle(settled)


class Prompt:
    """A channel that takes everything, some of it later than the rest."""

    limit = 8
    batch = 1

    def __init__(self) -> None:
        self.sent: Counter[UUID] = Counter()

    async def send(self, message: Sequence[Outgoing]) -> Answer:
        """Take it."""
        self.sent[message[0].delivery_id] += 1
        await asyncio.sleep(message[0].delivery_id.int % 7 / 1000)
        return Answer(True, "taken")


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as notify."""
    async with await postgres.connect(database.url, "notify", size=4) as made:
        yield made


async def test_nothing_is_sent_twice_while_answers_are_written_down(
    pool: Pool, database: Database, tmp_path: Path
) -> None:
    """Each of a hundred deliveries is sent once."""
    outboxes, patients = Outboxes(database), [uuid4() for _ in range(100)]
    for patient in patients:
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient))
    await Decider(pool, read(tmp_path, COORDINATOR, rules=[rule("all", "coordinator")])).decide(patients)
    channel = Prompt()
    queue = EndpointQueue("email", channel, SlowToWrite(pool), timedelta(days=7))
    running = asyncio.create_task(queue.run())

    async def all_are() -> bool:
        return bool(await database.value("SELECT count(*) = 100 FROM notify.delivery WHERE state = 'delivered'"))

    await eventually(all_are)
    await queue.stop()
    await asyncio.wait_for(running, 10)
    assert set(channel.sent.values()) == {1}
    assert len(channel.sent) == 100
