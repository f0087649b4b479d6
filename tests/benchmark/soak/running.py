"""One stack with every service, idle or under a constant feed, watched until its time is up. Judges nothing."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp
import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.cli import installation
from services.cli.demo import background, publish, run
from services.cli.simulate import simulate
from services.cli.simulate.model import FeedMessage
from services.cli.stack import Stack, StackError, down, ports, start_services, up
from services.cli.stack.state import load as load_state
from shared.protocol import load as protocol_files
from shared.runtime import kafka, postgres
from tests.benchmark.ingest import hospital
from tests.benchmark.soak.sampling import leaders, sample

Kind = Literal["idle", "busy"]
SERVICES: Final = (installation.INTAKE, *installation.SERVICES, installation.CONSOLE)
_TOKEN: Final = "a token of the soak"
_VISIT_EVERY_S: Final = 5.0
_TURNS: Final = 10
_VISITS_OF_A_LOGIN: Final = 60
_PAGES: Final = ("today", "screening", "safety", "screening/attrition")
_BEFORE_IDLING: Final = 2_000
"""Messages that an idle stack was given before: what it holds may not grow either."""
_CACHED_FACTS: Final = 3_000
"""So few that the caches are full while the curve settles: what grows after that is no cache."""
_SETTLE_S: Final = 900.0


@dataclass(frozen=True)
class Soak:
    """What to run: for how long, watched how often, with how many feed messages a second."""

    kind: Kind
    seconds: float
    every_s: float
    per_second: int
    home: Path


@dataclass
class _Sent:
    messages: int = 0
    resources: int = 0
    visits: int = 0
    refused: int = 0


def soak(what: Soak, out: Path) -> None:
    """Start the stack, load the cohort, then watch; each sample is a line of the file, so that an ended run still tells."""
    home = what.home
    down(home)
    for data in ("postgres", "kafka", "logs"):
        shutil.rmtree(home / data, ignore_errors=True)
    stack = up(home, broker="embedded", topics=installation.topic_specs(), prepare=installation.prepare)
    try:
        today = date.today()  # noqa: DTZ011 - the services run by the real clock, so the cohort must be of today
        feed = _feed(home, today)
        told = installation.service_environment(home, _sites(home), None)
        told |= {"GRAFTWATCH_CONSOLE_REQUESTS_PER_MINUTE": "100000", "GRAFTWATCH_LOG_LEVEL": "warning"}
        told["GRAFTWATCH_CACHED_FACTS"] = str(_CACHED_FACTS)
        start(home, SERVICES, told)
        asyncio.run(_run(what, stack, feed, out))
    finally:
        down(home)


def start(home: Path, names: Sequence[str], told: dict[str, str]) -> None:
    """Start the services, however long a busy machine takes: one that lives and is not ready yet is waited for again."""
    for left in range(_TURNS, 0, -1):
        try:
            start_services(home, names, told)
            return
        except StackError:
            if left == 1:
                raise


def _sites(home: Path) -> Path:
    """The sites as deployed, one with a token for its HTTP intake."""
    sites = home / "deploy" / "sites"
    shutil.rmtree(home / "deploy", ignore_errors=True)
    shutil.copytree("deploy", home / "deploy")
    with (sites / "north.yaml").open("a") as file:
        file.write(f"\nintake_token_sha256: {hashlib.sha256(_TOKEN.encode()).hexdigest()}\n")
    return sites


def _feed(home: Path, today: date) -> list[FeedMessage]:
    """The cohort, malformed messages included, spread among the records of a generated hospital."""
    generation = background.Generation(home / "background", today)
    generation.begin()
    return publish.mix(list(simulate(today).messages), background.messages(generation.finish()))


def _endless(feed: list[FeedMessage]) -> Iterator[FeedMessage]:
    for turn in itertools.count():
        yield from hospital.as_others(feed, turn)


async def _run(what: Soak, stack: Stack, feed: list[FeedMessage], out: Path) -> None:
    state = load_state(what.home)
    address = {name: f"http://{ports.HOST}:{service.port}" for name, service in state.services.items()}
    endless, sent = _endless(feed), _Sent()
    if what.kind == "idle":
        await _load(stack, list(itertools.islice(endless, _BEFORE_IDLING)), sent)
    database = await asyncpg.connect(stack.database_url)
    out.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    beside = [
        asyncio.create_task(_publish(stack, endless, what.per_second, sent)),
        asyncio.create_task(_visit(address, sent)),
    ]
    if what.kind == "idle":
        for task in beside:
            task.cancel()
    pids, pages = leaders(state), {name: f"{url}/metrics" for name, url in address.items()}
    try:
        with out.open("wb") as file:
            while time.monotonic() - started < what.seconds:
                taken = await sample(started, pids, database, (sent.messages, sent.visits, sent.refused), pages)
                file.write(msgspec.json.encode(taken) + b"\n")
                file.flush()
                for task in beside:
                    if task.done() and not task.cancelled():
                        task.result()
                await asyncio.sleep(what.every_s - (time.monotonic() - started) % what.every_s)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await database.close()
    await _settled(stack, sent)


async def _load(stack: Stack, messages: list[FeedMessage], sent: _Sent) -> None:
    await publish.publish(stack.bootstrap_servers, messages, 400, lambda _: None)
    sent.messages, sent.resources = len(messages), sum(m.delivers for m in messages)
    await _settled(stack, sent)


async def _settled(stack: Stack, sent: _Sent) -> None:
    """Nothing may be left that was delivered and not accounted for, evaluated and told."""
    async with await postgres.connect(stack.database_url, "reader", size=2) as pool:
        await run.settle(pool, protocol_files.load(None), sent.resources, _SETTLE_S)
        await run.tell(pool, _SETTLE_S)


async def _publish(stack: Stack, endless: Iterator[FeedMessage], per_second: int, sent: _Sent) -> None:
    """As a hospital: a message at a time, at a constant rate, whatever the services do."""
    producer = await kafka.producer(stack.bootstrap_servers)
    begun = time.monotonic()
    try:
        for n, message in enumerate(endless):
            await asyncio.sleep(max(0.0, begun + n / per_second - time.monotonic()))
            await _sent(producer, message)
            sent.messages, sent.resources = sent.messages + 1, sent.resources + message.delivers
    finally:
        await producer.stop()


async def _sent(producer: AIOKafkaProducer, message: FeedMessage) -> None:
    """Send it until the broker has it: on a busy machine an answer may come too late."""
    while True:
        try:
            await producer.send_and_wait(message.topic, message.value, key=message.key, headers=list(message.headers))
            return
        except KafkaError:
            await asyncio.sleep(1)


async def _visit(address: dict[str, str], sent: _Sent) -> None:
    """As the staff and an engine that speaks HTTP: pages of the console, a resource for the intake; refusals are counted."""
    console, intake, study = address[installation.CONSOLE], address[installation.INTAKE], run.PROTOCOL
    origin, authorized = {"Origin": console}, {"Authorization": f"Bearer {_TOKEN}"}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        for visit in itertools.count():
            body = {"resourceType": "Observation", "id": f"visit-{visit}", "status": "final", "code": {"text": "none"}}
            try:
                if visit % _VISITS_OF_A_LOGIN == 0:
                    login = session.post(
                        f"{console}/login/development", data={"person": "safety-officer"}, headers=origin
                    )
                    await _answered(login, HTTPStatus.OK, sent)
                page = session.get(f"{console}/studies/{study}/{_PAGES[visit % len(_PAGES)]}")
                await _answered(page, HTTPStatus.OK, sent)
                given = session.post(f"{intake}/fhir/Observation", json=body, headers=authorized)
                sent.resources += await _answered(given, HTTPStatus.ACCEPTED, sent)
            except aiohttp.ClientError:
                sent.refused += 1
            sent.visits += 1
            await asyncio.sleep(_VISIT_EVERY_S)


async def _answered(asked: Any, wanted: HTTPStatus, sent: _Sent) -> bool:
    async with asked as answer:
        await answer.read()
        sent.refused += answer.status != wanted
        return bool(answer.status == wanted)
