"""Plain Kafka clients with the settings that our guarantees need. Holds no rule."""

from __future__ import annotations

from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import topics
from shared.sites import ConfigurationError

FETCH_WAIT_MS: Final = 40
"""The embedded broker answers a waiting fetch only after this time; Apache Kafka as soon as there is data."""


async def producer(servers: str) -> AIOKafkaProducer:
    """A producer that waits for all replicas; needs neither idempotence nor transactions, since ids are deterministic."""
    made = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", linger_ms=2, max_request_size=topics.FEED_MESSAGE_BYTES
    )
    try:
        await made.start()
    except (KafkaError, OSError) as error:
        await made.stop()
        raise unreachable(servers, error) from None
    return made


async def feed_consumer(servers: str, group: str, names: list[str]) -> AIOKafkaConsumer:
    """A consumer of feed topics that commits nothing by itself and begins at the earliest message."""
    made = AIOKafkaConsumer(
        *names,
        bootstrap_servers=servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=topics.FEED_MESSAGE_BYTES,
        session_timeout_ms=6_000,
        heartbeat_interval_ms=1_000,
        rebalance_timeout_ms=3_000,
        max_poll_interval_ms=300_000,
    )
    try:
        await made.start()
    except (KafkaError, OSError) as error:
        await made.stop()
        raise unreachable(servers, error) from None
    return made


def unreachable(servers: str, error: Exception) -> ConfigurationError:
    """The error a user sees when no broker answers."""
    return ConfigurationError(
        f"KAFKA_BOOTSTRAP_SERVERS: no broker answers at {servers} ({type(error).__name__}); "
        "is Kafka running there (`graftwatch stack status`)?"
    )
