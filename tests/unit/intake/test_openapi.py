"""The intake's OpenAPI document: valid, and of the routes that there are."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
from aiohttp import web
from openapi_spec_validator import validate

from services.intake import media, openapi
from services.intake.app import Intake
from services.intake.refusal import _ISSUE_CODES, Refusal, try_again
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


def test_a_client_reads_how_to_send_and_when_to_send_again() -> None:
    """Both media types that are taken; the headers of the refusals that have some, as the intake answers them."""
    (operation,) = [
        o for p, item in openapi.document()["paths"].items() for m, o in item.items() if (m, p) == ("post", "/fhir")
    ]
    assert set(operation["requestBody"]["content"]) == set(media._JSON)
    answers = operation["responses"]
    assert set(answers["503"]["headers"]) == set(try_again("x", 5).headers)
    with pytest.raises(Refusal) as refused:
        Tokens({}).require(None)
    assert set(answers["401"]["headers"]) == set(refused.value.headers)
    assert {int(s) for s in answers if int(s) >= 400} <= {*_ISSUE_CODES, 500}


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
