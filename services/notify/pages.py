"""`/health`, `/alive` and `/metrics` of notify: healthy is who decides and sends, not who merely lives. Decides that alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import asyncpg
from aiohttp import web

from services.notify.deciding import Decider
from services.notify.deliveries import Deliveries
from services.notify.escalating import Escalator
from services.notify.sending import Sender
from shared.runtime import metric_table, metrics, postgres
from shared.runtime.liveness import Liveness

_STALLED_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 5.0
_CHANNELS: Final = ("email", "webhook", "fhir")


class Pages:
    """What an operator asks."""

    def __init__(self, decider: Decider, escalator: Escalator, deliveries: Deliveries, sender: Sender) -> None:
        self._decider = decider
        self._escalator = escalator
        self._deliveries = deliveries
        self._sender = sender
        self._untold: dict[str, list[str]] = {}
        self.liveness = Liveness()
        for channel in _CHANNELS:  # a series that began with the first one given up would show no increase
            metrics.GIVEN_UP.labels(channel)
            for outcome in ("accepted", "failed", "untrusted"):
                metrics.ATTEMPTS.labels(channel, outcome)

    def add_to(self, app: web.Application) -> None:
        """The routes."""
        app.add_routes(
            [web.get("/health", self._health), web.get("/alive", self._alive), web.get("/metrics", self._metrics)]
        )

    def say_untold(self, sites: Iterable[str], untold: Mapping[str, Iterable[tuple[str, str]]]) -> None:
        """Told of which kinds of urgent events nobody is told, by study and site."""
        kinds = {site: sorted(k for k, places in untold.items() if site in {at for _, at in places}) for site in sites}
        for site, of_site in kinds.items():
            metrics.UNTOLD.labels(site).set(len(of_site))
        self._untold = {site: of_site for site, of_site in kinds.items() if of_site}

    async def look(self, _pool: postgres.Pool) -> None:
        """What waits, into the metrics."""
        await self.measure()

    async def measure(self) -> dict[str, Any]:
        """What waits, into the metrics, and as a summary."""
        undecided = await self._decider.oldest_undecided_seconds()
        metrics.UNDECIDED.set(undecided)
        waiting = await self._deliveries.waiting()
        given_up = await self._deliveries.given_up()
        escalation = await self._escalator.oldest_seconds()
        metrics.OLDEST_ESCALATION.set(escalation)
        for w in waiting:
            metrics.DELIVERIES_WAITING.labels(w.channel).set(w.deliveries)
            metrics.OLDEST_DUE.labels(w.channel).set(w.oldest_due_seconds)
        for channel in _CHANNELS:
            metrics.NOT_SETTLED.labels(channel).set(given_up.get(channel, 0))
            down = sum(name.partition(":")[0] == channel for name in self._sender.down)
            metrics.ENDPOINTS_DOWN.labels(channel).set(down)
        for channel in set(_CHANNELS) - {w.channel for w in waiting}:
            metrics.DELIVERIES_WAITING.labels(channel).set(0)
            metrics.OLDEST_DUE.labels(channel).set(0)
        return {
            "oldest_undecided_seconds": round(undecided, 1),
            "oldest_due_escalation_seconds": round(escalation, 1),
            "waiting": {w.channel: w.deliveries for w in waiting},
            "endpoints_down": dict(self._sender.down),
            "sends": self._sender.is_leading,
        }

    async def _health(self, _request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                body = await self.measure()
        except (*postgres.UNREACHABLE, asyncpg.PostgresError) as error:
            reason = f"database: {type(error).__name__}"
            return web.json_response({"status": "error", "service": "notify", "reason": reason}, status=503)
        if self._untold:
            body["nobody_is_told"] = self._untold
        stalled = self._sender.stalled
        waits = max(body["oldest_undecided_seconds"], body["oldest_due_escalation_seconds"])
        if waits > _STALLED_SECONDS or stalled:
            return web.json_response({"status": "stalled", "service": "notify", **body}, status=503)
        return web.json_response({"status": "ok", "service": "notify", **body})

    async def _alive(self, _request: web.Request) -> web.Response:
        status, body = self.liveness.answer()
        return web.json_response(body, status=status)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=metric_table.exposition("notify"), content_type=metric_table.CONTENT_TYPE)
