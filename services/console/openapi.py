"""What the console's API answers besides what its routes state: refusals, FHIR, who is let in. Decides nothing about a request.

The pages, which are for people, are no part of the document.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI

from services.console.pages.fhir import CONTENT_TYPE

_OPEN: Final = ("/fhir/metadata", "/health", "/metrics")
"""Told to anybody."""
_ONE: Final = "/{id_}"
_REFUSED: Final = {
    "401": "Nobody is logged in, or not any more; no token of a system",
    "403": "No right to that there, or there is no such study or patient",
    "422": "Not what is expected; it says of what",
}
_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_SCHEMAS: Final[dict[str, Any]] = {
    "Refusal": {
        "type": "object",
        "required": ["status", "says", "todo"],
        "properties": {"status": {"type": "integer"}, "says": {"type": "string"}, "todo": {"type": "string"}},
    },
    **{
        name: {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"const": name}}}
        for name in ("Bundle", "CapabilityStatement", "EvidenceVariable", "Group", "OperationOutcome", "ResearchStudy")
    },
}
_LOGINS: Final = {
    "session": {"type": "apiKey", "in": "cookie", "name": "__Host-graftwatch", "description": "Of the login in a browser"},
    "token": {"type": "http", "scheme": "bearer", "description": "Of a system that the staff file names; it may only read"},
}  # fmt: skip


class Described(FastAPI):
    """An application whose document says what it answers."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    document["info"]["version"] = version("graftwatch")
    for path, item in document["paths"].items():
        for operation in item.values():
            _complete(path, operation)
    components = document["components"]
    of_routes = {n: s for n, s in components["schemas"].items() if n not in ("HTTPValidationError", "ValidationError")}
    components["schemas"] = dict(sorted({**of_routes, **_SCHEMAS}.items()))
    components["securitySchemes"] = _LOGINS
    return document


def _complete(path: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    answers.pop("422", None)  # said by this console in words of its own
    is_fhir = path.startswith("/fhir")
    if is_fhir:
        answers["200"]["content"] = _content(_resource(path), is_fhir)
    if path in _OPEN:
        return
    operation["security"] = [{name: []} for name in _LOGINS]
    refusal = _content("OperationOutcome" if is_fhir else "Refusal", is_fhir)
    for status, why in sorted({**_REFUSED, **_of_this(path)}.items()):
        answers[status] = {"description": why, "content": refusal}
    answers["429"] = {"description": "Too many requests: wait as Retry-After says", "content": _TEXT}


def _of_this(path: str) -> dict[str, str]:
    if path == "/fhir/ResearchSubject":
        return {"400": "Of several studies one must be named"}
    return {"404": "There is no such resource of a study of yours"} if path.endswith(_ONE) else {}


def _content(schema: str, is_fhir: bool) -> dict[str, Any]:
    media = CONTENT_TYPE if is_fhir else "application/json"
    return {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _resource(path: str) -> str:
    if path == "/fhir/metadata":
        return "CapabilityStatement"
    return path.split("/")[2] if path.endswith(_ONE) else "Bundle"
