"""The one clock. Evaluation time is the database's, or the fixed GRAFTWATCH_AS_OF; no rule ever asks for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection


class Clock:
    """Evaluation time for all services: one clock, so that hosts with wrong time cannot disagree."""

    def __init__(self, fixed: datetime | None = None) -> None:
        self._fixed = fixed

    @property
    def is_fixed(self) -> bool:
        """Whether time stands still (GRAFTWATCH_AS_OF)."""
        return self._fixed is not None

    async def now(self, connection: Connection) -> datetime:
        """The time to evaluate at: the fixed one, else the start of the database transaction."""
        if self._fixed is not None:
            return self._fixed
        now: datetime = await connection.fetchval("SELECT now()")
        return now

    def at(self, now: datetime) -> datetime:
        """The same where the start of the database transaction is known already."""
        return self._fixed or now


def wall() -> datetime:
    """This host's time, for offline commands and for measuring only; never for a decision that is stored."""
    return datetime.now(UTC)  # noqa: TID251
