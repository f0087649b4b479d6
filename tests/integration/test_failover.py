"""Failover of the whole path: ingest, safety and notify go on with the promoted replica, and tell again what it lacks."""

from __future__ import annotations

import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from services.cli.stack import Stack
from shared import topics
from tests.support import process, servers
from tests.support.database import Database, eventually
from tests.support.feed import CAMRELIZUMAB, Feed, stamp
from tests.support.installation import as_service, is_primary, receives_nothing, replicated, stop_following
from tests.support.notices import ENVIRON, rule, system, write
from tests.support.records import Resource, lab, resource
from tests.support.servers import Server
from tests.support.sinks import HttpSink, http_sink
from tests.support.topics import send, skip_to_end

_LIMIT_S = 180.0
PATIENTS = ("p1", "p2", "p3")
SUSPECTED = "SELECT count(*) FROM safety.outbox WHERE type LIKE '%rejection-suspected%'"
DELIVERED = "SELECT count(*) FROM notify.delivery WHERE state = 'delivered'"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="graftwatch-failover-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def treated(of: str) -> list[Resource]:
    """A first dose, and liver tests that were normal before it."""
    dose = resource(
        "MedicationAdministration",
        f"dose-{of}",
        status="completed",
        meta=stamp(1),
        medicationCodeableConcept=CAMRELIZUMAB,
        effectiveDateTime="2024-04-14T10:00:00+02:00",
        dosage={"dose": {"value": 200, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}},
    )
    return [dose | _of(of), alt(of, "30", "2024-04-10")]


def alt(of: str, value: str, on: str) -> Resource:
    """A liver test in U/L."""
    return lab("1742-6", value, id_=f"alt-{of}-{on}", effectiveDateTime=on, meta=stamp(1)) | _of(of)


def _of(patient: str) -> Resource:
    return {"subject": {"reference": f"Patient/{patient}"}}


@asynccontextmanager
async def services(folder: Path, stack: Stack, sink: HttpSink, primary: Server, replica: Server) -> AsyncIterator[None]:
    """Ingest, safety and notify, each with its own login and both hosts."""
    group = f"test-failover-{uuid4()}"
    await skip_to_end(stack.bootstrap_servers, group, topics.FEED)
    of_rejection = rule("suspicions", "system", kinds=["rejection-suspected"], by=["webhook"])
    recipients = write(folder, system(sink.url), rules=[of_rejection])
    told = {
        "ingest": ({}, ("tests.support.dying_ingest", group)),
        "safety": ({"GRAFTWATCH_AS_OF": "2024-05-05T12:00:00Z"}, ("services.safety",)),
        "notify": (
            {"GRAFTWATCH_RECIPIENTS": str(recipients), "GRAFTWATCH_NOTIFY_NETWORKS": "127.0.0.0/8", **ENVIRON},
            ("services.notify",),
        ),
    }
    async with AsyncExitStack() as running:
        for name, (more, command) in told.items():
            env = as_service(name, primary, stack, primary, replica) | more
            await running.enter_async_context(process.running(folder / f"{name}.log", env, "-m", *command))
        yield


async def test_what_the_promoted_replica_lacks_is_decided_and_told_again_under_the_same_id(
    stack: Stack, folder: Path
) -> None:
    """A suspicion of rejection that was told before the primary died, unknown to the replica: repeated, never doubled or lost."""
    feed_ = Feed()
    async with http_sink() as sink:
        with servers.server(folder, "primary") as primary, servers.server(folder, "replica", empty=True) as replica:
            database = await replicated(primary, replica)
            copy = Database(replica.url("hospital"))
            async with services(folder, stack, sink, primary, replica):
                await send(stack.bootstrap_servers, feed_.messages(*(r for p in PATIENTS for r in treated(p))))
                await _until(copy, "SELECT count(*) FROM timeline.fact", 6)
                await send(stack.bootstrap_servers, feed_.messages(alt("p1", "412", "2024-05-03")))
                await _until(copy, DELIVERED, 1)
                await stop_following(replica)
                await eventually(lambda: receives_nothing(copy), _LIMIT_S)
                await send(stack.bootstrap_servers, feed_.messages(alt("p2", "412", "2024-05-03")))
                await _until(database, DELIVERED, 2)
                assert len(_told(sink)) == 2
                primary.stop(signal.SIGQUIT)
                await copy.rows("SELECT pg_promote(wait => false)")
                await eventually(lambda: is_primary(copy), _LIMIT_S)
                await _until(copy, DELIVERED, 2)  # what was lost comes back without any new message
                await send(stack.bootstrap_servers, feed_.messages(alt("p3", "412", "2024-05-03")))
                await _until(copy, DELIVERED, 3)
                assert await copy.value(SUSPECTED) == 3
    assert sorted(_told(sink).values()) == [1, 1, 2]


def _told(sink: HttpSink) -> Counter[str]:
    """How often each delivery came."""
    return Counter(r.headers["webhook-id"] for r in sink.accepted)


async def _until(database: Database, count: str, expected: int) -> None:
    async def reached() -> bool:
        return int(await database.value(count)) >= expected

    await eventually(reached, _LIMIT_S)
