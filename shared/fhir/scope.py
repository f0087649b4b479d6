"""Which concepts some loaded protocol asks for. Decides nothing: what a protocol asks is its own matter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """The concepts asked for, and a hash that changes with them: recorded with whatever was read under it."""

    concepts: frozenset[str]
    hash: str
