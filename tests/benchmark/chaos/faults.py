"""What is broken, when, and how long it takes until work goes on. The order and the moments follow from the seed alone."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import asyncpg
import msgspec

from services.cli import installation
from shared.protocol import load as protocol_files
from shared.runtime import notify_status, postgres, status
from tests.benchmark.chaos.clients import Engine, Reader
from tests.benchmark.chaos.publishing import Publisher
from tests.benchmark.chaos.servers import Servers
from tests.benchmark.chaos.services import Supervised, healthy, wrong_clock

SERVICES: Final = (installation.INTAKE, *installation.SERVICES, installation.CONSOLE)
_BY_TIME: Final = installation.SERVICES
"""Those for which a wrong clock could matter."""
FROZEN_SECONDS: Final = 8.0
"""Longer than the session of a consumer, which is 6 s: the group goes on without the frozen one."""
FULL_SECONDS: Final = 6.0
OFF_SECONDS: Final = 300
"""How wrong the clock of a host is."""
_RECOVERY_LIMIT_S: Final = 300.0
_LOOK_SECONDS: Final = 0.1

_MARKS: Final = {
    "ingest": "SELECT coalesce(sum(next_offset), 0)::bigint FROM timeline.feed_position",
    **{s: f"SELECT coalesce(sum(timeline_version + 1), 0)::bigint FROM {s}.evaluation" for s in status.DECIDING},
    "notify": "SELECT count(*) FROM notify.attempt WHERE outcome = 'accepted'",
}
"""What grows as a service gets on; for the intake that is what it has taken, for the console the pages that were read."""


class Struck(msgspec.Struct, frozen=True):
    """One fault as it happened: how long it lasted, and from its end how long until work went on."""

    fault: str
    of: str
    after_messages: int
    lasted_seconds: float
    recovery_seconds: float


@dataclass(frozen=True)
class Fault:
    """One fault of the schedule."""

    name: str
    of: str = ""


def schedule(kills: int, broker: str, seed: int, *, each: bool) -> list[Fault]:
    """So many kills, spread over the services; with `each` every service frozen, else one; the servers' faults once or twice."""
    chance = Random(seed)
    killed = [SERVICES[n % len(SERVICES)] for n in range(kills)]
    faults = [Fault("killed (-9)", service) for service in killed]
    faults += [Fault("frozen (SIGSTOP)", s) for s in (SERVICES if each else (chance.choice(SERVICES),))]
    for _ in range(2 if each else 1):
        faults += [Fault("restarted (immediate)", "postgres"), Fault("connections cut", "postgres")]
    faults.append(Fault("disk full", "postgres"))
    if broker == "apache":
        faults += [Fault("killed (-9), restarted", "broker")] + (
            [Fault("stopped, restarted", "broker")] if each else []
        )
    if wrong_clock():
        faults += [
            Fault("clock 5 min fast", chance.choice(_BY_TIME)),
            *([Fault("clock 5 min slow", "ingest")] if each else []),
        ]
    chance.shuffle(faults)
    return faults


