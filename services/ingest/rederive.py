"""Reads stored records again that were read by other rules: a changed reader, table of codes, site file or scope.

A batch is one transaction like those of the feed, small, and what is done is remembered with each record, so that it can
stop at any point. A timeline rises only where a fact has changed. Decides nothing about what a record states.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

from services.ingest import reread
from services.ingest.messages import DEAD_LETTER_NAMESPACE
from services.ingest.store import Ingest, stored_version
from services.ingest.versions import LiveFact, Version, resolve
from shared.fhir.reading import Reading, Rejected
from shared.runtime import logs, postgres, rederivation_store
from shared.runtime.feed_store import DeadLetter, FeedStore
from shared.runtime.hints import Hint

log = logs.logger(__name__)
BATCH: Final = 200


@dataclass(frozen=True)
class Reread:
    """What one batch came to."""

    records: int = 0
    unread: int = 0
    """Records that today's reader cannot read: dead letters now."""
    hints: list[Hint] = field(default_factory=list)
    """Of the patients of whom a fact changed."""
    letters: list[DeadLetter] = field(default_factory=list)


Leave = Callable[[postgres.Pool], Awaitable[Collection[str]]]
"""The sites that another release reads."""


async def _leave_nothing(_pool: postgres.Pool) -> Collection[str]:
    return ()


class Rederivation:
    """Brings what is stored in line with the rules of today."""

    def __init__(self, ingest: Ingest, pool: postgres.Pool, size: int = BATCH, leave: Leave = _leave_nothing) -> None:
        self._ingest = ingest
        self._pool = pool
        self._size = size
        self._leave = leave

    async def run(self) -> AsyncIterator[Reread]:
        """Batch by batch, in the order of the records' keys, until nothing is left."""
        after = ""
        while stale := await rederivation_store.stale(self._pool, await self._ours(), after, self._size):
            for part in await self._together_or_one_by_one(stale):
                yield part
            after = stale[-1]

    async def _ours(self) -> dict[str, str]:
        left = await self._leave(self._pool)
        return {site: by for site, by in self._ingest.derivations.items() if site not in left}

    async def _together_or_one_by_one(self, stale: Sequence[str]) -> list[Reread]:
        """A record that cannot be stored costs the others nothing: it stays as it is, and is tried again at the next start."""
        try:
            return [await self._batch(stale)]
        except postgres.UNREACHABLE:
            raise
        except Exception as error:
            if len(stale) == 1:
                log.error("record-not-read-again", error=logs.where(error), record=stale[0])
                return []
        return [part for record in stale for part in await self._together_or_one_by_one([record])]

    async def _batch(self, stale: Sequence[str]) -> Reread:
        async with self._pool.acquire() as connection, connection.transaction():
            store = FeedStore(connection, self._ingest.vault)
            # In the order in which the feed locks: Medications, patients, records.
            if needed := await rederivation_store.needed_by(connection, stale):
                await store.lock_needed(needed)
            if patients := await rederivation_store.whose(connection, stale):
                await store.lock_patients(patients)
            rows = [r for r in await store.stored_resources(stale) if self._is_stale(r)]
            medications = await store.needed_resources(needed) if needed else {}
            return await self._write(store, rows, [self._read(r, medications) for r in rows])

    def _is_stale(self, row: dict[str, Any]) -> bool:
        return bool(row["derivation"] != self._ingest.derivations[row["site"]])  # or it came anew meanwhile

    def _read(self, row: dict[str, Any], medications: dict[str, bytes]) -> Reading:
        return self._ingest.reader.reread(stored_version(row), row["raw"], row["links"], medications)

    async def _write(self, store: FeedStore, rows: Sequence[dict[str, Any]], readings: Sequence[Reading]) -> Reread:
        pairs = [(stored_version(r), reading) for r, reading in zip(rows, readings, strict=True)]
        versions = [reread.again(stored, reading, self._ingest.reader.keys) for stored, reading in pairs]
        live: dict[str, list[LiveFact]] = {}
        for r in await store.live_facts([v.record for v in versions]):
            live.setdefault(r["record"], []).append(LiveFact(r["patient"], r["fact_id"]))
        changes = resolve(versions, {v.record: v for v, _ in pairs}, live)
        letters = [
            self._letter(r, v, reading)
            for r, (v, reading) in zip(rows, pairs, strict=True)
            if isinstance(reading, Rejected)
        ]
        await store.keep_unread(letters)
        await store.close_replayed({letter_id(v.record) for v in versions if not v.unread})
        await store.await_resources((needed, v.record) for v in versions for needed in v.needs)
        marked = await store.recount_dead_letters({v.patient for v, _ in pairs if v.patient is not None})
        raised = await self._ingest.write(store, changes, marked)
        at = {v.patient: v.broker_at for v in versions if v.patient is not None}
        await store.mark_backfilled(raised)
        hints = [Hint(p, version, at.get(p, rows[0]["broker_at"]), "backfill") for p, version in sorted(raised.items())]
        return Reread(len(rows), len(letters), hints, letters)

    def _letter(self, row: dict[str, Any], stored: Version, rejected: Rejected) -> DeadLetter:
        epoch, topic, partition, offset = stored.feed_position
        return DeadLetter(
            dead_letter=letter_id(stored.record),
            site=stored.site,
            epoch=epoch,
            topic=topic,
            partition=partition,
            feed_offset=offset,
            entry=0,
            key=None,
            headers={"site": stored.site},
            value=row["raw"],
            links=row["links"],
            record=stored.record,
            patient=stored.patient,
            reason=rejected.reason.value,
            path=rejected.path,
            says=rejected.says,
            published_at=stored.broker_at,
            tombstone=False,
            derivation=self._ingest.derivations[stored.site],
        )


def letter_id(record: str) -> UUID:
    """The dead letter of a stored record that cannot be read any more: at most one of each."""
    return uuid5(DEAD_LETTER_NAMESPACE, f"stored/{record}")
