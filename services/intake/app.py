"""The intake as a process: HTTP in, the feed topics out, an answer when the broker has answered. Decides nothing itself.

Memory is bounded: a request waits for a place before its body is read, and holds it until the broker has answered, even if the
client has been told to try again.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from services.intake import answers, capability, media, openapi
from services.intake.envelope import Envelope, deletion_of, open_envelope, require_place
from services.intake.refusal import Refusal, try_again
from services.intake.tokens import Tokens
from shared import topics
from shared.runtime import kafka, logs, memory, metric_table, metrics, ports, tracing, watching
from shared.runtime.configuration import IntakeConfiguration, load_intake
from shared.runtime.logs import logger
from shared.runtime.settings import IntakeSettings, load_traces
from shared.sites import ConfigurationError, Site

if TYPE_CHECKING:
    from shared.runtime.spans import Span

log = logger(__name__)
_HEALTH_SECONDS: Final = 1.5
_STOP_SECONDS: Final = 5.0
_LINGER_SECONDS: Final = 2.0
"""How long a body that was refused unread may still come, so that its sender reads why."""
_WAIT_SECONDS: Final = 5.0
"""After how long a client is asked to try again."""
_OF_SITE: Final = web.RequestKey("site", Site)
_TYPE: Final = "{type:[A-Z][A-Za-z]{1,63}}"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Intake:
    """The web application: what is posted goes to the broker, byte for byte."""

    def __init__(
        self, settings: IntakeSettings, sites: Mapping[str, Site], tokens: Tokens, producer: AIOKafkaProducer
    ) -> None:
        self._settings = settings
        self._sites = sites
        self._tokens = tokens
        self._producer = producer
        self._places = asyncio.Semaphore(settings.in_flight)

    def application(self) -> web.Application:
        """All routes; every error of theirs is answered as an OperationOutcome."""
        app = web.Application(client_max_size=topics.FEED_MESSAGE_BYTES, middlewares=[_answered])
        app.add_routes(
            [
                web.get("/fhir/metadata", self._metadata),
                web.post("/fhir", self._take),
                web.post("/fhir/", self._take),
                web.post(f"/fhir/{_TYPE}", self._take),
                web.put(f"/fhir/{_TYPE}", self._take),
                web.post(f"/fhir/{_TYPE}/{{id}}", self._take),
                web.put(f"/fhir/{_TYPE}/{{id}}", self._take),
                web.delete(f"/fhir/{_TYPE}/{{id}}", self._delete),
                web.get("/openapi.json", self._openapi),
                web.get("/health", self._health),
                web.get("/alive", self._alive),
                web.get("/metrics", self._metrics),
            ]
        )
        return app

    async def _take(self, request: web.Request) -> web.Response:
        site = self._require_site(request)
        version = media.fhir_version(request.headers.get("Content-Type"))
        if request.query_string and request.method == "PUT":
            raise Refusal(501, "expected no search: conditional updates are not supported")
        if (request.content_length or 0) > topics.FEED_MESSAGE_BYTES:
            raise _too_large()
        return await self._in_its_place(request, site, version)

    async def _delete(self, request: web.Request) -> web.Response:
        site = self._require_site(request)
        gone = deletion_of(request.match_info["type"], request.match_info["id"])
        await self._claim_place()
        return await self._relay(gone, None, site, None, request.headers.get(tracing.HEADER))

    async def _in_its_place(self, request: web.Request, site: Site, version: str | None) -> web.Response:
        await self._claim_place()
        try:
            body = await self._body(request)
            envelope = open_envelope(body)
            named = request.match_info
            require_place(envelope, named.get("type"), named.get("id"), must_have_id=request.method == "PUT")
        except BaseException:
            self._free_place()
            raise
        return await self._relay(envelope, body, site, version, request.headers.get(tracing.HEADER))

    async def _relay(
        self, envelope: Envelope, body: bytes | None, site: Site, version: str | None, carried: str | None
    ) -> web.Response:
        """Publish and answer; the place is free when the broker has answered, whether or not anybody still waits for it."""
        started = time.perf_counter()
        span = tracing.begin("intake", [carried], root=True)
        sending = asyncio.create_task(self._send(envelope, body, site, version, span))
        sending.add_done_callback(lambda _: self._free_place())
        done, _ = await asyncio.wait({sending}, timeout=self._settings.answer_seconds)
        if not done:
            raise try_again(
                "the broker does not answer; send it again: a repeated record changes nothing", _WAIT_SECONDS
            )
        metrics.INTAKE_SECONDS.observe(time.perf_counter() - started)
        match sending.result():
            case None:
                status, answer = answers.taken(envelope)
                return web.Response(status=status, body=answer, content_type=answers.CONTENT_TYPE)
            case MessageSizeTooLargeError():
                raise _too_large()
            case error:
                log.warning("broker-refused", site=site.site, error=type(error).__name__)
                raise try_again("the broker did not take it; send it again", _WAIT_SECONDS)

    async def _send(
        self, envelope: Envelope, body: bytes | None, site: Site, version: str | None, span: Span | None
    ) -> KafkaError | None:
        headers = [("site", site.site.encode())] + ([("fhirVersion", version.encode())] if version else [])
        headers += tracing.headers(span.traceparent if span else None)
        topic = topics.feed_topic(envelope.type).name
        try:
            await (await self._producer.send(topic, body, key=envelope.key, headers=headers))
        except KafkaError as error:
            failed = error
        else:
            failed = None
        if span is not None:
            span.end(failed=failed is not None)
        return failed

    async def _claim_place(self) -> None:
        try:
            await asyncio.wait_for(self._places.acquire(), self._settings.answer_seconds)
        except TimeoutError:
            raise try_again("too many requests are waiting for the broker; send it again", _WAIT_SECONDS) from None
        metrics.INTAKE_IN_FLIGHT.inc()

    def _free_place(self) -> None:
        self._places.release()
        metrics.INTAKE_IN_FLIGHT.dec()

    async def _body(self, request: web.Request) -> bytes:
        try:
            return await asyncio.wait_for(request.read(), self._settings.answer_seconds)
        except TimeoutError:
            says = f"expected the body within {self._settings.answer_seconds:g} seconds"
            raise Refusal(408, says, headers={"Connection": "close"}) from None
        except web.HTTPRequestEntityTooLarge:
            raise _too_large() from None
        except web.RequestPayloadError:
            raise Refusal(400, "expected a body as its Content-Encoding says") from None

    def _require_site(self, request: web.Request) -> Site:
        site = self._tokens.require(request.headers.get("Authorization"))
        request[_OF_SITE] = site
        return site

    async def _metadata(self, request: web.Request) -> web.Response:
        asked_by = self._tokens.holder(request.headers.get("Authorization"))
        version = capability.version_to_state(asked_by, self._sites.values())
        return web.Response(body=capability.statement(version), content_type=answers.CONTENT_TYPE)

    async def _openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(openapi.document())

    async def _health(self, _request: web.Request) -> web.Response:
        """Healthy is who could pass a record on now: asks the broker, as there may be no traffic to tell."""
        reached = await self._reach()
        body = {"status": "ok" if reached else "broker does not answer", "service": "intake"}
        return web.json_response(body, status=200 if reached else 503)

    async def watch(self) -> None:
        """Look every few seconds whether the broker answers, until cancelled."""
        while True:
            await self._reach()
            await asyncio.sleep(watching.LOOK_SECONDS)

    async def _reach(self) -> bool:
        try:
            reached = bool(await asyncio.wait_for(self._producer.client.force_metadata_update(), _HEALTH_SECONDS))
        except (KafkaError, OSError, TimeoutError):
            reached = False
        metrics.BROKER_ANSWERS.labels("intake").set(reached)
        return reached

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=metric_table.exposition("intake"), content_type=metric_table.CONTENT_TYPE)


def _too_large() -> Refusal:
    says = f"expected at most {topics.FEED_MESSAGE_BYTES} bytes with key and headers: send it in parts, or as Bulk Data"
    return Refusal(413, says)


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Word every error as an OperationOutcome, count it, and log it without the address, which may name a patient."""
    response = await _outcome(request, handler)
    if request.path.startswith("/fhir"):
        site = request.get(_OF_SITE)
        metrics.INTAKE_REQUESTS.labels(site.site if site else "", response.status).inc()
    return response


