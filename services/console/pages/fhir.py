"""FHIR out: the trial, its criteria, its screening list and its subjects as R4B, read only. Decides and builds nothing.

Patients appear by pseudonym, and only those at the reader's sites. Every reading of them is in the audit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from services.console.access import Right
from services.console.place import Place, Visitor, enter, visitor
from services.console.refusal import Refused
from shared.fhir.out.audit_event import audit_event
from shared.fhir.out.candidates import SUBJECT_STATUS, candidate_list, research_subject
from shared.fhir.out.study import criteria_group, evidence_variable, research_study, study_id
from shared.protocol.model import Protocol
from shared.runtime.postgres import queries

router = APIRouter(prefix="/fhir", tags=["FHIR"])
CONTENT_TYPE: Final = "application/fhir+json"
Who = Annotated[Visitor, Depends(visitor)]
Count = Annotated[int, Query(alias="_count", ge=1, le=1000)]
_DEFINITIONS: Final[dict[str, Callable[[Protocol], Any]]] = {
    "ResearchStudy": research_study,
    "Group": criteria_group,
    "EvidenceVariable": evidence_variable,
}
_BY_FHIR_STATUS: Final = {fhir: ours for ours, fhir in SUBJECT_STATUS.items()}


@router.get("/metadata")
async def metadata(request: Request) -> Response:
    """What this server can do."""
    resources = [
        {"type": t, "interaction": [{"code": "search-type"}, {"code": "read"}]}
        for t in ("ResearchStudy", "Group", "EvidenceVariable")
    ]
    resources += [
        {"type": t, "interaction": [{"code": "search-type"}]} for t in ("List", "ResearchSubject", "AuditEvent")
    ]
    statement = {
        "status": "active",
        "date": "2025-01-01",
        "kind": "instance",
        "software": {"name": "Graftwatch console"},
        "implementation": {
            "description": "Screening for a trial, read only",
            "url": str(request.url.replace(path="/fhir", query="")),
        },
        "fhirVersion": "4.3.0",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": resources}],
    }
    return _answer(CapabilityStatement.model_validate(statement))


@router.get("/ResearchStudy")
async def studies(who: Who, identifier: str = "", id_: Annotated[str, Query(alias="_id")] = "") -> Response:
    """The trials in which the reader has a part."""
    return _definitions(who, "ResearchStudy", identifier, id_)


@router.get("/Group")
async def groups(who: Who, identifier: str = "", id_: Annotated[str, Query(alias="_id")] = "") -> Response:
    """Whom each trial seeks, as characteristics."""
    return _definitions(who, "Group", identifier, id_)


@router.get("/EvidenceVariable")
async def variables(who: Who, identifier: str = "", id_: Annotated[str, Query(alias="_id")] = "") -> Response:
    """The same in words, with the sources."""
    return _definitions(who, "EvidenceVariable", identifier, id_)


@router.get("/ResearchStudy/{id_}")
@router.get("/Group/{id_}")
@router.get("/EvidenceVariable/{id_}")
async def read(who: Who, request: Request, id_: str) -> Response:
    """One of them by its id."""
    type_ = request.url.path.split("/")[2]
    found = [r for r in _built(who, type_) if r.id == id_]
    if not found:
        raise Refused(404, "read-fhir", f"There is no such {type_}.", type=type_)
    return _answer(found[0])


@router.get("/List")
async def lists(who: Who, identifier: str = "") -> Response:
    """The screening list of each trial, of the patients at the reader's sites."""
    made = []
    for at in await _places(who, identifier):
        rows = await at.console.pool.fetch(
            queries("console_fhir")["subjects"], at.study, list(at.sites), list(SUBJECT_STATUS), None, 1_000_000
        )
        async with at.console.pool.acquire() as connection:
            now = await at.console.clock.now(connection)
        statuses = {r["patient"]: (r["status"], r["says"]) for r in rows}
        made.append(await asyncio.to_thread(candidate_list, at.protocol, statuses, now))
        await at.audit_list("/fhir/List", len(rows))
    return _answer(_searchset(who.request, made, len(made)))


