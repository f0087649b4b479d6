"""Screening on a real database: what time alone changes, and the commands that count, try and explain decisions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import asyncpg
import msgspec
import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.eligibility import evaluate as eligibility
from shared.facts import AnyFact
from shared.protocol import load as protocol_files
from shared.protocol.load import protocol_hash
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from shared.runtime.postgres import Pool
from tests.support import build
from tests.support.build import lab
from tests.support.database import Database
from tests.support.patients import ELIGIBLE, eligible
from tests.support.stored import store

PROTOCOLS = protocol_files.load()
(PROTOCOL,) = PROTOCOLS
TODAY = build.at("2024-05-05")
FULL, FAILING, OTHER = (uuid5(build.PATIENT, name) for name in ("full", "failing", "other"))
LOW = lab("platelets", "42")


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as eligibility."""
    async with await postgres.connect(database.url, "eligibility", size=2) as made:
        yield made


@pytest.fixture
async def writer(database: Database) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection that stores facts."""
    connection = await asyncpg.connect(database.url)
    yield connection
    await connection.close()


def _at(pool: Pool, at: datetime) -> Evaluator:
    return Evaluator("eligibility", eligibility, pool, PROTOCOLS, Clock(at))


async def _cohort(pool: Pool, writer: asyncpg.Connection[asyncpg.Record]) -> None:
    """One eligible, one failing platelets only, one who is no candidate; decided on 5 May 2024."""
    cohort: dict[UUID, tuple[AnyFact, ...]] = {
        FULL: eligible(),
        FAILING: eligible(platelets=LOW),
        OTHER: (build.demographics(),),
    }
    for patient, facts in cohort.items():
        await store(writer, patient, facts)
    await _at(pool, TODAY).evaluate(dict.fromkeys(cohort), "hint")


async def _run(database: Database, *arguments: str) -> str:
    """What the command prints; in a thread of its own, as it runs its own event loop."""
    done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env={"DATABASE_URL": database.url})
    assert done.exit_code == 0, done.output
    return done.stdout


async def test_reconciliation_acts_when_time_alone_changes_the_decision(
    database: Database, pool: Pool, writer: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Nobody is behind until the laboratory window closes; then the patient is, and loses eligibility with an event."""
    await store(writer, FULL, eligible())
    await _at(pool, TODAY).evaluate({FULL: None}, "hint")
    last = build.at("2024-05-17T23:59:59+00:00")
    closed = build.at("2024-05-18T00:00:00+00:00")
    async with pool.acquire() as connection:
        assert await _at(pool, last).recent(connection, timedelta(0), 10) == []
        assert await _at(pool, closed).recent(connection, timedelta(0), 10) == [FULL]
    assert await _at(pool, closed).evaluate({FULL: None}, "reconciliation") == 1
    rows = await database.rows("SELECT content->>'status' AS status FROM eligibility.outcome ORDER BY ordinal")
    assert [r["status"] for r in rows] == ["eligible", "potentially_eligible"]
    told = await database.value("SELECT event->>'sentence' FROM eligibility.outbox ORDER BY sequence DESC LIMIT 1")
    assert told.startswith("no longer eligible: ")
    assert "is older than 14 days (criterion" in told
    async with pool.acquire() as connection:
        assert await _at(pool, closed).recent(connection, timedelta(0), 10) == []


