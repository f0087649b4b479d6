"""What time alone changes, by the service as a process: no record comes, the day begins, and the decision is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import ConsumerRecord

import shared.protocol
from services.cli.stack import Stack
from shared import events, topics
from shared.events import ScreeningStatusChanged
from shared.facts import AnyFact
from tests.support import process, stored
from tests.support.build import attestation, demographics, drug, response_statement
from tests.support.database import Database, eventually
from tests.support.patients import eligible
from tests.support.topics import listening

LIMIT_S: Final = 180.0
SHIPPED: Final = Path(shared.protocol.__file__).parent / "camrelizumab-hcc-transplant.yaml"
ON_SORAFENIB: Final = """    - id: I12
      kind: drug-exposure
      title: sorafenib for 28 days
      sources: [site]
      drugs: {value: [sorafenib], source: site}
      at_least_days: {value: 28, source: site}
      longest_pause_days: {value: 7, source: site}
      window_days: {value: null, source: site}

"""
BEFORE, AFTER = "2024-05-05T23:59:59Z", "2024-05-06T00:00:00Z"
COHORT: Final[Mapping[str, tuple[AnyFact, ...]]] = {
    "turns 66": eligible(demographics=demographics("1958-05-06")),
    "a month from start to progression": eligible(
        sorafenib=drug("sorafenib", on="2024-04-06"),
        progression=response_statement("PD", on="2024-05-06"),
    ),
    "28 days of sorafenib": eligible(
        attestation("targeted-therapy-intolerance", on="2024-05-01"),
        without=("progression",),
        sorafenib=drug("sorafenib", on="2024-04-09"),
    ),
}


@pytest.fixture
def env(stack: Stack, database: Database, tmp_path: Path) -> dict[str, str]:
    """The first trial, and as a site may add it: so many days of the drug."""
    protocols = tmp_path / "protocols"
    protocols.mkdir()
    text = SHIPPED.read_text(encoding="utf-8").replace("  exclusion: []", f"{ON_SORAFENIB}  exclusion: []")
    (protocols / SHIPPED.name).write_text(text, encoding="utf-8")
    return process.environment(stack, database, GRAFTWATCH_PROTOCOLS=str(protocols))


async def test_a_birthday_and_a_month_of_a_drug_are_acted_on_and_told(
    stack: Stack, database: Database, env: dict[str, str], tmp_path: Path
) -> None:
    """A second before midnight the service decides and falls silent; at midnight another start tells what has changed.

    Nothing is sent in between: reconciliation finds, by the time until which each outcome stands, whom midnight concerns.
    """
    patients = {name: uuid4() for name in COHORT}
    writer = await asyncpg.connect(database.url)
    for name, patient in patients.items():
        await stored.store(writer, patient, COHORT[name])
    await writer.close()
    log = tmp_path / "eligibility.log"
    async with listening(stack.bootstrap_servers, topics.SCREENING_DECISIONS) as decisions:
        for at in (BEFORE, AFTER):
            async with process.running(log, env | {"GRAFTWATCH_AS_OF": at}, "-m", "services.eligibility") as service:
                await service.healthy()
                await eventually(partial(_evaluated, database, at, len(patients)), LIMIT_S)
                if at == BEFORE:
                    first = await _statuses(database, patients)
                    until = await database.rows("SELECT DISTINCT valid_until FROM eligibility.evaluation")
                heard = await decisions.until(partial(_told, patients=patients, at=at), LIMIT_S)
    assert first == {
        "turns 66": "eligible",
        "a month from start to progression": "potentially_eligible",
        "28 days of sorafenib": "ineligible",
    }
    assert [row["valid_until"] for row in until] == [datetime.fromisoformat(AFTER)]
    assert {name: (e.before, e.status) for name, e in _changes(heard, patients).items()} == {
        "turns 66": ("eligible", "ineligible"),
        "a month from start to progression": ("potentially_eligible", "eligible"),
        "28 days of sorafenib": ("ineligible", "eligible"),
    }
    sentences = {name: e.sentence for name, e in _changes(heard, patients).items()}
    assert sentences["turns 66"].startswith("no longer eligible: age ")
    assert "I7" in sentences["turns 66"]
    assert "Traceback" not in log.read_text()


async def _evaluated(database: Database, at: str, expected: int) -> bool:
    count = await database.value(
        "SELECT count(*) FROM eligibility.evaluation WHERE evaluated_at = $1", datetime.fromisoformat(at)
    )
    return bool(count == expected)


async def _statuses(database: Database, patients: Mapping[str, UUID]) -> dict[str, str]:
    rows = await database.rows("SELECT patient, content->>'status' AS status FROM eligibility.outcome ORDER BY ordinal")
    found = {row["patient"]: row["status"] for row in rows}
    return {name: found[patient] for name, patient in patients.items()}


def _told(heard: list[ConsumerRecord], patients: Mapping[str, UUID], at: str) -> bool:
    """Whether the broker has the first word about each patient, or, after midnight, the second."""
    if at == AFTER:
        return len(_changes(heard, patients)) == len(patients)
    return {e.patient for e in _about(heard, patients)} == set(patients.values())


def _changes(heard: list[ConsumerRecord], patients: Mapping[str, UUID]) -> dict[str, ScreeningStatusChanged]:
    names = {patient: name for name, patient in patients.items()}
    return {names[e.patient]: e for e in _about(heard, patients) if e.before is not None}


def _about(heard: list[ConsumerRecord], patients: Mapping[str, UUID]) -> list[ScreeningStatusChanged]:
    told = [events.decode(record.value) for record in heard if record.value]
    return [e for e in told if isinstance(e, ScreeningStatusChanged) and e.patient in patients.values()]
