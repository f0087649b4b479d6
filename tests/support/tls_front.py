"""Speaks TLS in front of a PostgreSQL that does not: answers the request for TLS, then passes bytes. For tests of clients."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.certificates import Certificate

_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


@asynccontextmanager
async def tls_in_front_of(port: int, certificate: Certificate, *, asks_for_ours: bool = False) -> AsyncIterator[int]:
    """The port on which a server of this certificate answers meanwhile; it may ask clients for theirs."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    if asks_for_ours:
        context.load_verify_locations(certificate.authority)
        context.verify_mode = ssl.CERT_REQUIRED
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            await _pass_on(reader, writer, context, port)
        writer.close()
        running.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@asynccontextmanager
async def tls_server(certificate: Certificate) -> AsyncIterator[int]:
    """The port on which a server shows this certificate meanwhile, and then hangs up: for clients that refuse it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, port: int
) -> None:
    assert await reader.readexactly(8) == _SSL_REQUEST, "the client began without asking for TLS"
    writer.write(b"S")
    await writer.drain()
    await writer.start_tls(context)
    behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await asyncio.gather(_copy(reader, behind_writer), _copy(behind_reader, writer))
    finally:
        behind_writer.close()


async def _copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while part := await source.read(65536):
        to.write(part)
        await to.drain()
    to.close()
