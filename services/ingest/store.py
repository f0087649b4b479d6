"""One transaction per batch: what messages deliver becomes versions, facts, dead letters and counts. Reads no broker.

The same path serves the feed, the messages of a resumed site, and dead letters that are replayed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import structs

from services.ingest import batch, erased, lanes, merges, reread, rewinding
from services.ingest.batch import Delivered
from services.ingest.gate import Gate
from services.ingest.messages import FeedMessage
from services.ingest.pausing import Limits
from services.ingest.reader import Crosswalk, Reader
from services.ingest.unmapped import Unmapped
from services.ingest.unmapped import count as count_unmapped
from services.ingest.versions import Changes, LiveFact, Version, resolve
from shared.fhir.context import Several
from shared.fhir.reading import Accepted, Reading, Rejected
from shared.runtime import derivation, metrics, postgres, tracing
from shared.runtime.feed_store import DeadLetter, FeedStore, place_of_id
from shared.runtime.hints import Hint
from shared.runtime.logs import logger
from shared.runtime.sealing import Vault

log = logger(__name__)
_READ_AT_ONCE: Final = 8
_NO_FIELDS: Final = ("raw", "links", "derivation")


@dataclass(frozen=True)
class Batch:
    """Messages with what they deliver, as far as that can be read without the database."""

    messages: Sequence[FeedMessage]
    read: list[list[Delivered]]
    crosswalk: Crosswalk


@dataclass(frozen=True)
class Applied:
    """What a batch came to."""

    delivered: list[Delivered]
    letters: list[DeadLetter]
    hints: list[Hint]
    traces: Mapping[UUID, Sequence[str]]
    """Of each patient the traces that the messages about it carried."""


class Ingest:
    """Turns batches of feed messages into committed timelines."""

    def __init__(self, reader: Reader, pool: postgres.Pool, vault: Vault, limits: Limits | None = None) -> None:
        self.reader = reader
        self.vault = vault
        self._pool = pool
        self.derivations = derivation.derivations(reader.sites, reader.scope)
        """By what the records of each site are read now."""
        self.of_no_site = derivation.of_no_site(reader.sites)
        self.traces: Mapping[UUID, Sequence[str]] = {}
        """Of each patient of the last batch committed the traces that its messages carried, the oldest first."""
        self._limits = limits
        """When to pause a site; None: never."""
        self.rewinding: rewinding.Rewinding | None = None
        """Looks whether the database lacks what lies before a batch; None: never, where messages come from no broker."""
        self.newly_stated: set[str] = set()
        """Keys of identifiers that Patients stated since somebody last looked: what waits for them is read again."""
        self.stored: Callable[[Sequence[Delivered]], Awaitable[None]] = _to_nobody
        """Told after each commit of the resources that were not counted before."""

    def derivation(self, site: str | None) -> str:
        """By what a record of this site is read now; of a site that is not configured, by which sites are."""
        return self.derivations.get(site or "", self.of_no_site)

    async def read(self, messages: Sequence[FeedMessage]) -> Batch:
        """Read a batch, letting whatever else waits (the batch before, being stored) go on every few milliseconds."""
        batch_ = Batch(messages, [], Crosswalk())
        for n, message in enumerate(messages):
            if n % _READ_AT_ONCE == 0:
                await asyncio.sleep(0)
            read = self.reader.read(message, batch_.crosswalk)
            batch_.read.append([batch.prepared(d, self.reader.keys, self.vault) for d in read])
        return batch_

    async def store(self, messages: Sequence[FeedMessage]) -> tuple[list[Hint], list[DeadLetter]]:
        """Read and commit."""
        return await self.commit(await self.read(messages))

    async def commit(self, polled: Batch) -> tuple[list[Hint], list[DeadLetter]]:
        """Commit what a batch brings, in one transaction; the hints to send and the dead letters to point to."""
        messages, epoch = polled.messages, polled.messages[0].epoch
        async with self._pool.acquire() as connection, connection.transaction():
            store, gate = FeedStore(connection, self.vault), Gate(connection, self.vault, self._limits)
            counted = await store.lock_positions(epoch, sorted({(m.topic, m.partition) for m in messages}))
            if self.rewinding is not None:
                begins = rewinding.first_offsets((m.topic, m.partition, m.offset) for m in messages)
                self.rewinding.check(begins, counted)
            divided = await gate.divide(polled.read, counted)
            applied = await self.apply(store, divided.go_on, polled.crosswalk)
            new = batch.new(applied.delivered, counted)
            unmapped = count_unmapped(new, self.reader.meanings)
            await store.count(batch.counts(new))
            await store.count_unmapped(unmapped)
            await store.note_delivery(batch.delivering(polled.read, counted))
            await store.advance_positions(epoch, _next_offsets(messages, counted))
            paused = await gate.remember(divided)
        self.traces = applied.traces
        if self.rewinding is not None:
            self.rewinding.advanced(_next_offsets(messages, counted))
        self._measure(applied.delivered, unmapped, paused)
        self.newly_stated |= {identifier for identifier, _ in store.subjects.fresh}
        await self.stored(new)
        return applied.hints, applied.letters

    async def apply(
        self,
        store: FeedStore,
        read: Sequence[list[Delivered]],
        crosswalk: Crosswalk,
        replayed: Mapping[UUID, UUID | None] | None = None,
    ) -> Applied:
        """Write what was read, all but the counts; `replayed`: the dead letters that were read, and whom they mark."""
        keys = self.reader.keys
        delivered = await self._identify(store, await erased.leave_out(store, read, keys), crosswalk)
        closing = {p for p in (replayed or {}).values() if p is not None}
        each, needed = [batch.version(d, keys) for d in delivered], reread.needed(delivered, keys)
        versions, rejected = _present(each), batch.rejected_patients(delivered, keys)
        locked = await self._lock(store, versions, needed, rejected, closing)
        if needed:
            medications = await self._medications(store, versions, needed)
            completed = [self.reader.complete(d, medications, crosswalk) for d in delivered]
            versions = _present(
                before if again is d else batch.version(again, keys)
                for before, d, again in zip(each, delivered, completed, strict=True)
            )
            delivered = completed
        changes = await self._resolve(store, versions)
        letters = [structs.replace(d, derivation=self.derivation(d.site)) for d in batch.dead_letters(delivered, keys)]
        await _keep_letters(store, letters, replayed)
        marked = await store.recount_dead_letters({*closing, *(d.patient for d in letters if d.patient is not None)})
        raised = await self.write(store, changes, marked, versions)
        at, messages = locked | raised, [ds[0].message for ds in read if ds]
        waiting = lanes.may_wait(at, versions, messages)
        await store.mark_backfilled({p: raised[p] for p in waiting & raised.keys()})
        traces = _traces(versions, messages, store.survivor) if tracing.is_on() else {}
        return Applied(delivered, letters, _hints(messages, versions, at, waiting, store.survivor), traces)

    def _measure(self, delivered: Sequence[Delivered], unmapped: Counter[Unmapped], paused: Mapping[str, str]) -> None:
        for (site, _, outcome, reason), n in batch.counts(delivered).items():
            metrics.RESOURCES.labels(site, outcome).inc(n)
            if outcome == "rejected":
                metrics.REJECTED.labels(site, reason).inc(n)
        for (site, *_), n in unmapped.items():
            metrics.UNMAPPED.labels(site).inc(n)
        for site, because in paused.items():
            log.error("site-paused", site=site, because=because)

    async def _identify(
        self, store: FeedStore, read: Sequence[list[Delivered]], crosswalk: Crosswalk
    ) -> list[Delivered]:
        """Remember what Patients state of themselves, and read again what names its subject by such an identifier."""
        keys = self.reader.keys
        stated = batch.identifiers(d for delivered in read for d in delivered)
        await store.subjects.register(
            (keys.identifier(site, i), keys.patient(site, id_), site, id_) for site, i, id_ in stated
        )
        await self.look_up(store, crosswalk)
        if crosswalk.known:
            again = [self.reader.read(ds[0].message, crosswalk) if batch.asks(ds) else ds for ds in read]
            read = await erased.leave_out(store, again, keys)
        delivered = [d for ds in read for d in ds]
        if crosswalk.asked:
            await store.subjects.remember_named(batch.named(delivered, keys))
        return delivered

    async def look_up(self, store: FeedStore, crosswalk: Crosswalk) -> None:
        """Find out whom the identifiers name that were asked for."""
        if crosswalk.asked:
            asked = {self.reader.keys.identifier(site, i): (site, i) for site, i in crosswalk.asked}
            known = await store.subjects.patients(asked)
            crosswalk.known |= {asked[key]: Several.PATIENTS if id_ is None else id_ for key, id_ in known.items()}
            crosswalk.known |= await _known_by_pseudonym(store, crosswalk.asked)

    async def move(
        self, store: FeedStore, moved: Sequence[tuple[Version, Reading]], letters: Sequence[DeadLetter]
    ) -> dict[UUID, int]:
        """Let stored records be of whom they are read to be now, or, as dead letters, of nobody; the raised versions."""
        held, unread = {v.record: v for v, _ in moved}, [self.reader.moved(v, now, {}) for v, now in moved]
        needed = {
            self.reader.keys.record(v.site, *reference.split("/", 1))
            for v, now in moved
            if isinstance(now, Accepted)
            for reference in now.pending
        }
        locked = await self._lock(store, [*held.values(), *unread], needed, {}, set())
        medications = await store.needed_resources(needed) if needed else {}
        versions = [self.reader.moved(v, now, medications) for v, now in moved]
        live: dict[str, list[LiveFact]] = {}
        for r in await store.live_facts(held):
            live.setdefault(r["record"], []).append(LiveFact(r["patient"], r["fact_id"]))
        await store.keep_dead_letters(letters)
        return locked | await self.write(store, resolve(versions, held, live), [])

    async def _lock(
        self,
        store: FeedStore,
        versions: Sequence[Version],
        needed: set[str],
        others: Mapping[UUID, tuple[str, str]],
        also: set[UUID],
    ) -> dict[UUID, int]:
        """Lock whatever the batch may change, always in the same order; the timelines' versions.

        `others` are patients of what could not be read, `also` those whose dead letters are closed.
        """
        medications = {v.record for v in versions if v.resource_type == batch.MEDICATION}
        if needed or medications:
            await store.lock_needed(needed, medications)
        patients = {**others}
        patients |= {v.patient: (v.site, v.patient_id) for v in versions if v.patient and v.patient_id is not None}
        if patients:
            await store.register_patients(patients)
        concerned = await store.patients_concerned(v.record for v in versions) if versions else set()
        everyone = {*patients, *concerned, *also}
        if not everyone:
            return {}
        locked = await store.lock_patients(everyone)
        if not patients.keys() <= locked.keys():  # removed since they were found registered
            raise postgres.Overtaken
        await erased.refuse_late(store, everyone)
        return locked

    async def _medications(self, store: FeedStore, versions: Sequence[Version], needed: set[str]) -> dict[str, bytes]:
        """The newest content, stored or just delivered, of the Medications that the batch needs."""
        stored = {r["record"]: stored_version(r) for r in await store.current_resources(needed)}
        moved = resolve([v for v in versions if v.record in needed], stored, {}).current
        held = await store.needed_resources(needed - moved.keys())
        return held | {record: v.raw for record, v in moved.items() if not v.deleted}

    async def _resolve(self, store: FeedStore, versions: Sequence[Version]) -> Changes:
        stored = {r["record"]: stored_version(r) for r in await store.current_resources(v.record for v in versions)}
        again = await self._dependents(store, versions, stored)
        live: dict[str, list[LiveFact]] = {}
        for r in await store.live_facts([*stored, *(v.record for v in again)]):
            live.setdefault(r["record"], []).append(LiveFact(r["patient"], r["fact_id"]))
        return resolve([*again, *versions], stored | {v.record: v for v in again if v.record not in stored}, live)

    async def _dependents(
        self, store: FeedStore, versions: Sequence[Version], stored: Mapping[str, Version]
    ) -> list[Version]:
        """The stored records that the delivered Medications complete or correct, read again."""
        medications = [v for v in versions if v.resource_type == batch.MEDICATION]
        newest = resolve(medications, stored, {}).current
        if not newest:
            return []
        raw = {record: v.raw for record, v in newest.items() if not v.deleted}
        found = [
            (held := stored_version(r), self.reader.reread(held, r["raw"], r["links"], raw))
            for r in await store.dependents(newest)
        ]
        # What cannot be read with the new Medication keeps what it stated with the old one.
        return [reread.again(v, reading, self.reader.keys) for v, reading in found if not isinstance(reading, Rejected)]

    async def write(
        self, store: FeedStore, changes: Changes, marked: Sequence[UUID], delivered: Sequence[Version] = ()
    ) -> dict[UUID, int]:
        """Write versions, facts and the timelines' new versions; those."""
        await store.keep_versions(
            [
                (v.record, v.content_sha256, v.raw, v.sealed_raw, v.links, v.last_updated, v.version_id)
                for v in changes.keep
            ]
        )
        await store.await_resources((needed, v.record) for v in changes.keep for needed in v.needs)
        await store.set_current([self._current_row(v) for v in changes.current.values()], changes.known)
        raised = await store.raise_versions(sorted({*changes.patients, *marked}))
        await store.end_facts([(e.patient, e.fact_id, raised[e.patient]) for e in changes.ended])
        await store.add_facts([(patient, fact, raised[patient]) for patient, fact in changes.added])
        joined: dict[UUID, int] = {}
        if linked := merges.link_changes(changes):
            joined = await merges.settle(store.merges, linked)
        await self._follow_identifiers(store, changes, delivered, joined)
        return raised | joined

    async def _follow_identifiers(
        self, store: FeedStore, changes: Changes, delivered: Sequence[Version], merged: Iterable[UUID]
    ) -> None:
        """Let Patients state what their current versions state, and note which identifiers name somebody else now."""
        persons = Counter(v.record for v in delivered if v.resource_type == batch.PATIENT)
        stating = {
            v.patient: frozenset() if v.deleted else v.identifiers
            for record, v in changes.current.items()
            if v.patient is not None and not v.reread and (persons[record] > 1 or record in changes.known & {*persons})
        }
        superseded = {
            v.patient
            for v in delivered
            if v.patient is not None and v.resource_type == batch.PATIENT and v.record not in changes.current
        }
        withdrawn = await store.subjects.keep(stating, superseded)
        await store.subjects.note_changes(withdrawn, merged)

    def _current_row(self, v: Version) -> tuple[object, ...]:
        return (
            v.record,
            v.site,
            v.resource_type,
            v.sealed_id or self.vault.seal(v.resource_id.encode(), place_of_id(v.record)),
            v.patient,
            v.content_sha256,
            v.last_updated,
            v.version_id,
            v.broker_at,
            "/".join(map(str, v.feed_position)),
            v.deleted,
            f"[{','.join(v.issues)}]",
            self.derivations[v.site],
            v.unread,
        )


