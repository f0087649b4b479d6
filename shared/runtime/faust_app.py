"""The Faust app of a deciding service: hints in, evaluations out, reconciliation beside. Holds no rule and no state.

Faust-streaming 0.15.3 acknowledges a message whose agent failed, commits past in-flight messages when an agent runs
concurrently, and ends an agent that fails to decode: so concurrency stays 1, bytes are decoded here, nothing escapes the
agent's body, and completeness never rests on the stream. The agent only notes whom hints name; a task beside it evaluates
whoever waits, so that a batch is what came while the one before was evaluated: nobody waits for a batch to fill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import Any, Final

import faust

from shared import topics
from shared.events import AnyEvent
from shared.protocol.model import Protocol
from shared.runtime import (
    hints,
    kafka,
    logs,
    memory,
    metric_table,
    metrics,
    ports,
    postgres,
    preflight,
    tracing,
    trial_figures,
    watching,
)
from shared.runtime.clock import Clock
from shared.runtime.configuration import Configuration
from shared.runtime.configuration import load as load_configuration
from shared.runtime.evaluator import Evaluator, Introduce, Rules
from shared.runtime.kafka_access import Security
from shared.runtime.liveness import Liveness
from shared.runtime.logs import logger
from shared.runtime.outbox import OutboxRelay
from shared.runtime.reconcile import Reconciliation
from shared.runtime.settings import load_traces
from shared.sites import ConfigurationError

log = logger(__name__)
_TAKE: Final = 500
_GATHER_SECONDS: Final = 0.004
"""What ingest tells of one batch arrives together: the first of it waits so long for the rest."""
_STALLED_SECONDS: Final = 60.0


def _nothing(_protocol: Protocol) -> Sequence[AnyEvent]:
    return ()


class DecidingService:
    """What a running deciding service holds; made before the worker starts, opened and closed with it."""

    def __init__(
        self,
        name: str,
        rules: Rules,
        configuration: Configuration,
        summary: trial_figures.Summary | None = None,
        introduce: Introduce = _nothing,
    ) -> None:
        self.name = name
        self._summary = summary
        self.settings = configuration.settings
        self.protocols = configuration.protocols
        self._rules = rules
        self._introduce = introduce
        self._waiting, self._news = hints.Waiting(), asyncio.Event()
        self._opened = AsyncExitStack()
        self.liveness = Liveness()
        self.evaluator: Evaluator
        self._pool: postgres.Pool
        self._reconciliation: Reconciliation

    async def open(self) -> None:
        """Connect to Postgres and Kafka and begin to relay the outbox."""
        self._pool = await postgres.connect(self.settings.database_url.get_secret_value(), self.name)
        self._opened.push_async_callback(self._pool.close)
        producer = await kafka.producer(self.settings.kafka_bootstrap_servers, self.settings.kafka_security)
        self._opened.push_async_callback(producer.stop)
        clock = Clock(self.settings.evaluation_time)
        cached = self.settings.cached_facts
        self.evaluator = Evaluator(self.name, self._rules, self._pool, self.protocols, clock, cached)
        await self.evaluator.precedence.enter(self._pool)
        grace = timedelta(seconds=self.settings.reconcile_grace_seconds)
        self._reconciliation = Reconciliation(self.evaluator, self._pool, grace, self.liveness.beat)
        relay = OutboxRelay(self.name, self._pool, producer)
        self.evaluator.committed = relay.wake
        relaying = asyncio.create_task(relay.run())
        self._opened.push_async_callback(_cancel, relaying)
        watch = watching.Watch(self.name, self._pool)
        watch.also(self._oldest_behind)
        self._opened.push_async_callback(_cancel, asyncio.create_task(watch.run()))
        watching.certificates(self.name, self.settings)
        self._opened.push_async_callback(_cancel, asyncio.create_task(self._evaluate_waiting()))
        await self.evaluator.introduce(self._introduce)
        if self._summary is not None:
            self._keep_figures(self._summary, clock)

    def _keep_figures(self, summary: trial_figures.Summary, clock: Clock) -> None:
        """Keep the figures of each trial live, as patients' contributions change."""
        figures = trial_figures.TrialFigures(self.name, summary, self._pool, self.protocols, clock)
        figures.precedence = self.evaluator.precedence
        self.evaluator.appended = lambda kinds: figures.wake() if summary.KIND in kinds else None
        keeping = asyncio.create_task(figures.run())
        self._opened.push_async_callback(_cancel, keeping)

    async def close(self) -> None:
        """Stop relaying and disconnect, in the reverse order; what was never opened is left alone."""
        await self._opened.aclose()

    def hear(self, message: bytes | None, traceparent: str | None = None) -> None:
        """Note whom a live hint names; never raises. Back-fill is left to reconciliation.

        A million back-filled hints are so put aside as fast as they are read, and a live one waits for none of them.
        """
        if self._waiting.add(message, traceparent):
            self._news.set()
        else:
            metrics.HINTS_UNREADABLE.labels(self.name).inc()

    async def _evaluate_waiting(self) -> None:
        """Evaluate whom hints name, batch after batch, until cancelled; whatever fails is left to reconciliation."""
        while True:
            await self._news.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._news.clear()
            while patients := self._waiting.take(_TAKE):
                traces = self._waiting.take_traces(patients)
                try:
                    asked = {p: h.published_at for p, h in patients.items()}
                    await self.evaluator.evaluate(asked, "hint", traces=traces)
                except Exception as error:
                    log.warning("hints-left-to-reconciliation", patients=len(patients), error=logs.where(error))
                self.liveness.beat()

    async def reconcile(self) -> None:
        """Evaluate whatever is behind or expired, until nothing is."""
        try:
            await self._reconciliation.run()
            await self.evaluator.precedence.worked(self._pool)
        except Exception as error:
            log.warning("reconciliation-failed", error=logs.where(error))
        self.liveness.beat()

    async def _oldest_behind(self, pool: postgres.Pool) -> float:
        """How long the longest waiting patient has waited for live news, noted for whoever watches; back-fill beside it."""
        async with pool.acquire(timeout=5) as connection:
            live, backfilled = await self.evaluator.oldest_behind_seconds(connection)
        metrics.OLDEST_BEHIND.labels(self.name).set(live)
        metrics.OLDEST_BACKFILLED.labels(self.name).set(backfilled)
        return live

    async def health(self) -> tuple[int, dict[str, Any]]:
        """HTTP status and body: healthy means that no patient has waited long for live news to be evaluated."""
        try:
            waited = await self._oldest_behind(self._pool)
        except Exception as error:
            return 503, {"status": "error", "reason": f"database: {type(error).__name__}"}
        if waited > _STALLED_SECONDS:
            return 503, {"status": "stalled", "oldest_behind_seconds": round(waited, 1)}
        return 200, {"status": "ok", "oldest_behind_seconds": round(waited, 1)}


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class _App(faust.App):
    """A Faust app that opens its service before it consumes, and closes it after."""

    deciding: DecidingService

    async def on_start(self) -> None:
        await self.deciding.open()
        await super().on_start()
        memory.spare_what_stays()

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self.deciding.close()


