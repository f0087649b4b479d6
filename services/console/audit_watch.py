"""Follows the audit's chain while the console runs, and says whether it is whole. Decides nothing: `audit.verify` does.

From the first entry at start and once a day, otherwise on from where it was: an entry that was changed behind that place shows
within a day, one that was changed or cut off at the end within a minute.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import asyncpg
import msgspec

from services.console import audit
from services.console.audit import Entry, Verified
from shared.runtime import logs, metrics, postgres
from shared.runtime.postgres import Pool, queries

log = logs.logger(__name__)
_LOOK_SECONDS: Final = 60.0
_ANEW_SECONDS: Final = 24 * 60 * 60.0
_PART: Final = 1_000
_REST_SECONDS: Final = 0.05


class AuditWatch:
    """How far the chain was followed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._so_far = Verified(0, audit.FIRST)
        self._anew_at = 0.0

    async def run(self) -> None:
        """Look until cancelled; a look that fails is logged and tried again."""
        while True:
            try:
                await self.look()
            except (*postgres.UNREACHABLE, asyncpg.PostgresError) as error:
                log.warning("audit-not-verified", error=logs.where(error))
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> Verified:
        """Follow what is new, or all of it when it is time."""
        if time.monotonic() >= self._anew_at:
            self._so_far, self._anew_at = Verified(0, audit.FIRST), time.monotonic() + _ANEW_SECONDS
        elif self._so_far.broken is None and not await self._ends_where_it_was():
            return self._say(Verified(self._so_far.entries, self._so_far.head, _cut_off(self._so_far)))
        while self._so_far.broken is None and (part := await self._part()):
            self._so_far = audit.verify(part, self._so_far.head, self._so_far.entries)
            await asyncio.sleep(_REST_SECONDS)  # pages are served between
        return self._say(self._so_far)

    async def _part(self) -> list[Entry]:
        rows = await self._pool.fetch(queries("console")["audit_entries"], self._so_far.entries, _PART)
        return [msgspec.convert(dict(r), Entry) for r in rows]

    async def _ends_where_it_was(self) -> bool:
        """Whether the entry that was followed last is still the same."""
        if not self._so_far.entries:
            return True
        rows = await self._pool.fetch(queries("console")["audit_entries"], self._so_far.entries - 1, 1)
        return bool(rows) and rows[0]["sequence"] == self._so_far.entries and rows[0]["hash"] == self._so_far.head

    def _say(self, found: Verified) -> Verified:
        if found.broken is not None:
            log.error("audit-broken", entry=found.broken.sequence, says=found.broken.says)
        self._so_far = found
        metrics.AUDIT_BROKEN.set(found.broken is not None)
        metrics.AUDIT_ENTRIES.set(found.entries)
        metrics.AUDIT_VERIFIED.set_to_current_time()
        return found


def _cut_off(so_far: Verified) -> audit.Break:
    return audit.Break(so_far.entries, "the entry that was last is gone or is another one")
