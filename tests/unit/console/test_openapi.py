"""The console's OpenAPI document: valid, and of the routes that programs are served."""

from __future__ import annotations

from typing import Any, Final

from fastapi.routing import APIRoute
from openapi_spec_validator import validate

from services.console import login, pages
from services.console.app import interface

DOCUMENT: Final[dict[str, Any]] = interface().openapi()
_OPEN: Final = {"/fhir/metadata", "/health", "/metrics"}


def _operations() -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, item in DOCUMENT["paths"].items() for operation in item.values()]


def test_the_document_is_valid_openapi() -> None:
    """By the specification's own schema."""
    validate(DOCUMENT)


def test_every_route_for_programs_is_documented_and_no_page() -> None:
    """Method by method: all of /api and /fhir, which only read. The probes of an orchestrator are no interface."""
    documented = {(m.upper(), p) for p, item in DOCUMENT["paths"].items() for m in item}
    parts = [interface().router, login.router, *pages.ROUTERS]
    routes = {(m, r.path) for part in parts for r in part.routes if isinstance(r, APIRoute) for m in r.methods or ()}
    served = {(m, p) for m, p in routes if p.startswith(("/api/", "/fhir/")) or p in _OPEN}
    assert documented == served
    assert {method for method, _ in documented} == {"GET"}
    assert len(routes) > len(documented) > 15


def test_what_asks_for_a_login_says_so_and_how_it_refuses() -> None:
    """Everything but what is told to anybody; in FHIR by an OperationOutcome, else in words with what to do."""
    for path, operation in _operations():
        assert ("security" in operation) == (path not in _OPEN)
        refusal = operation["responses"].get("403", {}).get("content", {})
        outcome = {"application/fhir+json": {"schema": {"$ref": "#/components/schemas/OperationOutcome"}}}
        words = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
        assert refusal == ({} if path in _OPEN else outcome if path.startswith("/fhir") else words)


def test_fhir_is_answered_as_fhir() -> None:
    """With the type of what is answered; a search gives a Bundle."""
    kinds = {}
    for path, operation in _operations():
        if path.startswith("/fhir"):
            ((media, content),) = operation["responses"]["200"]["content"].items()
            assert media == "application/fhir+json"
            kinds[path] = content["schema"]["$ref"].rpartition("/")[2]
    assert kinds["/fhir/metadata"] == "CapabilityStatement"
    assert kinds["/fhir/List"] == "Bundle"
    assert kinds["/fhir/Group/{id_}"] == "Group"
