"""Today: what needs the visitor now. Decides nothing: `concerns` says which events concern whom."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from services.console import concerns
from services.console.access import Right
from services.console.place import Place, place
from shared.runtime.postgres import queries

router = APIRouter(prefix="/studies/{study}", include_in_schema=False)
SHOWN: Final = 50


@router.get("/today")
async def today(at: Annotated[Place, Depends(place(Right.SEE_PATIENTS))]) -> HTMLResponse:
    """The page."""
    needed = await what_needs(at)
    await at.audit_list("today", sum(len(needed[name]) for name in ("events", "clocks", "eligible", "nearly")))
    return await at.page("today.html", title="Today", shown=SHOWN, **needed)


async def what_needs(at: Place) -> dict[str, Any]:
    """Open events, running clocks, who is newly eligible, and who is one test away."""
    sql, types = queries("console_today"), concerns.types_for(at.person.roles(at.study))
    here = (at.study, list(at.sites))
    pool = at.console.pool
    events, clocks, eligible, nearly = await asyncio.gather(
        pool.fetch(sql["unacknowledged"], *here, list(types), concerns.LOWEST_GRADE, list(types.values()), SHOWN),
        pool.fetch(sql["clocks"], *here, SHOWN),
        pool.fetch(sql["newly_eligible"], *here, SHOWN),
        pool.fetch(sql["one_test_away"], *here, SHOWN),
    )
    people = {r["patient"] for rows in (events, clocks, eligible, nearly) for r in rows}
    assigned = await pool.fetch(sql["assigned"], at.study, list(people))
    return {
        "events": events,
        "clocks": [{**r, "content": msgspec.json.decode(r["content"])} for r in clocks],
        "eligible": eligible,
        "nearly": nearly,
        "assigned": {r["patient"]: r["to_name"] for r in assigned if r["to_person"] is not None},
    }
