"""`/health`, `/alive` and `/metrics` of a service with its own loop: health means progress while there is lag, not mere life."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from shared.runtime import metric_table, metrics, ports
from shared.runtime.liveness import Liveness

_STALLED_SECONDS: Final = 60.0


class ProgressPage:
    """A small web server on the service's port."""

    def __init__(self, service: str, host: str, port: int) -> None:
        self.port = port or ports.free(host)
        self._service = service
        self._host = host
        self._moved_at = time.monotonic()
        metrics.SINCE_PROGRESS.labels(service).set_function(lambda: time.monotonic() - self._moved_at)
        self._lag: Mapping[str, int] = {}
        self.liveness = Liveness()
        self.paused: Mapping[str, str] = {}
        """Sites whose messages are held, and why: this is progress too, for everybody else."""
        self.made_anew: list[str] = []
        """Topics that end before what was read of them: new offsets are taken for old ones."""
        self.to_read_again: Mapping[str, int] = {}
        """Stored records of each site that were read by other rules than today's."""
        self.earlier_feed_missing: Mapping[str, list[str]] = {}
        """Concepts that each site's earlier messages were not read for."""
        self._runner: web.AppRunner

    async def open(self) -> None:
        """Listen."""
        app = web.Application()
        app.add_routes(
            [web.get("/health", self._health), web.get("/alive", self._alive), web.get("/metrics", self._metrics)]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self.port).start()

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    def moved(self) -> None:
        """Told after each batch that is stored."""
        self._moved_at = time.monotonic()
        self.liveness.beat()

    def lags(self, lag: Mapping[str, int]) -> None:
        """Told how many messages wait on the broker, per topic."""
        for topic in self._lag.keys() - lag.keys():  # another worker has all of it now, and tells how much waits
            metrics.LAG.labels(topic).set(0)
        for topic, messages in lag.items():
            metrics.LAG.labels(topic).set(messages)
        self._lag = lag
        if not any(lag.values()):
            self.moved()

    async def _health(self, _request: web.Request) -> web.Response:
        idle = time.monotonic() - self._moved_at
        stalled = idle > _STALLED_SECONDS
        body: dict[str, object] = {
            "status": "feed-made-anew" if self.made_anew else "stalled" if stalled else "ok",
            "service": self._service,
            "lag": sum(self._lag.values()),
            "seconds_since_progress": round(idle, 1),
        }
        also: Mapping[str, Mapping[str, object]] = {
            "paused_sites": self.paused,
            "records_to_read_again": self.to_read_again,
            "earlier_feed_missing": self.earlier_feed_missing,
        }
        body |= {name: dict(said) for name, said in also.items() if said}
        if self.made_anew:
            body["feed_made_anew"] = self.made_anew
        return web.json_response(body, status=503 if stalled or self.made_anew else 200)

    async def _alive(self, _request: web.Request) -> web.Response:
        status, body = self.liveness.answer()
        return web.json_response(body, status=status)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=metric_table.exposition(self._service), content_type=metric_table.CONTENT_TYPE)
