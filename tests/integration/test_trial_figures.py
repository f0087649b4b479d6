"""The figures of a trial that are kept live: they follow each change, agree with the report, and survive a crash."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.ingest.app import Ingest
from services.response import evaluate, figures
from shared.protocol import load as protocol_files
from shared.protocol.model import Protocol
from shared.runtime import postgres, trial_figures
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from shared.runtime.trial_figures import TrialFigures, kept, rest
from tests.benchmark.response.end_to_end import dose, lesion
from tests.support import database as databases
from tests.support import feed
from tests.support.database import Database
from tests.support.feed import Feed

AT: Final = datetime(2025, 6, 30, 12, tzinfo=UTC)
PATIENT: Final = feed.KEYS.patient("north", "1")
PROTOCOL: Final = next(iter(protocol_files.load()))


_ANOTHER: Final = """
INSERT INTO response.outcome SELECT (jsonb_populate_record(o, jsonb_build_object(
    'outcome_id', gen_random_uuid(), 'patient', another, 'content', o.content || jsonb_build_object('patient', another)))).*
FROM response.outcome o, LATERAL (SELECT gen_random_uuid() AS another FROM generate_series(1, {count})) others
WHERE o.outcome_id = (SELECT outcome_id FROM response.outcome WHERE kind = 'contribution' ORDER BY recorded_at LIMIT 1)
"""
"""Other patients with the contribution of the first."""


class Service:
    """Evaluator and figures of the response service on one database, as its process holds them."""

    def __init__(self, pool: postgres.Pool, at: datetime = AT) -> None:
        protocols = protocol_files.load()
        self.pool = pool
        self.evaluator = Evaluator("response", evaluate, pool, protocols, Clock(at))
        self.figures = TrialFigures("response", figures, pool, protocols, Clock(at))

    async def kept(self) -> dict[str, Any]:
        """What is kept of the trial."""
        found = await kept(self.pool, "response", PROTOCOL, AT.date())
        assert found is not None
        return found.content

    async def has_a_responder(self) -> bool:
        """Whether the figures count one responder of one treated patient."""
        kept_already = await kept(self.pool, "response", PROTOCOL, AT.date()) is not None
        return kept_already and await self.responders() == (1, 1)

    async def responders(self) -> tuple[int, int]:
        """Responders and treated patients."""
        part = (await self.kept())["figures"]["rates"][0]["unconfirmed"]
        return part["count"], part["of"]


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Service]:
    """The response service acting as its own role."""
    async with await postgres.connect(database.url, "response", size=2) as pool:
        yield Service(pool)


async def _arrives(ingest: Ingest, *messages: Any) -> None:
    arriving = Feed()
    await ingest.store([arriving.message(m.value) for m in messages])


async def test_the_figures_follow_what_arrives(service: Service, ingest: Ingest) -> None:
    """A response counts once it is measured, and counts no more when its baseline is corrected."""
    assert await service.figures.refresh() == 1
    assert await service.responders() == (0, 0)
    await _arrives(ingest, dose(), lesion("baseline", "2025-01-10", 50, 1), lesion("visit", "2025-03-01", 34, 1))
    await service.evaluator.evaluate({PATIENT: None}, "hint")
    assert await service.figures.refresh() == 1
    assert await service.responders() == (1, 1)
    await _arrives(ingest, lesion("baseline", "2025-01-10", 40, 2))
    await service.evaluator.evaluate({PATIENT: None}, "hint")
    await service.figures.refresh()
    assert await service.responders() == (0, 1)


async def test_nothing_is_computed_where_nothing_changed(service: Service, ingest: Ingest, database: Database) -> None:
    """Twice is as once; a worker that starts anew finds nothing to do."""
    await _arrives(ingest, dose(), lesion("baseline", "2025-01-10", 50, 1))
    await service.evaluator.evaluate({PATIENT: None}, "hint")
    assert await service.figures.refresh() == 1
    before = await database.rows("SELECT * FROM response.trial_figures")
    assert (await service.figures.refresh(), await Service(service.pool).figures.refresh()) == (0, 0)
    assert await database.rows("SELECT * FROM response.trial_figures") == before


async def test_figures_made_before_a_removal_are_made_anew(service: Service, database: Database) -> None:
    """A row made from more contributions than there are counts somebody who is gone."""
    await service.figures.refresh()
    await database.rows("UPDATE response.trial_figures SET contributions = 9, treated = 7")
    assert await service.figures.refresh() == 1
    assert await database.value("SELECT (treated, contributions) FROM response.trial_figures") == (0, 0)


class Interrupted:
    """The figures of the response service, and what somebody else does in the moment before they are kept."""

    KIND = figures.KIND
    RULES_VERSION = figures.RULES_VERSION

    def __init__(self, url: str, does: str) -> None:
        self._url = url
        self._does = does

    def begin(self) -> figures.Tally:
        """Count as ever, but be interrupted before it is told."""
        does = self._meanwhile

        class Tally(figures.Tally):
            def of_trial(self, protocol: Protocol) -> dict[str, Any]:
                asyncio.run(does())
                return super().of_trial(protocol)

        return Tally()

    async def _meanwhile(self) -> None:
        await Database(self._url).rows(self._does)


@pytest.mark.parametrize(
    "does",
    [
        "UPDATE response.trial_figures SET contributions = 9, rules_version = 'other', treated = 7",
        "UPDATE response.trial_figures SET contributions = 0, treated = 7",
    ],
    ids=["another worker", "a removal"],
)
async def test_what_changed_meanwhile_is_not_overwritten(
    service: Service, ingest: Ingest, database: Database, does: str
) -> None:
    """Who read the patients before another worker's news, or before one of them was removed, keeps nothing and raises nothing."""
    await service.figures.refresh()
    await _arrives(ingest, dose(), lesion("baseline", "2025-01-10", 50, 1))
    await service.evaluator.evaluate({PATIENT: None}, "hint")
    interrupted = Interrupted(database.url, does)
    late = TrialFigures("response", interrupted, service.pool, protocol_files.load(), Clock(AT))
    assert await late.refresh() == 0
    assert await database.value("SELECT treated FROM response.trial_figures") == 7


