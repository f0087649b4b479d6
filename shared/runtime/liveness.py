"""`/alive` of a service: whether this process's own work still turns, whatever database, broker or backlog do.

Who is not alive is to be started anew; who is alive and not healthy (`/health`) waits for something that a new start would
not mend, or has much to do. Decides that alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

STILL_SECONDS: Final = 300.0
"""Far longer than one batch, one transaction or one try takes, its retries included."""


class Liveness:
    """Told at the end of each piece of work, successful or not."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._beat_at = now()

    def beat(self) -> None:
        """A piece of work has ended."""
        self._beat_at = self._now()

    def answer(self) -> tuple[int, dict[str, object]]:
        """HTTP status and body."""
        still = self._now() - self._beat_at
        is_alive = still <= STILL_SECONDS
        body: dict[str, object] = {"status": "alive" if is_alive else "still", "seconds_since_work": round(still, 1)}
        return (200 if is_alive else 503), body