@router.get("/ResearchSubject")
async def subjects(
    who: Who,
    study: str = "",
    status: str = "",
    count: Count = 100,
    after: Annotated[UUID | None, Query(alias="_after")] = None,
) -> Response:
    """The patients being screened, a page at a time; `study` is the protocol's id or a reference, `status` FHIR's own."""
    asked = study.removeprefix("ResearchStudy/")
    places = await _places(who, asked)
    if len(places) != 1:
        raise Refused(400, "see-list", f"Expected one study: study={' or '.join(p.study for p in places) or '…'}.")
    at = places[0]
    statuses = (
        [_BY_FHIR_STATUS[s] for s in status.split(",") if s in _BY_FHIR_STATUS] if status else list(SUBJECT_STATUS)
    )
    sql, here = queries("console_fhir"), (at.study, list(at.sites), statuses)
    rows = await at.console.pool.fetch(sql["subjects"], *here, after, count + 1)
    total = await at.console.pool.fetchval(sql["subject_total"], *here)
    await at.audit_list("/fhir/ResearchSubject", min(len(rows), count))
    page = await asyncio.to_thread(
        lambda: [research_subject(at.protocol, r["patient"], r["status"]) for r in rows[:count]]
    )
    more = (
        {"study": at.study, "status": status, "_count": str(count), "_after": str(rows[count - 1]["patient"])}
        if len(rows) > count
        else None
    )
    return _answer(_searchset(who.request, page, total, more))


@router.get("/AuditEvent")
async def audit_events(
    who: Who, study: str, count: Count = 100, before: Annotated[int | None, Query(alias="_before", ge=1)] = None
) -> Response:
    """The audit as FHIR, the newest first; for whoever may see the audit of that study."""
    at = await enter(who, study, Right.SEE_AUDIT)
    rows = await at.console.pool.fetch(
        queries("console_study")["audit"], list(at.sites), None, None, None, before, count + 1
    )
    await at.audit("see-audit", None, study=study, path="/fhir/AuditEvent")
    events = [
        audit_event(
            sequence=r["sequence"],
            recorded_at=r["recorded_at"],
            person=r["person"],
            action=r["action"],
            outcome=r["outcome"],
            patient=r["patient"],
            details=msgspec.json.decode(r["entry"])["details"],
        )
        for r in rows[:count]
    ]
    more = (
        {"study": study, "_count": str(count), "_before": str(rows[count - 1]["sequence"])}
        if len(rows) > count
        else None
    )
    return _answer(_searchset(who.request, events, None, more))


def _definitions(who: Visitor, type_: str, identifier: str, id_: str) -> Response:
    asked = identifier.rpartition("|")[2]
    found = [
        r
        for r in _built(who, type_)
        if (not id_ or r.id == id_) and (not asked or asked in {i.value for i in r.identifier})
    ]
    return _answer(_searchset(who.request, found, len(found)))


def _built(who: Visitor, type_: str) -> list[Any]:
    return [_DEFINITIONS[type_](who.console.protocols[s]) for s in who.person.studies(who.console.protocols)]


async def _places(who: Visitor, asked: str) -> list[Place]:
    """The studies whose patients the reader may see: all, or the one named by protocol id, identifier or ResearchStudy id."""
    name = asked.rpartition("|")[2]
    known = who.console.protocols
    studies = [s for s in who.person.studies(known) if not name or name in (s, study_id(known[s]))]
    if name and not studies:
        await enter(who, name, Right.SEE_PATIENTS)
    return [await enter(who, s, Right.SEE_PATIENTS) for s in studies]


def _searchset(request: Request, found: Sequence[Any], total: int | None, more: dict[str, str] | None = None) -> Bundle:
    links = [{"relation": "self", "url": str(request.url)}]
    if more is not None:
        stated = {k: v for k, v in more.items() if v}
        links.append({"relation": "next", "url": f"{request.url.replace(query='')}?{urlencode(stated)}"})
    body: dict[str, Any] = {"type": "searchset", "link": links}
    if total is not None:
        body["total"] = total
    if found:
        body["entry"] = list(_entries(request, found))
    return Bundle.model_validate(body)


def _entries(request: Request, found: Iterable[Any]) -> Iterable[dict[str, Any]]:
    base = str(request.url.replace(path="/fhir", query=""))
    for resource in found:
        name = resource.get_resource_type()
        yield {"fullUrl": f"{base}/{name}/{resource.id}", "resource": resource, "search": {"mode": "match"}}


def _answer(resource: Any) -> Response:
    return Response(resource.model_dump_json(exclude_none=True), media_type=CONTENT_TYPE)
