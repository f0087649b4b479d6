"""The ingest service as a process: poll, read, one transaction per batch, hints, offsets last. Decides nothing itself.

A crash at any point leads to redelivery, and redelivery changes nothing but that the hints are sent again.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, KafkaError, RebalanceInProgressError

from services.ingest import batch, reread
from services.ingest.batch import Delivered
from services.ingest.messages import FeedMessage, from_record
from services.ingest.reader import Reader
from services.ingest.versions import Changes, LiveFact, Version, resolve
from shared import topics
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import hints, kafka, logs, metrics, postgres, preflight
from shared.runtime.configuration import load as load_configuration
from shared.runtime.feed_store import DeadLetter, FeedStore
from shared.runtime.hints import Hint
from shared.runtime.logs import logger
from shared.runtime.progress import ProgressPage
from shared.runtime.settings import Settings
from shared.sites import ConfigurationError

log = logger(__name__)
GROUP: Final = "graftwatch-ingest"
_POLL_MS: Final = 50
_LAG_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = (0.2, 1.0, 5.0)


class Ingest:
    """Turns batches of feed messages into committed timelines."""

    def __init__(self, reader: Reader, pool: postgres.Pool, scope_hash: str) -> None:
        self._reader = reader
        self._pool = pool
        self._scope_hash = scope_hash

    async def store(self, messages: Sequence[FeedMessage]) -> tuple[list[Hint], list[DeadLetter]]:
        """Commit what a batch brings, in one transaction; the hints to send and the dead letters to point to."""
        delivered = [d for m in messages for d in self._reader.read(m)]
        async with self._pool.acquire() as connection, connection.transaction():
            store = FeedStore(connection)
            counted = await store.lock_positions(messages[0].epoch, sorted({(m.topic, m.partition) for m in messages}))
            locked, needed = await self._lock(store, delivered)
            if needed:
                medications = await self._medications(store, batch.versions(delivered, self._reader.keys), needed)
                delivered = [self._reader.complete(d, medications) for d in delivered]
            versions = batch.versions(delivered, self._reader.keys)
            changes = await self._resolve(store, versions)
            raised = await self._write(store, changes)
            letters = batch.dead_letters(delivered, self._reader.keys)
            await store.keep_dead_letters(letters)
            await store.count(batch.counts(delivered, counted))
            await store.advance_positions(messages[0].epoch, _next_offsets(messages, counted))
        for d in delivered:
            metrics.RESOURCES.labels(d.site or "", batch.outcome(d.reading)[0]).inc()
        return _hints(versions, changes, locked | raised), letters

    async def _lock(self, store: FeedStore, delivered: Sequence[Delivered]) -> tuple[dict[UUID, int], set[str]]:
        """Lock whatever the batch may change, always in the same order; timeline versions, and records needed."""
        versions = batch.versions(delivered, self._reader.keys)
        needed = reread.needed(delivered, self._reader.keys)
        medications = {v.record for v in versions if v.resource_type == batch.MEDICATION}
        if needed or medications:
            await store.lock_needed(needed | medications)
        patients = {v.patient: (v.site, v.patient_id) for v in versions if v.patient and v.patient_id is not None}
        if patients:
            await store.register_patients(patients)
        concerned = await store.patients_concerned(v.record for v in versions) if versions else set()
        return (await store.lock_patients({*patients, *concerned})) if patients or concerned else {}, needed

    async def _medications(
        self, store: FeedStore, versions: Sequence[Version], needed: set[str]
    ) -> dict[str, bytes]:
        """The newest content, stored or just delivered, of the Medications that the batch needs."""
        stored = {r["record"]: _stored(r) for r in await store.current_resources(needed)}
        moved = resolve([v for v in versions if v.record in needed], stored, {}).current
        held = await store.needed_resources(needed - moved.keys())
        return held | {record: v.raw for record, v in moved.items() if not v.deleted}

    async def _resolve(self, store: FeedStore, versions: Sequence[Version]) -> Changes:
        stored = {r["record"]: _stored(r) for r in await store.current_resources(v.record for v in versions)}
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
        again = [self._reader.again(_stored(r), r["raw"], r["links"], raw) for r in await store.dependents(newest)]
        return [v for v in again if v is not None]

    async def _write(self, store: FeedStore, changes: Changes) -> dict[UUID, int]:
        await store.keep_versions(
            [(v.record, v.content_sha256, v.raw, v.links, v.last_updated, v.version_id) for v in changes.keep]
        )
        await store.await_resources((needed, v.record) for v in changes.keep for needed in v.needs)
        await store.set_current([self._current_row(v) for v in changes.current.values()])
        raised = await store.raise_versions(changes.patients)
        await store.end_facts([(e.patient, e.fact_id, raised[e.patient]) for e in changes.ended])
        await store.add_facts([(patient, fact, raised[patient]) for patient, fact in changes.added])
        return raised

    def _current_row(self, v: Version) -> tuple[object, ...]:
        return (
            v.record,
            v.site,
            v.resource_type,
            v.resource_id,
            v.patient,
            v.content_sha256,
            v.last_updated,
            v.version_id,
            v.broker_at,
            "/".join(map(str, v.feed_position)),
            v.deleted,
            f"[{','.join(v.issues)}]",
            self._scope_hash,
        )


def _stored(row: Mapping[str, object]) -> Version:
    fields = {name: value for name, value in row.items() if name not in ("raw", "links")}
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


def _hints(versions: Sequence[Version], changes: Changes, at: Mapping[UUID, int]) -> list[Hint]:
    """One hint per patient concerned, changed or not, with the publish time of the oldest message about it."""
    oldest: dict[UUID, datetime] = {}
    for v in versions:
        if v.patient is not None:
            oldest[v.patient] = min(v.broker_at, oldest.get(v.patient, v.broker_at))
    fallback = min((v.broker_at for v in versions), default=None)
    for patient in at:
        if fallback is not None:
            oldest.setdefault(patient, fallback)
    return [Hint(p, at[p], published) for p, published in sorted(oldest.items())]


class IngestService:
    """The loop around `Ingest`: broker in, broker out, offsets last; keeps trying while the database is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        self._page = ProgressPage("ingest", settings.web_host, settings.web_port)
        self._ingest: Ingest
        self._consumer: AIOKafkaConsumer
        self._producer: AIOKafkaProducer

    async def run(self, reader: Reader, scope_hash: str) -> None:
        """Run until told to stop; raises ConfigurationError where database or broker do not answer."""
        await preflight.reach(self._settings, "ingest")
        servers, url = self._settings.kafka_bootstrap_servers, self._settings.database_url.get_secret_value()
        pool = await postgres.connect(url, "ingest", size=2)
        self._ingest = Ingest(reader, pool, scope_hash)
        names = sorted({t.name for t in topics.FEED} | {t for s in reader.sites.values() for t in s.topics})
        self._producer = await kafka.producer(servers)
        self._consumer = await kafka.feed_consumer(servers, GROUP, names)
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, self._stopping.set)
        await self._page.open()
        log.info("service-started", web_port=self._page.port, topics=names, sites=sorted(reader.sites))
        watch = asyncio.create_task(self._watch_lag())
        try:
            while not self._stopping.is_set():
                await self._step()
        finally:
            watch.cancel()
            await self._page.close()
            await self._consumer.stop()
            await self._producer.stop()
            await pool.close()

    async def _step(self) -> None:
        polled = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=self._settings.batch_size)
        messages = [from_record(r, self._settings.feed_epoch) for records in polled.values() for r in records]
        if messages:
            await self._until_stored(messages)
            await self._commit({tp: records[-1].offset + 1 for tp, records in polled.items() if records})
            metrics.NEWEST_PROCESSED.set(max(m.published_at for m in messages).timestamp())
            self._page.moved()

    async def _until_stored(self, messages: Sequence[FeedMessage]) -> None:
        """Store and tell, again and again while database or broker are away: nothing is skipped, nothing committed before.

        Where a batch cannot be stored for another reason, its messages are stored one by one, and the one that cannot be
        becomes a dead letter: it stops nobody else.
        """
        attempt = 0
        while not self._stopping.is_set():
            try:
                await self._store_and_tell(messages)
                return
            except (*postgres.UNREACHABLE, KafkaError) as error:
                wait = _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)]
                log.warning("batch-retried", error=logs.where(error), attempt=attempt, wait_seconds=wait)
                attempt += 1
                await asyncio.sleep(wait)
            except Exception as error:
                if len(messages) == 1:
                    log.error("message-set-aside", error=logs.where(error), position=messages[0].position)
                    messages = [replace(messages[0], unstorable=True)]
                    continue
                for message in messages:
                    await self._until_stored([message])
                return
        raise asyncio.CancelledError

    async def _store_and_tell(self, messages: Sequence[FeedMessage]) -> None:
        started = time.perf_counter()
        told, letters = await self._ingest.store(messages)
        metrics.BATCH_SECONDS.labels("ingest").observe(time.perf_counter() - started)
        await self._tell(told, letters)

    async def _tell(self, told: Sequence[Hint], letters: Sequence[DeadLetter]) -> None:
        sent = [
            await self._producer.send(topics.TIMELINE_CHANGES.name, hints.encode(h), key=str(h.patient).encode())
            for h in told
        ]
        sent += [
            await self._producer.send(topics.DEAD_LETTERS.name, batch.pointer(d), key=str(d.dead_letter).encode())
            for d in letters
        ]
        await asyncio.gather(*sent)

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalGenerationError, RebalanceInProgressError) as error:
            log.info("commit-skipped", error=type(error).__name__)  # redelivered to whoever has the partition now

    async def _watch_lag(self) -> None:
        """Ask the broker itself how much waits: a consumer that stalls silently would not know."""
        while True:
            await asyncio.sleep(_LAG_SECONDS)
            try:
                self._page.lags(await asyncio.wait_for(self._lag(), _LAG_SECONDS))
            except (KafkaError, TimeoutError) as error:
                log.warning("lag-unknown", error=type(error).__name__)

    async def _lag(self) -> dict[str, int]:
        assigned = sorted(self._consumer.assignment())
        ends = await self._consumer.end_offsets(assigned) if assigned else {}
        lag: dict[str, int] = {}
        for tp, end in ends.items():
            lag[tp.topic] = lag.get(tp.topic, 0) + max(0, end - await self._consumer.position(tp))
        return lag


def main() -> None:
    """Run until stopped; a wrong configuration is named and refused."""
    try:
        configuration = load_configuration()
        logs.configure("ingest", configuration.settings.log_level)
        scope = protocol_files.scope(configuration.protocols.values())
        keys = HmacKeys(configuration.settings.pseudonym_key.get_secret_value().encode())
        reader = Reader(configuration.sites, scope, keys)
        asyncio.run(IngestService(configuration.settings).run(reader, scope.hash))
    except ConfigurationError as error:
        raise SystemExit(f"graftwatch ingest cannot start:\n{error}") from None
    except asyncio.CancelledError:
        return
