"""The published HTTP interfaces: kept from one release to the next, each kind of break named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

import pytest

from services.console.app import interface as console
from services.intake import openapi as intake
from services.notify.subscriptions import openapi as notify
from tests.support import http_compatibility

RELEASED: Final[dict[str, Any]] = json.loads(Path("docs/released/openapi.json").read_text(encoding="utf-8"))
PRESENT: Final = {"intake": intake.document(), "notify": notify.document(), "console": console().openapi()}


@pytest.mark.parametrize("service", RELEASED)
def test_the_present_interface_keeps_the_released_one(service: str) -> None:
    """Whoever speaks to the last release speaks to this one."""
    assert http_compatibility.broken(RELEASED[service], PRESENT[service]) == []


def test_every_interface_has_its_release() -> None:
    """One that is added is part of the next release's baseline."""
    assert set(RELEASED) == set(PRESENT) == {"intake", "notify", "console"}
    assert all(document["paths"] for document in RELEASED.values())


def _post(document: Any) -> Any:
    return document["paths"]["/fhir"]["post"]


def _fields(document: Any, schema: str) -> Any:
    return document["components"]["schemas"][schema]


_BREAKS: Final[dict[str, Any]] = {
    "DELETE /fhir/{type}/{id} is gone": lambda d: d["paths"]["/fhir/{type}/{id}"].pop("delete"),
    "GET /fhir/metadata is gone": lambda d: d["paths"].pop("/fhir/metadata"),
    "POST /fhir: answer 202 is gone": lambda d: _post(d)["responses"].pop("202"),
    "POST /fhir: parameter key is required now": lambda d: _post(d)["parameters"].append(
        {"in": "query", "name": "key", "required": True}
    ),
    "PUT /fhir/{type}: parameter type is gone": lambda d: d["paths"]["/fhir/{type}"]["put"]["parameters"].clear(),
    "PUT /fhir/{type}: parameter type may no longer be like ^[A-Z][A-Za-z]{1,63}$": lambda d: d["paths"][
        "/fhir/{type}"
    ]["put"]["parameters"].__setitem__(
        0, {"in": "path", "name": "type", "required": True, "schema": {"enum": ["Patient"]}}
    ),
    "POST /fhir: application/fhir+json is no longer taken": lambda d: _post(d)["requestBody"]["content"].pop(
        "application/fhir+json"
    ),
    "POST /fhir: answer 202 is no longer application/fhir+json": lambda d: _post(d)["responses"]["202"][
        "content"
    ].clear(),
    "GET /health wants a token now": lambda d: d["paths"]["/health"]["get"].update(security=[{"token": []}]),
    "DELETE /fhir/{type}/{id}: a body is required now": lambda d: d["paths"]["/fhir/{type}/{id}"]["delete"].update(
        requestBody={"required": True, "content": {}}
    ),
}


@pytest.mark.parametrize("named", _BREAKS)
def test_a_broken_promise_is_named(named: str) -> None:
    """What a client relied on and finds no more, of one operation."""
    before = PRESENT["intake"]
    after = copy.deepcopy(before)
    _BREAKS[named](after)
    assert http_compatibility.broken(before, after) == [named]


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        (lambda d: _fields(d, "Resource")["required"].append("id"), ": field id is required now"),
        (lambda d: _fields(d, "Resource")["properties"].update(resourceType={"type": "integer"}), "is taken as another type now"),
        (lambda d: _fields(d, "OperationOutcome")["properties"].pop("issue"), ": field issue is gone"),
        (lambda d: _fields(d, "Issue")["properties"].pop("diagnostics"), ": issue: field diagnostics is gone"),
        (lambda d: _fields(d, "Issue")["required"].remove("diagnostics"), ": issue: field diagnostics may be missing now"),
        (lambda d: _fields(d, "Issue")["properties"].update(code={"type": "integer"}), "code may be of another type now"),
        (lambda d: _fields(d, "Issue")["properties"]["severity"]["enum"].append("fatal"), "severity may be of another type now"),
    ],
)  # fmt: skip
def test_a_field_that_breaks_is_named(change: Any, ending: str) -> None:
    """In every operation that has it, within other fields too."""
    before = PRESENT["intake"]
    after = copy.deepcopy(before)
    change(after)
    found = http_compatibility.broken(before, after)
    assert [line for line in found if line.startswith("POST /fhir: ") and line.endswith(ending)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d["webhooks"].clear(), "webhook delivery is gone"),
        (lambda d: _fields(d, "Told")["properties"].pop("urgency"), "webhook delivery: data: field urgency is gone"),
        (
            lambda d: _fields(d, "Delivery")["required"].remove("data"),
            "webhook delivery: field data may be missing now",
        ),
    ],
)
def test_what_a_webhook_brings_is_kept(change: Any, named: str) -> None:
    """Whoever wrote a receiver relies on it."""
    after = copy.deepcopy(PRESENT["notify"])
    change(after)
    assert http_compatibility.broken(PRESENT["notify"], after) == [named]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["paths"].update({"/fhir/more": {"get": {"responses": {"200": {}}}}}),
        lambda d: _post(d)["parameters"].append({"in": "query", "name": "more", "schema": {"type": "string"}}),
        lambda d: _post(d)["responses"].pop("415"),
        lambda d: _post(d)["requestBody"]["content"].update({"application/json": {}}),
        lambda d: _fields(d, "Issue")["properties"].update(more={"type": "string"}),
    ],
)
def test_what_is_added_breaks_nothing(change: Any) -> None:
    """A new address, parameter, kind of body or field, and a refusal less, cost a tolerant client nothing."""
    after = copy.deepcopy(PRESENT["intake"])
    change(after)
    assert http_compatibility.broken(PRESENT["intake"], after) == []