async def test_figures_and_patients_are_of_one_moment(service: Service, ingest: Ingest, database: Database) -> None:
    """A patient whose treatment becomes known while figures are made is in both or in neither, and in the next ones."""
    await _arrives(ingest, dose(), lesion("baseline", "2025-01-10", 50, 1))
    await service.evaluator.evaluate({PATIENT: None}, "hint")
    another = _ANOTHER.format(count=1)
    late = TrialFigures("response", Interrupted(database.url, another), service.pool, protocol_files.load(), Clock(AT))
    assert await late.refresh() == 1
    kept_then = await service.kept()
    assert (kept_then["figures"]["treated"], len(kept_then["patients"])) == (1, 1)
    assert await service.figures.refresh() == 1
    kept_now = await service.kept()
    assert (kept_now["figures"]["treated"], len(kept_now["patients"])) == (2, 2)


async def test_patients_stand_by_start_of_treatment_and_those_who_are_none_do_not(
    service: Service, ingest: Ingest, database: Database
) -> None:
    """The first to be treated is the first; whose dose was entered in error is in the plots and the figures no more."""
    await _arrives(ingest, dose(), lesion("baseline", "2025-01-10", 50, 1))
    await service.evaluator.evaluate({PATIENT: None}, "hint")
    await database.rows(_ANOTHER.format(count=3))
    starts = (
        "UPDATE response.outcome SET content = content || jsonb_build_object('start_on', $2::text) WHERE patient = $1"
    )
    others = await database.rows("SELECT patient FROM response.outcome WHERE patient <> $1 ORDER BY patient", PATIENT)
    last, first, withdrawn = (r["patient"] for r in others)
    await database.rows(starts, last, "2025-02-01")
    await database.rows(starts, first, "2024-12-31")
    await database.rows("UPDATE response.outcome SET withdrawn = true WHERE patient = $1", withdrawn)
    await service.figures.refresh()
    then = await service.kept()
    assert [p["patient"] for p in then["patients"]] == [str(p) for p in (first, PATIENT, last)]
    assert then["figures"]["treated"] == 3


