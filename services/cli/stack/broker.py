"""Decides what a stack asks of any Kafka broker: that it answers, which cluster it is, and its topics.

It does not decide how a broker is started.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from services.cli.stack import ports, processes
from services.cli.stack.model import Process, StackError, TopicSpec
from shared.runtime.kafka_access import OPEN, Security

PART = "broker"
REQUEST_LIMIT_S = 10.0
_CREATION_LIMIT_S = 60.0
"""A broker whose machine is busy, or whose disk is slow, makes 120 partitions in many seconds."""
LARGEST_REPLICATION = 3


def feed_epoch(cluster_id: str) -> str:
    """The epoch in which offsets are comparable: as long as a cluster keeps its id, it keeps its records."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"kafka-cluster:{cluster_id}"))


def cluster_id(bootstrap_servers: str, security: Security = OPEN) -> str | None:
    """The id by which the cluster names itself, or None while it does not answer."""
    try:
        return asyncio.run(_cluster_id(bootstrap_servers, security))
    except (KafkaError, OSError, TimeoutError):
        return None


def await_cluster(home: Path, process: Process, port: int, expected_id: str, limit_s: float) -> None:
    """Wait until our own broker, and no other program on its port, answers."""
    bootstrap_servers = f"{ports.HOST}:{port}"

    def settled() -> bool:
        if not processes.is_alive(process):
            return True
        return ports.answers(port) and cluster_id(bootstrap_servers) == expected_id

    answered = processes.wait_until(settled, limit_s)
    if answered and processes.is_alive(process):
        return
    if not processes.is_alive(process) and not ports.is_free(port):
        raise ports.PortTakenError
    raise processes.ended_early(home, PART)


def create_topics(
    bootstrap_servers: str, topics: Sequence[TopicSpec], security: Security = OPEN, *, replication: int | None = None
) -> list[str]:
    """Create the topics that do not exist, and name them; one that does is left as it is, whatever its settings.

    Without `replication` there are as many copies as brokers, up to three.
    """
    if not topics:
        return []
    try:
        return asyncio.run(_create_topics(bootstrap_servers, topics, security, replication))
    except (KafkaError, OSError, TimeoutError) as error:
        raise StackError(
            f"The topics cannot be created at {bootstrap_servers}: {type(error).__name__}."
            " Check that the broker is up and grants the right to create topics."
        ) from error


async def _cluster_id(bootstrap_servers: str, security: Security) -> str | None:
    async with _admin(bootstrap_servers, security) as admin:
        cluster = await admin.describe_cluster()
    return cluster["cluster_id"] or bootstrap_servers if cluster["brokers"] else None


async def _create_topics(
    bootstrap_servers: str, topics: Sequence[TopicSpec], security: Security, replication: int | None
) -> list[str]:
    async with _admin(bootstrap_servers, security, _CREATION_LIMIT_S) as admin:
        brokers = len((await admin.describe_cluster())["brokers"])
        replicas = replication or min(LARGEST_REPLICATION, brokers)
        if replicas > brokers:
            raise StackError(
                f"{replicas} copies of each record were asked for, and {bootstrap_servers} has {brokers} brokers."
                f" Ask for at most {brokers} (`graftwatch topics --replication`), or start more brokers."
            )
        response = await admin.create_topics(
            [NewTopic(one.name, one.partitions, replicas, topic_configs=dict(one.config)) for one in topics]
        )
    for name, code, message in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise StackError(f"The topic {name} cannot be created at {bootstrap_servers}: {message}")
    return [name for name, code, _ in response.topic_errors if code == 0]


@asynccontextmanager
async def _admin(
    bootstrap_servers: str, security: Security, limit_s: float = REQUEST_LIMIT_S
) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap_servers, request_timeout_ms=int(limit_s * 1000), **security.client_options()
    )
    log = logging.getLogger("aiokafka")
    level = log.level
    # What fails is raised, and told to the user from there; the client's own log would say it twice.
    log.setLevel(logging.CRITICAL)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
        log.setLevel(level)
