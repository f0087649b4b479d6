"""Patient: one timeline over time, what was decided on it and why, as known now or earlier. Decides nothing."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from services.console import acting, story
from services.console.chart import PatientChart
from services.console.fact_words import group, says
from services.console.place import Bedside, bedside
from services.console.refusal import Refused
from shared.runtime.postgres import queries

router = APIRouter()
At = Annotated[Bedside, Depends(bedside())]
Version = Annotated[int | None, Query(ge=0, description="A version of the timeline; today's where none is named.")]
PATH = "/studies/{study}/patients/{patient}"


@router.get(PATH, include_in_schema=False)
async def patient(at: At, version: Version = None) -> HTMLResponse:
    """The page."""
    known = await story.read(at, version)
    return await at.page(
        "patient.html", title="Patient", story=known, says=says, acts=await acting.panel(at), live=not known.is_past
    )


@router.get(f"/api{PATH}")
async def patient_api(at: At, version: Version = None) -> PatientChart:
    """What the chart of a patient draws: drugs, troughs, liver tests, tumour, what was told; as known at a version."""
    return await story.drawn(at, version)


@router.get(f"{PATH}/records/{{type_}}/{{key}}", include_in_schema=False)
async def record(at: At, type_: str, key: str) -> HTMLResponse:
    """One source record: every statement of it, and in which version of the timeline each began and ended."""
    rows = await at.console.pool.fetch(queries("console_patient")["record"], at.patient, key)
    statements = [e for e in map(story.entry, rows) if e.fact.source.type == type_]
    if not statements:
        raise Refused(404, "see-record", "This patient's timeline has no such record.", patient=at.patient)
    used = await _rests_on(at, {e.fact.fact_id for e in statements})
    return await at.page(
        "record.html", title="Record", type_=type_, key=key, statements=statements, says=says, group=group, used=used
    )


async def _rests_on(at: Bedside, facts: set[UUID]) -> list[tuple[str, str, str]]:
    """Which outcomes in force cite a fact of the record: service, kind, what it says."""
    rows = await at.console.pool.fetch(
        queries("console_patient")["citing"], at.patient, at.study, [str(f) for f in facts]
    )
    return [(r["service"], r["kind"], r["says"] or r["subject"]) for r in rows]
