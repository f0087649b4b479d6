"""Decides what is remembered about a local stack between two commands.

It does not decide how a part is started or stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

BrokerKind = Literal["embedded", "apache"]
RunningBroker = Literal["embedded", "apache", "external"]
PartState = Literal["running", "stopped", "failed"]

Progress = Callable[[str], None]


class StackError(Exception):
    """What went wrong, where, and what to do about it, in words for the person at the terminal."""


class Process(msgspec.Struct, frozen=True):
    """A process of the stack; `started` (seconds since 1970) tells it from a later one with the same pid."""

    pid: int
    started: float


class Database(msgspec.Struct, frozen=True):
    """PostgreSQL as the services reach it; without a process it is the user's own."""

    url: str
    port: int = 0
    process: Process | None = None


class Broker(msgspec.Struct, frozen=True):
    """The Kafka broker as the services reach it; without a process it is the user's own."""

    kind: RunningBroker
    bootstrap_servers: str
    feed_epoch: str
    port: int = 0
    process: Process | None = None


class Service(msgspec.Struct, frozen=True):
    """A service process, what it was started with, and the port of its web server."""

    process: Process
    port: int
    env: dict[str, str]
    database_url: str
    bootstrap_servers: str
    feed_epoch: str


class State(msgspec.Struct, frozen=True):
    """The parts that should be running, and the port each part had last; the content of `stack.json`."""

    database: Database | None = None
    broker: Broker | None = None
    services: dict[str, Service] = {}
    ports: dict[str, int] = {}


def with_last_ports(state: State) -> State:
    """The state with the ports of what runs noted, so that a part finds its port again after `down`."""
    parts = {"postgres": state.database, "broker": state.broker, **state.services}
    used = {name: part.port for name, part in parts.items() if part is not None and part.port}
    return msgspec.structs.replace(state, ports={**state.ports, **used})


class Stack(msgspec.Struct, frozen=True):
    """Where a running stack is reached.

    `feed_epoch` is a UUID that is new whenever the broker has started empty: offsets of two epochs are
    not comparable.
    """

    database_url: str
    bootstrap_servers: str
    broker: RunningBroker
    feed_epoch: str
    pids: dict[str, int]


class PartStatus(msgspec.Struct, frozen=True):
    """One part as `graftwatch stack status` shows it; a part of the user's own has no pid."""

    part: str
    state: PartState
    pid: int | None
    address: str | None


class TopicSpec(msgspec.Struct, frozen=True):
    """A topic to be created; `config` holds Kafka's own topic settings, such as `retention.ms`."""

    name: str
    partitions: int
    config: dict[str, str] = {}


def running_stack(state: State) -> Stack | None:
    """The stack that a state describes, or None unless both database and broker are there."""
    database, broker = state.database, state.broker
    if database is None or broker is None:
        return None
    processes = {"postgres": database.process, "broker": broker.process}
    processes |= {name: service.process for name, service in sorted(state.services.items())}
    return Stack(
        database_url=database.url,
        bootstrap_servers=broker.bootstrap_servers,
        broker=broker.kind,
        feed_epoch=broker.feed_epoch,
        pids={name: process.pid for name, process in processes.items() if process is not None},
    )
