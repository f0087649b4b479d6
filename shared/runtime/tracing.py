"""Traces from a feed message to a notification: off unless configured, and then nothing is imported for them.

The context travels as W3C `traceparent` in Kafka headers, in the outbox's rows, in notices and in the header of a webhook. A
batch joins many messages: what it does for one patient goes on in the trace of the oldest message about that patient and links
to the others. Only intake and ingest begin traces. A span holds words from closed lists and numbers, never an identifier, an
address or a value: whatever else it is given is left out. Neither `tracestate` nor baggage is passed on, as anything may stand
there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.sites import ConfigurationError

if TYPE_CHECKING:
    from shared.runtime.spans import Span, Spans

HEADER: Final = "traceparent"
Name = Literal["intake", "ingest", "evaluate", "relay", "decide", "deliver"]
"""Every span that there is, in the order of the path."""
_FORM: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def _collector(value: str) -> str:
    url = urlsplit(value)
    if value and (url.scheme not in ("http", "https") or not url.hostname):
        raise ValueError("expected the address of an OpenTelemetry collector, http://collector:4318")
    return value


class TraceSettings(BaseSettings):
    """Whether and where traces are sent."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    endpoint: Annotated[str, AfterValidator(_collector)] = Field("", validation_alias="GRAFTWATCH_TRACES_ENDPOINT")
    """Address of a collector that takes OTLP over HTTP; empty: no traces."""
    ratio: float = Field(0.01, ge=0, le=1, validation_alias="GRAFTWATCH_TRACES_RATIO")
    """Of so many of the messages without a trace of their own one is begun."""


class _State:
    """The spans of this process; None: traces are off."""

    spans: Spans | None = None


def is_on() -> bool:
    """Whether there are traces at all."""
    return _State.spans is not None


def configure(service: str, settings: TraceSettings) -> None:
    """Send this process's spans as configured; raises ConfigurationError where the libraries are missing."""
    if not settings.endpoint:
        return
    try:
        from shared.runtime import spans  # noqa: PLC0415 - whoever wants no traces does not pay for the libraries
    except ImportError:
        raise ConfigurationError(
            "GRAFTWATCH_TRACES_ENDPOINT: needs OpenTelemetry's libraries: install graftwatch[traces]"
        ) from None
    use(spans.sending(service, settings.endpoint, settings.ratio))


def use(spans: Spans | None) -> None:
    """Begin spans of these from now on; None: no traces any more."""
    _State.spans = spans


def begin(
    name: Name,
    parents: Iterable[str | None] = (),
    *,
    root: bool = False,
    since_ns: int | None = None,
    **said: str | int,
) -> Span | None:
    """Begin a span in the trace of the first parent that is traced, with links to the others; None where none is.

    `root`: without any parent a trace may begin here, as often as configured. A parent that says "not traced" is obeyed.
    """
    if _State.spans is None:
        return None
    return _State.spans.begin(name, parents, root, since_ns, said)


def headers(traceparent: str | None) -> list[tuple[str, bytes]]:
    """The Kafka headers of a message that goes on in a trace; none where there is none."""
    return [] if traceparent is None else [(HEADER, traceparent.encode())]


def carried(stated: Iterable[tuple[str, bytes | None]] | None) -> str | None:
    """The trace that a Kafka message carries, if any that can be read."""
    for name, value in stated or ():
        if name == HEADER and value is not None:
            text = value.decode("ascii", "replace")
            return text if _FORM.fullmatch(text) else None
    return None


def now_ns() -> int:
    """When a span begins that is made only later, if at all."""
    return time.time_ns()
