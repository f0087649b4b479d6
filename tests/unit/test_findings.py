"""What a look comes to: the worst first, and the exit code."""

from __future__ import annotations

import pytest

from services.cli.status.findings import Finding, exit_code, unknown, well, worst_first, wrong

WELL, WRONG, UNKNOWN = well("a", "fine"), wrong("b", "broken", "mend it"), unknown("c", "nobody knows", "ask")


@pytest.mark.parametrize(
    ("found", "code"),
    [([WELL], 0), ([WELL, WRONG], 1), ([WELL, UNKNOWN], 2), ([UNKNOWN, WRONG], 1), ([], 2)],
)
def test_the_exit_code_says_well_wrong_or_cannot_tell(found: list[Finding], code: int) -> None:
    """What is wrong counts before what is unknown; nothing looked at is nothing known."""
    assert exit_code(found) == code


def test_what_is_wrong_comes_first() -> None:
    """Then what is unknown, then what is well, each in the order of the look."""
    assert worst_first([WELL, UNKNOWN, WRONG]) == [WRONG, UNKNOWN, WELL]
