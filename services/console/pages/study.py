"""Study: the protocol in force, each value with its source, assumptions first. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from services.console.access import Right
from services.console.place import Place, place
from shared.protocol.load import protocol_hash
from shared.protocol.sourced import Sourced, sourced
from shared.runtime.postgres import queries

router = APIRouter(prefix="/studies/{study}", include_in_schema=False)


class Value(msgspec.Struct, frozen=True):
    """One value of the protocol: its place, what it is, where it comes from."""

    place: str
    value: str
    source: str
    note: str
    is_assumed: bool


@router.get("/study")
async def study(at: Annotated[Place, Depends(place(Right.SEE_FEED))]) -> HTMLResponse:
    """The page."""
    versions = await at.console.pool.fetch(queries("console_study")["versions"], at.study)
    values = list(_values(at.protocol))
    screening = at.protocol.screening
    return await at.page(
        "study.html",
        title="Study",
        hash=protocol_hash(at.protocol),
        versions=versions,
        criteria=[*((c, False) for c in screening.inclusion), *((c, True) for c in screening.exclusion)],
        exclusion_note=screening.exclusion_note,
        assumed=[v for v in values if v.is_assumed],
        stated=[v for v in values if not v.is_assumed],
    )


def _values(protocol: BaseModel) -> Iterator[Value]:
    for path, found in sourced(protocol):
        yield Value(path, _written(found), found.source, found.note, found.assumed)


def _written(found: Sourced[Any]) -> str:
    value = found.model_dump(mode="json")["value"]
    if isinstance(value, list):
        return "; ".join(v if isinstance(v, str) else msgspec.json.encode(v).decode() for v in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
