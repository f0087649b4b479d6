"""Safety: episodes and cases with their clocks, what speaks for and against, and what may be stated. Decides nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from services.console import acting
from services.console.access import Right
from services.console.place import Place, place
from shared.runtime.postgres import queries

router = APIRouter(prefix="/studies/{study}", include_in_schema=False)
LEVELS: Final = ("proven", "suspected", "watch")
"""Levels of an episode, the gravest first; `none` is no episode."""
SHOWN: Final = 50
Level = Literal["", "proven", "suspected", "watch"]
Status = Literal["", "candidate", "confirmed", "refuted"]


@router.get("/safety")
async def safety(
    at: Annotated[Place, Depends(place(Right.SEE_PATIENTS))],
    level: Level = "",
    status: Annotated[Status, Query()] = "",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> HTMLResponse:
    """The page."""
    sql, pool = queries("console_safety"), at.console.pool
    here = (at.study, list(at.sites))
    part = (SHOWN, (page - 1) * SHOWN)
    episodes, cases, gaps, levels = await asyncio.gather(
        pool.fetch(sql["rejections"], *here, [level] if level else list(LEVELS), *part),
        pool.fetch(sql["cases"], *here, status or None, *part),
        pool.fetch(sql["gaps"], *here, SHOWN),
        pool.fetch(sql["levels"], *here),
    )
    patients = sorted({r["patient"] for r in (*episodes, *cases)})
    clocks = await pool.fetch(sql["clocks_of"], at.study, patients)
    steps = await pool.fetch(sql["steps_of"], at.study, patients)
    assigned = await pool.fetch(queries("console_today")["assigned"], at.study, patients)
    known = _steps(steps)
    await at.audit_list("safety", len(episodes) + len(cases) + len(gaps))
    return await at.page(
        "safety.html",
        title="Safety",
        episodes=[_shown(at, r, known) for r in episodes],
        cases=[_shown(at, r, known) for r in cases],
        gaps=[{**r, "content": msgspec.json.decode(r["content"])} for r in gaps],
        levels={r["level"]: r["patients"] for r in levels},
        clocks=_clocks(clocks),
        assigned={r["patient"]: r["to_name"] for r in assigned if r["to_person"] is not None},
        level=level,
        only=status,
        number=page,
        size=SHOWN,
    )


Steps = dict[UUID, dict[tuple[str, str], int]]


def _steps(rows: Iterable[Any]) -> Steps:
    found: Steps = defaultdict(dict)
    for r in rows:
        found[r["patient"]][r["kind"], r["subject"]] = r["step"]
    return found


def _shown(at: Place, row: Any, steps: Steps) -> dict[str, Any]:
    choice = next(iter(acting.of_safety(at, row["site"], [row], steps.get(row["patient"], {}))))
    return {**row, "content": msgspec.json.decode(row["content"]), "choice": choice}


def _clocks(rows: Iterable[Any]) -> dict[tuple[UUID, str], list[dict[str, Any]]]:
    """The clocks of each case, by patient and the case's subject."""
    found: dict[tuple[UUID, str], list[dict[str, Any]]] = defaultdict(list)
    for r in rows:
        content = msgspec.json.decode(r["content"])
        found[r["patient"], content["case"]].append(content)
    return found