def build(  # noqa: PLR0913, PLR0917 - what the services differ in
    name: str,
    rules: Rules,
    configuration: Configuration,
    folder: str,
    summary: trial_figures.Summary | None = None,
    introduce: Introduce = _nothing,
) -> _App:
    """The Faust app of a deciding service; it wants a folder of its own, though nothing is kept there."""
    service, settings = DecidingService(name, rules, configuration, summary, introduce), configuration.settings
    app = _App(
        f"graftwatch-{name}",
        broker=[f"kafka://{server.strip()}" for server in settings.kafka_bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings.kafka_security),
        store="memory://",
        datadir=folder,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=3.0,
        web_enabled=True,
        web_host=settings.web_host,
        web_bind=settings.web_host,
        web_port=settings.web_port or ports.free(),
        web_tables_enabled=False,
    )
    app.deciding = service
    changes = app.topic(
        topics.TIMELINE_CHANGES.name, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw"
    )

    @app.agent(changes, concurrency=1, name=f"{name}-evaluate")
    async def evaluate(stream: Any) -> None:
        async for message in stream:
            event = stream.current_event if tracing.is_on() else None
            service.hear(message, tracing.carried(event.message.headers) if event is not None else None)

    @app.timer(settings.reconcile_seconds, name=f"{name}-reconcile")  # type: ignore[untyped-decorator] # faust's own
    async def reconcile() -> None:
        await service.reconcile()

    _add_pages(app, service)
    return app


def _credentials(security: Security) -> faust.auth.Credentials | None:
    """The same access in Faust's own terms."""
    if security.username is not None and security.password is not None:
        return faust.SASLCredentials(
            username=security.username,
            password=security.password.get_secret_value(),
            mechanism=security.mechanism,
            ssl_context=security.tls,
        )
    return faust.SSLCredentials(context=security.tls) if security.tls is not None else None


def _add_pages(app: faust.App, service: DecidingService) -> None:
    @app.page("/health")
    async def health(view: Any, _request: Any) -> Any:
        status, body = await service.health()
        return view.json(body, status=status)

    @app.page("/alive")
    async def alive(view: Any, _request: Any) -> Any:
        status, body = service.liveness.answer()
        return view.json(body, status=status)

    @app.page("/metrics")
    async def exposition(view: Any, _request: Any) -> Any:
        return view.text(metric_table.exposition(service.name).decode(), content_type=metric_table.CONTENT_TYPE)


def run(name: str, rules: Rules, summary: trial_figures.Summary | None = None, introduce: Introduce = _nothing) -> None:
    """Run a deciding service until it is told to stop; what is wrong at start is named, exit code 1.

    With `summary` it keeps the figures of each trial live besides; `introduce` says what is told once of each protocol.
    """
    try:
        configuration = load_configuration()
        logs.configure(name, configuration.settings.log_level)
        tracing.configure(name, load_traces())
        asyncio.run(preflight.reach(configuration.settings, name))
        with TemporaryDirectory(prefix="graftwatch-faust-") as folder:
            app = build(name, rules, configuration, folder, summary, introduce)
            log.info("service-started", web_port=app.conf.web_port, protocols=sorted(app.deciding.protocols))
            worker = faust.Worker(app, loglevel="WARN", quiet=True, override_logging=False, redirect_stdouts=False)
            worker.execute_from_commandline()
    except ConfigurationError as error:
        raise SystemExit(f"graftwatch {name} cannot start:\n{error}") from None
