"""Which of two releases decides while both are at work, in a rolling upgrade say: the one that began last, as long as it works.

A worker of the other leaves to it what it has begun: otherwise each would find what the other decided to be out of date, decide
it anew, and tell people of it, again and again. Holds no rule.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from shared.runtime.logs import logger
from shared.runtime.postgres import Connection, Pool, queries

log = logger(__name__)
_SAY_AGAIN_SECONDS: Final = 15.0
"""So often that work is done is said: after two minutes without, an older release takes over again."""


class Precedence:
    """That of one process, by what it works on each subject (a protocol, a site)."""

    def __init__(self, service: str, bases: Mapping[str, str]) -> None:
        self._asked = (service, list(bases), list(bases.values()))
        self._sql = queries("precedence")
        self._entered = False
        self._say_at = 0.0
        self._overtaken: frozenset[str] = frozenset()

    async def enter(self, connection: Connection | Pool) -> None:
        """Say that this process begins; one that never does, a command say, gives way to nobody and overtakes nobody."""
        await connection.execute(self._sql["enter"], *self._asked)
        self._entered = True

    async def overtaken(self, connection: Connection | Pool) -> frozenset[str]:
        """The subjects that a later release works on."""
        if not self._entered:
            return frozenset()
        found = frozenset(r["subject"] for r in await connection.fetch(self._sql["overtaken"], *self._asked))
        if found != self._overtaken:
            log.warning("later-release-at-work", left_to_it=sorted(found))
            self._overtaken = found
        return found

    async def worked(self, connection: Connection | Pool) -> None:
        """Say that work was done, now and then."""
        if self._entered and time.monotonic() >= self._say_at:
            await connection.execute(self._sql["worked"], *self._asked)
            self._say_at = time.monotonic() + _SAY_AGAIN_SECONDS
