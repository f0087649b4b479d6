"""The intake's HTTP interface as OpenAPI 3.1: which paths there are and what they answer. Decides nothing about a request."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from shared import topics

_FHIR: Final = "application/fhir+json"
_ANSWERS: Final = {
    400: "Not a FHIR resource or Bundle, or not what the address says",
    401: "No token of a site",
    408: "The body did not come in time",
    413: f"More than {topics.FEED_MESSAGE_BYTES} bytes",
    415: "Not FHIR as JSON in UTF-8, or another fhirVersion than 4.0, 4.3, 5.0",
    500: "The intake failed at this request",
    501: "A conditional request",
    503: "The broker does not answer: send it again after Retry-After",
}
_TYPE: Final = {
    "name": "type",
    "in": "path",
    "required": True,
    "description": "A FHIR resource type",
    "schema": {"type": "string", "pattern": "^[A-Z][A-Za-z]{1,63}$"},
}
_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The sender's logical id of the resource; of one to delete 1 to 256 letters, digits and -._~|:",
    "schema": {"type": "string"},
}
_HEADERS: Final = {
    401: {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}},
    503: {
        "Retry-After": {
            "description": "After so many seconds; what was taken all the same changes nothing the second time",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        }
    },
}


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Graftwatch intake",
            "version": version("graftwatch"),
            "description": (
                "Takes FHIR records for the feed. 2xx means that the broker has the record with the sender's bytes; what "
                "becomes of it is decided by ingest. What the records may be: GET /fhir/metadata."
            ),
        },
        "paths": {
            "/fhir": {"post": _take("Deliver a resource or a Bundle", [], bundle=True)},
            "/fhir/": {"post": _take("The same", [], bundle=True)},
            "/fhir/{type}": {
                "post": _take("Deliver a resource of this type", [_TYPE]),
                "put": _take("Deliver a resource of this type", [_TYPE]),
            },
            "/fhir/{type}/{id}": {
                "post": _take("Deliver this resource", [_TYPE, _ID]),
                "put": _take("Deliver this resource", [_TYPE, _ID]),
                "delete": _delete(),
            },
            "/fhir/metadata": {"get": _open("The CapabilityStatement", _FHIR)},
            "/openapi.json": {"get": _open("This document", "application/json")},
            "/health": {"get": _open("Whether the broker answers", "application/json", {503: "It does not"})},
            "/alive": {"get": _open("That the process answers; whether it gets on, /health says", "application/json")},
            "/metrics": {"get": _open("Figures for Prometheus", "text/plain")},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "The site's own token"}},
            "schemas": {
                "Resource": {
                    "type": "object",
                    "required": ["resourceType"],
                    "properties": {"resourceType": {"type": "string"}},
                },
                "OperationOutcome": {
                    "type": "object",
                    "required": ["resourceType", "issue"],
                    "properties": {
                        "resourceType": {"const": "OperationOutcome"},
                        "issue": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Issue"}},
                    },
                },
                "Issue": {
                    "type": "object",
                    "required": ["severity", "code", "diagnostics"],
                    "properties": {
                        "severity": {"enum": ["error", "information"]},
                        "code": {"type": "string"},
                        "diagnostics": {"type": "string", "description": "What was expected; never what was sent"},
                        "expression": {"type": "array", "items": {"type": "string"}},
                    },
                },
            },
        },
    }


def _take(says: str, parameters: list[dict[str, Any]], *, bundle: bool = False) -> dict[str, Any]:
    answers = {"202": _answer("The broker has it", "OperationOutcome")}
    if bundle:
        answers["200"] = _answer("The broker has a Bundle of requests; each entry is answered", "Resource")
    return {
        "summary": says,
        "security": [{"token": []}],
        "parameters": parameters,
        "requestBody": {
            "required": True,
            "description": "In UTF-8; the media type may name the version: application/fhir+json; fhirVersion=4.0",
            "content": {
                media: {"schema": {"$ref": "#/components/schemas/Resource"}} for media in (_FHIR, "application/json")
            },
        },
        "responses": answers | _refusals(*_ANSWERS),
    }


def _delete() -> dict[str, Any]:
    return {
        "summary": "Delete this resource: what it stated no longer counts",
        "security": [{"token": []}],
        "parameters": [_TYPE, _ID],
        "responses": {"202": _answer("The broker has it", "OperationOutcome")} | _refusals(400, 401, 500, 503),
    }


def _open(says: str, media: str, more: dict[int, str] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {media: {"schema": {}}}
    others = {str(status): {"description": text, "content": content} for status, text in (more or {}).items()}
    return {"summary": says, "responses": {"200": {"description": says, "content": content}} | others}


def _refusals(*statuses: int) -> dict[str, Any]:
    return {
        str(s): _answer(_ANSWERS[s], "OperationOutcome") | ({"headers": _HEADERS[s]} if s in _HEADERS else {})
        for s in statuses
    }


def _answer(says: str, schema: str) -> dict[str, Any]:
    return {"description": says, "content": {_FHIR: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}
