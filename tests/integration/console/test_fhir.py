"""FHIR out: what is served parses as what it says it is, page by page, and only to whom it may be."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from services.console.console import Console
from tests.support.console import STUDY, Window, screening, store_outcome, store_patient, window
from tests.support.database import Database


async def _bundle(opened: Window, path: str) -> dict[str, Any]:
    answer = await opened.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    get_fhir_model_class("Bundle").model_validate_json(answer.text)
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("type_", ["ResearchStudy", "Group", "EvidenceVariable"])
async def test_the_trial_can_be_searched_and_read(console: Console, type_: str) -> None:
    """By identifier, and each found one by its id."""
    async with window(console, "monitor") as opened:
        bundle = await _bundle(opened, f"/fhir/{type_}?identifier={STUDY}")
        [entry] = bundle["entry"]
        assert entry["resource"]["resourceType"] == type_
        read = await opened.get(f"/fhir/{type_}/{entry['resource']['id']}")
        assert read.json() == entry["resource"]
        get_fhir_model_class(type_).model_validate_json(read.text)
        assert (await _bundle(opened, f"/fhir/{type_}?identifier=another"))["total"] == 0
        missing = await opened.get(f"/fhir/{type_}/no-such-id")
        assert missing.status_code == 404
        get_fhir_model_class("OperationOutcome").model_validate_json(missing.text)


async def test_subjects_come_in_pages_by_status(own: Database, console: Console) -> None:
    """Each once, by FHIR's own status, of the reader's sites; whoever is no candidate is no subject."""
    for status in ("eligible", "eligible", "eligible", "not_candidate"):
        patient = await store_patient(own, "south")
        await store_outcome(own, "eligibility", patient, "screening", "", screening(status, I1="met"))
    found: list[str] = []
    async with window(console, "coordinator-south") as opened:
        path = f"/fhir/ResearchSubject?study={STUDY}&status=eligible&_count=2"
        while path:
            bundle = await _bundle(opened, path)
            found += [e["resource"]["id"] for e in bundle.get("entry", [])]
            assert {e["resource"]["status"] for e in bundle["entry"]} == {"eligible"}
            path = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert len(found) == len(set(found)) == bundle["total"]
    assert len(found) >= 3


async def test_the_screening_list_names_each_subject_with_its_reason(own: Database, console: Console) -> None:
    """One List of each study."""
    patient = await store_patient(own, "north")
    await store_outcome(
        own, "eligibility", patient, "screening", "", screening("eligible", "all criteria are met", I1="met")
    )
    async with window(console, "coordinator-north") as opened:
        [entry] = (await _bundle(opened, "/fhir/List"))["entry"]
    flags = [e["flag"]["text"] for e in entry["resource"]["entry"]]
    assert "all criteria are met" in flags


async def test_the_audit_is_served_to_whoever_may_see_it(console: Console) -> None:
    """As AuditEvent; others are refused with an OperationOutcome."""
    async with window(console, "monitor") as monitor, window(console, "coordinator-north") as other:
        bundle = await _bundle(monitor, f"/fhir/AuditEvent?study={STUDY}&_count=5")
        assert {e["resource"]["resourceType"] for e in bundle["entry"]} == {"AuditEvent"}
        refused = await other.get(f"/fhir/AuditEvent?study={STUDY}")
        assert refused.status_code == 403
        get_fhir_model_class("OperationOutcome").model_validate_json(refused.text)


async def test_capabilities_and_the_api_document_themselves(console: Console) -> None:
    """Without a login; nothing else is served without one."""
    async with window(console) as opened:
        statement = await opened.get("/fhir/metadata")
        get_fhir_model_class("CapabilityStatement").model_validate_json(statement.text)
        api = (await opened.get("/api/openapi.json")).json()
        assert {p for p in api["paths"] if p.startswith("/api/")} >= {
            "/api/studies/{study}/today",
            "/api/studies/{study}/screening",
            "/api/studies/{study}/safety",
        }
        for path in (f"/fhir/ResearchSubject?study={STUDY}", f"/api/studies/{STUDY}/today", "/fhir/AuditEvent?study=x"):
            assert (await opened.get(path)).status_code == 401
