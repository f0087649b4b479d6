"""Feed: what arrives, what became of it, what waits, what could not be read, and reading it again. Decides nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from services.console.access import Right
from services.console.place import Place, place
from services.console.refusal import Refused
from shared.runtime.postgres import queries

router = APIRouter()
SHOWN: Final = 50
OUTCOMES: Final = ("accepted", "accepted_with_issues", "rejected", "out_of_scope")
Here = Annotated[Place, Depends(place(Right.SEE_FEED))]
Replaying = Annotated[Place, Depends(place(Right.REPLAY))]
Status = Literal["open", "replayed", "dropped", "any"]
Text = Annotated[str, Form()]


class SiteFeed(BaseModel):
    """What became of one site's deliveries, and what of it waits."""

    site: str
    accepted: int = 0
    accepted_with_issues: int = 0
    rejected: int = 0
    out_of_scope: int = 0
    open_dead_letters: int = 0
    held: int = 0
    paused_at: datetime | None = None
    paused_because: str | None = None


class Waiting(BaseModel):
    """How far a service is behind the timelines: patients, since when the longest waits, failures of its rules."""

    service: str
    patients: int
    waiting_since: datetime | None
    failed: int
    last_evaluated_at: datetime | None


class Hour(BaseModel):
    """Facts recorded in one hour, by site."""

    hour: datetime
    facts: dict[str, int]


class Feed(BaseModel):
    """The feed of the sites that the caller may see."""

    sites: list[SiteFeed]
    services: list[Waiting]
    hours: list[Hour]


@router.get("/studies/{study}/feed", include_in_schema=False)
async def feed(at: Here, site: str = "", reason: str = "", status: Status = "open", after: str = "") -> HTMLResponse:
    """The page."""
    sql, pool, sites = queries("console_feed"), at.console.pool, list(at.sites)
    state = None if status == "any" else status
    since, last = _cursor(after)
    letters, reasons, unmapped, judged, issues, requests = await asyncio.gather(
        pool.fetch(sql["dead_letters"], sites, site or None, reason or None, state, since, last, SHOWN + 1),
        pool.fetch(sql["dead_letter_reasons"], sites, state),
        pool.fetch(sql["unmapped"], sites, SHOWN),
        pool.fetch(sql["conformance"], sites),
        pool.fetch(sql["issues"], sites, SHOWN),
        pool.fetch(sql["requests"], sites, SHOWN),
    )
    wanted = {"site": site, "reason": reason, "status": status}
    return await at.page(
        "feed.html",
        title="Feed",
        feed=await of_sites(at),
        letters=letters[:SHOWN],
        more=_address(wanted, letters[SHOWN - 1]["last_failed_at"], letters[SHOWN - 1]["dead_letter"])
        if len(letters) > SHOWN
        else None,
        reasons=reasons,
        unmapped=unmapped,
        judged=judged,
        issues=issues,
        requests=requests,
        wanted=wanted,
    )


@router.get("/api/studies/{study}/feed")
async def feed_api(at: Here) -> Feed:
    """What became of each site's deliveries, how far the services are behind, and facts recorded by the hour."""
    return await of_sites(at)


@router.post("/studies/{study}/feed/replay", include_in_schema=False)
async def replay(at: Replaying, form: Text, site: Text = "", reason: Text = "", letter: Text = "") -> RedirectResponse:
    """Ask ingest to read dead letters again: one, or all open ones of a site (and reason)."""
    sql = queries("console_feed")
    one = _letter(letter)
    if one is not None:
        row = await at.console.pool.fetchrow(sql["site_of_letter"], one)
        site = row["site"] if row is not None and row["status"] == "open" else ""
    if site not in at.sites:
        says = "There is no such open dead letter at a site of yours."
        raise Refused(403, "replay", says, todo="Choose a site, or a dead letter of the list.", study=at.study)
    async with at.console.pool.acquire() as connection, connection.transaction():
        request = await at.take_form(form, connection)
        who = at.person
        await connection.execute(sql["ask_replay"], request, site, reason or None, one, who.person, who.name)
        details = {"site": site, "reason": reason or None, "dead_letter": letter or None}
        await at.console.audit(who.person, "replay", "done", None, details, connection)
    return RedirectResponse(f"/studies/{at.study}/feed#replay", 303)


async def of_sites(at: Place) -> Feed:
    """The figures of the visitor's sites."""
    sql, pool, sites = queries("console_feed"), at.console.pool, list(at.sites)
    counts, states, behind, hours = await asyncio.gather(
        pool.fetch(sql["counts"], sites),
        pool.fetch(sql["sites"], sites),
        pool.fetch(sql["behind"], sites),
        pool.fetch(sql["throughput"], sites),
    )
    return Feed(
        sites=[_site(dict(state), [dict(r) for r in counts]) for state in states],
        services=[Waiting.model_validate(dict(r)) for r in behind],
        hours=_hours([dict(r) for r in hours]),
    )


def _site(state: Mapping[str, Any], counts: Sequence[Mapping[str, Any]]) -> SiteFeed:
    became = dict.fromkeys(OUTCOMES, 0)
    for row in counts:
        if row["site"] == state["site"]:
            became[row["outcome"]] += row["resources"]
    kept = {k: v for k, v in dict(state).items() if k != "recent"}
    return SiteFeed.model_validate(kept | became)


def _hours(rows: Sequence[Mapping[str, Any]]) -> list[Hour]:
    found: dict[datetime, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row["hour"]][row["site"]] = row["facts"]
    return [Hour(hour=hour, facts=facts) for hour, facts in sorted(found.items())]


def _cursor(after: str) -> tuple[datetime | None, UUID | None]:
    """Where the page before ended; the first page for an address that nobody here has made."""
    since, _, last = after.partition("~")
    try:
        return datetime.fromisoformat(since), UUID(last)
    except ValueError:
        return None, None


def _address(wanted: Mapping[str, str], since: datetime, last: UUID) -> str:
    after = f"{since.isoformat()}~{last}"
    return "?" + urlencode({k: v for k, v in wanted.items() if v} | {"after": after})


def _letter(stated: str) -> UUID | None:
    try:
        return UUID(stated) if stated else None
    except ValueError:
        raise Refused(422, "replay", "Expected the id of a dead letter.") from None
