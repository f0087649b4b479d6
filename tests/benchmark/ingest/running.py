"""A stack for one feed, and a variant in a process of its own on it. Decides nothing about what is measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from services.cli import installation
from services.cli.stack import Stack, down, up
from services.cli.stack.state import load
from tests.benchmark.ingest.hospital import AS_OF
from tests.benchmark.ingest.measuring import SERVERS, Run

SITES: Final = Path("deploy/sites")


def fresh(home: Path) -> Stack:
    """An empty broker and an empty database: ingest's consumer group has read the feed of the stack before."""
    down(home)
    shutil.rmtree(home / "postgres", ignore_errors=True)
    return up(home, broker="embedded", topics=installation.topic_specs(), prepare=installation.prepare)


def command(module: str, *arguments: str) -> list[str]:
    """How this interpreter runs a module of the benchmark."""
    return [sys.executable, "-m", module, *arguments]


def environment(stack: Stack, home: Path, variant: str) -> dict[str, str]:
    """What the process of a variant is told."""
    state = load(home)
    servers = {"PostgreSQL": state.database, "broker": state.broker}
    pids = [f"{name}={part.process.pid}" for name, part in servers.items() if part is not None and part.process]
    return {
        **os.environ,
        **installation.service_environment(home, SITES, AS_OF.isoformat()),
        "DATABASE_URL": stack.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "GRAFTWATCH_FEED_EPOCH": f"{stack.feed_epoch}/{variant}",
        "GRAFTWATCH_LOG_LEVEL": "error",
        "GRAFTWATCH_CONFORMANCE": "all" if variant == "ingest-all" else "sample",
        SERVERS: ",".join(pids),
    }


def apart(variant: str, count: int, stack: Stack, home: Path) -> Run:
    """Run a variant over the feed of this stack."""
    run = command("tests.benchmark.ingest", "--variant", variant, "--count", str(count))
    done = subprocess.run(run, env=environment(stack, home, variant), stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Run)
