"""Servers that take what notify sends, and fail as they are told: an HTTP endpoint and an SMTP server. Decide nothing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int


@dataclass
class HttpSink:
    """What an endpoint was sent, and how it answers: the next of `statuses`, then 200."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    always: int = 200
    hangs: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Answer as told."""
        body = await request.read()
        if self.hangs:
            await self.released.wait()
        status = self.statuses.pop(0) if self.statuses else self.always
        headers = {k.lower(): v for k, v in request.headers.items()}
        self.received.append(Received(request.path, headers, body, status))
        return web.Response(status=status, headers=self.headers)

    @property
    def accepted(self) -> list[Received]:
        """What it took."""
        return [r for r in self.received if r.status < 300]


@asynccontextmanager
async def http_sink(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[HttpSink]:
    """An HTTP endpoint on a free port."""
    sink = HttpSink()
    app = web.Application()
    app.router.add_post("/{path:.*}", sink.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0, ssl_context=tls)
    await site.start()
    port = cast("Any", site)._server.sockets[0].getsockname()[1]
    sink.url = f"{'https' if tls else 'http'}://{'localhost' if tls else host}:{port}/hook"
    try:
        yield sink
    finally:
        sink.released.set()
        await runner.cleanup()


@dataclass
class MailSink:
    """What a mail server was sent, and how it answers: the next of `answers`, then 250."""

    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    recipient_answers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    is_encrypted: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """For GRAFTWATCH_SMTP_URL."""
        return f"smtps://localhost:{self.port}" if self.is_encrypted else f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Sequence[str]
    ) -> str:
        """Take a recipient or not."""
        answer = self.recipient_answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a message or not."""
        if self.hangs:
            await self.released.wait()
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            self.received.append(message_from_bytes(content, policy=policy.default))
        return answer


@asynccontextmanager
async def mail_sink(
    make: Callable[[MailSink], SMTP] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[MailSink]:
    """An SMTP server on a free port, in this loop."""
    sink = MailSink(is_encrypted=tls is not None)
    build = make or (lambda s: SMTP(s, hostname="mail.example", enable_SMTPUTF8=True))
    server = await asyncio.get_running_loop().create_server(lambda: build(sink), "127.0.0.1", 0, ssl=tls)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        sink.released.set()
        server.close()
        await asyncio.sleep(0)
