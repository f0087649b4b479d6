"""Screening: candidates by status and criterion, what is missing, where patients are lost. Decides nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from services.console import attrition
from services.console.access import Right
from services.console.attrition import BEING_SCREENED
from services.console.place import Place, place
from services.console.refusal import Refused
from shared.outcomes import Verdict
from shared.runtime.postgres import queries

router = APIRouter(prefix="/studies/{study}", include_in_schema=False)
At = Annotated[Place, Depends(place(Right.SEE_PATIENTS))]
SHOWN: Final = 50
ITEMS: Final = 60
STATUSES: Final = (*BEING_SCREENED, "on_treatment", "off_study", "not_candidate")


class Filter(msgspec.Struct, frozen=True):
    """What the visitor asked for; empty: everything."""

    status: str = ""
    site: str = ""
    criterion: str = ""
    verdict: str = Verdict.UNKNOWN.value
    missing: str = ""

    def query(self, **changed: str) -> str:
        """The address of the list with some of it changed."""
        fields = {**msgspec.structs.asdict(self), **changed}
        if not fields["criterion"]:
            fields["verdict"] = ""
        stated = {k: v for k, v in fields.items() if v}
        return f"?{urlencode(stated)}" if stated else "?"


@router.get("/screening")
async def screening(  # noqa: PLR0913, PLR0917 - the filters of the list
    at: At,
    status: str = "",
    site: str = "",
    criterion: str = "",
    verdict: Annotated[Verdict, Query()] = Verdict.UNKNOWN,
    missing: str = "",
    after: str = "",
) -> HTMLResponse:
    """The list, one page of it."""
    wanted = Filter(status, site, criterion, verdict.value, missing)
    criteria = [(c.id, c.title) for c in (*at.protocol.screening.inclusion, *at.protocol.screening.exclusion)]
    found = await _list(at, wanted, _cursor(after))
    await at.audit_list("screening", len(found["rows"]))
    return await at.page(
        "screening.html", title="Screening", wanted=wanted, criteria=criteria, statuses=STATUSES, **found
    )


@router.get("/screening/attrition")
async def losses(at: At) -> HTMLResponse:
    """Where patients are lost."""
    sql, pool = queries("console_screening"), at.console.pool
    here = (at.study, list(at.sites))
    rows = await pool.fetch(sql["verdict_rows"], *here, list(BEING_SCREENED))
    counts = await pool.fetch(sql["by_status"], *here)
    lost = attrition.losses(at.protocol, [(msgspec.json.decode(r["verdicts"]), r["patients"]) for r in rows])
    return await at.page(
        "attrition.html",
        title="Screening",
        losses=lost,
        screened=sum(r["patients"] for r in rows),
        by_status={r["status"]: r["patients"] for r in counts},
        statuses=STATUSES,
    )


async def _list(at: Place, wanted: Filter, after: tuple[datetime | None, UUID | None]) -> dict[str, Any]:
    sql, pool = queries("console_screening"), at.console.pool
    here = (at.study, list(at.sites))
    statuses = [wanted.status] if wanted.status else list(BEING_SCREENED)
    asked = (statuses, wanted.site or None, wanted.criterion or None, wanted.verdict, wanted.missing or None)
    rows, matching, counts, items = await asyncio.gather(
        pool.fetch(sql["page"], *here, *asked, *after, SHOWN + 1),
        pool.fetchval(sql["matching"], *here, *asked),
        pool.fetch(sql["by_status"], *here),
        pool.fetch(sql["missing_items"], *here, list(BEING_SCREENED), ITEMS),
    )
    shown = [{**r, "verdicts": msgspec.json.decode(r["verdicts"])} for r in rows[:SHOWN]]
    last = shown[-1] if len(rows) > SHOWN else None
    assigned = await pool.fetch(queries("console_today")["assigned"], at.study, [r["patient"] for r in shown])
    return {
        "rows": shown,
        "matching": matching,
        "by_status": {r["status"]: r["patients"] for r in counts},
        "items": items,
        "next": f"{last['status_since'].isoformat()}_{last['patient']}" if last else "",
        "is_first": after == (None, None),
        "assigned": {r["patient"]: r["to_name"] for r in assigned if r["to_person"] is not None},
    }


def _cursor(after: str) -> tuple[datetime | None, UUID | None]:
    """Where the page before ended."""
    if not after:
        return None, None
    since, _, patient = after.partition("_")
    try:
        return datetime.fromisoformat(since), UUID(patient)
    except ValueError:
        raise Refused(400, "see-list", "There is no such page of the list.", todo="Begin at its first page.") from None
