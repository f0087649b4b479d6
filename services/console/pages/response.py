"""Response: waterfall, spider, swimmer and survival curves of everyone treated. `response_figures` shapes them."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from services.console.access import Right
from services.console.place import Place, place
from services.console.response_figures import BEST, ResponseFigures, figures
from shared.runtime.postgres import queries

router = APIRouter()
Here = Annotated[Place, Depends(place(Right.SEE_PATIENTS))]


@router.get("/studies/{study}/response", include_in_schema=False)
async def response(at: Here) -> HTMLResponse:
    """The page: the figures in words and tables; its plots fetch the same figures from the API."""
    return await at.page("response.html", title="Response", figures=await of_study(at), best=BEST)


@router.get("/api/studies/{study}/response")
async def response_api(at: Here) -> ResponseFigures:
    """Response and survival of everyone treated at the sites that the caller may see, as the records stand now."""
    return await of_study(at)


async def of_study(at: Place) -> ResponseFigures:
    """The figures of the visitor's sites, put together off the event loop: the curves take scipy some time."""
    rows = await at.console.pool.fetch(queries("console_response")["treated"], at.study, list(at.sites))
    decoded = [{**row, "content": msgspec.json.decode(row["content"])} for row in rows]
    primary = at.protocol.response.primary_confirmed.value
    return await asyncio.to_thread(figures, at.study, at.sites, decoded, confirmed=primary)
