"""The ingest service as a process: poll, read, one transaction per batch, hints, offsets last. Decides nothing itself.

A crash at any point leads to redelivery, and redelivery changes nothing but that the hints are sent again.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import structs

from services.ingest import polling
from services.ingest.catching_up import CatchingUp
from services.ingest.feed_watch import LOOK_SECONDS, FeedWatch
from services.ingest.judging import Judging
from services.ingest.messages import from_record
from services.ingest.naming import Naming
from services.ingest.pausing import Limits
from services.ingest.reader import Reader
from services.ingest.replay import Replayed
from services.ingest.requests import ReplayRequests
from services.ingest.rewinding import Place, Rewinding, WentBackError
from services.ingest.store import Batch, Ingest
from services.ingest.telling import LONGEST_REST_SECONDS, News, Patience, Telling
from shared import quantities, topics
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import (
    clock,
    crosswalk,
    kafka,
    logs,
    memory,
    metrics,
    postgres,
    preflight,
    tracing,
    watching,
)
from shared.runtime.configuration import load_ingest
from shared.runtime.feed_store import FeedStore
from shared.runtime.logs import logger
from shared.runtime.progress import ProgressPage
from shared.runtime.settings import IngestSettings, Settings, load_traces
from shared.sites import ConfigurationError, Site

__all__ = ["GROUP", "Ingest", "IngestService", "main"]

log = logger(__name__)
GROUP: Final = "graftwatch-ingest"
_FOLLOW_SECONDS: Final = 1.0
_LOOK_AT_ALL_EVERY: Final = 30


@dataclass(frozen=True)
class Polled:
    """A batch on its way: read, with the records whose offsets are to be committed, and when it was polled."""

    batch: Batch
    records: Mapping[TopicPartition, Sequence[Any]]
    at: float


class IngestService:
    """The loop around `Ingest`: broker in, broker out, offsets last; keeps trying while the database is away."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        self._page = ProgressPage("ingest", settings.web_host, settings.web_port)
        self._ingest: Ingest
        self._pool: postgres.Pool
        self._rewinding = Rewinding()
        self._look_back_at = 0.0
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._in_hand: Counter[TopicPartition] = Counter()
        """Messages polled and not yet settled."""
        self._consumer: AIOKafkaConsumer
        self._producer: AIOKafkaProducer
        self._telling: Telling
        self._patience = Patience(self._stopping, self._page)

    async def run(self, reader: Reader) -> None:
        """Run until told to stop; raises ConfigurationError where database or broker do not answer."""
        units = asyncio.create_task(asyncio.to_thread(quantities.warm_up))  # not on the event loop, later
        await preflight.reach(self._settings, "ingest")
        servers, security = self._settings.kafka_bootstrap_servers, self._settings.kafka_security
        url = self._settings.database_url.get_secret_value()
        pool = await postgres.connect(url, "ingest", size=2)
        self._pool = pool
        vault = self._settings.vault
        await crosswalk.admit(pool, vault, reader.keys)
        self._ingest = Ingest(reader, pool, vault, pausing_limits(self._settings))
        self._ingest.rewinding = self._rewinding
        judging = Judging(self._settings.conformance, pool)
        self._ingest.stored = judging.offer
        names = sorted({t.name for t in topics.FEED} | {t for s in reader.sites.values() for t in s.topics})
        self._producer = await kafka.producer(servers, security)
        self._telling = Telling(self._producer, self._patience)
        self._consumer = await kafka.feed_consumer(servers, GROUP, names, security)
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, self._stopping.set)
        await self._page.open()
        log.info("service-started", web_port=self._page.port, topics=names, sites=sorted(reader.sites))
        judging.start()
        background = await postgres.connect(url, "ingest", size=3)
        catching_up = CatchingUp(self._ingest, background, self._page, self._telling.tell)
        await catching_up.widen()
        watching.certificates("ingest", self._settings)
        _expect(reader.sites, names)
        feed = FeedWatch(self._consumer, self._page, self._in_hand, self._rewinding, self._known)
        beside = [asyncio.create_task(feed.run()), asyncio.create_task(catching_up.run())]
        beside.append(asyncio.create_task(catching_up.say_that_it_works()))
        watch = watching.Watch("ingest", background)
        watch.also(feed.sites, often=True)
        beside.append(asyncio.create_task(watch.run()))
        beside.append(asyncio.create_task(ReplayRequests(self._ingest, background, self._telling.tell).run()))
        beside.append(asyncio.create_task(self._follow_identifiers(background)))
        try:
            await units
            _spare_the_collector()
            await self._process()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await background.close()
            await self._page.close()
            await self._consumer.stop()
            await self._producer.stop()
            await judging.close()
            await pool.close()

    async def _process(self) -> None:
        """Store batch after batch in their order; the next one is polled and read while one is being stored.

        The hints of the one before are sent meanwhile, and its offsets committed once the broker has them.
        """
        ahead, behind = asyncio.create_task(self._poll()), asyncio.create_task(_nothing_yet())
        try:
            while not self._stopping.is_set():
                polled = await ahead
                ahead = asyncio.create_task(self._poll())
                try:
                    if polled.batch.messages:
                        news = await self._until_stored(polled.batch)
                        await behind
                        behind = asyncio.create_task(self._finish(polled, news))
                    elif not self._in_hand.total():
                        await self._look_back()
                except WentBackError as error:
                    await asyncio.gather(ahead, behind)  # read from where the consumer stood: dropped with the batch
                    await self._go_back(error)
                    ahead = asyncio.create_task(self._poll())
            await behind
        finally:
            ahead.cancel()
            behind.cancel()
            await asyncio.gather(ahead, behind, return_exceptions=True)

    async def _look_back(self) -> None:
        """In a quiet moment see whether the database still has everything: a promoted replica may not."""
        if (now := time.monotonic()) < self._look_back_at:
            return
        self._look_back_at = now + LOOK_SECONDS
        try:
            stands = {(tp.topic, tp.partition): await self._consumer.position(tp) for tp in self._consumer.assignment()}
            known = await self._known()
        except (KafkaError, *postgres.UNREACHABLE):  # a partition that a rebalance took away meanwhile, say
            return
        self._rewinding.check(stands, known)

    async def _known(self) -> dict[Place, int]:
        """How far the database is."""
        async with self._pool.acquire() as connection:
            return await FeedStore(connection, self._settings.vault).positions(self._settings.feed_epoch)

    async def _go_back(self, error: WentBackError) -> None:
        """Read from there again, and set the group back too: whoever has a partition next would go on behind the gap."""
        self._in_hand.clear()
        wanted, attempt = {TopicPartition(*place): offset for place, offset in error.offsets.items()}, 0
        while ours := {tp: offset for tp, offset in wanted.items() if tp in self._consumer.assignment()}:
            for tp, offset in ours.items():
                log.warning("feed-read-again", topic=tp.topic, partition=tp.partition, offset=offset)
                self._consumer.seek(tp, offset)
            try:
                await self._consumer.commit(ours)
                break
            except KafkaError as refused:  # a rebalance, say, after which what is still ours begins elsewhere
                attempt = await self._patience.rest(refused, attempt)
        self._rewinding.forget((tp.topic, tp.partition) for tp in wanted.keys() - ours.keys())

    async def _poll(self) -> Polled:
        assigned = self._consumer.assignment()
        self._rewinding.forget((tp.topic, tp.partition) for tp in assigned - self._assigned)
        self._assigned = assigned
        records = await polling.live_first(self._consumer, self._settings.batch_size)
        at = time.perf_counter()
        self._in_hand.update({tp: len(rs) for tp, rs in records.items()})
        messages = [from_record(r, self._settings.feed_epoch) for rs in records.values() for r in rs]
        return Polled(await self._ingest.read(messages), records, at)

    async def _finish(self, polled: Polled, news: Sequence[News]) -> None:
        """Tell of a stored batch, again and again while the broker is away, and only then commit its offsets."""
        for each in news:
            await self._telling.until_told(each)
        metrics.BATCH_SECONDS.labels("ingest").observe(time.perf_counter() - polled.at)
        await self._commit({tp: rs[-1].offset + 1 for tp, rs in polled.records.items() if rs})
        self._in_hand.subtract({tp: len(rs) for tp, rs in polled.records.items()})
        newest = max(m.published_at for m in polled.batch.messages).timestamp()
        metrics.NEWEST_PROCESSED.set(newest)
        metrics.NEWEST_AGE.set_function(lambda: clock.wall().timestamp() - newest)
        self._page.moved()

    async def _until_stored(self, read: Batch) -> list[News]:
        """Store, again and again while the database is away: nothing is skipped. What there is to tell then.

        Where a batch cannot be stored for another reason, its messages are stored one by one, and the one that cannot be
        becomes a dead letter: it stops nobody else.
        """
        attempt, messages = 0, read.messages
        while not self._stopping.is_set():
            try:
                began = tracing.now_ns()
                told, letters = await self._ingest.commit(read)
                return [News(told, letters, self._ingest.traces, began, len(messages))]
            except WentBackError:
                raise
            except Exception as error:
                if postgres.may_pass(error):
                    attempt = await self._patience.rest(error, attempt)
                    continue
                if len(messages) == 1:
                    log.error("message-set-aside", error=logs.where(error), position=messages[0].position)
                    if messages[0].unstorable:  # not even as a dead letter: it waits, uncommitted, until somebody helps
                        await asyncio.sleep(LONGEST_REST_SECONDS)
                    messages = [structs.replace(messages[0], unstorable=True)]
                    read = await self._ingest.read(messages)
                    continue
                return [n for m in messages for n in await self._until_stored(await self._ingest.read([m]))]
        raise asyncio.CancelledError

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        try:
            await self._consumer.commit(offsets)
        except KafkaError as error:  # redelivered, to whoever has the partition when the broker answers again
            log.info("commit-skipped", error=type(error).__name__)

    async def _follow_identifiers(self, pool: postgres.Pool) -> None:
        """Read again what waited for an identifier, at once, and what another worker or a crash left over, now and then."""
        naming, turn = Naming(self._ingest, pool), 0
        while True:
            stated, self._ingest.newly_stated = self._ingest.newly_stated, set()
            of = None if turn % _LOOK_AT_ALL_EVERY == 0 else stated
            try:
                done = await naming.waiting(of) if of or of is None else Replayed()
                done.add(await naming.changed())
                if done.hints or done.letters:
                    await self._telling.tell(done.hints, done.letters)
            except Exception as error:  # tried again: nothing is lost meanwhile, it only waits
                self._ingest.newly_stated |= stated
                log.warning("identifiers-not-followed", error=logs.where(error))
            turn += 1
            await asyncio.sleep(_FOLLOW_SECONDS)


