"""The pointer on `dead-letters`: where a record that could not be read came from and why, and nothing of its content."""

from __future__ import annotations

from uuid import UUID

import msgspec


class Position(msgspec.Struct, frozen=True):
    """Where on the feed the message lies."""

    topic: str
    partition: int
    offset: int


class Pointer(msgspec.Struct, frozen=True):
    """Value of the message; the key is the dead letter's id. `entry`: of a Bundle; `path`: the field that is wrong."""

    dead_letter: UUID
    site: str | None
    source: Position
    entry: int
    reason: str
    path: str


def encode(pointer: Pointer) -> bytes:
    """The pointer as JSON."""
    return msgspec.json.encode(pointer)
