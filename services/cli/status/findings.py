"""What a look at one part found, and what all of it comes to. Decides the exit code; looks at nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

State = Literal["wrong", "unknown", "well"]
_ORDER: Final = ("wrong", "unknown", "well")


class Finding(msgspec.Struct, frozen=True):
    """One part of the system, how it is, and what to do where it is not well."""

    part: str
    state: State
    says: str
    todo: str = ""


def well(part: str, says: str) -> Finding:
    """As it should be."""
    return Finding(part, "well", says)


def wrong(part: str, says: str, todo: str) -> Finding:
    """Somebody has to act."""
    return Finding(part, "wrong", says, todo)


def unknown(part: str, says: str, todo: str) -> Finding:
    """Nobody can tell from here."""
    return Finding(part, "unknown", says, todo)


def judged(part: str, count: float, says: str, todo: str, calm: str) -> Finding:
    """Wrong where there is any of it."""
    return wrong(part, says, todo) if count else well(part, calm)


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """What is wrong before what is unknown before what is well, otherwise in the order of the look."""
    return sorted(found, key=lambda f: _ORDER.index(f.state))


def exit_code(found: Sequence[Finding]) -> int:
    """0: all is well; 1: something is wrong; 2: nothing is known to be wrong, but not everything can be told."""
    states = {f.state for f in found}
    return 1 if "wrong" in states else 2 if "unknown" in states or not found else 0
