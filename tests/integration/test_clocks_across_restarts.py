"""Reporting clocks of the safety service as a real process: killed and started again around a deadline, and in real time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import pytest

import shared.protocol
from services.cli.stack import Stack
from services.safety.adverse_events import case_id
from shared import events
from shared.facts import AdverseEventRecord, AnyFact, Source
from shared.protocol.load import load
from tests.support import build, process, stored
from tests.support.database import Database, eventually

LIMIT_S: Final = 90.0
SHIPPED: Final = Path(shared.protocol.__file__).parent / "camrelizumab-hcc-transplant.yaml"
TRIAL: Final = load(SHIPPED)["camrelizumab-hcc-transplant"].id
SITE_CLOCK: Final = "site-report/reported/unreported"
FATAL_CLOCK: Final = "expedited-fatal/reported/threatening"


@pytest.fixture
def env(stack: Stack, database: Database, tmp_path: Path) -> dict[str, str]:
    """A sponsor in Berlin, where daylight saving ends on 27 October 2024."""
    protocols = tmp_path / "protocols"
    protocols.mkdir()
    berlin = SHIPPED.read_text(encoding="utf-8").replace("value: Asia/Shanghai", "value: Europe/Berlin")
    (protocols / SHIPPED.name).write_text(berlin, encoding="utf-8")
    return process.environment(stack, database, GRAFTWATCH_PROTOCOLS=str(protocols))


def recorded(name: str, seriousness: str, aware: str) -> AnyFact:
    """An adverse event of the site, which knew of it then."""
    fact = AdverseEventRecord(
        source=Source("AdverseEvent", ""),
        occurred=build.on_date("2024-10-20"),
        seriousness=(seriousness,),
        recorded=build.on_date(aware),
    )
    return build.record(fact, key=name)


async def treated(database: Database, *facts: AnyFact) -> UUID:
    """A treated patient with these records."""
    patient = uuid4()
    connection = await asyncpg.connect(database.url)
    try:
        await stored.store(connection, patient, [build.dose(on="2024-10-01T10:00:00Z"), *facts])
    finally:
        await connection.close()
    return patient


async def state(database: Database, clock: str) -> str | None:
    """How a deadline stands by its newest outcome."""
    found: str | None = await database.value(
        "SELECT content->>'state' FROM safety.outcome WHERE kind = 'clock' AND subject = $1 ORDER BY ordinal DESC LIMIT 1",
        clock,
    )
    return found


async def told(database: Database, clock: str) -> list[str]:
    """The reminders about a deadline, in order."""
    rows = await database.rows("SELECT event::text AS event FROM safety.outbox ORDER BY sequence")
    found = [events.decode(row["event"].encode()) for row in rows]
    return [type(e).__name__ for e in found if e.subject == clock]


@asynccontextmanager
async def safety(env: dict[str, str], log: Path, **more: str) -> AsyncIterator[process.ServiceProcess]:
    """The service, killed as a crash would when the body is done."""
    async with process.running(log, env | more, "-m", "services.safety") as service:
        await service.healthy()
        yield service
        await service.kill()


async def test_deadlines_are_kept_to_the_minute_by_a_service_that_was_killed(
    database: Database, env: dict[str, str], tmp_path: Path
) -> None:
    """24 hours are elapsed ones, though the clocks go back within them; the day at the sponsor that ends 7 days has 25.

    Each time the process is killed before the deadline and another started after it: one reminder, one word that it
    passed, each once, whatever the number of starts.
    """
    patient = await treated(
        database,
        recorded("unreported", "hospitalisation", "2024-10-26T23:00:00Z"),
        recorded("threatening", "life-threatening", "2024-10-20T10:00:00Z"),
    )
    focus = str(case_id(patient, TRIAL, "reported/threatening"))
    notified = build.attestation("sae-notified", on="2024-10-20T13:00:00Z", focus=focus)
    connection = await asyncpg.connect(database.url)
    await stored.store(connection, patient, [notified])
    await connection.close()
    log = tmp_path / "safety.log"
    for at, site, fatal in (
        ("2024-10-27T22:59:00Z", "due-soon", "due-soon"),
        ("2024-10-27T23:00:00Z", "due-soon", "overdue"),
        ("2024-10-27T23:01:00Z", "overdue", "overdue"),
    ):

        async def stand(at: str = at, expected: tuple[str, str] = (site, fatal)) -> bool:
            evaluated = await database.value("SELECT evaluated_at FROM safety.evaluation")
            found = (await state(database, SITE_CLOCK), await state(database, FATAL_CLOCK))
            return bool(evaluated == datetime.fromisoformat(at) and found == expected)

        async with safety(env, log, GRAFTWATCH_AS_OF=at):
            await eventually(stand, LIMIT_S)
    assert await told(database, SITE_CLOCK) == ["ReportDue", "ReportOverdue"]
    assert await told(database, FATAL_CLOCK) == ["ReportDue", "ReportOverdue"]
    assert "Traceback" not in log.read_text()


async def test_a_deadline_that_passes_by_the_real_clock_is_told_without_any_message(
    database: Database, env: dict[str, str], tmp_path: Path
) -> None:
    """The site knew 24 hours ago less some seconds: killed before the deadline, restarted, told within seconds of it."""

    async def stands(expected: str) -> Any:
        return await state(database, SITE_CLOCK) == expected

    log = tmp_path / "safety.log"
    async with safety(env, log):
        due = datetime.now(UTC) + timedelta(seconds=15)  # noqa: TID251 - the real clock is what is tried
        await treated(database, recorded("unreported", "hospitalisation", (due - timedelta(hours=24)).isoformat()))
        await eventually(lambda: stands("due-soon"), LIMIT_S)
    async with safety(env, log):
        await eventually(lambda: stands("overdue"), LIMIT_S)
    decided = await database.value(
        "SELECT evaluated_at FROM safety.outcome WHERE kind = 'clock' AND content->>'state' = 'overdue'"
    )
    assert due < decided
    assert decided - due < timedelta(seconds=LIMIT_S)
    assert await told(database, SITE_CLOCK) == ["ReportDue", "ReportOverdue"]
