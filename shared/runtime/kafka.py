"""Plain Kafka clients with the settings that our guarantees need. Holds no rule."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import topics
from shared.runtime.kafka_access import OPEN, Security
from shared.sites import ConfigurationError

FETCH_WAIT_MS: Final = 40
"""The embedded broker answers a waiting fetch only after this time; Apache Kafka as soon as there is data."""
FETCH_BYTES: Final = 1_048_576
"""Of one partition at a time: what waits in memory is at most that much of each. A larger message comes all the same, alone."""
_HANDSHAKE_SECONDS: Final = 5.0


async def producer(servers: str, security: Security = OPEN) -> AIOKafkaProducer:
    """A producer that waits for all replicas; needs neither idempotence nor transactions, since ids are deterministic."""
    made = AIOKafkaProducer(
        bootstrap_servers=servers,
        acks="all",
        linger_ms=2,
        max_request_size=topics.FEED_MESSAGE_BYTES,
        **security.client_options(),
    )
    try:
        await made.start()
    except (KafkaError, OSError) as error:
        await made.stop()
        raise await unreachable(servers, security, error) from None
    return made


async def feed_consumer(servers: str, group: str, names: list[str], security: Security = OPEN) -> AIOKafkaConsumer:
    """A consumer of feed topics that commits nothing by itself and begins at the earliest message."""
    made = AIOKafkaConsumer(
        *names,
        bootstrap_servers=servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
        session_timeout_ms=6_000,
        heartbeat_interval_ms=1_000,
        rebalance_timeout_ms=3_000,
        max_poll_interval_ms=300_000,
        **security.client_options(),
    )
    try:
        await made.start()
    except (KafkaError, OSError) as error:
        await made.stop()
        raise await unreachable(servers, security, error) from None
    return made


async def replaying_consumer(servers: str, security: Security = OPEN) -> AIOKafkaConsumer:
    """A consumer of no group, to read partitions once more; it moves nobody's offsets."""
    made = AIOKafkaConsumer(
        bootstrap_servers=servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # else what is assigned may be taken to its end while a seek is under way
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
        **security.client_options(),
    )
    try:
        await made.start()
    except (KafkaError, OSError) as error:
        await made.stop()
        raise await unreachable(servers, security, error) from None
    return made


async def unreachable(servers: str, security: Security, error: Exception) -> ConfigurationError:
    """The error a user sees when no broker answers, or none that lets this client in."""
    distrust = await _distrust(servers, security.tls) if security.tls is not None else None
    if distrust is not None:
        todo = "name the certificate that issued it, and the broker as it is named there"
        if "expired" in distrust:
            todo = "whoever runs the broker must renew it, or the authority's where that is what has expired"
        return ConfigurationError(f"KAFKA_SSL_CAFILE: the broker's certificate is not trusted ({distrust}); {todo}")
    hint = "is Kafka running there (`graftwatch stack status`)?"
    if security.username is not None:
        hint = (
            f"is Kafka running there, and does it know KAFKA_SASL_USERNAME with that password by {security.mechanism}?"
        )
    elif security.tls is None:
        hint += " Does it ask for TLS or SASL (KAFKA_SECURITY_PROTOCOL)?"
    return ConfigurationError(
        f"KAFKA_BOOTSTRAP_SERVERS: no broker answers at {servers} ({type(error).__name__}); {hint}"
    )


async def _distrust(servers: str, tls: ssl.SSLContext) -> str | None:
    """Why a broker's certificate is refused; None where one is trusted or none answers."""
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            opening = asyncio.open_connection(host, int(port), ssl=tls)
            _, writer = await asyncio.wait_for(opening, _HANDSHAKE_SECONDS)
        except ssl.SSLCertVerificationError as refused:
            return refused.verify_message
        except (OSError, TimeoutError):
            continue
        writer.close()
        return None
    return None
