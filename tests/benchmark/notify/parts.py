"""The processes of the benchmark: the sinks, and notify with a recipients file that names them. Decides nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from services.cli.stack import Stack
from shared.runtime import ports
from tests.support.notices import SECRET_WORD

MAILED: Final = ("coordinator", "officer")
HOOKED: Final = ("system-a", "system-b")
RECIPIENTS: Final = (*MAILED, *HOOKED)


@dataclass(frozen=True)
class Place:
    """Where the sinks listen."""

    http: int
    smtp: int

    @property
    def url(self) -> str:
        """Of the HTTP sink."""
        return f"http://127.0.0.1:{self.http}"


@contextmanager
def sinks(log: Path) -> Iterator[Place]:
    """The sinks, ended afterwards."""
    place = Place(ports.free(), ports.free())
    with log.open("ab") as output:
        command = [sys.executable, "-m", "tests.benchmark.notify.sinks", str(place.http), str(place.smtp)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield place
    finally:
        process.terminate()
        process.wait(10)


def everybody(place: Place) -> dict[str, Any]:
    """Four recipients of every event, two by mail and two by webhook."""
    people = [{"id": r, "name": r, "email": f"{r}@sink.example"} for r in MAILED]
    rules = [
        {"name": "mail", "to": list(MAILED), "by": ["email"]},
        {"name": "hook", "to": list(HOOKED), "by": ["webhook"]},
    ]
    return {"recipients": [*people, *(_system(r, place) for r in HOOKED)], "rules": rules}


def one_system(place: Place) -> dict[str, Any]:
    """One webhook, told of suspected rejections."""
    rule = {"name": "hook", "to": [HOOKED[0]], "by": ["webhook"], "kinds": ["rejection-suspected"]}
    return {"recipients": [_system(HOOKED[0], place)], "rules": [rule]}


def _system(id_: str, place: Place) -> dict[str, Any]:
    return {"id": id_, "name": id_, "webhook": {"url": f"{place.url}/hook/{id_}", "secret_env": "BENCH_SECRET"}}


def environment(stack: Stack, folder: Path, place: Place, recipients: dict[str, Any]) -> dict[str, str]:
    """What notify is told."""
    path = folder / "recipients.yaml"
    path.write_text(yaml.safe_dump(recipients))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GRAFTWATCH_")}
    return kept | {
        "DATABASE_URL": stack.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "GRAFTWATCH_SITES": str(Path("deploy/sites").resolve()),
        "GRAFTWATCH_RECIPIENTS": str(path),
        "GRAFTWATCH_SMTP_URL": f"smtp://127.0.0.1:{place.smtp}",
        "GRAFTWATCH_NOTIFY_NETWORKS": "127.0.0.0/8",
        "GRAFTWATCH_WEB_PORT": str(ports.free()),
        "BENCH_SECRET": SECRET_WORD,
    }


class Notify:
    """Notify as a process that can be killed."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self._env = env
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as output:
            command = [sys.executable, "-P", "-m", "services.notify"]
            self._process = subprocess.Popen(command, env=dict(self._env), stdout=output, stderr=output)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        """Let it end what is under way."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    async def healthy(self) -> None:
        """Wait until it says that it is well."""
        url = f"http://127.0.0.1:{self._env['GRAFTWATCH_WEB_PORT']}/health"
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while True:
                try:
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)


async def figures(place: Place) -> dict[str, Any]:
    """What the sinks noted."""
    async with aiohttp.ClientSession() as session, session.get(f"{place.url}/figures") as answer:
        body: dict[str, Any] = await answer.json()
        return body


async def behave(place: Place, *, fails: bool) -> None:
    """Let the sinks fail, or not."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        while True:
            try:
                async with session.post(f"{place.url}/behave?fails={'yes' if fails else 'no'}"):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
