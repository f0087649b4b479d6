"""Spans by OpenTelemetry: begun, ended, sent. Imported only where traces are on; where they go, `tracing` decides."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shared.runtime import logs, metrics

log = logs.logger(__name__)
FORM: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_KINDS: Final = {
    "intake": SpanKind.SERVER,
    "ingest": SpanKind.CONSUMER,
    "evaluate": SpanKind.CONSUMER,
    "relay": SpanKind.PRODUCER,
    "decide": SpanKind.CONSUMER,
    "deliver": SpanKind.CLIENT,
}
_WORD: Final = re.compile(r"[a-z][a-z-]{0,31}")
_MOST_LINKS: Final = 32
_EXPORT_SECONDS: Final = 2
_SAID_SECONDS: Final = 60.0


class Span:
    """A span under way."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-01"

    def end(self, *, failed: bool = False, **said: str | int) -> None:
        """It is over; how it went."""
        self._span.set_attributes(_attributes(said))
        if failed:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class Spans:
    """The spans of one service."""

    def __init__(self, service: str, processor: SpanProcessor, ratio: float) -> None:
        named = Resource({"service.namespace": "graftwatch", "service.name": service})
        provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(ratio)), resource=named)
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("graftwatch")

    def begin(
        self, name: str, parents: Iterable[str | None], root: bool, since_ns: int | None, said: dict[str, str | int]
    ) -> Span | None:
        """Begin one in the trace of the first parent that is traced, with links to the others."""
        stated = [c for p in dict.fromkeys(parents) if p and (c := _context(p)) is not None]
        traced = [c for c in stated if c.trace_flags.sampled]
        if not traced and (stated or not root):
            return None
        empty = Context()
        context = trace.set_span_in_context(trace.NonRecordingSpan(traced[0]), empty) if traced else empty
        span = self._tracer.start_span(
            f"graftwatch {name}",
            context,
            kind=_KINDS[name],
            attributes=_attributes(said),
            links=[trace.Link(c) for c in traced[1:_MOST_LINKS]],
            start_time=since_ns,
        )
        return Span(span) if span.is_recording() else None


def sending(service: str, collector: str, ratio: float) -> Spans:
    """Spans that go to a collector, by OTLP over HTTP, in batches and never waited for."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what is lost, `_Counting` says
    exporter = OTLPSpanExporter(endpoint=f"{collector.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    return Spans(service, BatchSpanProcessor(_Counting(service, exporter)), ratio)


def _context(traceparent: str) -> SpanContext | None:
    found = FORM.fullmatch(traceparent)
    if found is None:
        return None
    return SpanContext(int(found[1], 16), int(found[2], 16), True, TraceFlags(int(found[3], 16) & 1))


def _attributes(said: dict[str, str | int]) -> dict[str, Any]:
    """Numbers and plain words; anything else might name somebody."""
    return {
        f"graftwatch.{name}": value
        for name, value in said.items()
        if isinstance(value, int) or _WORD.fullmatch(value) is not None
    }


class _Counting(SpanExporter):
    """An exporter that says how many spans were sent and lost; to lose them costs nothing else."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        self._service = service
        self._exporter = exporter
        self._say_at = 0.0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send some."""
        result = self._exporter.export(spans)
        sent = result is SpanExportResult.SUCCESS
        metrics.SPANS.labels(self._service, "sent" if sent else "lost").inc(len(spans))
        if not sent and time.monotonic() >= self._say_at:
            log.warning("spans-lost", spans=len(spans))
            self._say_at = time.monotonic() + _SAID_SECONDS
        return result

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held back here."""
        return self._exporter.force_flush(timeout_millis)
