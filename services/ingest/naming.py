"""Reads again, by itself, what names its subject by an identifier that names somebody now, or somebody else.

A dead letter that waited for its Patient is replayed; a stored record follows its identifier to another Patient, or, where
nobody states it any more or several do, becomes a dead letter and waits. Decides nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import uuid5

import msgspec
from msgspec import structs

from services.ingest import batch
from services.ingest.batch import Delivered
from services.ingest.messages import DEAD_LETTER_NAMESPACE, FeedMessage
from services.ingest.reader import Crosswalk
from services.ingest.replay import Replay, Replayed
from services.ingest.store import Ingest, stored_version
from services.ingest.versions import Version
from shared.fhir.reading import Accepted, Reading, Rejected
from shared.runtime import clock, logs, postgres, subject_store
from shared.runtime.feed_store import DeadLetter, FeedStore
from shared.runtime.hints import Hint

log = logs.logger(__name__)
_AT_ONCE: Final = 200


class Naming:
    """Follows identifiers on an installation's database."""

    def __init__(self, ingest: Ingest, pool: postgres.Pool, size: int = _AT_ONCE) -> None:
        self._ingest = ingest
        self._pool = pool
        self._replay = Replay(ingest, pool)
        self._size = size

    async def waiting(self, of: Collection[str] | None = None) -> Replayed:
        """Replay the dead letters whose subject is known now, of these identifiers (their keys) or of any."""
        total, seen = Replayed(), set[Any]()
        while True:
            found = await subject_store.waiting_letters(self._pool, of, self._size)
            letters = [each for each in found if each not in seen]  # one that fails again is not tried twice at once
            if not letters:
                return total
            seen |= set(letters)
            total.add(await self._replay.these(letters))

    async def changed(self) -> Replayed:
        """Read again whatever was named by identifiers that name somebody else now."""
        total = Replayed()
        while (change := await subject_store.oldest_change(self._pool)) is not None:
            identifier, changed_at = change
            after: str | None = ""
            while after is not None:
                after, done = await self._some(identifier, changed_at, after)
                total.add(done)
        return total

    async def _some(self, identifier: str, changed_at: datetime, after: str) -> tuple[str | None, Replayed]:
        """Some of the records that an identifier names, in one transaction; where to go on, None at the end."""
        async with self._pool.acquire() as connection, connection.transaction():
            store = FeedStore(connection, self._ingest.vault)
            await store.subjects.lock_renaming()
            rows = store.opened(await store.subjects.named_records(identifier, after, self._size))
            done = await self._attribute(store, rows, str(changed_at)) if rows else Replayed()
            if len(rows) < self._size:
                await store.subjects.done(identifier, changed_at)
                return None, done
        return rows[-1]["record"], done

    async def _attribute(self, store: FeedStore, rows: list[dict[str, Any]], cause: str) -> Replayed:
        crosswalk, reader = Crosswalk(), self._ingest.reader
        versions = [stored_version(r) for r in rows]
        for _ in range(2):  # the first reading tells which identifiers to look up
            readings = [
                reader.attribute(v, r["raw"], r["links"], crosswalk) for v, r in zip(versions, rows, strict=True)
            ]
            await self._ingest.look_up(store, crosswalk)
        moved = [
            (v, was, now) for v, (was, now) in zip(versions, readings, strict=True) if self._whose(v, now) != v.patient
        ]
        if not moved:
            return Replayed()
        letters = [self._letter(v, now, cause) for v, _, now in moved if isinstance(now, Rejected)]
        raised = await self._ingest.move(store, [(v, now) for v, _, now in moved], letters)
        counts: Counter[tuple[str, str, str, str]] = Counter()
        for v, was, now in moved:
            if isinstance(now, Rejected):
                counts[v.site, v.feed_position[1], *batch.outcome(was)] -= 1
                counts[v.site, v.feed_position[1], *batch.outcome(now)] += 1
        await store.count(counts)
        log.info("subjects-followed", records=len(moved), waiting=len(letters))
        at = clock.wall()
        return Replayed(
            len(moved) - len(letters), len(letters), [Hint(p, n, at) for p, n in sorted(raised.items())], letters
        )

    def _whose(self, stored: Version, now: Reading) -> Any:
        if isinstance(now, Accepted) and now.patient is not None:
            return self._ingest.reader.keys.patient(stored.site, now.patient)
        return None

    def _letter(self, stored: Version, now: Rejected, cause: str) -> DeadLetter:
        headers = {"site": stored.site}
        if "://" in stored.resource_id or stored.resource_id.startswith("urn:"):  # its fullUrl is its identity
            entry = {"fullUrl": stored.resource_id, "resource": msgspec.Raw(now.raw)}
            raw = msgspec.json.encode({"resourceType": "Bundle", "type": "collection", "entry": [entry]})
            now = structs.replace(now, raw=raw)
        message = FeedMessage(*stored.feed_position, None, now.raw, headers, stored.broker_at)
        letter = batch.dead_letters([Delivered(message, 0, stored.site, now)], self._ingest.reader.keys)[0]
        # A Bundle's entry is known by no number here, and each change of an identifier is a failure of its own.
        return structs.replace(
            letter,
            dead_letter=uuid5(DEAD_LETTER_NAMESPACE, f"{stored.record}/{cause}"),
            derivation=self._ingest.derivation(stored.site),
        )
