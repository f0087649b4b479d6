"""Spans: begun only where somebody traces, linked where a batch joins messages, and never with a word that names anybody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.runtime import tracing
from shared.runtime.settings import load_traces
from shared.runtime.spans import Spans
from shared.sites import ConfigurationError

ONE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNTRACED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.fixture
def kept() -> Iterator[InMemorySpanExporter]:
    """Traces are on, and every message without a trace begins one."""
    exporter = InMemorySpanExporter()
    tracing.use(Spans("test", SimpleSpanProcessor(exporter), 1.0))
    yield exporter
    tracing.use(None)


def test_off_nothing_is_imported_for_it() -> None:
    """Whoever sets no address pays nothing: neither module nor span."""
    said = "import sys, shared.runtime.tracing as t; t.configure('x', t.TraceSettings());"
    said += "print(t.begin('ingest', ['x'], root=True), any(m.startswith('opentelemetry') for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, env={})
    assert done.stdout.split() == ["None", "False"]


def test_a_batch_goes_on_in_the_first_trace_and_links_to_the_others(kept: InMemorySpanExporter) -> None:
    """Parent is the first that is traced; what says that it is not traced is neither parent nor link."""
    span = tracing.begin("evaluate", [UNTRACED, ONE, OTHER], cause="hint", batch=3)
    assert span is not None
    span.end()
    (done,) = kept.get_finished_spans()
    assert done.parent is not None
    assert f"{done.parent.trace_id:032x}" == f"{done.context.trace_id:032x}" == ONE.split("-")[1]
    assert [f"{link.context.trace_id:032x}" for link in done.links] == [OTHER.split("-")[1]]
    assert span.traceparent.split("-")[1] == ONE.split("-")[1]


@pytest.mark.parametrize(
    ("parents", "root", "begun"),
    [
        ([], True, True),
        ([], False, False),
        ([UNTRACED], True, False),
        ([None, ""], True, True),
        (["nonsense"], False, False),
    ],
)
@pytest.mark.usefixtures("kept")
def test_a_trace_begins_only_where_it_may(parents: list[str | None], root: bool, begun: bool) -> None:
    """At the feed, and not where the sender says that it is not traced."""
    assert (tracing.begin("ingest", parents, root=root) is not None) == begun


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        (ONE, True),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01", False),
        ("ff" + ONE[2:], False),
        ("01" + ONE[2:] + "-more", True),
        ("Patient/12345", False),
        ("", False),
    ],
)
def test_only_a_trace_is_read_as_one(stated: str, read: bool) -> None:
    """As W3C Trace Context says; anything else in the header is left where it is."""
    assert tracing.carried([("site", b"north"), ("traceparent", stated.encode())]) == (stated if read else None)


def test_a_span_says_plain_words_and_numbers_only(kept: InMemorySpanExporter) -> None:
    """An identifier, an address or a value that somebody hands in by mistake is left out."""
    span = tracing.begin("deliver", [ONE], channel="webhook", says="Patient/12345", address="https://x.example")
    assert span is not None
    span.end(outcome="accepted", attempt=2, patient="00000000-0000-8000-8000-00000000000a", value="412 U/L")
    (done,) = kept.get_finished_spans()
    assert dict(done.attributes or {}) == {
        "graftwatch.channel": "webhook",
        "graftwatch.outcome": "accepted",
        "graftwatch.attempt": 2,
    }


@pytest.mark.parametrize(
    ("name", "value"), [("GRAFTWATCH_TRACES_ENDPOINT", "collector:4318"), ("GRAFTWATCH_TRACES_RATIO", "2")]
)
def test_a_wrong_setting_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """By its name."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        load_traces()
