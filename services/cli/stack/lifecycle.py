"""Decides in which order a stack's parts are started, repaired and stopped.

It does not decide how a single part is; topics, schema and services are the caller's.

A part that still runs is left alone, so that a second `up` changes nothing; one that does not is started
anew.
`DATABASE_URL` and `KAFKA_BOOTSTRAP_SERVERS`, when set, take the place of the stack's own server.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from services.cli.stack import apache, embedded, external, ports, postgres, processes, service_processes
from services.cli.stack.broker import PART as BROKER
from services.cli.stack.broker import create_topics
from services.cli.stack.model import (
    Broker,
    BrokerKind,
    Database,
    Progress,
    Stack,
    StackError,
    State,
    TopicSpec,
    running_stack,
)
from services.cli.stack.state import BrokenStateError, load, locked, open_home, save
from shared.runtime.kafka_access import OPEN

NOT_RUNNING = "The stack is not running. Start it with `graftwatch stack up`."


def up(
    home: Path,
    *,
    broker: BrokerKind | None = None,
    topics: Sequence[TopicSpec] = (),
    prepare: Callable[[Stack], None] | None = None,
    progress: Progress | None = None,
) -> Stack:
    """Start or repair the stack: database, broker, topics, `prepare` (the schema), the services that ran.

    Without a kind of broker it is the one that runs, or else the embedded one. `prepare` is called while the
    directory is locked, so it must not call this module.
    """
    say = progress or _say_nothing
    home = open_home(home)
    with locked(home, say):
        state = _load_or_clear(home, say)
        state = save(home, msgspec.structs.replace(state, database=_database(home, state, say)))
        state = save(home, msgspec.structs.replace(state, broker=_broker(home, broker, state, say)))
        stack = _require(state)
        access = external.security() if stack.broker == "external" else OPEN
        create_topics(stack.bootstrap_servers, topics, access)
        if prepare:
            prepare(stack)
        wanted = {name: service.env for name, service in state.services.items()}
        return _require(_with_services(home, state, wanted, say))


def down(home: Path, *, progress: Progress | None = None) -> None:
    """Stop services, then the broker, then PostgreSQL; data and logs stay."""
    if not home.exists():
        return
    say = progress or _say_nothing
    home = open_home(home)
    with locked(home, say):
        state = _load_or_clear(home, say)
        service_processes.stop(state.services)
        if state.broker and state.broker.process:
            processes.stop(state.broker.process, limit_s=apache.STOP_LIMIT_S)
        if state.database and state.database.process:
            postgres.stop(state.database.process)
        processes.stop_leftovers(home)
        save(home, State(ports=state.ports))


def start_services(
    home: Path, names: Sequence[str], env: Mapping[str, str], *, progress: Progress | None = None
) -> dict[str, str]:
    """Run `python -m services.<name>` for each name, wait until all are healthy, return their addresses."""
    say = progress or _say_nothing
    home = open_home(home)
    with locked(home, say):
        state = load(home)
        _check_alive(state)
        state = _with_services(home, state, {name: dict(env) for name in names}, say)
    return {name: f"http://{ports.HOST}:{state.services[name].port}" for name in names}


def stop_services(home: Path, names: Sequence[str] | None = None) -> None:
    """Stop the named services, or all of them."""
    home = open_home(home)
    with locked(home, _say_nothing):
        state = load(home)
        ended = {name: s for name, s in state.services.items() if names is None or name in names}
        service_processes.stop(ended)
        left = {name: s for name, s in state.services.items() if name not in ended}
        save(home, msgspec.structs.replace(state, services=left))


def current(home: Path) -> Stack | None:
    """The stack as last started; whether its parts still run is for `status` to say."""
    return running_stack(load(home.resolve()))


def _database(home: Path, state: State, say: Progress) -> Database:
    last = state.database
    url = os.environ.get("DATABASE_URL")
    if not url:
        return postgres.ensure(home, last, state.ports.get(postgres.PART, 0), say)
    database = external.database(url)
    if last and last.process:
        say("postgres: stopping the stack's own, as DATABASE_URL names another")
        postgres.stop(last.process)
    return database


def _broker(home: Path, kind: BrokerKind | None, state: State, say: Progress) -> Broker:
    last = state.broker
    bootstrap_servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if bootstrap_servers:
        broker = external.broker(bootstrap_servers)
        _stop_broker(home, last, say)
        return broker
    kind = kind or ("apache" if last and last.kind == "apache" else "embedded")
    if last and last.kind == kind and processes.is_alive(last.process) and ports.answers(last.port):
        return last
    _stop_broker(home, last, say)
    starter = apache.start if kind == "apache" else embedded.start
    return starter(home, state.ports.get(BROKER, 0), say)


def _stop_broker(home: Path, last: Broker | None, say: Progress) -> None:
    if last and processes.is_alive(last.process) and last.process:
        say(f"broker: stopping the {last.kind} one")
        processes.stop(last.process, limit_s=apache.STOP_LIMIT_S)
    processes.stop_leftovers(home, BROKER)


def _with_services(home: Path, state: State, wanted: Mapping[str, Mapping[str, str]], say: Progress) -> State:
    """Record the services before waiting for them, so that `down` finds one that never becomes ready."""
    running = service_processes.ensure(home, _require(state), wanted, state, say)
    state = save(home, msgspec.structs.replace(state, services={**state.services, **running}))
    service_processes.await_ready(home, running)
    return state


def _load_or_clear(home: Path, say: Progress) -> State:
    """The state; where it is damaged, end what it no longer tells about, and begin with none."""
    try:
        return load(home)
    except BrokenStateError:
        say("the state file was damaged: ending what was running, and starting anew (data is kept)")
        processes.stop_leftovers(home)
        return State()


def _require(state: State) -> Stack:
    stack = running_stack(state)
    if stack is None:
        raise StackError(NOT_RUNNING)
    return stack


def _check_alive(state: State) -> None:
    for part, server in (("postgres", state.database), ("broker", state.broker)):
        if server and server.process and not processes.is_alive(server.process):
            raise StackError(f"The stack's {part} has ended. `graftwatch stack up` repairs it.")


def _say_nothing(_: str) -> None:
    return None
