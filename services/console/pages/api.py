"""The JSON API: what Today, Screening and Safety show, for programs. Documented at /api/openapi.json. Decides nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.console import concerns
from services.console.access import Right
from services.console.pages.screening import STATUSES
from services.console.place import Place, place
from shared.runtime.postgres import queries

_FROM_THE_FIRST: Final = (None, None, None, None)
"""Where a page of the safety list begins."""
router = APIRouter(prefix="/api/studies/{study}", tags=["pages"])
At = Annotated[Place, Depends(place(Right.SEE_PATIENTS))]
Count = Annotated[int, Query(ge=1, le=1000)]


class OpenEvent(BaseModel):
    """An event that nobody has acknowledged."""

    event_id: UUID
    patient: UUID
    site: str
    type: str
    urgency: int = Field(description="1 now, 2 today, 3 this week")
    told_at: datetime
    sentence: str
    stands_for: int = Field(description="how many open events of this patient and type it stands for")


class Candidate(BaseModel):
    """One patient of the screening list."""

    patient: UUID
    site: str
    status: Literal["eligible", "potentially_eligible", "ineligible", "on_treatment", "off_study", "not_candidate"]
    says: str
    verdicts: dict[str, str] = Field(description="met, not met, unknown or conflict, by criterion")
    missing: list[str]
    since: datetime
    open_dead_letters: int = Field(description="records of the patient that could not be read")


class Candidates(BaseModel):
    """A page of the screening list; `after` names the next one, null on the last."""

    candidates: list[Candidate]
    after: str | None


class SafetyOutcome(BaseModel):
    """A current outcome of safety: an episode of rejection, a case, or a report's clock."""

    patient: UUID
    site: str
    kind: Literal["rejection", "adverse-event", "clock"]
    subject: str
    outcome_id: UUID
    content: dict[str, Any] = Field(description="as decided; see docs/generated")


@router.get("/today")
async def today(at: At, count: Count = 100) -> list[OpenEvent]:
    """What nobody has acknowledged of what concerns the reader's roles, the most urgent first."""
    types = concerns.types_for(at.person.roles(at.study))
    rows = await at.console.pool.fetch(
        queries("console_today")["unacknowledged"],
        at.study,
        list(at.sites),
        list(types),
        concerns.LOWEST_GRADE,
        list(types.values()),
        count,
    )
    return [
        OpenEvent(
            event_id=r["event_id"],
            patient=r["patient"],
            site=r["site"],
            type=r["type"],
            urgency=r["urgency"],
            told_at=r["created_at"],
            sentence=r["sentence"],
            stands_for=r["events"],
        )
        for r in rows
    ]


@router.get("/screening")
async def screening(
    at: At,
    status: Annotated[list[str] | None, Query(description="one or several; all unless stated")] = None,
    after: Annotated[str, Query(pattern=r"^$|^[0-9T:.+-]+_[0-9a-f-]{36}$", description="of the page before")] = "",
    count: Count = 100,
) -> Candidates:
    """The screening list, newest status first, a page at a time."""
    since, _, patient = after.partition("_")
    cursor = (datetime.fromisoformat(since), UUID(patient)) if after else (None, None)
    wanted = [s for s in status or STATUSES if s in STATUSES]
    rows = await at.console.pool.fetch(
        queries("console_screening")["page"], at.study, list(at.sites), wanted, None, None, "", None, *cursor, count + 1
    )
    await at.audit_list("/api/screening", min(len(rows), count))
    page = [
        Candidate(
            patient=r["patient"],
            site=r["site"],
            status=r["status"],
            says=r["says"],
            verdicts=msgspec.json.decode(r["verdicts"]),
            missing=r["missing"],
            since=r["status_since"],
            open_dead_letters=r["open_dead_letters"],
        )
        for r in rows[:count]
    ]
    more = f"{page[-1].since.isoformat()}_{page[-1].patient}" if len(rows) > count else None
    return Candidates(candidates=page, after=more)


@router.get("/safety")
async def safety(at: At, count: Count = 100) -> list[SafetyOutcome]:
    """Episodes that are watched, suspected or proven, then cases, then running clocks."""
    sql, pool, here = queries("console_safety"), at.console.pool, (at.study, list(at.sites))
    rows: list[Any] = [
        *await pool.fetch(sql["rejections"], *here, ["proven", "suspected", "watch"], count, *_FROM_THE_FIRST),
        *await pool.fetch(sql["cases"], *here, None, count, *_FROM_THE_FIRST),
        *[{**r, "kind": "clock"} for r in await pool.fetch(queries("console_today")["clocks"], *here, count)],
    ]
    await at.audit_list("/api/safety", len(rows))
    return [
        SafetyOutcome(
            patient=r["patient"],
            site=r["site"],
            kind=r["kind"],
            subject=r["subject"],
            outcome_id=r["outcome_id"],
            content=msgspec.json.decode(r["content"]),
        )
        for r in rows
    ]
