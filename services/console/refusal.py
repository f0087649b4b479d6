"""What the console refuses, in words for the person who asked. Decides nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID


class Refused(Exception):  # noqa: N818 - a refusal is no error of the program
    """A request that is refused: status, what was asked, why not, what to do. Every one is written to the audit."""

    def __init__(
        self, status: int, action: str, says: str, *, patient: UUID | None = None, todo: str = "", **details: Any
    ) -> None:
        super().__init__(says)
        self.status = status
        self.action = action
        self.says = says
        self.todo = todo
        self.patient = patient
        self.details = details


class LoginNeeded(Exception):  # noqa: N818
    """Nobody is logged in, or not any more."""
