"""Notify as a process: from an outbox over the broker to mailbox and webhook; killed, started again; refused when wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.cli.stack import Stack
from services.notify.app import GROUP
from shared import topics
from shared.runtime import postgres
from shared.runtime.outbox import OutboxRelay
from tests.support import process
from tests.support.database import Database, eventually
from tests.support.notices import (
    COORDINATOR,
    ENVIRON,
    OFFICER,
    PATIENT,
    Outboxes,
    gap,
    gap_closed,
    rule,
    screened,
    suspected,
    system,
    write,
)
from tests.support.process import ServiceProcess
from tests.support.sinks import http_sink
from tests.support.topics import producer

MAILED = "SELECT count(*) FROM notify.mailbox"


def environment(stack: Stack, database: Database, recipients: Path, **more: str) -> dict[str, str]:
    """What notify is told: no key of the pseudonyms."""
    ours = {
        "GRAFTWATCH_RECIPIENTS": str(recipients),
        "GRAFTWATCH_MAILBOX": "true",
        "GRAFTWATCH_NOTIFY_NETWORKS": "127.0.0.0/8",
    }
    told = process.environment(stack, database, **(ours | ENVIRON | more))
    return {name: value for name, value in told.items() if name != "GRAFTWATCH_PSEUDONYM_KEY"}


@asynccontextmanager
async def notify(log: Path, env: Mapping[str, str]) -> AsyncIterator[ServiceProcess]:
    """A running notify."""
    async with process.running(log, env, "-m", "services.notify") as running:
        await running.healthy()
        yield running


async def test_an_event_on_the_broker_is_mailed_and_posted(stack: Stack, database: Database, tmp_path: Path) -> None:
    """From the outbox by the relay and the topic; with reconciliation an hour away it can only have come by the broker."""
    outboxes = Outboxes(database)
    await outboxes.patient()
    async with http_sink() as sink, producer(stack.bootstrap_servers) as sender:
        people = [COORDINATOR, system(sink.url)]
        recipients = write(tmp_path, *people, rules=[rule("a", "coordinator"), rule("b", "system", by=["webhook"])])
        env = environment(stack, database, recipients, GRAFTWATCH_RECONCILE_GRACE_SECONDS="3600")
        async with (
            notify(tmp_path / "log", env) as service,
            await postgres.connect(database.url, "safety", size=1) as pool,
            pool.acquire() as connection,
        ):
            await outboxes.commit(suspected())
            await OutboxRelay("safety", pool, sender).relay(connection)
            await eventually(lambda: _is(database, MAILED, 1))
            await eventually(lambda: _len(sink.accepted, 1))
            await eventually(lambda: _all_committed(stack))
            health = await service.healthy()
            _, exposed = await service.page("/metrics")
    assert health["status"] == "ok"
    assert health["sends"] is True
    assert "graftwatch_delivery_latency_seconds" in exposed
    assert str(PATIENT) not in exposed
    log = (tmp_path / "log").read_text()
    assert "coordinator@north.example" not in log
    assert "Traceback" not in log


async def _all_committed(stack: Stack) -> bool:
    """Whether the group's offsets are at the end of the topic: what was decided does not come again."""
    async with AIOKafkaConsumer(
        bootstrap_servers=stack.bootstrap_servers, group_id=GROUP, enable_auto_commit=False
    ) as consumer:
        partitions = [TopicPartition(topics.SAFETY_EVENTS.name, p) for p in range(topics.SAFETY_EVENTS.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        assert any(ends.values())
        return all([await consumer.committed(tp) == end for tp, end in ends.items() if end])


async def test_what_the_broker_lost_is_found(stack: Stack, database: Database, tmp_path: Path) -> None:
    """An event that no message tells of, there before the start, and one that comes later."""
    outboxes = Outboxes(database)
    await outboxes.patient()
    await outboxes.commit(suspected(), age_seconds=7200)
    recipients = write(tmp_path, COORDINATOR, rules=[rule("all", "coordinator")])
    env = environment(stack, database, recipients, GRAFTWATCH_RECONCILE_GRACE_SECONDS="0")
    async with notify(tmp_path / "log", env):
        await eventually(lambda: _is(database, MAILED, 1))
        await outboxes.commit(screened("eligible"), kind="screening")
        await eventually(lambda: _is(database, MAILED, 2))


async def test_killed_while_sending_it_repeats_under_the_same_ids(
    stack: Stack, database: Database, tmp_path: Path
) -> None:
    """The endpoint hangs, notify is killed and started again: each event is accepted, under one id."""
    outboxes = Outboxes(database)
    patients = [uuid4() for _ in range(10)]
    for patient in patients:
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient))
    async with http_sink() as sink:
        sink.hangs = True
        recipients = write(tmp_path, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
        env = environment(stack, database, recipients, GRAFTWATCH_RECONCILE_GRACE_SECONDS="0")
        async with notify(tmp_path / "log", env) as first:
            await eventually(lambda: _is(database, "SELECT count(*) FROM notify.attempt", 10))
            await first.kill()
        sink.hangs = False
        sink.released.set()
        async with notify(tmp_path / "log", env):
            await eventually(
                lambda: _is(database, "SELECT count(*) FROM notify.delivery WHERE state = 'delivered'", 10)
            )
    assert len({r.headers["webhook-id"] for r in sink.accepted}) == 10
    assert await database.value("SELECT count(*) FROM notify.attempt WHERE outcome = 'interrupted'") == 10
    assert len(sink.received) <= await database.value("SELECT count(*) FROM notify.attempt")


async def test_stopped_it_waits_for_what_is_under_way(stack: Stack, database: Database, tmp_path: Path) -> None:
    """Told to stop while an endpoint is slow, it waits for the answer and writes it down: nothing is repeated."""
    outboxes = Outboxes(database)
    await outboxes.patient()
    await outboxes.commit(suspected())
    async with http_sink() as sink:
        sink.hangs = True
        recipients = write(tmp_path, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
        env = environment(stack, database, recipients, GRAFTWATCH_RECONCILE_GRACE_SECONDS="0")
        async with notify(tmp_path / "log", env) as service:
            await eventually(lambda: _is(database, "SELECT count(*) FROM notify.attempt", 1))
            ending = asyncio.create_task(service.end())
            await asyncio.sleep(0)
            sink.released.set()
            assert await ending == 0
    assert await database.value("SELECT state FROM notify.delivery") == "delivered"


async def test_the_recipients_file_is_taken_anew_and_a_faulty_one_refused(
    stack: Stack, database: Database, tmp_path: Path
) -> None:
    """Without a restart: whom the file names from now on is told; a file with faults changes nothing, and is said to."""
    outboxes = Outboxes(database)
    await outboxes.patient()
    recipients = write(tmp_path, COORDINATOR, rules=[rule("nobody")])
    env = environment(stack, database, recipients, GRAFTWATCH_RECONCILE_GRACE_SECONDS="0")
    async with notify(tmp_path / "log", env) as service:
        sound = recipients.read_text(encoding="utf-8")
        recipients.write_text(sound.replace("coordinator", "nobody at all"), encoding="utf-8")
        await eventually(lambda: _logged(tmp_path / "log", "file-refused"))
        assert (await service.healthy())["status"] == "ok"
        write(tmp_path, COORDINATOR, rules=[rule("all", "coordinator")])
        await eventually(lambda: _logged(tmp_path / "log", "file-taken"))
        await outboxes.commit(suspected())
        await eventually(lambda: _is(database, MAILED, 1))
        _, exposed = await service.page("/metrics")
    assert 'graftwatch_files_refused{service="notify"} 0.0' in exposed
    (refused,) = await _logged(tmp_path / "log", "file-refused")
    assert "recipients.yaml: " in refused["says"]


async def test_what_ends_by_a_fault_ends_as_a_failure(stack: Stack, database: Database, tmp_path: Path) -> None:
    """A loop that may never end does: the log says where, and the exit code lets a supervisor start the service anew."""
    log = tmp_path / "log"
    env = environment(stack, database, write(tmp_path, COORDINATOR, rules=[rule("all", "coordinator")]))
    async with process.running(log, env, "-m", "tests.support.dying_notify") as service:
        assert await service.ended() == 1
    assert "service-ended" in log.read_text()
    assert "Traceback" not in log.read_text()


async def test_faults_of_all_parts_are_named_at_once(stack: Stack, database: Database, tmp_path: Path) -> None:
    """Settings and recipients file: every fault a line, no secret, no traceback."""
    path = tmp_path / "recipients.yaml"
    path.write_text(
        json.dumps(
            {
                "recipients": [{"id": "a", "name": "A", "email": "nobody", "time_zone": "Mars/Base"}],
                "rules": [{"name": "r", "to": ["a"], "kinds": ["rejections"]}],
            }
        )
    )
    env = environment(
        stack,
        database,
        path,
        GRAFTWATCH_SMTP_URL="smtp://user:hidden-word@host",
        GRAFTWATCH_NOTIFY_NETWORKS="everywhere",
        GRAFTWATCH_NOTIFY_PATIENCE_DAYS="0",
    )
    code, said = await process.refusal(env, "-m", "services.notify")
    assert code != 0
    assert "graftwatch notify cannot start" in said
    for name in ("GRAFTWATCH_SMTP_URL", "GRAFTWATCH_NOTIFY_NETWORKS", "GRAFTWATCH_NOTIFY_PATIENCE_DAYS"):
        assert name in said
    for place in ("recipients.0.email", "recipients.0.time_zone", "rules.0.kinds.0"):
        assert place in said
    assert "hidden-word" not in said
    assert "Traceback" not in said


async def test_addresses_without_a_mail_server_are_refused(stack: Stack, database: Database, tmp_path: Path) -> None:
    """Nobody would notice that no mail arrives."""
    recipients = write(tmp_path, COORDINATOR, rules=[rule("all", "coordinator")])
    env = environment(stack, database, recipients) | {"GRAFTWATCH_MAILBOX": "false"}
    code, said = await process.refusal(env, "-m", "services.notify")
    assert code != 0
    assert "GRAFTWATCH_SMTP_URL is not set" in said


async def _says_untold(service: ServiceProcess) -> bool:
    return "nobody_is_told" in await service.healthy()


async def test_a_rule_that_matches_nobody_is_warned_of(stack: Stack, database: Database, tmp_path: Path) -> None:
    """It starts and is healthy, and says so: in the log, at /health and as a metric."""
    rules = [rule("nowhere", "coordinator", sites=["atlantis"]), rule("nobody")]
    recipients = write(tmp_path, COORDINATOR, rules=rules)
    async with notify(tmp_path / "log", environment(stack, database, recipients)) as service:
        warned = _warnings(tmp_path / "log")
        await eventually(lambda: _says_untold(service))
        untold = (await service.healthy())["nobody_is_told"]
        _, exposed = await service.page("/metrics")
    assert "rejection-proven" in untold["north"]
    assert "criterion-changed" not in untold["north"]
    assert f'graftwatch_urgent_kinds_untold{{site="north"}} {len(untold["north"])}.0' in exposed
    assert "rule nowhere matches nothing: no site atlantis is configured" in warned
    assert "rule nobody matches nobody: `to` is empty" in warned
    assert any(w.startswith("nobody is told of rejection-proven") for w in warned)


async def test_an_escalation_goes_by_the_file_in_force_and_tells_what_came_of_it(
    stack: Stack, database: Database, tmp_path: Path
) -> None:
    """The officer, who had left, is back: what nobody acknowledged is mailed to them, and then how it ended."""
    outboxes = Outboxes(database)
    await outboxes.patient()
    steps = [{"after_minutes": 30, "to": ["officer"]}]
    rules = [rule("begins", "coordinator", kinds=["surveillance-gap-found"], escalate=steps)]
    recipients = write(tmp_path, COORDINATOR, {**OFFICER, "until": "2020-01-01"}, rules=rules)
    env = environment(stack, database, recipients, GRAFTWATCH_RECONCILE_GRACE_SECONDS="0")
    async with notify(tmp_path / "log", env):
        for ordinal, event in enumerate([gap(), gap_closed()], start=1):
            await outboxes.commit(event, kind="surveillance", ordinal=ordinal)
            await eventually(lambda told=ordinal: _is(database, MAILED, told))
        write(tmp_path, COORDINATOR, OFFICER, rules=rules)
        await eventually(lambda: _logged(tmp_path / "log", "file-taken"))
        await database.rows("UPDATE notify.escalation SET due_at = now()")
        await eventually(lambda: _is(database, MAILED, 4))
    mails = await database.rows("SELECT subject FROM notify.mailbox WHERE recipient = 'officer' ORDER BY mailed_at")
    assert [m["subject"].partition(", ")[0] for m in mails] == [
        "[urgent] Not acknowledged: surveillance gap found",
        "surveillance gap closed",
    ]


async def _logged(log: Path, event: str) -> list[dict[str, Any]]:
    return _entries(log, event)


def _entries(log: Path, event: str) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [e for e in entries if e["event"] == event]


def _warnings(log: Path) -> list[str]:
    return [e["says"] for e in _entries(log, "recipients")]


async def _is(database: Database, query: str, wanted: int) -> bool:
    return bool(await database.value(query) == wanted)


async def _len(of: list[Any], wanted: int) -> bool:
    return len(of) == wanted