async def _nothing_yet() -> None:
    return


def _expect(sites: Mapping[str, Site], names: Iterable[str]) -> None:
    """Every configured site is watched for silence from now on, one that never sent anything too; each topic for losses."""
    for topic in names:
        metrics.FEED_LOST.labels(topic)  # a series that began with the first loss would show no increase
    for name, site in sites.items():
        metrics.SITE_DELIVERED.labels(name)
        metrics.SITE_SILENT_AFTER.labels(name).set(site.silent_after_hours * 3600)


def _spare_the_collector() -> None:
    """What a batch holds for a moment is looked at seldom, what stays never: nothing of it refers to itself."""
    memory.spare_what_stays()
    gc.set_threshold(100_000)


def pausing_limits(settings: Settings) -> Limits:
    """When to pause a site, as configured."""
    return Limits(settings.pause_window, settings.pause_bad, settings.pause_bad_in_a_row, settings.pause_held)


async def serve() -> None:
    """Run until stopped, as the environment says; raises ConfigurationError."""
    configuration = load_ingest()
    logs.configure("ingest", configuration.settings.log_level)
    tracing.configure("ingest", load_traces())
    scope = protocol_files.scope(configuration.protocols.values())
    keys = HmacKeys(configuration.settings.pseudonym_key.get_secret_value().encode())
    reader = Reader(configuration.sites, scope, keys)
    await IngestService(configuration.settings).run(reader)


def main() -> None:
    """Run until stopped; a wrong configuration is named and refused."""
    try:
        asyncio.run(serve())
    except ConfigurationError as error:
        raise SystemExit(f"graftwatch ingest cannot start:\n{error}") from None
    except asyncio.CancelledError:
        return