def _present(versions: Iterable[Version | None]) -> list[Version]:
    return [v for v in versions if v is not None]


def stored_version(row: Mapping[str, object]) -> Version:
    """A stored current version of a record, by the names of its columns."""
    fields = {"resource_id": ""} | {name: value for name, value in row.items() if name not in _NO_FIELDS}
    epoch, topic, partition, offset = str(fields.pop("feed_position")).rsplit("/", 3)
    return Version(
        **fields,  # type: ignore[arg-type] # the columns are the fields, by name
        patient_id=None,
        feed_position=(epoch, topic, int(partition), int(offset)),
    )


def _next_offsets(
    messages: Sequence[FeedMessage], counted: Mapping[tuple[str, int], int]
) -> dict[tuple[str, int], int]:
    ends = dict(counted)
    for m in messages:
        ends[m.topic, m.partition] = max(ends[m.topic, m.partition], m.offset + 1)
    return ends


async def _known_by_pseudonym(store: FeedStore, asked: Set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Of the identifiers asked for, our own: by a pseudonym the console names whom a statement is about."""
    named = {(site, p): (site, i) for site, i in asked if (p := batch.pseudonym(i)) is not None}
    known = await store.patients_by_pseudonym({p for _, p in named}) if named else {}
    return {named[key]: id_ for key, id_ in known.items() if key in named}


async def _to_nobody(_delivered: Sequence[Delivered]) -> None:
    return


async def _keep_letters(
    store: FeedStore, letters: Sequence[DeadLetter], replayed: Mapping[UUID, UUID | None] | None
) -> None:
    if replayed is None:
        await store.keep_dead_letters(letters)
    else:
        await store.keep_replayed_in_vain(letters)
        await store.close_replayed(replayed.keys() - {d.dead_letter for d in letters})


def _traces(
    versions: Sequence[Version], messages: Sequence[FeedMessage], survivor: Callable[[UUID], UUID]
) -> dict[UUID, list[str]]:
    """Of each patient the traces that the messages about it carry, the oldest message first."""
    carried = {m.position: t for m in messages if (t := m.headers.get(tracing.HEADER))}
    found: dict[UUID, list[str]] = {}
    for v in sorted(versions, key=lambda v: v.broker_at) if carried else ():
        traceparent = carried.get(v.feed_position)
        if v.patient is not None and traceparent is not None:
            found.setdefault(survivor(v.patient), []).append(traceparent)
    return found


def _hints(
    messages: Sequence[FeedMessage],
    versions: Sequence[Version],
    at: Mapping[UUID, int],
    waiting: Set[UUID],
    survivor: Callable[[UUID], UUID],
) -> list[Hint]:
    """One hint per patient concerned, changed or not, with the publish time of the oldest message about it, and its lane."""
    oldest: dict[UUID, datetime] = {}
    for v in versions:
        if v.patient is not None:
            whose = survivor(v.patient)
            oldest[whose] = min(v.broker_at, oldest.get(whose, v.broker_at))
    fallback = min((m.published_at for m in messages), default=None)
    for patient in at:
        if fallback is not None:
            oldest.setdefault(patient, fallback)
    return [Hint(p, at[p], t, "backfill" if p in waiting else "live") for p, t in sorted(oldest.items())]
