"""The statistician's commands on a real database: report and export of what the services hold."""

from __future__ import annotations

import asyncio
import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.ingest.app import Ingest
from services.response import evaluate
from shared.protocol import load as protocol_files
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from tests.benchmark.response.end_to_end import dose, lesion
from tests.support import feed
from tests.support.database import Database
from tests.support.feed import Feed

AT = datetime(2025, 6, 30, 12, tzinfo=UTC)
PATIENT = feed.KEYS.patient("north", "1")


@pytest.fixture
async def treated(database: Database, ingest: Ingest) -> Database:
    """One patient with a first dose, a baseline and a visit that shows a partial response, evaluated."""
    arriving = Feed()
    sent = (dose(), lesion("baseline", "2025-01-10", 50, 1), lesion("visit", "2025-03-01", 34, 1))
    await ingest.store([arriving.message(m.value) for m in sent])
    async with await postgres.connect(database.url, "response", size=2) as pool:
        evaluator = Evaluator("response", evaluate, pool, protocol_files.load(), Clock(AT))
        assert await evaluator.evaluate({PATIENT: None}, "hint") > 0
    return database


async def test_the_report_counts_the_patients_treated_by_the_cut_off(
    treated: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTML, JSON and CSV are written; before the first dose there is nobody to report on."""
    after = await _run(monkeypatch, treated, "report", "--at", "2025-06-30", "--out", str(tmp_path / "after"))
    before = await _run(monkeypatch, treated, "report", "--at", "2025-01-14", "--out", str(tmp_path / "before"))

    assert (after.exit_code, before.exit_code) == (0, 0), after.output + before.output
    (row,) = csv.DictReader((tmp_path / "after" / "patients.csv").read_text(encoding="utf-8").splitlines())
    assert (row["best"], row["pfs_days"], row["pfs_event"]) == ("PR", "46", "N")
    assert json.loads((tmp_path / "before" / "figures.json").read_bytes())["figures"]["treated"] == 0
    assert str(PATIENT)[:8] in (tmp_path / "after" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("standard", "names"), [("sdtm", "tu tr rs"), ("adam", "adrs adtte")])
async def test_the_tables_are_written_as_csv_and_dataset_json(
    treated: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standard: str, names: str
) -> None:
    """Each table twice, with the same number of rows."""
    done = await _run(monkeypatch, treated, "export", standard, str(tmp_path), "--at", "2025-06-30")

    assert done.exit_code == 0, done.output
    for name in names.split():
        lines = (tmp_path / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        assert len(lines) - 1 == json.loads((tmp_path / f"{name}.json").read_bytes())["records"] > 0


async def _run(monkeypatch: pytest.MonkeyPatch, database: Database, *arguments: str) -> Result:
    monkeypatch.setenv("DATABASE_URL", database.url)
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))
