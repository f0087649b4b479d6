"""Loads the treated patients of a trial from the database and derives their response at a data cut-off. Decides nothing."""

from __future__ import annotations

from datetime import date

from services.cli.response.choice import end_of
from services.response.treated import Treated, treated
from shared.protocol.model import Protocol
from shared.runtime import postgres, status
from shared.runtime.timelines import TimelineStore
from shared.timeline import Timeline


async def treated_patients(url: str, protocol: Protocol, cut_off: date) -> list[Treated]:
    """Everyone with a first dose by the cut-off, by start of treatment: the records as they stand now, dated by then.

    Who was ever treated is what the response service holds outcomes of.
    """
    async with await postgres.connect(url, "reader", size=1) as pool, pool.acquire() as connection:
        known = sorted(await status.current_outcomes(connection, "response", protocol.id))
        timelines = await TimelineStore(capacity=len(known)).load(connection, known)
    found = (treated(_cut(timeline, cut_off), protocol, end_of(cut_off)) for timeline in timelines.values())
    return sorted((p for p in found if p is not None), key=lambda p: (p.start, p.known.patient))


def _cut(timeline: Timeline, cut_off: date) -> Timeline:
    """Without what is dated later in the site's own calendar: its next day begins before or after the UTC one."""
    kept = [f for f in timeline.facts if f.occurred is None or f.occurred.day <= cut_off]
    return Timeline(timeline.patient, timeline.version, kept, timeline.recorded, timeline.absorbed)
