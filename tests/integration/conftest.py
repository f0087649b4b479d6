"""One running stack for all integration tests; an empty database for each test that asks for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.cli import installation
from services.cli.stack import Stack, create_topics
from services.ingest.app import Ingest
from shared.runtime import postgres
from shared.runtime.postgres import Pool
from tests.support import database as databases
from tests.support import feed
from tests.support.database import Database
from tests.support.stack import chosen_broker, running_stack


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On another broker than the usual one run what speaks to a broker: for the rest nothing is another."""
    if chosen_broker() == "embedded":
        return
    ours = Path(__file__).parent
    left = [i for i in items if ours in i.path.parents and "stack" not in getattr(i, "fixturenames", ())]
    config.hook.pytest_deselected(items=left)
    items[:] = [i for i in items if i not in set(left)]


@pytest.fixture(scope="session")
def stack(servers: Stack) -> Stack:
    """The broker with all topics and the Postgres, for a test that speaks to the broker: it is run on each kind of broker."""
    return servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running broker with all topics, and a Postgres that holds a migrated template."""
    with running_stack(tmp_path_factory) as running:
        create_topics(running.bootstrap_servers, installation.topic_specs())
        asyncio.run(databases.make_hasty(running.database_url))
        asyncio.run(databases.Database(running.database_url).rows(f"CREATE DATABASE {databases.TEMPLATE}"))
        installation.migrate(databases.named(running.database_url, databases.TEMPLATE), None)
        yield running


@pytest.fixture(scope="session")
async def reused(servers: Stack) -> Database:
    """The database that each test finds empty: emptying one takes a tenth of the time of making one."""
    return await databases.create(servers.database_url, databases.TEMPLATE)


@pytest.fixture
async def database(reused: Database) -> AsyncIterator[Database]:
    """A migrated database with no row in it and nobody connected to it."""
    yield reused
    await reused.disconnect()
    await reused.empty("identity", "timeline", "eligibility", "response", "safety", "notify", "operation")
    await reused.rows("DELETE FROM console.screening")  # kept by a trigger on eligibility's outcomes


@pytest.fixture
async def ingest_pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as ingest."""
    async with await postgres.connect(database.url, "ingest", size=2) as pool:
        yield pool


@pytest.fixture
def ingest(ingest_pool: Pool) -> Ingest:
    """An ingest on the test's own database."""
    return feed.ingest(ingest_pool)