class Chaos:
    """Strikes while the feed flows."""

    def __init__(
        self,
        servers: Servers,
        services: Mapping[str, Supervised],
        publisher: Publisher,
        seed: int,
        engine: Engine,
        reader: Reader,
    ) -> None:
        self._servers = servers
        self._services = services
        self._publisher = publisher
        self._engine = engine
        self._reader = reader
        self._random = Random(seed)
        self._protocols = protocol_files.load(None)
        self.struck: list[Struck] = []

    async def run(self, faults: Sequence[Fault], messages: int, say: Callable[[str], None]) -> None:
        """The feed in as many parts as there are faults, each of which strikes at a random moment of its part."""
        for n, fault in enumerate(faults):
            begin, end = messages * n // len(faults), messages * (n + 1) // len(faults)
            publishing = asyncio.create_task(self._publisher.up_to(end))
            moment = begin + self._random.randrange(max(1, end - begin))
            while self._publisher.sent < moment and not publishing.done():  # noqa: ASYNC110 - another task moves it
                await asyncio.sleep(0.02)
            struck = await self._strike(fault)
            self.struck.append(struck)
            say(
                f"{n + 1:>3}/{len(faults)} {struck.of + ' ' + struck.fault:<40} at message {struck.after_messages:>7,}:"
                f" lasted {struck.lasted_seconds:5.1f} s, work went on after {struck.recovery_seconds:5.1f} s"
            )
            await publishing
        await self._publisher.up_to(messages)

    async def _strike(self, fault: Fault) -> Struck:
        at, began = self._publisher.sent, time.monotonic()
        await self._break(fault)
        ended = time.monotonic()
        concerned = [fault.of] if fault.of in self._services else list(self._services)
        await self._recovered(fault, concerned)
        recovered = time.monotonic()
        if fault.name.startswith("clock"):
            await self._mend_clock(self._services[fault.of])
        return Struck(fault.name, fault.of, at, round(ended - began, 2), round(recovered - ended, 2))

    async def _break(self, fault: Fault) -> None:
        service = self._services.get(fault.of)
        if service is not None:
            await self._break_service(fault.name, service)
            return
        match fault.name:
            case "restarted (immediate)":
                await asyncio.to_thread(self._servers.end, "postgres", signal.SIGQUIT)
                await asyncio.to_thread(self._servers.repair)
            case "connections cut":
                await self._servers.cut()
            case "disk full":
                await self._fill_disk()
            case "killed (-9), restarted":
                await asyncio.to_thread(self._servers.end, "broker", signal.SIGKILL)
                await asyncio.to_thread(self._servers.repair)
            case "stopped, restarted":
                await asyncio.to_thread(self._servers.end, "broker", signal.SIGTERM)
                await asyncio.to_thread(self._servers.repair)
            case _:
                raise ValueError(fault.name)

    async def _break_service(self, name: str, service: Supervised) -> None:
        match name:
            case "killed (-9)":
                await service.kill()
            case "frozen (SIGSTOP)":
                service.freeze()
                await asyncio.sleep(FROZEN_SECONDS)
                service.thaw()
            case "clock 5 min fast" | "clock 5 min slow":
                service.set_clock(OFF_SECONDS if name.endswith("fast") else -OFF_SECONDS)
                await service.kill()  # a process cannot be given another clock while it runs
            case _:
                raise ValueError(name)

    async def _fill_disk(self) -> None:
        """Until it is freed; the server may survive that, or end, and then it is started anew."""
        await self._servers.fill_disk()
        try:
            await asyncio.sleep(FULL_SECONDS)
        finally:
            await self._servers.free_disk()
        if not self._servers.database_lives:
            await asyncio.to_thread(self._servers.repair)

    async def _mend_clock(self, service: Supervised) -> None:
        """It jumps while the process runs, which lives on so until it ends."""
        service.set_clock(0)
        service.mend_clock()

    async def _recovered(self, fault: Fault, concerned: Sequence[str]) -> None:
        deadline = time.monotonic() + _RECOVERY_LIMIT_S
        before: dict[str, int] = {}
        while len(before) < len(concerned):
            before = await self._quietly(self._marks(concerned)) or {}
            if time.monotonic() > deadline:
                raise TimeoutError(f"{fault.of} {fault.name}: the database does not answer")
            await asyncio.sleep(0 if before else _LOOK_SECONDS)
        waiting = set(concerned)
        while waiting:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{fault.of} {fault.name}: no progress of {', '.join(sorted(waiting))}")
            after = await self._quietly(self._marks(sorted(waiting))) or {}
            waiting -= {s for s, mark in after.items() if mark > before[s]}
            waiting -= {
                s for s in sorted(waiting) if await healthy(self._services[s]) and await self._quietly(self._idle(s))
            }
            await asyncio.sleep(_LOOK_SECONDS)

    async def _marks(self, services: Sequence[str]) -> dict[str, int]:
        connection = await asyncpg.connect(self._servers.stack.database_url, timeout=5, command_timeout=10)
        try:
            seen = {installation.INTAKE: self._engine.taken, installation.CONSOLE: self._reader.read}
            return {s: seen[s] if s in seen else await connection.fetchval(_MARKS[s]) for s in services}
        finally:
            await connection.close(timeout=5)

    async def _idle(self, service: str) -> bool:
        """Whether nothing waits for it; the console has a reader who waits always."""
        if service in (installation.INTAKE, installation.CONSOLE):
            return service == installation.INTAKE and not self._engine.waiting
        connection = await asyncpg.connect(self._servers.stack.database_url, timeout=5, command_timeout=10)
        try:
            if service == "ingest":
                return bool(await connection.fetchval(_MARKS["ingest"]) >= self._publisher.sent)
            if service == "notify":
                return await notify_status.outstanding(connection) == 0
            return (await status.behind(connection, self._protocols))[service] == 0
        finally:
            await connection.close(timeout=5)

    async def _quietly(self, asked: Awaitable[Any]) -> Any:
        try:
            return await asked
        except (*postgres.UNREACHABLE, asyncpg.PostgresError):
            return None
