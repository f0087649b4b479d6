"""The HTTP interface of notify as OpenAPI 3.1: which paths there are and what they answer. Decides nothing about a request."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from services.notify.channels import contract

MIME: Final = "application/fhir+json"
_VERSION: Final = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "The FHIR version of everything under it",
    "schema": {"enum": ["R4", "R4B", "R5"]},
}
_ID: Final = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_STATUS: Final = ("status", "Only those with one of these statuses", "string")
_SUBSCRIPTIONS: Final = ("id", "Only these, separated by commas", "string")
_EVENTS: Final = (
    ("eventsSinceNumber", "From this number of an event on", "integer"),
    ("eventsUntilNumber", "Up to and with this number", "integer"),
    ("content", "How much: empty, id-only or full-resource; else as the subscription says", "string"),
)
_REFUSED: Final = {
    "400": "Not what is expected; diagnostics says what",
    "401": "No token of a recipient with `fhir`",
    "404": "No such resource of yours",
    "422": "Understood, and not supported or not allowed",
    "500": "Notify failed at this request",
}


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    base = "/fhir/{version}"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Graftwatch notifications",
            "version": version("graftwatch"),
            "description": (
                "FHIR Subscriptions to what Graftwatch decides, by rest-hook: in R4 and R4B as the Subscriptions R5 Backport "
                "guide has it, in R5 as the specification. A subscriber sees its own subscriptions and Communications alone; "
                "what it missed it asks for with $status and $events. Webhooks are what recipients of the recipients file are "
                "told. See docs/notifications.md."
            ),
        },
        "paths": {
            f"{base}/metadata": {"get": _operation("The CapabilityStatement", "CapabilityStatement", token=False)},
            f"{base}/SubscriptionTopic": {"get": _operation("The topics to subscribe to (not R4)", "Bundle")},
            f"{base}/SubscriptionTopic/{{id}}": {
                "get": _operation("One topic (not R4)", "SubscriptionTopic", id_=True)
            },
            f"{base}/Subscription": {
                "post": _create(),
                "get": _operation("Your subscriptions", "Bundle", query=(_STATUS,)),
            },
            f"{base}/Subscription/$status": _both("How your subscriptions are", query=(_SUBSCRIPTIONS, _STATUS)),
            f"{base}/Subscription/{{id}}": {
                "get": _operation("One subscription", "Subscription", id_=True),
                "put": _update(),
                "delete": _delete(),
            },
            f"{base}/Subscription/{{id}}/$status": _both("How this subscription is", id_=True),
            f"{base}/Subscription/{{id}}/$events": _both("Events by number, 100 at most", id_=True, query=_EVENTS),
            f"{base}/Communication": {"get": _operation("What you were told, 100 at most, the newest first", "Bundle")},
            f"{base}/Communication/{{id}}": {"get": _operation("One of them", "Communication", id_=True)},
            "/health": {"get": _open("Whether it decides and sends", "application/json", {"503": "It does not"})},
            "/metrics": {"get": _open("Figures for Prometheus", "text/plain")},
        },
        "webhooks": contract.webhooks(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The recipient's own token"}
            },
            "schemas": {
                name: {
                    "type": "object",
                    "required": ["resourceType"],
                    "properties": {"resourceType": {"const": name}},
                }
                for name in (
                    *("Bundle", "CapabilityStatement", "Communication", "OperationOutcome", "Parameters"),
                    *("Subscription", "SubscriptionTopic"),
                )
            }
            | contract.schemas(),
        },
    }


def _operation(
    says: str, answers: str, *, id_: bool = False, query: tuple[tuple[str, str, str], ...] = (), token: bool = True
) -> dict[str, Any]:
    parameters = [_VERSION, *([_ID] if id_ else []), *(_query(*q) for q in query)]
    made: dict[str, Any] = {"summary": says, "parameters": parameters, "responses": {"200": _answer(says, answers)}}
    if token:
        made["security"] = [{"token": []}]
        made["responses"] |= {status: _answer(why, "OperationOutcome") for status, why in _REFUSED.items()}
    return made


def _both(says: str, *, id_: bool = False, query: tuple[tuple[str, str, str], ...] = ()) -> dict[str, Any]:
    """A FHIR operation: by GET with a query, by POST with Parameters."""
    asked = _operation(says, "Bundle", id_=id_, query=query)
    body = {"content": {MIME: {"schema": {"$ref": "#/components/schemas/Parameters"}}}}
    return {"get": asked, "post": asked | {"requestBody": body}}


def _update() -> dict[str, Any]:
    made = _operation("Change it: events count on, the handshake is due again", "Subscription", id_=True)
    schema = {"$ref": "#/components/schemas/Subscription"}
    return made | {"requestBody": {"required": True, "content": {MIME: {"schema": schema}}}}


def _create() -> dict[str, Any]:
    made = _operation("Subscribe: the handshake follows at once", "Subscription")
    created = made["responses"].pop("200")
    made["responses"]["201"] = created | {"headers": {"Location": {"schema": {"type": "string"}}}}
    schema = {"$ref": "#/components/schemas/Subscription"}
    return made | {"requestBody": {"required": True, "content": {MIME: {"schema": schema}}}}


def _delete() -> dict[str, Any]:
    made = _operation("End a subscription", "Subscription", id_=True)
    del made["responses"]["200"]
    made["responses"]["204"] = {"description": "It is off"}
    return made


def _open(says: str, mime: str, more: dict[str, str] | None = None) -> dict[str, Any]:
    answers = {"200": {"description": says, "content": {mime: {}}}}
    return {"summary": says, "responses": answers | {s: {"description": why} for s, why in (more or {}).items()}}


def _query(name: str, says: str, kind: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": says, "schema": {"type": kind}}


def _answer(says: str, schema: str) -> dict[str, Any]:
    return {"description": says, "content": {MIME: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}
