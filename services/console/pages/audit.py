"""Audit: who saw and did what, who was refused, and whether the chain is whole. Decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from services.console import audit as chain
from services.console.access import Right
from services.console.audit import Entry, Verified
from services.console.place import Place, place
from services.console.refusal import Refused
from shared.runtime.postgres import Pool, queries

router = APIRouter(prefix="/studies/{study}", include_in_schema=False)
SHOWN: Final = 100
_PART: Final = 5_000


@router.get("/audit")
async def audit(  # noqa: PLR0913, PLR0917 - the filters of the list
    at: Annotated[Place, Depends(place(Right.SEE_AUDIT))],
    person: str = "",
    outcome: Literal["", "done", "refused"] = "",
    patient: str = "",
    before: Annotated[int | None, Query(ge=1)] = None,
    verify: bool = False,
) -> HTMLResponse:
    """The page."""
    try:
        about = UUID(patient) if patient else None
    except ValueError:
        raise Refused(
            400, "see-audit", "Expected a patient's pseudonym.", todo="Clear the field, then try again."
        ) from None
    rows = await at.console.pool.fetch(
        queries("console_study")["audit"], list(at.sites), person or None, outcome or None, about, before, SHOWN + 1
    )
    shown = [{**r, "details": _details(r["entry"])} for r in rows[:SHOWN]]
    await at.audit("see-audit", about, study=at.study, person=person)
    return await at.page(
        "audit.html",
        title="Audit",
        rows=shown,
        person=person,
        outcome=outcome,
        about=patient,
        next=shown[-1]["sequence"] if len(rows) > SHOWN else None,
        verified=await verified(at.console.pool) if verify else None,
    )


async def verified(pool: Pool) -> Verified:
    """Follow the whole chain, a part of it in memory at a time."""
    head, count = chain.FIRST, 0
    async for part in _parts(pool):
        found = chain.verify(part, head, count)
        head, count = found.head, found.entries
        if found.broken is not None:
            return found
    return Verified(count, head)


async def _parts(pool: Pool) -> AsyncIterator[list[Entry]]:
    last = 0
    while rows := await pool.fetch(queries("console")["audit_entries"], last, _PART):
        yield [msgspec.convert(dict(r), Entry) for r in rows]
        last = rows[-1]["sequence"]


def _details(entry: str) -> dict[str, Any]:
    stated: dict[str, Any] = msgspec.json.decode(entry)["details"]
    return {k: v for k, v in stated.items() if v not in ("", None)}
