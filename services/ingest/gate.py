"""Holds the messages of paused sites, and pauses sites, in the transaction of the batch. The rule is `pausing`'s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from services.ingest import batch, pausing
from services.ingest.batch import Delivered
from services.ingest.pausing import Limits, Split
from shared.runtime.postgres import Connection
from shared.runtime.sealing import Vault
from shared.runtime.site_intake import SiteIntake


class Gate:
    """What stands between the messages of a batch and their processing."""

    def __init__(self, connection: Connection, vault: Vault, limits: Limits | None) -> None:
        self._intake = SiteIntake(connection, vault)
        self._limits = limits

    async def divide(self, read: Sequence[list[Delivered]], counted: Mapping[tuple[str, int], int]) -> Split:
        """Which messages to process; the others are held, or dead letters where too many are."""
        if self._limits is None:
            return Split(list(read))
        sites = {ds[0].site for ds in read if ds and ds[0].site is not None}
        paused = await self._intake.lock_paused(sites)
        read = await self._without_those_held(read, counted)
        divided = pausing.split(read, await self._intake.recent(sites), paused, self._limits, counted)
        over = await self._hold(divided.held, paused, self._limits.held)
        return replace(divided, go_on=[*divided.go_on, *([d] for d in over)])

    async def remember(self, divided: Split) -> dict[str, str]:
        """What the processed messages say of their sites; the sites paused for it, and why."""
        if self._limits is None or not divided.news:
            return {}
        before = await self._intake.lock_recent(divided.news)  # others may have written since `divide`
        recent = {s: (before[s] + news)[-self._limits.remembered :] for s, news in divided.news.items()}
        broken = {s: limit for s, last in recent.items() if (limit := self._limits.broken_by(last))} | divided.broken
        because = {site: pausing.because(limit, site, divided.go_on) for site, limit in sorted(broken.items())}
        await self._intake.remember(recent, because)
        return because

    async def _without_those_held(
        self, read: Sequence[list[Delivered]], counted: Mapping[tuple[str, int], int]
    ) -> list[list[Delivered]]:
        """Leave out what is delivered again and held: its turn comes when the site is resumed."""
        again = [ds[0].message.position for ds in read if ds and batch.is_counted(ds[0].message, counted)]
        held = await self._intake.held_among(again) if again else set()
        return [ds for ds in read if not ds or ds[0].message.position not in held]

    async def _hold(self, closed: Sequence[Delivered], held: Mapping[str, int], most: int) -> list[Delivered]:
        rows, over, holding = list[tuple[Any, ...]](), list[Delivered](), Counter(held)
        for d in closed:
            site = d.site or ""
            if holding[site] < most:
                holding[site] += 1
                rows.append(_row(site, d))
            else:
                over.append(batch.held_no_longer(d.message, site))
        await self._intake.hold(rows)
        return over


def _row(site: str, d: Delivered) -> tuple[Any, ...]:
    m = d.message
    headers = msgspec.json.encode(dict(m.headers))
    return site, *m.position, m.key, headers, m.value, m.published_at
