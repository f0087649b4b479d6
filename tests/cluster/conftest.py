"""Three secured brokers and a database for all tests of this folder; where Apache Kafka is not asked for, they are skipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from services.cli import installation
from services.cli.stack import Stack, up
from services.cli.topics import wanted
from shared import access, topics
from tests.support import database as databases
from tests.support.database import Database
from tests.support.kafka_cluster import HOSPITAL, Cluster, running_cluster
from tests.support.stack import chosen_broker, stack_home, without_users_own_servers


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The brokers with the product's topics, and for each user the rights of the table."""
    if chosen_broker() != "apache":
        pytest.skip("three brokers of Apache Kafka: `make test-apache` runs them")
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        running.create_topics(wanted(topics.DEFAULT_PARTITIONS, 3, []))
        asyncio.run(_grant(running))
        yield running


async def _grant(cluster: Cluster) -> None:
    for service in access.USERS:
        await cluster.grant(access.principal(service), access.rights(service))
    await cluster.grant(HOSPITAL, [access.Right("topic", t.name, ("Write", "Describe")) for t in topics.FEED])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A PostgreSQL; the embedded broker beside it stays unused."""
    with stack_home(tmp_path_factory.mktemp("stack")) as home, without_users_own_servers():
        running = up(home, broker="embedded")
        asyncio.run(databases.make_hasty(running.database_url))
        yield running


@pytest.fixture
async def database(server: Stack) -> AsyncIterator[Database]:
    """A migrated database of this test alone."""
    made = await databases.create(server.database_url)
    await asyncio.to_thread(installation.migrate, made.url, None)
    yield made
    await databases.drop(server.database_url, made)
