"""Decides whether a database or broker of the user's own, named in the environment, can be used.

It does not decide anything about the parts that the stack starts itself.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import asyncpg

from services.cli.stack.broker import cluster_id, feed_epoch
from services.cli.stack.model import Broker, Database, StackError
from shared.runtime import settings
from shared.runtime.kafka_access import Security
from shared.sites import ConfigurationError

CONNECT_LIMIT_S = 5.0


def database(url: str) -> Database:
    """The user's own database, after one connection to it."""
    reason = refusal(url)
    if reason:
        raise StackError(
            f"The database at {database_address(url)}, which DATABASE_URL names, cannot be used: {reason}."
            " Start it or correct DATABASE_URL; without it the stack starts a PostgreSQL of its own."
        )
    return Database(url=url)


def broker(bootstrap_servers: str) -> Broker:
    """The user's own broker, after one request to it."""
    cluster = cluster_id(bootstrap_servers, security())
    if cluster is None:
        raise StackError(
            f"The Kafka broker at {bootstrap_servers}, which KAFKA_BOOTSTRAP_SERVERS names, does not answer,"
            " or does not let this client in. Start it or correct KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL and what"
            " belongs to it; without KAFKA_BOOTSTRAP_SERVERS the stack starts a broker of its own."
        )
    return Broker(kind="external", bootstrap_servers=bootstrap_servers, feed_epoch=feed_epoch(cluster))


def security() -> Security:
    """How the environment says that the user's own broker is reached; a wrong statement is refused."""
    try:
        return settings.load_kafka().kafka_security
    except ConfigurationError as error:
        raise StackError(str(error)) from None


def database_address(url: str) -> str:
    """Host and port of a database URL, without the user and password before them."""
    return urlsplit(url).netloc.rpartition("@")[2] or "the local socket"


def refusal(url: str) -> str | None:
    """Why a database cannot be used, in words that hold no part of its URL; None when it can."""
    return asyncio.run(_refusal(url))


async def _refusal(url: str) -> str | None:
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_LIMIT_S)
    except TimeoutError:
        return f"no answer within {CONNECT_LIMIT_S:.0f} s"
    except OSError as error:
        return "connection refused" if isinstance(error, ConnectionRefusedError) else "host not reachable"
    except asyncpg.PostgresError as error:
        return str(error)
    except (asyncpg.InterfaceError, ValueError):
        return "that is no valid postgresql:// URL"
    await connection.close()
    return None
