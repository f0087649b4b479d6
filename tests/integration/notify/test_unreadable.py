"""An event of a kind that this release does not know, decided by a newer one: it waits, is shown, and stops nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from services.notify.deciding import Decider
from services.notify.deliveries import Deliveries
from services.notify.subscriptions.communication import communication
from services.notify.subscriptions.store import Subscriptions
from shared.runtime import postgres
from shared.runtime.postgres import Pool
from tests.support.database import Database
from tests.support.notices import COORDINATOR, Outboxes, read, rule, suspected

SAYS: Final = "an event that this release cannot read: of-tomorrow"
ENDPOINT: Final = f"fhir:{UUID(int=7)}"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as notify."""
    async with await postgres.connect(database.url, "notify", size=4) as made:
        yield made


async def _told(database: Database, pool: Pool, folder: Path, **more: Any) -> list[UUID]:
    """Three patients, each with a mail to the coordinator; of the second a newer release made it."""
    outboxes, patients = Outboxes(database), [uuid4() for _ in range(3)]
    for age, patient in enumerate(patients):
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient), age_seconds=10 - age)
    await Decider(pool, read(folder, COORDINATOR, rules=[rule("all", "coordinator", **more)])).decide(patients)
    await database.rows(
        "UPDATE notify.notice SET kind = 'of-tomorrow', event = event || '{\"type\": \"of-tomorrow\"}' WHERE patient = $1",
        patients[1],
    )
    await database.rows("UPDATE notify.delivery SET due_at = now()")
    return patients


async def _mended(database: Database) -> None:
    """The next release, which can read it."""
    await database.rows(
        "UPDATE notify.notice SET kind = 'rejection-suspected', event = event || '{\"type\": \"rejection-suspected\"}'"
    )
    await database.rows("UPDATE notify.delivery SET due_at = now() + interval '1 hour' WHERE message_id IS NULL")


async def _claimed(pool: Pool, endpoint: str = "email", most: int = 10) -> list[list[UUID]]:
    return [[o.notice.patient for o in m] for m in await Deliveries(pool).claim(endpoint, [], [], most)]


@pytest.mark.parametrize("most", [1, 10])
async def test_all_other_mail_goes_out(database: Database, pool: Pool, tmp_path: Path, most: int) -> None:
    """It is a failed attempt that says why, and is due again later; the next release sends it as soon as it leads."""
    first, odd, last = await _told(database, pool, tmp_path)
    found = []
    while claimed := await _claimed(pool, most=most):
        found += claimed
        await database.rows("UPDATE notify.delivery SET state = 'delivered' WHERE message_id IS NOT NULL")
    assert found == [[first], [last]]
    (row,) = await database.rows(
        "SELECT n.patient, d.state, d.says, d.due_at > a.began_at AS waits, a.outcome, a.says AS said"
        " FROM notify.delivery d JOIN notify.notice n USING (event_id)"
        " JOIN notify.attempt a ON a.delivery_id = d.delivery_id AND a.attempt = d.attempts WHERE d.state <> 'delivered'"
    )
    assert tuple(row) == (odd, "pending", SAYS, True, "failed", SAYS)
    await _mended(database)
    assert await Deliveries(pool).look_again() == 1
    assert await _claimed(pool) == [[odd]]
    assert await Deliveries(pool).look_again() == 0


async def test_a_digest_goes_out_without_it(database: Database, pool: Pool, tmp_path: Path) -> None:
    """What it could not carry makes another, with an id of its own: a repeat of the first is the same mail."""
    first, odd, last = await _told(database, pool, tmp_path, send={"digest": ["12:00"]})
    assert await _claimed(pool) == [[first, last]]
    await _mended(database)
    await Deliveries(pool).look_again()
    assert await _claimed(pool) == [[first, last], [odd]]
    assert await database.value("SELECT count(DISTINCT message_id) FROM notify.delivery") == 2


async def test_a_subscription_waits_for_it(database: Database, pool: Pool, tmp_path: Path) -> None:
    """By number, without a gap: what comes before goes out, what follows says what it waits for."""
    first, odd, last = await _told(database, pool, tmp_path)
    await database.rows(
        "INSERT INTO notify.subscription (subscription_id, owner, fhir_version, topic, address, content, status,"
        " next_handshake_at) VALUES ($1, 'office', 'R4', 't', 'a', 'id-only', 'active', NULL)",
        UUID(int=7),
    )
    await database.rows(
        "UPDATE notify.delivery SET channel = 'fhir', endpoint = $1, event_number = n FROM ("
        " SELECT delivery_id AS id, row_number() OVER (ORDER BY sequence) AS n FROM notify.delivery) AS numbered"
        " WHERE delivery_id = id",
        ENDPOINT,
    )
    assert await _claimed(pool, ENDPOINT) == [[first]]
    await database.rows("UPDATE notify.delivery SET state = 'delivered' WHERE event_number = 1")
    assert await _claimed(pool, ENDPOINT) == []
    rows = await database.rows("SELECT says FROM notify.delivery WHERE state = 'pending' ORDER BY event_number")
    assert [r["says"] for r in rows] == [SAYS, "waits for event 2 before it, which this release cannot read"]
    assert await database.value("SELECT count(*) FROM notify.attempt WHERE outcome IS NULL") == 1
    await _mended(database)
    await Deliveries(pool).look_again()
    assert await _claimed(pool, ENDPOINT) == [[odd, last]]


async def test_it_is_on_record(database: Database, pool: Pool, tmp_path: Path) -> None:
    """As a Communication with its kind and its sentence, among all others."""
    await _told(database, pool, tmp_path)
    bodies = [communication(r, "R4") for r in await Subscriptions(pool).records("coordinator", 10)]
    assert [b["category"][0]["coding"][0]["code"] for b in bodies] == [
        "rejection-suspected",
        "of-tomorrow",
        "rejection-suspected",
    ]
    assert {b["payload"][0]["contentString"] for b in bodies} == {"graft rejection is suspected: ALT 412 U/L"}
