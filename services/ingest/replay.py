"""Reads again what was kept unread: dead letters after a fix, and the messages held of a site that is resumed.

By the path of the feed itself, at the original position and publish time, so that it ends in the rows that a clean feed
would have made. Decides nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import structs

from services.ingest import batch
from services.ingest.messages import FeedMessage
from services.ingest.reader import Crosswalk
from services.ingest.store import Applied, Ingest
from services.ingest.unmapped import count as count_unmapped
from shared.fhir.reading import Link, Reason
from shared.runtime import clock, dead_letters, logs, postgres
from shared.runtime.dead_letters import Wanted
from shared.runtime.feed_store import DeadLetter, FeedStore
from shared.runtime.hints import Hint
from shared.runtime.site_intake import HeldMessage, SiteIntake

log = logs.logger(__name__)
BATCH: Final = 100
_ATTEMPTS: Final = 5
_LINKS: Final = msgspec.json.Decoder(tuple[Link, ...])


@dataclass
class Replayed:
    """What a replay came to: how many were read, how many were not, whom to tell about, and new dead letters."""

    read: int = 0
    unread: int = 0
    hints: list[Hint] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def add(self, other: Replayed) -> None:
        """This came of more."""
        self.read += other.read
        self.unread += other.unread
        self.hints += other.hints
        self.letters += other.letters


class Replay:
    """Replays, drops and resumes on an installation's database."""

    def __init__(self, ingest: Ingest, pool: postgres.Pool, size: int = BATCH) -> None:
        self._ingest = ingest
        self._pool = pool
        self._size = size

    async def letters(self, wanted: Wanted) -> AsyncIterator[Replayed]:
        """Read the open dead letters wanted again, one transaction a batch."""
        found = await dead_letters.find(self._pool, structs.replace(wanted, status="open"))
        ids = [d.dead_letter for d in found]
        for start in range(0, len(ids), self._size):
            yield await self.together_or_one_by_one(ids[start : start + self._size])

    async def these(self, letters: Sequence[UUID]) -> Replayed:
        """Read these again, a transaction a batch; one that is not open any more is nobody's concern."""
        parts = [letters[start : start + self._size] for start in range(0, len(letters), self._size)]
        return _sum([await self.together_or_one_by_one(part) for part in parts])

    async def drop(self, letters: Iterable[UUID], by: str, because: str) -> Replayed:
        """Close open dead letters unread; their patients are marked with them no longer."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await dead_letters.lock_open(connection, self._ingest.vault, letters)
            store = FeedStore(connection, self._ingest.vault)
            versions = await store.lock_patients({r["patient"] for r in rows if r["patient"] is not None})
            await dead_letters.drop(connection, [r["dead_letter"] for r in rows], by, because)
            raised = await store.raise_versions(await store.recount_dead_letters(versions))
        log.info("dead-letters-dropped", letters=len(rows), by=by)
        now = clock.wall()
        return Replayed(unread=len(rows), hints=[Hint(p, v, now) for p, v in sorted(raised.items())])

    async def resume(self, site: str) -> AsyncIterator[Replayed]:
        """Process what is held of a paused site in the order of the feed; then let its messages pass again."""
        while (done := await self._some_held(site)) is not None:
            yield done
        log.info("site-resumed", site=site)
        async for replayed in self.letters(Wanted(site=site, reason=Reason.SITE_PAUSED.value)):
            yield replayed

    async def together_or_one_by_one(self, ids: Sequence[UUID]) -> Replayed:
        """Read these dead letters again, in one transaction. What cannot be stored costs the others nothing, as on the feed."""
        for attempt in range(_ATTEMPTS):
            try:
                return await self._some_letters(ids)
            except postgres.UNREACHABLE as error:
                if attempt == _ATTEMPTS - 1:
                    raise
                log.warning("replay-retried", error=logs.where(error), attempt=attempt)
            except Exception as error:
                if len(ids) == 1:
                    log.error("replay-failed", error=logs.where(error), dead_letter=str(ids[0]))
                    await dead_letters.failed_again(self._pool, ids)
                    return Replayed(unread=1)
                break
        return _sum([await self.together_or_one_by_one([i]) for i in ids])

    async def _some_letters(self, ids: Sequence[UUID]) -> Replayed:
        crosswalk = Crosswalk()
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await dead_letters.lock_open(connection, self._ingest.vault, ids)
            read = [self._ingest.reader.read(_message(r), crosswalk) for r in rows]
            marked = {r["dead_letter"]: r["patient"] for r in rows}
            store = FeedStore(connection, self._ingest.vault)
            applied = await self._ingest.apply(store, read, crosswalk, marked)
            before = Counter((r["site"] or "", r["topic"], "rejected", r["reason"]) for r in rows)
            await self._count(store, applied, before)
        unread = len(marked.keys() & {d.dead_letter for d in applied.letters})
        log.info("dead-letters-replayed", read=len(rows) - unread, unread=unread)
        return Replayed(len(rows) - unread, unread, _now(applied.hints), applied.letters)

    async def _some_held(self, site: str) -> Replayed | None:
        """Process some; None when there are no more, and the site is open again."""
        crosswalk = Crosswalk()
        async with self._pool.acquire() as connection, connection.transaction():
            intake, store = SiteIntake(connection, self._ingest.vault), FeedStore(connection, self._ingest.vault)
            if not await intake.lock_paused([site]):
                return None
            held = await intake.oldest_held(site, self._size)
            if not held:
                await intake.resume(site)
                return None
            read = [self._ingest.reader.read(_held_message(h), crosswalk) for h in held]
            applied = await self._ingest.apply(store, read, crosswalk)
            await self._count(store, applied, Counter())
            await intake.let_go(site, held)
        bad = len({d.feed_offset for d in applied.letters})
        return Replayed(len(held) - bad, bad, _now(applied.hints), applied.letters)

    async def _count(self, store: FeedStore, applied: Applied, before: Counter[tuple[str, str, str, str]]) -> None:
        counts = batch.counts(applied.delivered)
        counts.subtract(before)
        await store.count(counts)
        await store.forget_empty_counts()
        await store.count_unmapped(count_unmapped(applied.delivered, self._ingest.reader.meanings))


def _message(row: Any) -> FeedMessage:
    return FeedMessage(
        epoch=row["epoch"],
        topic=row["topic"],
        partition=row["partition"],
        offset=row["feed_offset"],
        key=row["key"],
        value=None if row["tombstone"] else row["value"],
        headers=row["headers"],
        published_at=row["published_at"],
        links=_LINKS.decode(row["links"]) if row["links"] is not None else (),
        first_entry=row["entry"],
    )


def _held_message(held: HeldMessage) -> FeedMessage:
    return FeedMessage(
        held.epoch,
        held.topic,
        held.partition,
        held.feed_offset,
        held.key,
        held.value,
        held.headers,
        held.published_at,
    )


def _now(hints: Iterable[Hint]) -> list[Hint]:
    """As of this moment: the wait until somebody replayed is no latency of the services."""
    now = clock.wall()
    return [structs.replace(h, published_at=now) for h in hints]


def _sum(parts: Iterable[Replayed]) -> Replayed:
    total = Replayed()
    for part in parts:
        total.add(part)
    return total
