"""Reads messages of the feed once more, for codes that were not asked for when they came. Changes nothing else.

By the path of the feed itself and at their places in it, but without counting: what each was counted as when it came
stands. What is stored already is recognised, versions keep their order, and messages held of a paused site stay held.
Decides nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.ingest.messages import FeedMessage, site_of
from services.ingest.reader import Crosswalk
from services.ingest.store import Ingest
from shared.runtime import clock, logs, postgres
from shared.runtime.feed_store import DeadLetter, FeedStore
from shared.runtime.hints import Hint
from shared.runtime.site_intake import SiteIntake

log = logs.logger(__name__)


@dataclass
class Refilled:
    """What some messages came to."""

    read: int = 0
    set_aside: int = 0
    """Messages that cannot be stored: as on the feed they cost the others nothing, and they are logged."""
    oldest: datetime | None = None
    hints: list[Hint] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


class Refill:
    """Refills some sites on an installation's database."""

    def __init__(self, ingest: Ingest, pool: postgres.Pool, sites: Sequence[str]) -> None:
        self._ingest = ingest
        self._pool = pool
        self._sites = frozenset(sites)

    def of(self, messages: Sequence[FeedMessage], until: Mapping[tuple[str, int], int]) -> list[FeedMessage]:
        """Those of the sites, as far as ingest has read: what comes after is its own affair."""
        known = self._ingest.reader.sites
        return [
            m
            for m in messages
            if m.offset < until.get((m.topic, m.partition), 0)
            and not isinstance(site := site_of(m, known), str)
            and site.site in self._sites
        ]

    async def apply(self, messages: Sequence[FeedMessage]) -> Refilled:
        """Read these, in one transaction where that can be."""
        if not messages:
            return Refilled()
        try:
            return await self._together(messages)
        except postgres.UNREACHABLE:
            raise
        except Exception as error:
            if len(messages) == 1:
                log.error("message-set-aside", error=logs.where(error), position=messages[0].position)
                return Refilled(read=1, set_aside=1)
        half = len(messages) // 2
        return _sum(await self.apply(messages[:half]), await self.apply(messages[half:]))

    async def _together(self, messages: Sequence[FeedMessage]) -> Refilled:
        crosswalk = Crosswalk()
        async with self._pool.acquire() as connection, connection.transaction():
            held = await SiteIntake(connection, self._ingest.vault).held_among([m.position for m in messages])
            read = [self._ingest.reader.read(m, crosswalk) for m in messages if m.position not in held]
            store = FeedStore(connection, self._ingest.vault)
            applied = await self._ingest.apply(store, read, crosswalk)
            await store.mark_backfilled({h.patient: h.version for h in applied.hints})
        now = clock.wall()
        hints = [Hint(h.patient, h.version, now, "backfill") for h in applied.hints]
        return Refilled(len(messages), 0, min(m.published_at for m in messages), hints, applied.letters)


def _sum(a: Refilled, b: Refilled) -> Refilled:
    oldest = min((at for at in (a.oldest, b.oldest) if at is not None), default=None)
    return Refilled(a.read + b.read, a.set_aside + b.set_aside, oldest, a.hints + b.hints, a.letters + b.letters)
