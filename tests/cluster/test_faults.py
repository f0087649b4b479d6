"""The cohort through three secured brokers, of which one is killed and another frozen while records arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Final

from services.cli.demo import compare, publish
from services.cli.demo.commands import DEMO_DATE
from services.cli.demo.run import PROTOCOL, phase_messages, settle
from services.cli.simulate import Simulation, simulate
from services.cli.simulate.model import FeedMessage
from shared import access
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import postgres, status
from shared.runtime.postgres import Pool
from tests.support import process
from tests.support.database import Database
from tests.support.feed import CROSSWALK_KEY, SECRET, SITES
from tests.support.kafka_cluster import HOSPITAL, Cluster
from tests.support.process import ServiceProcess

SERVICES: Final = ("ingest", *status.DECIDING)
PER_SECOND: Final = 800
FROZEN_S: Final = 8.0
"""Longer than the brokers' session of 3 s: the others take over what the frozen one led."""
_SETTLE_S: Final = 180.0


async def test_a_killed_and_a_frozen_broker_cost_nothing(cluster: Cluster, database: Database, tmp_path: Path) -> None:
    """With three replicas every record arrives and every statement about the cohort is concluded all the same.

    Each service logs in as itself over TLS, and has the rights of the table only.
    """
    simulation = simulate(date.fromisoformat(DEMO_DATE))
    async with _services(cluster, database, tmp_path), _reader(database) as pool:
        delivered = 0
        for phase, fault in enumerate((_killed(cluster), _frozen(cluster), _calm()), start=1):
            messages = phase_messages(simulation, [], phase)
            await asyncio.gather(_publish(cluster, messages), fault)
            delivered += sum(m.delivers for m in messages)
            await settle(pool, protocol_files.load(), delivered, _SETTLE_S)
        wrong = [c for c in await _checks(pool, simulation) if not c.matches]
    assert wrong == []


async def _publish(cluster: Cluster, messages: list[FeedMessage]) -> None:
    security = cluster.settings(HOSPITAL).kafka_security
    await publish.publish(cluster.bootstrap_servers, messages, PER_SECOND, lambda _: None, security)


async def _killed(cluster: Cluster) -> None:
    cluster.kill(1)
    await asyncio.sleep(FROZEN_S)
    cluster.start(1)
    await cluster.complete()


async def _frozen(cluster: Cluster) -> None:
    cluster.freeze(2)
    try:
        await asyncio.sleep(FROZEN_S)
    finally:
        cluster.thaw(2)
    await cluster.complete()


async def _calm() -> None:
    return None


@asynccontextmanager
async def _services(cluster: Cluster, database: Database, logs: Path) -> AsyncIterator[list[ServiceProcess]]:
    """Every service as its own user of Kafka."""
    async with AsyncExitStack() as opened:
        started = [
            await opened.enter_async_context(
                process.running(logs / f"{name}.log", _environment(cluster, database, name), "-m", f"services.{name}")
            )
            for name in SERVICES
        ]
        await asyncio.gather(*(service.healthy() for service in started))
        yield started


def _environment(cluster: Cluster, database: Database, service: str) -> dict[str, str]:
    return process.clean_environment() | {
        **cluster.environment(access.principal(service)),
        "DATABASE_URL": database.url,
        "GRAFTWATCH_PSEUDONYM_KEY": SECRET,
        "GRAFTWATCH_CROSSWALK_KEY": CROSSWALK_KEY,
        "GRAFTWATCH_SITES": str(SITES.resolve()),
        "GRAFTWATCH_AS_OF": DEMO_DATE,
    }


@asynccontextmanager
async def _reader(database: Database) -> AsyncIterator[Pool]:
    async with await postgres.connect(database.url, "reader", size=2) as pool:
        yield pool


async def _checks(pool: Pool, simulation: Simulation) -> list[compare.Check]:
    keys = HmacKeys(SECRET.encode())
    concluded = [await status.current_outcomes(pool, service, PROTOCOL) for service in status.DECIDING]
    return [
        check
        for expected in simulation.expected
        for check in compare.check(
            expected, *(found.get(keys.patient(expected.site, expected.patient), {}) for found in concluded)
        )
    ]
