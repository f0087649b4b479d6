"""What a service says when it cannot start: every fault, in words, with an exit code, and no traceback."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.cli.stack import Stack
from shared.runtime import ports
from tests.support import process
from tests.support.database import Database

SERVICES = ("ingest", "eligibility")


async def test_every_wrong_setting_is_named_at_once(stack: Stack, database: Database) -> None:
    """Five wrong settings are five lines; none shows the value, which may be a secret."""
    env = process.environment(
        stack,
        database,
        KAFKA_BOOTSTRAP_SERVERS="a broker",
        DATABASE_URL="mysql://somebody:hidden-word@host/db",
        GRAFTWATCH_PSEUDONYM_KEY="too-short-secret",
        GRAFTWATCH_AS_OF="2024-13-01",
        GRAFTWATCH_BATCH_SIZE="none",
    )
    for said in await _refusals(env):
        _speaks_plainly(said)
        for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "GRAFTWATCH_PSEUDONYM_KEY", "GRAFTWATCH_AS_OF"):
            assert name in said
        assert "GRAFTWATCH_BATCH_SIZE" in said
        assert "hidden-word" not in said
        assert "too-short-secret" not in said


async def test_unset_settings_are_named_at_once() -> None:
    """Without any setting the three that are needed are named, and how to get them."""
    for said in await _refusals({"PATH": "/usr/bin:/bin"}):
        _speaks_plainly(said)
        for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "GRAFTWATCH_PSEUDONYM_KEY"):
            assert f"{name} is not set" in said


async def test_nobody_answering_is_said_of_broker_and_database(stack: Stack, database: Database) -> None:
    """With neither broker nor database there, both are named with their addresses, and no password."""
    nobody = ports.free()
    env = process.environment(
        stack,
        database,
        KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{nobody}",
        DATABASE_URL=f"postgresql://graftwatch:hidden-word@127.0.0.1:{nobody}/graftwatch",
    )
    for said in await _refusals(env):
        _speaks_plainly(said)
        assert f"KAFKA_BOOTSTRAP_SERVERS: no broker answers at 127.0.0.1:{nobody}" in said
        assert "DATABASE_URL: cannot use the database" in said
        assert "hidden-word" not in said


async def test_a_database_that_is_not_there_is_refused(stack: Stack) -> None:
    """An address of a database that does not exist is refused, and says how to come by one."""
    env = process.environment(stack, Database(stack.database_url.rpartition("/")[0] + "/nowhere"))
    code, said = await process.refusal(env, "-m", "services.eligibility")
    assert code != 0
    _speaks_plainly(said)
    assert "DATABASE_URL" in said
    assert "create it" in said


async def test_a_wrong_site_file_is_refused_with_all_its_faults(
    stack: Stack, database: Database, tmp_path: Path
) -> None:
    """A misspelt time zone and an unknown concept are named with file and place."""
    (tmp_path / "east.yaml").write_text(
        "site: east\ntime_zone: Europe/Nowhere\ncodes:\n  - {system: 'urn:x', code: X, concept: no-such-thing}\n"
    )
    env = process.environment(stack, database, GRAFTWATCH_SITES=str(tmp_path))
    code, said = await process.refusal(env, "-m", "services.ingest")
    assert code != 0
    _speaks_plainly(said)
    assert "east.yaml: time_zone" in said
    assert "no-such-thing" in said


async def test_a_busy_port_is_refused(stack: Stack, database: Database) -> None:
    """A web port that somebody else listens on is named."""
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with taken:
        port = taken.sockets[0].getsockname()[1]
        env = process.environment(stack, database, GRAFTWATCH_WEB_PORT=str(port))
        code, said = await process.refusal(env, "-m", "services.ingest")
    assert code != 0
    _speaks_plainly(said)
    assert f"GRAFTWATCH_WEB_PORT: port {port}" in said


async def _refusals(env: dict[str, str]) -> list[str]:
    """What each kind of service says, its own loop and Faust, when it refuses to start."""
    ended = await asyncio.gather(*(process.refusal(env, "-m", f"services.{service}") for service in SERVICES))
    assert all(code != 0 for code, _ in ended)
    return [said for _, said in ended]


def _speaks_plainly(said: str) -> None:
    assert "cannot start" in said
    assert "Traceback" not in said
    assert 'File "' not in said