async def _outcome(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as error:
        refusal = error
    except web.HTTPException as error:
        if error.status < 400:
            raise
        refusal = Refusal(error.status, _says(error))
    except Exception as error:
        log.error("request-failed", error=logs.where(error))
        refusal = Refusal(500, "the intake failed at this request; its log says where")
    site = request.get(_OF_SITE)
    log.info("request-refused", site=site.site if site else None, status=refusal.status, says=refusal.says)
    return web.Response(
        status=refusal.status,
        body=answers.refused(refusal),
        content_type=answers.CONTENT_TYPE,
        headers=refusal.headers,
    )


def _says(error: web.HTTPException) -> str:
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"expected one of {', '.join(sorted(error.allowed_methods))} here: records are taken, not served"
    return "expected /fhir, /fhir/{type}, /fhir/{type}/{id} or /fhir/metadata" if error.status == 404 else error.reason


async def serve(configuration: IntakeConfiguration) -> None:
    """Serve until told to stop; raises ConfigurationError where the broker does not answer."""
    settings, stopping = configuration.settings, asyncio.Event()
    tokens = Tokens(configuration.sites)
    producer = await kafka.producer(settings.kafka_bootstrap_servers, settings.kafka_security)
    intake = Intake(settings, configuration.sites, tokens, producer)
    app = intake.application()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS, lingering_time=_LINGER_SECONDS)
    await runner.setup()
    port = settings.web_port or ports.free(settings.web_host)
    await web.TCPSite(runner, settings.web_host, port).start()
    log.info("service-started", web_port=port, sites=tokens.holders)
    if not tokens.holders:
        log.warning("no-site-has-a-token", says="every request is refused; see intake_token_sha256 of a site file")
    watching.certificates("intake", settings)
    watch = asyncio.create_task(intake.watch())
    memory.spare_what_stays()
    try:
        await stopping.wait()
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await runner.cleanup()
        await asyncio.wait([asyncio.create_task(producer.stop())], timeout=_STOP_SECONDS)


def main() -> None:
    """Run until stopped; a wrong configuration is named and refused."""
    try:
        configuration = load_intake()
        logs.configure("intake", configuration.settings.log_level)
        tracing.configure("intake", load_traces())
        # What the server says of a malformed request quotes it, address included.
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL + 1)
        asyncio.run(serve(configuration))
    except ConfigurationError as error:
        raise SystemExit(f"graftwatch intake cannot start:\n{error}") from None
