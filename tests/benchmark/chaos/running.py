"""One run: an empty stack, the services under a supervisor, receivers, the feed, and what is read when all is quiet."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from services.cli.demo import compare
from services.cli.demo.run import PROTOCOL, settle
from services.cli.simulate.model import ExpectedPatient
from services.cli.stack import Stack, down
from services.cli.stack.model import BrokerKind
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import notify_status, postgres, status
from shared.runtime.postgres import queries
from tests.benchmark.chaos import acts, snapshot
from tests.benchmark.chaos import feed as feeds
from tests.benchmark.chaos.acts import Acts, Intended, Investigator
from tests.benchmark.chaos.clients import Engine, Reader, sites_with_tokens
from tests.benchmark.chaos.comparison import Event, Rows, Told
from tests.benchmark.chaos.faults import SERVICES, Chaos, Fault, Struck
from tests.benchmark.chaos.feed import Sending
from tests.benchmark.chaos.publishing import Lying, Publisher, lying
from tests.benchmark.chaos.servers import Servers
from tests.benchmark.chaos.services import Supervised, healthy
from tests.benchmark.ingest.hospital import AS_OF
from tests.benchmark.notify import parts

_FEWEST_ACTS: Final = 8
_AN_ACT_FOR: Final = 2_000
"""So many messages."""
_SETTLE_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.25
_PSEUDONYM_KEY: Final = "chaos-" * 8
_KEYS: Final = HmacKeys(_PSEUDONYM_KEY.encode())
_CROSSWALK_KEY: Final = "chaos:" + "ab" * 32
"""The same in both runs, so that the same patient has the same pseudonym."""
_REJECTION: Final = (
    "rejection-watched",
    "rejection-suspected",
    "rejection-proven",
    "rejection-retracted",
    "rejection-resolved",
)

RECIPIENTS: Final[Mapping[str, Callable[[Event], bool]]] = {
    "archive": lambda e: e.kind != "research-study-published",
    "safety-desk": lambda e: e.kind in _REJECTION,
    "coordinator": lambda e: e.kind == "screening-status-changed" and e.status == "eligible",
}
"""Who must be told of which events: what `_recipients` says to notify, in other words."""


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    home: Path
    broker: BrokerKind
    feed: Sequence[Sending]
    made: feeds.Feed
    per_second: int
    faults: Sequence[Fault]
    seed: int
    say: Callable[[str], None]
    small_disk: bool
    acts: Sequence[Intended]
    """What an investigator states meanwhile."""


def intended(made: feeds.Feed) -> Sequence[Intended]:
    """Of some patients of the cohort."""
    return acts.intend(made.expected, _KEYS, max(_FEWEST_ACTS, len(made.messages) // _AN_ACT_FOR))


@dataclass(frozen=True)
class Ended:
    """One run, as it ended."""

    rows: Rows
    told: Told
    accounted: snapshot.Accounted
    seconds: float
    struck: Sequence[Struck]
    exits: Mapping[str, Mapping[str, int]]
    """How often a service ended by itself, by exit code: its supervisor started it anew."""
    disk: str
    mismatches: Sequence[compare.Check]
    """What was concluded about the cohort otherwise than it was built in."""


async def run(plan: Plan) -> Ended:
    """One run on a stack of its own, of which nothing but its logs is left."""
    await asyncio.to_thread(_forget, plan.home)
    servers = Servers(plan.home, plan.broker, small_disk=plan.small_disk)
    try:
        stack = await asyncio.to_thread(servers.start)
        sites = await asyncio.to_thread(sites_with_tokens, plan.home)
        with parts.sinks(plan.home / "sinks.log") as place:
            await parts.behave(place, fails=False)
            services = {s: Supervised(s, _environment(s, stack, plan.home, place, sites), plan.home) for s in SERVICES}
            return await _serve(plan, servers, services, place)
    finally:
        await asyncio.to_thread(servers.stop)


async def _serve(plan: Plan, servers: Servers, services: Mapping[str, Supervised], place: parts.Place) -> Ended:
    for service in services.values():
        service.begin()
    try:
        await _ready(services)
        began = time.monotonic()
        struck = await _publish(plan, servers, services)
        lies = await lying(servers.stack.bootstrap_servers, (await _published(servers)).keys)
        plan.say("all is sent; waiting until everything is evaluated and everybody told")
        delivers = _delivers(plan, lies)
        await _settled(servers, sum(delivers[m] for m in lies.messages.values()))
        seconds = time.monotonic() - began
        exits = {name: dict(s.exits) for name, s in services.items() if s.exits}
        return await _read(plan, servers, place, lies, seconds, struck, exits)
    finally:
        await asyncio.gather(*(s.stop() for s in services.values()))


async def _publish(plan: Plan, servers: Servers, services: Mapping[str, Supervised]) -> Sequence[Struck]:
    """The whole feed, by topics and intake, while somebody reads the console and somebody acts; what was broken meanwhile."""
    reader = Reader(services["console"].port)
    reading, stating = asyncio.create_task(reader.run()), asyncio.create_task(asyncio.sleep(0))
    try:
        async with (
            Engine(services["intake"].port) as engine,
            Publisher(servers.stack.bootstrap_servers, plan.feed, plan.per_second, plan.seed, engine.post) as publisher,
        ):
            investigator = Investigator(services["console"].port, plan.acts, lambda: publisher.sent / len(plan.feed))
            stating = asyncio.create_task(investigator.run())
            chaos = Chaos(servers, services, publisher, plan.seed, engine, reader)
            if plan.faults:
                await chaos.run(plan.faults, len(plan.feed), plan.say)
            await publisher.up_to(len(plan.feed))
            with contextlib.suppress(TimeoutError):  # whose statement is lost for good shows in what is compared
                await asyncio.wait_for(stating, _SETTLE_SECONDS)
            read = f"{reader.read:,} pages of the console read"
            plan.say(f"{engine.taken:,} by the intake, {read}, {investigator.done} of {len(plan.acts)} statements made")
            return chaos.struck
    finally:
        for task in (reading, stating):
            task.cancel()
        await asyncio.gather(reading, stating, return_exceptions=True)


async def _published(servers: Servers) -> Acts:
    """What people stated, once all of it is on the feed."""
    async with asyncio.timeout(_SETTLE_SECONDS):
        while True:
            connection = await asyncpg.connect(servers.stack.database_url)
            try:
                found = await acts.read(connection, _KEYS)
            finally:
                await connection.close()
            if not found.on_their_way:
                return found
            await asyncio.sleep(_LOOK_SECONDS)


def _delivers(plan: Plan, lies: Lying) -> Mapping[str, int]:
    """How many resources each message delivers, those of people included."""
    return {**dict.fromkeys(lies.stated, 1), **feeds.delivers(plan.made.messages)}


async def _ready(services: Mapping[str, Supervised]) -> None:
    """Until every service says that it is well: before that there is nothing to break."""
    async with asyncio.timeout(_SETTLE_SECONDS):
        for service in services.values():
            while not await healthy(service):  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(_LOOK_SECONDS)


async def _settled(servers: Servers, delivered: int) -> None:
    """Until every message is counted, everybody evaluated, all that waited for a Patient read, and everybody told."""
    protocols = protocol_files.load(None)
    waiting = queries("subjects")["waiting_letters"]
    async with (
        asyncio.timeout(_SETTLE_SECONDS),
        await postgres.connect(servers.stack.database_url, "reader", size=2) as pool,
        asyncpg.create_pool(servers.stack.database_url, min_size=1, max_size=1) as owner,
    ):
        while True:
            await settle(pool, protocols, delivered, _SETTLE_SECONDS)
            changed = await owner.fetchval("SELECT count(*) FROM identity.identifier_change")
            left = len(await owner.fetch(waiting, None, 1)) + changed + await notify_status.outstanding(pool)
            if not left and not any((await status.behind(pool, protocols)).values()):
                return
            await asyncio.sleep(_LOOK_SECONDS)


async def _read(
    plan: Plan,
    servers: Servers,
    place: parts.Place,
    lies: Lying,
    seconds: float,
    struck: Sequence[Struck],
    exits: Mapping[str, Mapping[str, int]],
) -> Ended:
    noted = await parts.figures(place)
    connection = await asyncpg.connect(servers.stack.database_url)
    try:
        return Ended(
            rows=await snapshot.rows(connection, lies, await acts.read(connection, _KEYS)),
            told=await snapshot.what_was_told(connection, noted["taken"], noted["first_at"]),
            accounted=await snapshot.accounted(connection, lies, _delivers(plan, lies)),
            seconds=round(seconds, 1),
            struck=struck,
            exits=exits,
            disk=servers.disk,
            mismatches=[check for check in await _checks(connection, _untouched(plan)) if not check.matches],
        )
    finally:
        await connection.close()


def _untouched(plan: Plan) -> Sequence[ExpectedPatient]:
    """The patients of whom nobody stated what stands: of those alone the simulation knows what must be concluded."""
    touched = {i.name for i in plan.acts if not i.withdrawn}
    return [e for e in plan.made.expected if e.patient not in touched]


async def _checks(
    connection: asyncpg.Connection[asyncpg.Record], everybody: Sequence[ExpectedPatient]
) -> list[compare.Check]:
    concluded = [await status.current_outcomes(connection, s, PROTOCOL) for s in status.DECIDING]
    return [
        check
        for expected in everybody
        for check in compare.check(
            expected, *(found.get(_KEYS.patient(expected.site, expected.patient), {}) for found in concluded)
        )
    ]


def _environment(service: str, stack: Stack, home: Path, place: parts.Place, sites: Path) -> dict[str, str]:
    told = parts.environment(stack, home, place, _recipients(place)) | {
        "GRAFTWATCH_PSEUDONYM_KEY": _PSEUDONYM_KEY,
        "GRAFTWATCH_FEED_EPOCH": stack.feed_epoch,
        "GRAFTWATCH_AS_OF": AS_OF.isoformat(),
        "GRAFTWATCH_SITES": str(sites),
        "GRAFTWATCH_STAFF": str(acts.staff(home)),
        "GRAFTWATCH_MODE": "development",
        "GRAFTWATCH_CONSOLE_LOGIN": "development",
        "GRAFTWATCH_CONSOLE_REQUESTS_PER_MINUTE": "100000",
    }
    return told | ({"GRAFTWATCH_CROSSWALK_KEY": _CROSSWALK_KEY} if service == "ingest" else {})


def _recipients(place: parts.Place) -> dict[str, Any]:
    hooks = [
        {"id": r, "name": r, "webhook": {"url": f"{place.url}/hook/{r}", "secret_env": "BENCH_SECRET"}}
        for r in ("archive", "safety-desk")
    ]
    rules = [
        {"name": "everything", "to": ["archive"], "by": ["webhook"]},
        {"name": "rejection", "to": ["safety-desk"], "by": ["webhook"], "kinds": list(_REJECTION)},
        {
            "name": "eligible",
            "to": ["coordinator"],
            "by": ["email"],
            "kinds": ["screening-status-changed"],
            "when": {"status": ["eligible"]},
        },
    ]
    mailed = {"id": "coordinator", "name": "coordinator", "email": "coordinator@sink.example"}
    return {"recipients": [*hooks, mailed], "rules": rules}


def _forget(home: Path) -> None:
    """Whatever an earlier run has left."""
    down(home)
    for part in ("postgres", "kafka", "logs"):
        shutil.rmtree(home / part, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
