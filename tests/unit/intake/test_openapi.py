"""The intake's OpenAPI document: valid, and of the routes that there are."""

from __future__ import annotations

import re
from typing import Any, cast

from aiohttp import web
from openapi_spec_validator import validate

from services.intake import openapi
from services.intake.app import Intake
from services.intake.tokens import Tokens
from shared.runtime.settings import load_intake


def test_the_document_is_valid_openapi() -> None:
    """By the specification's own schema."""
    validate(openapi.document())


def test_every_route_is_documented_and_every_documented_path_is_a_route() -> None:
    """Method by method; the router's patterns read as OpenAPI's parameters."""
    documented = {(m.upper(), p) for p, item in openapi.document()["paths"].items() for m in item}
    assert documented == {
        (route.method, re.sub(r"\{(\w+):[^/]+\}", r"{\1}", _path(route)))
        for route in _application().router.routes()
        if route.method != "HEAD"
    }


def test_what_asks_for_a_token_says_so() -> None:
    """Everything that puts a record on the feed, and nothing else."""
    for item in openapi.document()["paths"].values():
        for method, operation in item.items():
            assert ("security" in operation) == (method != "get")


def _application() -> web.Application:
    settings = load_intake(kafka_bootstrap_servers="broker:9092")
    return Intake(settings, {}, Tokens({}), cast("Any", None)).application()


def _path(route: web.AbstractRoute) -> str:
    assert route.resource is not None
    info = route.resource.get_info()
    pattern = info.get("pattern")
    if pattern is None:
        return str(info["path"])
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern.pattern).replace("\\", "")
