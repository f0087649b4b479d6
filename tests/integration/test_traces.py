"""One message of the feed, through all services to a webhook, is one trace that names nobody; a collector away costs nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from services.cli.stack import Stack
from shared import topics
from shared.runtime import ports
from tests.support import feed, process
from tests.support.database import Database, eventually
from tests.support.feed import platelets
from tests.support.marked import MARK
from tests.support.notices import ENVIRON, rule, system, write
from tests.support.records import ICD, SNOMED, Resource, as_json, coded, resource
from tests.support.sinks import HttpSink, http_sink
from tests.support.topics import producer, skip_to_end

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
SENDER: Final = "00f067aa0ba902b7"
PATH: Final = ("ingest", "evaluate", "relay", "decide", "deliver")


@dataclass
class Collector:
    """What an OpenTelemetry collector was sent."""

    url: str = ""
    raw: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take spans."""
        self.raw.append(await request.read())
        return web.Response(body=b"", content_type="application/x-protobuf")

    def spans(self) -> list[tuple[str, Span]]:
        """Every span with the service that sent it."""
        found = []
        for raw in self.raw:
            for sent in ExportTraceServiceRequest.FromString(raw).resource_spans:
                (service,) = (a.value.string_value for a in sent.resource.attributes if a.key == "service.name")
                found += [(service, span) for scope in sent.scope_spans for span in scope.spans]
        return found


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector on a free port."""
    taken = Collector()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/traces", taken.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    taken.url = f"http://127.0.0.1:{cast('Any', site)._server.sockets[0].getsockname()[1]}"
    try:
        yield taken
    finally:
        await runner.cleanup()


async def test_one_message_is_one_trace_to_the_webhook_and_names_nobody(
    stack: Stack, database: Database, tmp_path: Path
) -> None:
    """Each span's parent is the one before it, across four processes; the webhook carries the last; marks are in none."""
    async with collector() as taken, http_sink() as sink, _running(stack, database, tmp_path, sink, taken.url):
        id_ = f"{MARK}-{uuid4()}"
        await _send(stack, id_)
        await eventually(lambda: _any(sink.accepted))
        await eventually(lambda: _any(len({s.name for _, s in taken.spans()}) >= len(PATH)))
        ours = [(service, s) for service, s in taken.spans() if s.trace_id.hex() == TRACE]
        by_id = {s.span_id.hex(): (service, s) for service, s in ours}
        sent = dict(sink.accepted[0].headers)["traceparent"].split("-")
        assert sent[:2] == ["00", TRACE]
        walked, at = list[tuple[str, str]](), sent[2]
        while at != SENDER:
            service, span = by_id[at]
            walked.append((span.name.removeprefix("graftwatch "), service))
            at = span.parent_span_id.hex()
        assert walked[::-1] == list(
            zip(PATH, ("ingest", "eligibility", "eligibility", "notify", "notify"), strict=True)
        )
        text = b"".join(taken.raw)
        assert MARK.encode() not in text
        assert str(feed.patient(id_)).encode() not in text
        assert sink.url.encode() not in text
        assert {a.key for _, s in taken.spans() for a in s.attributes} <= {
            f"graftwatch.{name}" for name in ("batch", "cause", "channel", "attempt", "outcome", "deliveries")
        }


async def test_a_collector_that_is_away_costs_spans_alone(stack: Stack, database: Database, tmp_path: Path) -> None:
    """Everybody is told all the same, the loss is counted and said once, and services end in time."""
    nobody = f"http://127.0.0.1:{ports.free()}"
    async with http_sink() as sink, _running(stack, database, tmp_path, sink, nobody) as running:
        await _send(stack, f"p-{uuid4()}")
        await eventually(lambda: _any(sink.accepted))

        async def counted() -> bool:
            page = (await running["ingest"].page("/metrics"))[1]
            return 'graftwatch_trace_spans_total{outcome="lost",service="ingest"}' in page

        await eventually(counted)
        assert [await service.end() for service in running.values()] == [0, 0, 0]
    assert (tmp_path / "ingest.log").read_text().count('"event": "spans-lost"') == 1


@asynccontextmanager
async def _running(
    stack: Stack, database: Database, folder: Path, sink: HttpSink, traces: str
) -> AsyncIterator[dict[str, process.ServiceProcess]]:
    """Ingest, eligibility and notify with traces to this address, and notices to this webhook."""
    group = f"test-traces-{uuid4()}"
    await skip_to_end(stack.bootstrap_servers, group, topics.FEED)
    recipients = write(folder, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
    env = process.environment(
        stack,
        database,
        GRAFTWATCH_RECIPIENTS=str(recipients),
        GRAFTWATCH_NOTIFY_NETWORKS="127.0.0.0/8",
        GRAFTWATCH_TRACES_ENDPOINT=traces,
        GRAFTWATCH_TRACES_RATIO="0",
        GRAFTWATCH_RECONCILE_GRACE_SECONDS="3600",
        OTEL_BSP_SCHEDULE_DELAY="100",
        **ENVIRON,
    )
    commands = {
        "ingest": ("-m", "tests.support.dying_ingest", group),
        "eligibility": ("-m", "services.eligibility"),
        "notify": ("-m", "services.notify"),
    }
    async with AsyncExitStack() as opened:
        running = {
            name: await opened.enter_async_context(process.running(folder / f"{name}.log", env, *command))
            for name, command in commands.items()
        }
        for service in running.values():
            await service.healthy()
        yield running


async def _send(stack: Stack, id_: str) -> None:
    """A candidate, in one Bundle whose sender traces it."""
    subject: Resource = {"subject": {"reference": f"Patient/{id_}"}}
    whole = feed.bundle(
        resource("Condition", f"c-{id_}", code=coded(ICD, "C22.0"), onsetDateTime="2021-03-01", **subject),
        resource(
            "Procedure",
            f"t-{id_}",
            status="completed",
            code=coded(SNOMED, "18027006"),
            performedDateTime="2021-06-01",
            **subject,
        ),
        platelets("140", 1, f"o-{id_}", of=id_),
    )
    headers = [("site", feed.SITE.encode()), ("traceparent", f"00-{TRACE}-{SENDER}-01".encode())]
    async with producer(stack.bootstrap_servers) as sender:
        await sender.send_and_wait(topics.RESOURCES.name, as_json(whole), headers=headers)


async def _any(found: object) -> bool:
    return bool(found)
