"""The servers that the benchmark tells: a mail server and webhooks, in a process of their own, failing one time in five.

They note every answer. What they took and then failed to acknowledge counts as taken, as it would for a real receiver.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from email import message_from_bytes
from typing import Any, Final

import msgspec
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

FAILS: Final = 5
"""One answer in so many is a failure."""


class Sinks:
    """What was taken: (recipient, event) to the delivery ids and how often each came."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.fails = True
        self.taken: dict[str, Counter[str]] = {}
        self.first_at: dict[str, float] = {}
        self.answers: Counter[str] = Counter()

    def take(self, recipient: str, event: str, delivery: str) -> bool:
        """Whether it is acknowledged; half of the failures come before it is taken, half after."""
        chance = self._random.randrange(2 * FAILS) if self.fails else -1
        if chance != 0:
            self.taken.setdefault(f"{recipient} {event}", Counter())[delivery] += 1
            self.first_at.setdefault(delivery, time.time())
        acknowledged = chance not in (0, 1)
        self.answers["acknowledged" if acknowledged else "failed"] += 1
        return acknowledged

    async def webhook(self, request: web.Request) -> web.Response:
        """A webhook of a recipient."""
        body = msgspec.json.decode(await request.read())
        event = body["data"]["event_id"]
        taken = self.take(request.match_info["recipient"], event, request.headers["webhook-id"])
        return web.Response(status=204 if taken else 503)

    async def figures(self, _request: web.Request) -> web.Response:
        """Everything that was noted."""
        body = {"taken": self.taken, "first_at": self.first_at, "answers": self.answers}
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    async def behave(self, request: web.Request) -> web.Response:
        """From now on fail, or not; forget what was noted."""
        self.fails = request.query["fails"] == "yes"
        self.taken.clear()
        self.first_at.clear()
        self.answers.clear()
        return web.Response(status=204)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """A mail."""
        mail = message_from_bytes(envelope.content if isinstance(envelope.content, bytes) else b"")
        delivery = str(mail["Message-ID"]).strip("<>").partition("@")[0]
        taken = self.take(envelope.rcpt_tos[0].partition("@")[0], str(mail["X-Graftwatch-Event"]), delivery)
        return "250 OK" if taken else "451 try again"


async def serve(http_port: int, smtp_port: int) -> None:
    """Serve until told to stop."""
    sinks, stopping = Sinks(seed=7), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    app = web.Application()
    app.add_routes(
        [
            web.post("/hook/{recipient}", sinks.webhook),
            web.get("/figures", sinks.figures),
            web.post("/behave", sinks.behave),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", http_port).start()
    made: Any = lambda: SMTP(sinks, hostname="sink.example", loop=loop)  # noqa: E731
    server = await loop.create_server(made, "127.0.0.1", smtp_port)
    await stopping.wait()
    server.close()
    await runner.cleanup()


def main(arguments: Sequence[str]) -> None:
    """Ports of HTTP and SMTP."""
    asyncio.run(serve(int(arguments[0]), int(arguments[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
