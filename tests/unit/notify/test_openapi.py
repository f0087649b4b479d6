"""Notify's OpenAPI document: valid, and of the routes that there are."""

from __future__ import annotations

import re
from typing import Any, cast

from aiohttp import web
from openapi_spec_validator import validate

from services.notify.addresses import Addresses
from services.notify.directory import Directory
from services.notify.pages import Pages
from services.notify.subscriptions import openapi
from services.notify.subscriptions.server import MIME, SubscriptionServer


def test_the_document_is_valid_openapi() -> None:
    """By the specification's own schema."""
    validate(openapi.document())
    assert openapi.MIME == MIME


def test_every_route_is_documented_and_every_documented_path_is_a_route() -> None:
    """Method by method; the router's patterns read as OpenAPI's parameters. The probes of an orchestrator are no interface."""
    documented = {(m.upper(), p) for p, item in openapi.document()["paths"].items() for m in item}
    routes = {(route.method, _path(route)) for route in _routes() if route.method != "HEAD"}
    assert documented == {(method, path) for method, path in routes if path != "/alive"}


def test_what_asks_for_a_token_says_so() -> None:
    """Everything under /fhir but what every FHIR server tells anybody."""
    for path, item in openapi.document()["paths"].items():
        for operation in item.values():
            assert ("security" in operation) == (path.startswith("/fhir") and not path.endswith("/metadata"))


def _routes() -> list[web.AbstractRoute]:
    anything = cast("Any", None)
    app = web.Application()
    sender = cast("Any", type("Sender", (), {"down": {}, "stalled": []})())
    Pages(anything, anything, anything, sender).add_to(app)
    server = SubscriptionServer(Directory.__new__(Directory), anything, Addresses(""), "http://notify.example/fhir")
    app.add_subapp("/fhir", server.application())
    return [r for resource in app.router.resources() for r in resource]


def _path(route: web.AbstractRoute) -> str:
    assert route.resource is not None
    info = route.resource.get_info()
    pattern = info.get("pattern")
    if pattern is None:
        return str(info["path"])
    text = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern.pattern)
    return re.sub(r"\\(.)", r"\1", text)