async def test_a_trial_of_any_size_needs_the_same_memory(service: Service, ingest: Ingest, database: Database) -> None:
    """Five times as many patients are counted in the memory of the fewer: none is held once he is counted."""
    await _arrives(ingest, dose(), lesion("baseline", "2025-01-10", 50, 1))
    await service.evaluator.evaluate({PATIENT: None}, "hint")
    await service.figures.refresh()  # loads a library
    peaks = []
    for count in (1_000, 4_000):
        await database.rows(_ANOTHER.format(count=count))
        tracemalloc.start()
        try:
            assert await service.figures.refresh() == 1
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert (await service.kept())["figures"]["treated"] == 5_001
    assert peaks[1] < 1.5 * peaks[0]


async def test_each_day_of_data_cut_off_keeps_its_row(service: Service) -> None:
    """What was shown at the end of a day can be looked up later; before the first there is nothing."""
    await service.figures.refresh()
    await Service(service.pool, datetime(2025, 7, 1, 12, tzinfo=UTC)).figures.refresh()
    for day, expected in ((30, date(2025, 6, 30)), (31, date(2025, 7, 1))):
        up_to = date(2025, 6, 30) if day == 30 else date(2025, 7, 31)
        found = await kept(service.pool, "response", PROTOCOL, up_to)
        assert found is not None
        assert found.cut_off_on == expected
    assert await kept(service.pool, "response", PROTOCOL, date(2025, 6, 29)) is None


async def test_a_wake_up_is_enough(service: Service, ingest: Ingest) -> None:
    """The running service computes anew after a commit that appended a contribution."""
    service.evaluator.appended = lambda kinds: service.figures.wake() if figures.KIND in kinds else None
    running = asyncio.create_task(service.figures.run())
    try:
        await _arrives(ingest, dose(), lesion("baseline", "2025-01-10", 50, 1), lesion("visit", "2025-03-01", 34, 1))
        await service.evaluator.evaluate({PATIENT: None}, "hint")
        await databases.eventually(service.has_a_responder)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_running_service_rests_after_each_look(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the look just taken asks for."""
    looks: list[float] = []
    looked = asyncio.Event()

    def rest_of(seconds: float) -> float:
        looks.append(seconds)
        looked.set()
        return 0.0

    monkeypatch.setattr(trial_figures, "rest", rest_of)
    running = asyncio.create_task(service.figures.run())
    try:
        await asyncio.wait_for(looked.wait(), 60)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert looks[0] > 0


def test_figures_take_a_tenth_of_the_time_and_are_never_long_old() -> None:
    """After a second of it nine of rest; but after one that waited for the database for long, a minute at most."""
    assert [rest(seconds) for seconds in (0.01, 1.0, 600.0)] == [pytest.approx(0.09), 9.0, 60.0]


async def test_the_report_and_the_live_figures_are_the_same(
    service: Service, ingest: Ingest, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the same data cut-off every figure agrees; the command that shows the live ones says the same."""
    await _arrives(ingest, dose(), lesion("baseline", "2025-01-10", 50, 1), lesion("visit", "2025-03-01", 34, 1))
    await service.evaluator.evaluate({PATIENT: None}, "hint")
    await service.figures.refresh()
    monkeypatch.setenv("DATABASE_URL", database.url)
    command = ["report", "--at", "2025-06-30", "--out", str(tmp_path)]
    done = await asyncio.to_thread(lambda: CliRunner().invoke(app, command))

    assert done.exit_code == 0, done.output
    reported = json.loads((tmp_path / "figures.json").read_bytes())
    live = await service.kept()
    assert (reported["figures"], reported["patients"]) == (live["figures"], live["patients"])
    shown = await asyncio.to_thread(lambda: CliRunner().invoke(app, ["figures"]))
    assert shown.exit_code == 0, shown.output
    assert "1 of 1" in shown.output
    assert "2025-06-30" in shown.output


async def test_only_the_response_service_may_write_them(database: Database) -> None:
    """The reader sees them; another service does not even read them."""
    assert await database.value("SELECT has_table_privilege('graftwatch_reader', 'response.trial_figures', 'SELECT')")
    for role in ("graftwatch_reader", "graftwatch_safety", "graftwatch_eligibility"):
        assert not await database.value(f"SELECT has_table_privilege('{role}', 'response.trial_figures', 'INSERT')")
