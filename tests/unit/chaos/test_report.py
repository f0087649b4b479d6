"""What `make chaos` reports: also what it did not try."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.benchmark.chaos import __main__ as chaos
from tests.benchmark.chaos.comparison import Told
from tests.benchmark.chaos.faults import Struck
from tests.benchmark.chaos.running import Ended
from tests.unit.chaos.test_comparison import ACCOUNTED, ROWS


def _ended(*faults: str) -> Ended:
    struck = [Struck(fault, "safety", 10, 1.0, 2.0) for fault in faults]
    return Ended({**ROWS, "act of somebody": {}}, Told({}, {}), ACCOUNTED, 1.0, struck, {}, "", [])


@pytest.mark.parametrize(
    ("faults", "times"),
    [(["killed (-9)"], 0), (["killed (-9)", "clock 5 min fast", "clock 5 min slow"], 2)],
)
def test_a_clock_that_was_never_wrong_is_said_to_be_untried(
    faults: Sequence[str],
    times: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Counted in the report; without libfaketime the fault is left out, which is no success."""
    monkeypatch.setattr(chaos, "OUT", tmp_path / "chaos.json")
    chaos._report(_ended(), _ended(*faults), 1, 10, "apache")
    found: dict[str, Any] = msgspec.json.decode((tmp_path / "chaos.json").read_bytes())
    assert found["clocks_wrong"] == times
    assert ("NOT TRIED: a wrong clock (libfaketime is missing)" in capsys.readouterr().out) == (times == 0)
