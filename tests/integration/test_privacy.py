"""Marked identifiers through the whole system: nothing that it writes outside `identity` has one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from services.cli.demo.publish import publish
from services.cli.simulate import simulate
from services.cli.simulate.model import ExpectedFeed
from services.cli.simulate.model import FeedMessage as Simulated
from services.cli.stack import Stack
from shared import topics
from shared.protocol import load as protocol_files
from shared.runtime import postgres, status
from tests.support import feed, process
from tests.support.database import Database, eventually
from tests.support.marked import MARK, marked
from tests.support.topics import listening, skip_to_end

AS_OF: Final = date(2024, 5, 3)
OURS: Final = (
    topics.TIMELINE_CHANGES,
    topics.SCREENING_DECISIONS,
    topics.RESPONSE_ASSESSMENTS,
    topics.SAFETY_EVENTS,
    topics.DEAD_LETTERS,
)
SCHEMAS: Final = (
    "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'identity')"
)
COMMANDS: Final = (
    ("dead-letters", "list"),
    ("dead-letters", "replay"),
    ("sites", "status"),
    ("unmapped",),
    ("data-quality",),
    ("coverage",),
    ("crosswalk", "rotate"),
)
"""What an administrator runs without asking for content."""
SAID: Final = "SELECT count(*) FROM {}.outcome"
ONE: Final = ExpectedFeed()


async def test_no_identifier_leaves_identity(stack: Stack, database: Database, tmp_path: Path) -> None:
    """Ids, record numbers, names, telephone, address, practitioners, notes and narratives, in good messages and in bad ones.

    Searched: every log, every message of our topics with key and headers, every page of metrics and of health, what the
    administrator's commands print, every row of every table of every schema outside `identity`, and of `identity` too, where
    they are sealed. Opened they must be found there, and every service must have decided something.
    """
    group = f"test-privacy-{uuid4()}"
    await skip_to_end(stack.bootstrap_servers, group, topics.FEED)
    env = process.environment(
        stack, database, GRAFTWATCH_AS_OF=AS_OF.isoformat(), GRAFTWATCH_LOG_LEVEL="debug", GRAFTWATCH_CONFORMANCE="all"
    )
    commands = {"ingest": ("-m", "tests.support.dying_ingest", group)} | {
        name: ("-m", f"services.{name}") for name in status.DECIDING
    }
    cohort, hostile = simulate(AS_OF).messages, _hostile()
    sent = [*(marked(m) for m in cohort), *hostile]
    delivered = sum(m.delivers for m in cohort) + len(hostile)
    written: dict[str, str] = {}
    async with AsyncExitStack() as opened:
        heard = [(t, await opened.enter_async_context(listening(stack.bootstrap_servers, t))) for t in OURS]
        services = {
            name: await opened.enter_async_context(process.running(tmp_path / f"{name}.log", env, *command))
            for name, command in commands.items()
        }
        for service in services.values():
            await service.healthy()
        await publish(stack.bootstrap_servers, sent, 2_000, lambda _n: None)
        await eventually(lambda: _settled(database, delivered), 90)
        for topic, listener in heard:
            records = await listener.until(partial(_enough, await _told(database, topic.name)))
            written[topic.name] = repr([(r.key, r.value, r.headers) for r in records])
        for name, service in services.items():
            for page in ("/metrics", "/health"):
                written[f"{name}{page}"] = (await service.page(page))[1]
            await service.end()
    for name in services:
        written[f"{name}.log"] = (tmp_path / f"{name}.log").read_text()
    written |= {" ".join(c): await process.graftwatch(env, *c) for c in COMMANDS}
    schemas = {r["nspname"] for r in await database.rows(SCHEMAS)}
    assert schemas >= {"timeline", "protocol", *status.DECIDING}
    written |= {table: repr(rows) for table, rows in (await database.dump(*schemas)).items()}
    assert {name for name, text in written.items() if MARK in text} == set()
    inside = repr(await database.dump("identity"))
    assert inside.count(MARK) == inside.count(MARK.encode().hex()) == 0  # sealed: not even there can it be read
    assert any(MARK.encode() in raw for raw in await feed.kept(database))
    assert any(MARK.encode() in (value or b"") for value in (await feed.dead_values(database)).values())
    assert all([await database.value(SAID.format(service)) for service in status.DECIDING])
    assert all(written[t.name] != "[]" for t in OURS)


def _hostile() -> list[Simulated]:
    """Bad messages with marks where error texts are made: ids, dates, codes, units, keys, headers, names of elements."""
    site = (("site", b"north"),)
    subject = '"subject": {"reference": "Patient/zqmark9"}'
    observation = f'{{"resourceType": "Observation", "id": "zqmark-1", "status": "final", {subject}'
    platelets = '"code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]}'
    bodies = (
        f'{observation}, {platelets}, "effectiveDateTime": "zqmark"}}',
        f'{observation}, {platelets}, "effectiveDateTime": "2024-02-01", "valueQuantity": {{"value": 1, "code": "zqmark"}}}}',
        f'{observation}, {platelets}, "effectiveDateTime": "2024-02-01", "valueQuantity": {{"value": "zqmark"}}}}',
        f'{observation}, "code": {{"text": "zqmark", "coding": [{{"system": "zqmark", "code": "zq mark zqmark"}}]}}}}',
        '{"resourceType": "zqmark"}',
        '{"resourceType": "Observation", "id": "zqmark-2", "subject": {"display": "zqmark"}, "status": "zqmark"}',
        '{"resourceType": "Patient", "id": "zqmark 3/\\u0000"}',
        '{"resourceType": "Observation", "meta": {"profile": ["zqmark"]}, "zqmark name": 1',
        "zqmark",
    )
    messages = [Simulated("fhir-observations", b"zqmark", body.encode(), site, 0, ONE) for body in bodies]
    nowhere = (("site", b"zqmark"), ("zqmark", b"zqmark"))
    return [
        *messages,
        Simulated("fhir-resources", b"zqmark", b"{}", nowhere, 0, ONE),
        Simulated("fhir-resources", b"Patient/zqmark zqmark", None, site, 0, ONE),
    ]


async def _settled(database: Database, delivered: int) -> bool:
    """Whether every resource is accounted for, every patient evaluated and every event relayed."""
    async with await postgres.connect(database.url, "reader", size=1) as pool:
        waiting = await status.behind(pool, protocol_files.load())
    return await _counted(database) >= delivered and not any(waiting.values())


async def _counted(database: Database) -> int:
    return int(await database.value("SELECT coalesce(sum(resources), 0) FROM timeline.feed_count"))


def _enough(said: int, records: Sequence[object]) -> bool:
    return len(records) >= said


async def _told(database: Database, topic: str) -> int:
    """How many messages of a topic of ours there must be at least."""
    if topic == topics.DEAD_LETTERS.name:
        return int(await database.value("SELECT count(*) FROM identity.dead_letter"))
    if topic == topics.TIMELINE_CHANGES.name:
        return int(await database.value("SELECT count(*) FROM timeline.patient"))
    tables = " UNION ALL ".join(f"SELECT topic FROM {service}.outbox" for service in status.DECIDING)
    return int(await database.value(f"SELECT count(*) FROM ({tables}) AS o WHERE topic = $1", topic))
