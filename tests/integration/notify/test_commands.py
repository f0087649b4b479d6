"""The commands about notifications, as an administrator runs them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest
from fhir.resources.R4B.communication import Communication
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.notify.deciding import Decider
from services.notify.directory import Directory
from shared.runtime import postgres
from tests.support.database import Database
from tests.support.notices import COORDINATOR, OFFICER, PATIENT, Outboxes, read, rule, suspected, write

RUN = CliRunner()


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """Two people, told of everything."""
    return read(tmp_path, COORDINATOR, OFFICER, rules=[rule("all", "coordinator", "officer")])


@pytest.fixture
async def event(database: Database, directory: Directory, monkeypatch: pytest.MonkeyPatch) -> str:
    """An event that is decided and not sent; the commands read this database."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    outboxes = Outboxes(database)
    await outboxes.patient()
    found = await outboxes.commit(suspected())
    async with await postgres.connect(database.url, "notify", size=2) as pool:
        await Decider(pool, directory).decide([PATIENT])
    return str(found)


async def test_what_waits_is_shown_and_what_was_given_up_is_an_error(database: Database, event: str) -> None:
    """Counts by channel and state; exit code 1 if somebody will not be told."""
    shown = await _run("notify", "status")
    assert shown.exit_code == 0
    assert "events decided: 1, of which nobody is told: 0" in shown.output
    assert "email    pending            2" in shown.output
    await database.rows("UPDATE notify.delivery SET state = 'given-up', says = 'mailbox full'")
    assert (await _run("notify", "status")).exit_code == 1


async def test_what_was_given_up_is_a_fault_until_somebody_settles_it(database: Database, event: str) -> None:
    """Named with whom and what; told by another way and said so, it is none any more, and stays on record."""
    await database.rows("UPDATE notify.delivery SET state = 'given-up', says = 'mailbox full'")
    shown = await _run("notify", "status")
    for whom in ("coordinator", "officer"):
        assert f"given up: {event} rejection-suspected (stat) of north to {whom} by email" in shown.output
    assert "mailbox full" in shown.output
    assert (await _run("notify", "settle", "--by", "Dr One")).exit_code != 0  # nothing is settled unseen
    settled = await _run("notify", "settle", event, "--to", "officer", "--by", "Dr One", "--note", "by telephone")
    assert "settled by Dr One: 1" in settled.output
    shown = await _run("notify", "status")
    assert "not settled: 1;" in shown.output
    assert shown.exit_code == 1
    assert (await _run("notify", "settle", "--to", "officer", "--by", "Dr Two")).exit_code != 0  # it is already
    assert (await _run("notify", "settle", event, "--by", "Dr One")).exit_code == 0
    shown = await _run("notify", "status")
    assert (shown.exit_code, "not settled" in shown.output) == (0, False)
    rows = await database.rows("SELECT settled_by, settled_note, state FROM notify.delivery ORDER BY recipient")
    assert [tuple(r) for r in rows] == [("Dr One", "", "given-up"), ("Dr One", "by telephone", "given-up")]


async def test_an_event_is_acknowledged_once(event: str) -> None:
    """The second is told who was first; an event that is not there is named."""
    assert "acknowledged by Dr One" in (await _run("notify", "acknowledge", event, "--by", "Dr One")).output
    assert "Dr One acknowledged it already" in (await _run("notify", "acknowledge", event, "--by", "Dr Two")).output
    assert (await _run("notify", "acknowledge", str(uuid4()), "--by", "Dr Two")).exit_code != 0


async def test_deliveries_are_handed_out_as_communications(event: str, tmp_path: Path) -> None:
    """One of each delivery, conformant."""
    out = tmp_path / "communications.ndjson"
    assert (await _run("notify", "communications", str(out))).exit_code == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert {c["recipient"][0]["display"] for c in found} == {"coordinator", "officer"}
    for each in found:
        Communication.model_validate(each)


async def test_a_recipients_file_is_checked(tmp_path: Path) -> None:
    """Faults and warnings are named with exit code 1; the shipped file has neither."""
    assert (await _run("recipients", "check")).exit_code == 0
    path = write(tmp_path, COORDINATOR, rules=[rule("nobody")])
    warned = await _run("recipients", "check", str(path))
    assert warned.exit_code == 1
    assert "warning: rule nobody matches nobody" in warned.output


async def _run(*arguments: str) -> Result:
    """In a thread: the commands run an event loop of their own."""
    return await asyncio.to_thread(lambda: RUN.invoke(app, list(arguments)))