async def test_attrition_counts_the_current_decisions(
    database: Database, pool: Pool, writer: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    """One of three is no candidate, one fails only platelets, one is eligible; as JSON and as a picture."""
    await _cohort(pool, writer)
    picture = tmp_path / "flow.svg"
    (counted,) = msgspec.json.decode(await _run(database, "attrition", "--json", "--svg", str(picture)))
    assert counted["patients"] == 3
    assert counted["screened"] == 2
    assert counted["statuses"]["not_candidate"] == 1
    (platelets,) = [c for c in counted["criteria"] if c["id"] == "I11b"]
    assert (platelets["fails"], platelets["fails_only_this"], platelets["stands_alone"]) == (1, 1, 1)
    assert "1 eligible" in picture.read_text(encoding="utf-8")
    assert "fails" in await _run(database, "attrition")


async def test_a_changed_protocol_is_tried_without_writing(
    database: Database, pool: Pool, writer: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    """With a lower bound for platelets the failing patient would move, and nothing is stored."""
    await _cohort(pool, writer)
    changed = tmp_path / "changed.yaml"
    text = (Path(protocol_files.__file__).parent / f"{PROTOCOL}.yaml").read_text(encoding="utf-8")
    changed.write_text(text.replace("at_least: {value: 50,", "at_least: {value: 40,"), encoding="utf-8")
    before = await database.dump("eligibility", "timeline")
    tried = msgspec.json.decode(await _run(database, "screen", "--cohort", "--protocol", str(changed), "--json"))
    (moved,) = tried["moved"]
    assert (moved["patient"], moved["before"], moved["after"]) == (str(FAILING), "ineligible", "eligible")
    assert moved["criteria"] == ["I11b"]
    assert (tried["statuses"]["eligible"], tried["before"]["eligible"], tried["not_kept"]) == (2, 1, [])
    assert await database.dump("eligibility", "timeline") == before


async def test_everybody_is_screened_anew_after_a_change_of_protocol(
    database: Database, pool: Pool, writer: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    """The command counts who is behind, screens them with progress, names the protocol in the decision, and is done."""
    await _cohort(pool, writer)
    changed = tmp_path / f"{PROTOCOL}.yaml"
    text = (Path(protocol_files.__file__).parent / f"{PROTOCOL}.yaml").read_text(encoding="utf-8")
    changed.write_text(text.replace("at_least: {value: 50,", "at_least: {value: 40,"), encoding="utf-8")
    (amended,) = protocol_files.load(tmp_path).values()
    options = ("rescreen", "--protocols", str(tmp_path), "--at", "2024-05-05T12:00:00Z")
    assert "3 patients are behind" in await _run(database, *options, "--count")
    assert "3 patients screened; nobody is behind" in await _run(database, *options)
    (moved,) = await database.rows("SELECT * FROM eligibility.outcome WHERE ordinal = 2 AND patient = $1", FAILING)
    assert moved["protocol_hash"] == protocol_hash(amended)
    assert msgspec.json.decode(moved["content"])["status"] == "eligible"
    assert "0 patients screened; nobody is behind" in await _run(database, *options)
    past = msgspec.json.decode(await _run(database, "explain", str(FAILING), "--decision", "2", "--json"))
    assert past[PROTOCOL]["differences"] == []


async def test_an_unknown_concept_of_a_tried_protocol_is_named(
    database: Database, pool: Pool, writer: asyncpg.Connection[asyncpg.Record]
) -> None:
    """What was never asked for was never kept: the trial of a protocol that reads it says so."""
    await _cohort(pool, writer)
    example = "deploy/protocols/example-first-line-hcc.yaml"
    tried = msgspec.json.decode(await _run(database, "screen", "--cohort", "--protocol", example, "--json"))
    assert tried["against"] is None
    assert "ecog" in tried["not_kept"]


async def test_a_past_decision_is_explained_from_what_was_known(
    database: Database, pool: Pool, writer: asyncpg.Connection[asyncpg.Record]
) -> None:
    """After a correction the earlier decision stands as it was taken, with what was learned and ended since."""
    await store(writer, FULL, eligible())
    await _at(pool, TODAY).evaluate({FULL: None}, "hint")
    await store(writer, FULL, [LOW], [ELIGIBLE["platelets"]])
    await _at(pool, TODAY + timedelta(days=1)).evaluate({FULL: None}, "hint")
    past = msgspec.json.decode(await _run(database, "explain", str(FULL), "--at", "2024-05-05", "--json"))[PROTOCOL]
    assert past["decision"]["content"]["status"] == "eligible"
    assert past["differences"] == []
    assert [(c["what"], c["was_evidence"]) for c in past["changed"]] == [("ended", True), ("learned", False)]
    assert [d["content"]["status"] for d in past["later"]] == ["ineligible"]
    now = await _run(database, "explain", str(FULL))
    assert "ineligible: I11b not met" in now
    assert "nothing has changed" in now


async def test_what_is_about_to_expire_is_listed(
    database: Database, pool: Pool, writer: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Within two weeks the laboratory values of 3 May grow too old; within a week nothing does."""
    await _cohort(pool, writer)
    soon = msgspec.json.decode(await _run(database, "expiring", "--within", "14", "--json"))
    assert {e["criterion"] for e in soon if e["patient"] == str(FULL)} >= {"I9", "I11a", "I11b"}
    assert "nothing ends within 7 days" in await _run(database, "expiring")


async def test_the_screening_list_leaves_as_fhir(
    database: Database, pool: Pool, writer: asyncpg.Connection[asyncpg.Record]
) -> None:
    """A List with a ResearchSubject for each candidate, by pseudonym; who is no candidate is not in it."""
    await _cohort(pool, writer)
    bundle = msgspec.json.decode(await _run(database, "fhir", "candidates"))
    listed, *others = [entry["resource"] for entry in bundle["entry"]]
    subjects = [r for r in others if r["resourceType"] == "ResearchSubject"]
    assert [e["flag"]["coding"][0]["code"] for e in listed["entry"]].count("eligible") == 1
    assert {r["individual"]["identifier"]["value"] for r in subjects} == {str(FULL), str(FAILING)}
