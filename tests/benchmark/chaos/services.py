"""The services as processes that may be killed and frozen, and their supervisor, which starts anew whatever ends.

The supervisor does what systemd does with `Restart=always` and `RestartSec=1`, and Kubernetes with its restart policy: it
looks at nothing but the end of a process, so a service that hangs stays so.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from services.cli.stack import health
from services.cli.stack.processes import MARK
from shared.runtime import ports

RESTART_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 20.0
FAKETIME: Final = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"),
)
"""Debian's package libfaketime: a wrong clock for one process."""


def wrong_clock() -> Path | None:
    """The library that makes one; None where it is not installed."""
    return next((path for path in FAKETIME if path.exists()), None)


class Supervised:
    """One service, started anew whenever it ends, until it is stopped."""

    def __init__(self, name: str, env: Mapping[str, str], home: Path) -> None:
        self.name = name
        self.port = ports.free()
        self.exits: Counter[str] = Counter()
        """How often it ended by itself, by exit code."""
        self.starts = 0
        self._env = {**env, "GRAFTWATCH_WEB_PORT": str(self.port), MARK: f"{home}#{name}"}
        self._log = home / "logs" / f"{name}.log"
        self._offset = home / f"{name}.clock"
        self._clocked = False
        self._killed = False
        self._stopping = False
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None]

    def begin(self) -> None:
        """Start it, and keep it running."""
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End it for good, by SIGTERM and after a while by SIGKILL."""
        self._stopping = True
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(self._keeping), _STOP_SECONDS)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._keeping

    async def kill(self) -> None:
        """End the process as a crash would; it is started anew."""
        self._killed = True
        self._signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    def freeze(self) -> None:
        """Stop it where it stands."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def set_clock(self, seconds: int) -> None:
        """Let its host's clock be off; a process that runs under such a clock sees it jump."""
        self._clocked = True
        self._offset.write_text(f"{seconds:+d}\n")

    def mend_clock(self) -> None:
        """From its next start on its host's clock is right."""
        self._clocked = False

    @property
    def is_healthy(self) -> bool:
        """Whether it says so."""
        return health.is_healthy(self.port)

    async def _keep(self) -> None:
        while not self._stopping:
            with self._log.open("ab") as output:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", f"services.{self.name}"),
                    env=self._told(),
                    stdout=output,
                    stderr=output,
                )
            self.starts += 1
            code = await self._process.wait()
            if not self._killed and not self._stopping:
                self.exits[str(code)] += 1
            self._killed = False
            if not self._stopping:
                await asyncio.sleep(RESTART_SECONDS)

    def _told(self) -> dict[str, str]:
        library = wrong_clock()
        if not self._clocked or library is None:
            return self._env
        return self._env | {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, number)


async def healthy(service: Supervised) -> bool:
    """Whether it says so, asked without holding anybody up."""
    try:
        return await asyncio.to_thread(lambda: service.is_healthy)
    except http.client.HTTPException:
        return False
