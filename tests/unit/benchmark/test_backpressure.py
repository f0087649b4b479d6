"""What `make bench-backpressure` refuses can be found: each fault, planted in sound figures, is named."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.benchmark.backpressure.__main__ import _wrong
from tests.benchmark.backpressure.ledger import Ledger

SOUND: Final[dict[str, Any]] = {
    "unaccounted": 0,
    "missing_on_broker": 0,
    "live": 10,
    "live_told": 10,
    "live_p99_s": 2.0,
    "memory_growth_mb": {"ingest": 20.0},
}


def test_resources_are_counted_up_to_a_position() -> None:
    """Whatever order the broker answers in; what lies at or behind a position is not counted yet."""
    ledger = Ledger()
    for offset, delivers in ((2, 5), (0, 1), (1, 3)):
        ledger.note(("feed", 0), offset, delivers)
    ledger.note(("feed", 1), 0, 7)
    assert ledger.resources == 16
    assert ledger.ends == {("feed", 0): 3, ("feed", 1): 1}
    assert ledger.before({("feed", 0): 2}) == 4
    assert ledger.before({("feed", 0): 3, ("feed", 1): 1}) == 16


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        ({"unaccounted": 1}, "1 unaccounted"),
        ({"missing_on_broker": 2}, "2 missing on broker"),
        ({"live_told": 9}, "1 live severe tests were told to nobody"),
        ({"live_p99_s": 60.0}, "live records waited 60.0 s"),
        ({"memory_growth_mb": {"ingest": 900.0}}, "ingest grew by 900.0 MB"),
    ],
)
def test_a_planted_fault_is_named(planted: dict[str, Any], says: str) -> None:
    """Sound figures are wrong in nothing; each planted fault in one thing."""
    assert _wrong(SOUND) == []
    (found,) = _wrong(SOUND | planted)
    assert says in found
