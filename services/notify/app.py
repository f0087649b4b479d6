"""The notify service as a process: hints in, decisions, reconciliation, escalation, sending, pages. Decides nothing itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from aiohttp import web
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from services.notify import coverage, directory
from services.notify.addresses import Addresses
from services.notify.channels.http import Poster
from services.notify.deciding import EVER, RECENT, Decider
from services.notify.deliveries import Deliveries
from services.notify.directory import Directory
from services.notify.escalating import Escalator
from services.notify.pages import Pages
from services.notify.sending import Sender
from services.notify.subscriptions.keeping import Keeper
from services.notify.subscriptions.server import SubscriptionServer
from services.notify.ways import Ways
from shared import topics
from shared.runtime import kafka, logs, memory, metrics, ports, postgres, tracing, watching
from shared.runtime.clock import wall
from shared.runtime.configuration import NotifyConfiguration, load_notify
from shared.runtime.notify_settings import NotifySettings
from shared.runtime.secret_files import WithFiles
from shared.runtime.settings import load_traces
from shared.runtime.watched import WatchedFile
from shared.sites import ConfigurationError

log = logs.logger(__name__)
GROUP: Final = "graftwatch-notify"
TOPICS: Final = (topics.SCREENING_DECISIONS, topics.RESPONSE_ASSESSMENTS, topics.SAFETY_EVENTS)
_POLL_MS: Final = 50
_POLLED: Final = 500
_EVERYTHING_SECONDS: Final = 600.0
_ESCALATION_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.5
_POOL: Final = 8


class NotifyService:
    """The parts of the service and its loops; what fails is tried again."""

    def __init__(self, configuration: NotifyConfiguration) -> None:
        self._configuration = configuration
        self._settings = configuration.settings
        self._directory: Directory = configuration.recipients
        self._stopping = asyncio.Event()
        self._opened = AsyncExitStack()
        self._pool: postgres.Pool
        self._consumer: AIOKafkaConsumer
        self._decided: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._decider: Decider
        self._escalator: Escalator
        self._ways: Ways
        self._server: SubscriptionServer
        self._sender: Sender
        self._keeper: Keeper
        self._pages: Pages

    async def run(self) -> None:
        """Run until told to stop; raises ConfigurationError where database or broker do not answer."""
        async with self._opened:
            port = await self._open()
            for name in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(name, self._stopping.set)
            log.info("service-started", web_port=port, recipients=len(self._directory.recipients))
            sending = asyncio.create_task(self._sender.run())
            loops = [
                asyncio.create_task(work)
                for work in (
                    self._listen(),
                    self._reconcile(),
                    self._keeper.run(),
                    *self._watch(),
                    self._repeat(_ESCALATION_SECONDS, self._escalate),
                    self._looking(),
                )
            ]
            watched = asyncio.create_task(self._stopping.wait())
            memory.spare_what_stays()
            ended, _ = await asyncio.wait([watched, sending, *loops], return_when=asyncio.FIRST_COMPLETED)
            for task in (*loops, watched):
                task.cancel()
            await asyncio.gather(*loops, watched, return_exceptions=True)
            await self._sender.stop()
            await asyncio.gather(sending, return_exceptions=True)
            faults = [error for task in ended if (error := task.exception()) is not None]
        for error in faults:  # none of them may end: whoever supervises the service must see it, and start it anew
            log.error("service-ended", error=logs.where(error))
        if faults:
            raise SystemExit(1)

    def _looking(self) -> Coroutine[None, None, None]:
        """What is told of the database; what waits there is asked as often as whether it answers."""
        watch = watching.Watch("notify", self._pool)
        watch.also(self._pages.look, often=True)
        watch.also(self._look_whom_nobody_tells)
        return watch.run()

    async def _look_whom_nobody_tells(self, _pool: postgres.Pool) -> None:
        """Of which sites' urgent events nobody would be told: as the file is now, and who in it has ended by now."""
        configured = self._configuration
        untold = coverage.untold(self._directory, configured.protocols, configured.sites, wall())
        self._pages.say_untold(configured.sites, untold)

    def _watch(self) -> list[Coroutine[None, None, None]]:
        """The recipients file is taken anew when it changes; where nobody is told, there is none."""
        path = self._settings.recipients
        if path is None:
            return []

        def read() -> Directory:
            found = directory.load(path, WithFiles(os.environ))
            _check(self._settings, found)
            return found

        return [WatchedFile("notify", "recipients", path, read, self._use).run()]

    def _use(self, found: Directory) -> None:
        """Decide, send and answer by another recipients file; what waits for somebody whom it does not name is given up."""
        self._directory = found
        self._decider.use(found)
        self._escalator.use(found)
        self._ways.use(found)
        self._server.use(found)
        _warn(found, self._configuration)

    async def _open(self) -> int:
        settings = self._settings
        url = settings.database_url.get_secret_value()
        self._pool = await postgres.connect(url, "notify", size=_POOL)
        self._opened.push_async_callback(self._pool.close)
        watching.certificates("notify", settings)
        self._consumer = await kafka.feed_consumer(
            settings.kafka_bootstrap_servers, GROUP, [t.name for t in TOPICS], settings.kafka_security
        )
        self._opened.push_async_callback(self._consumer.stop)
        poster = Poster(Addresses(settings.networks), settings.ca_file)
        await self._opened.enter_async_context(poster)
        port = settings.web_port or ports.free(settings.web_host)
        base = (settings.notify_url or f"http://{settings.web_host}:{port}").rstrip("/") + "/fhir"
        ways = self._ways = Ways(self._directory, self._pool, settings, poster, base)
        self._opened.push_async_callback(ways.close)
        self._decider = Decider(self._pool, self._directory)
        self._escalator = Escalator(self._pool, self._directory)
        longest = timedelta(days=settings.patience_days)
        self._sender = Sender(self._pool, ways.channel, longest)
        self._keeper = Keeper(ways.subscriptions, ways.hook, longest, lambda: self._sender.is_leading)
        self._keeper.answered = self._sender.wake
        self._pages = Pages(self._decider, self._escalator, Deliveries(self._pool), self._sender)
        await self._serve(port, base, ways)
        return port

    async def _serve(self, port: int, base: str, ways: Ways) -> None:
        app = web.Application()
        self._pages.add_to(app)
        addresses = Addresses(self._settings.networks)
        self._server = SubscriptionServer(self._directory, ways.subscriptions, addresses, base)
        app.add_subapp("/fhir", self._server.application())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._opened.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, self._settings.web_host, port).start()

    async def _listen(self) -> None:
        """Decide about the patients that messages name; offsets are committed last."""
        while True:
            polled = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLLED)
            self._pages.liveness.beat()
            records = [r for of_partition in polled.values() for r in of_partition]
            if not records:
                continue
            traces = dict(filter(None, map(_trace, records))) if tracing.is_on() else {}
            await self._until_decided({p for r in records if (p := _patient(r)) is not None}, traces)
            self._commit_soon({tp: rs[-1].offset + 1 for tp, rs in polled.items() if rs})

    async def _decide(self, patients: set[UUID], traces: Mapping[UUID, str] = MappingProxyType({})) -> None:
        if await self._decider.decide(sorted(patients), traces):
            self._sender.wake()

    async def _until_decided(self, patients: set[UUID], traces: Mapping[UUID, str]) -> None:
        """Until the database does it: nothing is skipped. A fault of another kind is left to reconciliation."""
        while True:
            try:
                return await self._decide(patients, traces)
            except Exception as error:
                if postgres.may_pass(error):
                    log.warning("decision-retried", error=logs.where(error))
                    self._pages.liveness.beat()
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                log.error("decision-left-to-reconciliation", error=logs.where(error))
                return None

    def _commit_soon(self, decided: dict[TopicPartition, int]) -> None:
        """Beside the next decisions, one commit at a time: what is decided while one is under way goes with the next."""
        self._decided |= decided
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit())

    async def _commit(self) -> None:
        try:
            while self._decided:
                offsets, self._decided = self._decided, {}
                await self._consumer.commit(offsets)
        except KafkaError as error:
            log.info("commit-skipped", error=type(error).__name__)  # they come again, and nothing is decided twice

    async def _reconcile(self) -> None:
        """Find events that no message told of: the recent ones all the time, all of them at start and now and then."""
        everything_at = 0.0
        grace = timedelta(seconds=self._settings.reconcile_grace_seconds)
        while True:
            now = asyncio.get_running_loop().time()
            try:
                everything = now >= everything_at
                if everything:
                    self._decider.give_another_chance()
                while patients := await self._decider.undecided_patients(EVER if everything else RECENT, grace):
                    await self._decide_each(patients)
                if everything:
                    everything_at = now + _EVERYTHING_SECONDS
            except Exception as error:  # tried again: nothing is lost meanwhile, it only waits
                log.warning("reconciliation-failed", error=logs.where(error))
            await asyncio.sleep(self._settings.reconcile_seconds)

    async def _decide_each(self, patients: list[UUID]) -> None:
        """Together; where that fails for another reason than the database, one by one: a fault costs no other patient."""
        try:
            await self._decide(set(patients))
        except Exception as together:
            if postgres.may_pass(together):
                raise
            for patient in patients:
                try:
                    await self._decide({patient})
                except Exception as error:
                    if postgres.may_pass(error):
                        raise
                    log.error("decision-failed", patient=str(patient), error=logs.where(error))
                    self._decider.set_aside(patient)

    async def _escalate(self) -> None:
        if await self._escalator.escalate():
            self._sender.wake()

    async def _repeat(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:
                log.warning("repeated-work-failed", error=logs.where(error))
            await asyncio.sleep(seconds)


def _patient(record: ConsumerRecord) -> UUID | None:
    """The patient of whom there may be news: the message's key. What it carries is read from the outbox."""
    try:
        return UUID((record.key or b"").decode("ascii"))
    except ValueError:
        metrics.HINTS_UNREADABLE.labels("notify").inc()
        return None


def _trace(record: ConsumerRecord) -> tuple[UUID, str] | None:
    """The event of a message and the trace that it carries, where it does."""
    traceparent = tracing.carried(record.headers)
    event = dict(record.headers).get("ce_id")
    if traceparent is None or event is None:
        return None
    try:
        return UUID(event.decode("ascii")), traceparent
    except ValueError:
        return None


def _check(settings: NotifySettings, found: Directory) -> None:
    """Refuse what cannot work."""
    mails = any(r.email for r in found.recipients.values())
    if mails and settings.smtp_url is None and not settings.mailbox:
        raise ConfigurationError(
            "GRAFTWATCH_SMTP_URL is not set, but recipients have e-mail addresses;"
            " GRAFTWATCH_MAILBOX=true keeps their mails in the database (development)"
        )


def _warn(found: Directory, configuration: NotifyConfiguration) -> None:
    """Say what reaches nobody."""
    for warning in coverage.warnings(found, configuration.protocols, configuration.sites, wall()):
        log.warning("recipients", says=warning)


async def serve(configuration: NotifyConfiguration) -> None:
    """Run until stopped."""
    await NotifyService(configuration).run()


def main() -> None:
    """Run until stopped; a wrong configuration is named and refused."""
    try:
        configuration = load_notify(directory.load)
        logs.configure("notify", configuration.settings.log_level)
        _check(configuration.settings, configuration.recipients)
        _warn(configuration.recipients, configuration)
        tracing.configure("notify", load_traces())
        asyncio.run(serve(configuration))
    except ConfigurationError as error:
        raise SystemExit(f"graftwatch notify cannot start:\n{error}") from None
