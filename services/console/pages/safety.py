"""Safety: episodes and cases with their clocks, what speaks for and against, and what may be stated. Decides nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from services.console import acting
from services.console.access import Right
from services.console.place import Place, place
from services.console.refusal import Refused
from shared.runtime.postgres import queries

router = APIRouter(prefix="/studies/{study}", include_in_schema=False)
LEVELS: Final = ("proven", "suspected", "watch")
"""Levels of an episode, the gravest first; `none` is no episode."""
SHOWN: Final = 50
_BETWEEN: Final = "|"
Level = Literal["", "proven", "suspected", "watch"]
Status = Literal["", "candidate", "confirmed", "refuted"]


@router.get("/safety")
async def safety(
    at: Annotated[Place, Depends(place(Right.SEE_PATIENTS))],
    level: Level = "",
    status: Annotated[Status, Query()] = "",
    after_case: Annotated[str, Query(max_length=400)] = "",
    after_episode: Annotated[str, Query(max_length=400)] = "",
) -> HTMLResponse:
    """The page."""
    sql, pool = queries("console_safety"), at.console.pool
    here = (at.study, list(at.sites))
    levels_shown = [level] if level else list(LEVELS)
    from_episode, from_case = _after_episode(after_episode), _after_case(after_case)
    found_episodes, found_cases, number, gaps, levels = await asyncio.gather(
        pool.fetch(sql["rejections"], *here, levels_shown, SHOWN + 1, *from_episode),
        pool.fetch(sql["cases"], *here, status or None, SHOWN + 1, *from_case),
        pool.fetchval(sql["case_count"], *here, status or None),
        pool.fetch(sql["gaps"], *here, SHOWN),
        pool.fetch(sql["levels"], *here),
    )
    episodes, cases = found_episodes[:SHOWN], found_cases[:SHOWN]
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
        case_count=number,
        next_case=_next(found_cases, "is_closed", "due"),
        next_episode=_next(found_episodes, "place", "onset"),
        after_case=after_case,
        after_episode=after_episode,
        size=SHOWN,
    )


def _next(rows: Sequence[Any], *first: str) -> str:
    """Where the page ends, if there is more: the order's own fields, then patient and subject."""
    if len(rows) <= SHOWN:
        return ""
    last = rows[SHOWN - 1]
    return _BETWEEN.join(str(last[name]) for name in (*first, "patient", "subject"))


def _after_case(stated: str) -> tuple[bool | None, str | None, UUID | None, str | None]:
    closed, due, patient, subject = _parts(stated)
    return (None, None, None, None) if patient is None else (closed == "True", due, patient, subject)


def _after_episode(stated: str) -> tuple[int | None, str | None, UUID | None, str | None]:
    level, onset, patient, subject = _parts(stated)
    if patient is None:
        return None, None, None, None
    if not level.isdigit():
        raise _no_such_page()
    return int(level), onset, patient, subject


def _parts(stated: str) -> tuple[str, str, UUID | None, str]:
    """The fields of a place in a list; no patient: its beginning."""
    if not stated:
        return "", "", None, ""
    try:
        first, second, patient, subject = stated.split(_BETWEEN, 3)
        return first, second, UUID(patient), subject
    except ValueError:
        raise _no_such_page() from None


def _no_such_page() -> Refused:
    return Refused(400, "see-list", "There is no such page of the list.", todo="Begin at its first page.")


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
