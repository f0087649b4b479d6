"""The cohort through three secured brokers, of which one is killed and another frozen while records arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from services.cli.demo import compare, publish
from services.cli.demo.commands import DEMO_DATE
from services.cli.demo.run import PROTOCOL, phase_messages, settle, tell
from services.cli.simulate import Simulation, simulate
from services.cli.simulate.model import FeedMessage
from shared import access
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import postgres, status
from shared.runtime.postgres import Pool
from tests.benchmark.chaos import acts
from tests.benchmark.chaos.clients import Engine, is_postable, sites_with_tokens
from tests.support import process
from tests.support.database import Database
from tests.support.feed import CROSSWALK_KEY, SECRET
from tests.support.kafka_cluster import HOSPITAL, Cluster
from tests.support.notices import COORDINATOR, rule, write
from tests.support.process import ServiceProcess

SERVICES: Final = ("intake", "ingest", *status.DECIDING, "notify", "console")
BY_INTAKE: Final = 20
"""Of the last phase one message in so many."""
PER_SECOND: Final = 800
TOLD_OF: Final = ("rejection-suspected", "rejection-proven")
_TYPES: Final = ", ".join(f"'graftwatch.{kind}.v1'" for kind in TOLD_OF)
_EVENTS: Final = f"SELECT event_id FROM safety.outbox WHERE type IN ({_TYPES})"
_TOLD: Final = "state = 'delivered' OR state = 'superseded'"
"""Superseded: corrected before it was sent."""
FROZEN_S: Final = 8.0
"""Longer than the brokers' session of 3 s: the others take over what the frozen one led."""
_SETTLE_S: Final = 180.0


async def test_a_killed_and_a_frozen_broker_cost_nothing(cluster: Cluster, database: Database, tmp_path: Path) -> None:
    """With three replicas every record arrives and every statement about the cohort is concluded all the same.

    Each service logs in as itself over TLS, and has the rights of the table only: what comes by the intake, what somebody
    states in the console and takes back, and what is mailed goes that way too.
    """
    simulation = simulate(date.fromisoformat(DEMO_DATE))
    keys = HmacKeys(SECRET.encode())
    async with _services(cluster, database, tmp_path) as services, _reader(database) as pool:
        delivered = 0
        for phase, fault in enumerate((_killed(cluster), _frozen(cluster), _calm()), start=1):
            messages = phase_messages(simulation, [], phase)
            posted = [m for m in messages if is_postable(m)][::BY_INTAKE] if phase == 3 else []
            await asyncio.gather(_publish(cluster, [m for m in messages if m not in posted]), fault)
            async with Engine(services["intake"].port) as engine:
                await asyncio.gather(*(engine.post(m) for m in posted))
            delivered += sum(m.delivers for m in messages)
            await settle(pool, protocol_files.load(), delivered, _SETTLE_S)
        assert posted
        (stated,) = acts.intend(simulation.expected, keys, 1)
        await acts.Investigator(services["console"].port, [replace(stated, withdrawn=True)], lambda: 1.0).run()
        await settle(pool, protocol_files.load(), delivered + 2, _SETTLE_S)
        await tell(pool, _SETTLE_S)
        wrong = [c for c in await _checks(pool, simulation) if not c.matches]
    assert wrong == []
    assert await database.value(f"SELECT count(*) FROM ({_EVENTS}) AS e") > 0
    assert (
        await database.rows(f"{_EVENTS} AND NOT event_id IN (SELECT event_id FROM notify.delivery WHERE {_TOLD})") == []
    )


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
async def _services(cluster: Cluster, database: Database, home: Path) -> AsyncIterator[dict[str, ServiceProcess]]:
    """Every service as its own user of Kafka."""
    sites, staff = sites_with_tokens(home), acts.staff(home)
    recipients = write(home, COORDINATOR, rules=[rule("rejection", "coordinator", kinds=list(TOLD_OF))])
    more = {
        "GRAFTWATCH_SITES": str(sites),
        "GRAFTWATCH_STAFF": str(staff),
        "GRAFTWATCH_MODE": "development",
        "GRAFTWATCH_CONSOLE_LOGIN": "development",
        "GRAFTWATCH_RECIPIENTS": str(recipients),
        "GRAFTWATCH_MAILBOX": "true",
    }
    async with AsyncExitStack() as opened:
        started: dict[str, ServiceProcess] = {}
        for name in SERVICES:  # one after the other: seven at once, beside three brokers, take minutes on two cores
            env = _environment(cluster, database, name) | more
            running = process.running(home / f"{name}.log", env, "-m", f"services.{name}")
            started[name] = await opened.enter_async_context(running)
            await started[name].healthy()
        yield started


def _environment(cluster: Cluster, database: Database, service: str) -> dict[str, str]:
    return process.clean_environment() | {
        **cluster.environment(access.principal(service)),
        "DATABASE_URL": database.url,
        "GRAFTWATCH_PSEUDONYM_KEY": SECRET,
        "GRAFTWATCH_CROSSWALK_KEY": CROSSWALK_KEY,
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
