"""Decides how tests run a service as a process of its own, and that none is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from services.cli.stack import Stack
from shared.runtime import ports
from tests.support.database import Database, eventually
from tests.support.feed import CROSSWALK_KEY, SECRET, SITES

START_LIMIT_S = 120.0


class ServiceProcess:
    """A running service and the port of its pages."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self._port = port

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self._port

    async def page(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages; status 0 while nothing answers."""
        return await asyncio.to_thread(_get, f"http://127.0.0.1:{self._port}{path}")

    async def healthy(self) -> dict[str, Any]:
        """Wait until it says that it is well; what it says."""

        async def answered() -> dict[str, Any] | None:
            assert self._process.returncode is None, "the service ended"
            status, text = await self.page("/health")
            return json.loads(text) if status == 200 else None

        return dict(await eventually(answered, START_LIMIT_S))

    def children(self) -> list[psutil.Process]:
        """The processes that it has started."""
        return psutil.Process(self._process.pid).children()

    async def kill(self) -> None:
        """End it as a crash would."""
        await self.end(signal.SIGKILL)

    async def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self._process.returncode is None:
            self._process.send_signal(by)
        return await asyncio.wait_for(self._process.wait(), 20)

    async def ended(self) -> int:
        """Wait for it to end by itself; the exit code."""
        return await asyncio.wait_for(self._process.wait(), START_LIMIT_S)


def clean_environment() -> dict[str, str]:
    """The tests' own environment without any word to a service."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("GRAFTWATCH_", "KAFKA_"))}


def environment(stack: Stack, database: Database, **more: str) -> dict[str, str]:
    """What a service is told, and nothing of what the tests' own environment would tell it."""
    return clean_environment() | {
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "DATABASE_URL": database.url,
        "GRAFTWATCH_PSEUDONYM_KEY": SECRET,
        "GRAFTWATCH_CROSSWALK_KEY": CROSSWALK_KEY,
        "GRAFTWATCH_SITES": str(SITES.resolve()),
        "GRAFTWATCH_FEED_EPOCH": stack.feed_epoch,
        "GRAFTWATCH_RECONCILE_SECONDS": "0.5",
        "GRAFTWATCH_RECONCILE_GRACE_SECONDS": "0.5",
        **more,
    }


async def graftwatch(env: Mapping[str, str], *arguments: str) -> str:
    """What the command line prints, on both streams."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from services.cli.main import main; main()", *arguments),
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(started.communicate(), 60)
    return output.decode()


@asynccontextmanager
async def running(log: Path, env: Mapping[str, str], *command: str) -> AsyncIterator[ServiceProcess]:
    """A service process (`-m services.eligibility`, or a script), its output in `log`; killed at the end."""
    port = ports.free()
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env={**env, "GRAFTWATCH_WEB_PORT": str(port)}, stdout=output, stderr=output
        )
    service = ServiceProcess(process, port)
    try:
        yield service
    finally:
        await service.kill()


async def refusal(env: Mapping[str, str], *command: str) -> tuple[int, str]:
    """Exit code and all output of a service that must refuse to start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=dict(env), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), START_LIMIT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode()


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""
