"""Decides which service processes run, and when one is started anew.

It does not decide what a service does; one is ready when `GET /health` on its port is answered with 200.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from services.cli.stack import ports, processes
from services.cli.stack.health import is_healthy
from services.cli.stack.model import Progress, Service, Stack, State

_OPENS_IDENTITY = ("ingest", "console")
"""Who may open what names a person; nobody else is given the key."""
READY_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0


def ensure(
    home: Path,
    stack: Stack,
    wanted: Mapping[str, Mapping[str, str]],
    state: State,
    say: Progress,
) -> dict[str, Service]:
    """Start each wanted service that does not run, or runs on another stack or with another environment."""
    running: dict[str, Service] = {}
    for name, env in sorted(wanted.items()):
        service = state.services.get(name)
        if service is None or not _fits(service, stack, env):
            say(f"{name}: starting")
            stop({name: service} if service else {})
            processes.stop_leftovers(home, name)
            service = _start(home, stack, name, env, ports.choose(name, state.ports.get(name, 0), say))
        running[name] = service
    return running


def await_ready(home: Path, services: Mapping[str, Service]) -> None:
    """Wait until every service is healthy; a service that ends before that is an error at once."""
    for name, service in sorted(services.items()):
        settled = processes.wait_until(partial(_settled, service), READY_LIMIT_S, interval_s=0.1)
        if not settled or not processes.is_alive(service.process):
            raise processes.ended_early(home, name)


def stop(services: Mapping[str, Service]) -> None:
    for _, service in sorted(services.items()):
        processes.stop(service.process, limit_s=STOP_LIMIT_S)


def _settled(service: Service) -> bool:
    return not processes.is_alive(service.process) or is_healthy(service.port)


def _fits(service: Service, stack: Stack, env: Mapping[str, str]) -> bool:
    serves = (service.database_url, service.bootstrap_servers, service.feed_epoch)
    wanted = (stack.database_url, stack.bootstrap_servers, stack.feed_epoch)
    return processes.is_alive(service.process) and serves == wanted and service.env == env


def _start(home: Path, stack: Stack, name: str, env: Mapping[str, str], port: int) -> Service:
    ours = {
        "DATABASE_URL": stack.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "GRAFTWATCH_FEED_EPOCH": stack.feed_epoch,
        "GRAFTWATCH_WEB_PORT": str(port),
    }
    # -P: a folder `services` in the user's working directory must not be taken for ours.
    command = [sys.executable, "-P", "-m", f"services.{name}"]
    told = {**os.environ, **ours, **env}
    if name not in _OPENS_IDENTITY:
        told.pop("GRAFTWATCH_CROSSWALK_KEY", None)
    process = processes.launch(command, home, name, told)
    return Service(
        process=process,
        port=port,
        env=dict(env),
        database_url=stack.database_url,
        bootstrap_servers=stack.bootstrap_servers,
        feed_epoch=stack.feed_epoch,
    )
