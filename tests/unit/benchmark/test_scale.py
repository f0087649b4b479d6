"""The simulation behind docs/scale.md, and that its tables are what it says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.benchmark.scale import document
from tests.benchmark.scale.simulation import Cost, Load, Shard, at_once_per_s
from tests.benchmark.scale.workers import Used

COSTS = {"ingest": Cost(0.2, 0.1), "safety": Cost(3.0, 1.0)}


def _load(per_s: float, workers: int = 4) -> Load:
    return Load(per_s, 0.25, {"ingest": 2, "safety": workers}, 8)


def test_it_is_as_busy_as_arithmetic_says() -> None:
    """Ingest: 1000 times 0.2 ms a second for two workers, a tenth. Safety: 250 times 4 ms for four, a quarter."""
    found = Shard(COSTS, _load(1_000), 1).run(20_000)
    assert found.utilisation["ingest"] == pytest.approx(0.1, rel=0.1)
    assert found.utilisation["safety"] == pytest.approx(0.25, rel=0.1)
    assert found.throughput_per_s == pytest.approx(1_000, rel=0.1)


def test_waiting_grows_with_load_and_shrinks_with_workers() -> None:
    """As in any queue."""
    calm, busy, helped = (Shard(COSTS, load, 1).run(8_000) for load in (_load(500, 1), _load(900, 1), _load(900, 2)))
    assert calm.p99_s < busy.p99_s
    assert helped.p99_s < busy.p99_s


def test_the_same_seed_gives_the_same() -> None:
    """So that the document can be held against it."""
    assert Shard(COSTS, _load(700), 3).run(2_000) == Shard(COSTS, _load(700), 3).run(2_000)


def test_workers_help_until_the_cores_are_used() -> None:
    """With cores enough two are twice as fast; on one core they are no faster."""
    cost = Cost(2.0, 1.0)
    alone = at_once_per_s(cost, 0.0, 1, 8, reads_ahead=False)
    assert at_once_per_s(cost, 0.0, 2, 8, reads_ahead=False) == pytest.approx(2 * alone, rel=0.1)
    assert at_once_per_s(cost, 0.0, 2, 1, reads_ahead=False) == pytest.approx(alone, rel=0.1)


def test_the_tables_of_the_document_are_what_the_simulation_says() -> None:
    """`make scale` writes them; nobody else does."""
    text = document.DOCUMENT.read_text(encoding="utf-8")
    assert document.written(text) == text


def test_every_table_is_written_from_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From one run of each service: nothing stays unmeasured, and a country needs more than a hospital."""
    runs = [
        Used(service, 12, 1, 1_000, 10.0, 0.3, 0.1, 0.05, 3_000, 4, 0.01, 4_000, 0.0, {"Lock": 0.0})
        for service in sorted(document.SERVICES)
    ]
    kept = tmp_path / "measured.json"
    kept.write_bytes(msgspec.json.encode(document.Measured("apache", 2, runs)))
    monkeypatch.setattr(document, "KEPT", kept)
    text = document.written(document.DOCUMENT.read_text(encoding="utf-8"))
    assert "Not measured yet" not in text
    (regions,) = [line for line in text.splitlines() if line.startswith("| regions")]
    hospital, network, country = (int(n.replace(",", "")) for n in regions.split("|")[2:5])
    assert hospital == 1 <= network < country
