"""What a webhook brings is what notify's OpenAPI document says: for every event, corrected or not, and cut short."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from services.notify import signature
from services.notify.channels.webhook import payload
from services.notify.messages import Corrected, Outgoing
from services.notify.notices import Notice
from services.notify.subscriptions import openapi
from shared import events
from tests.unit.test_events import example

AT = datetime(2025, 6, 26, 8, tzinfo=UTC)
CORRECTED = Corrected(UUID(int=7), AT, "graft rejection is suspected")


def _outgoing(event: Any, **more: Any) -> Outgoing:
    notice = Notice(UUID(int=4), "safety", UUID(int=5), event.patient, "north", AT, event)
    made = Outgoing(UUID(int=1), UUID(int=1), 1, AT, "system", "webhook", "at-once", "all", AT, notice, None, None)
    return replace(made, **more)


def _faults(body: bytes) -> list[str]:
    document = openapi.document()
    registry: Registry[Any] = Registry().with_resource(
        "urn:notify", Resource.from_contents(document, default_specification=DRAFT202012)
    )
    schema = {"$ref": "urn:notify#/components/schemas/Delivery"}
    validator = jsonschema.Draft202012Validator(schema, registry=registry)
    return [f"{e.json_path}: {e.validator}" for e in validator.iter_errors(json.loads(body))]


@pytest.mark.parametrize("kind", events.CATALOGUE, ids=lambda kind: kind.__name__)
def test_a_delivery_is_as_the_document_says(kind: type[events.Event]) -> None:
    """Alone, as a correction of what was told before, and with all that a recipient may be given."""
    event = example(kind)
    full = _outgoing(event, follows=UUID(int=6), corrected=CORRECTED, hospital_patient="4711")
    assert _faults(payload(_outgoing(event))) == _faults(payload(full)) == []
    assert json.loads(payload(full))["data"].keys() >= {"follows_event", "corrects", "hospital_patient"}


def test_what_is_cut_short_says_so() -> None:
    """Evidence that would make it too large is left out, and counted."""
    event = example(events.RejectionSuspected)
    large = payload(_outgoing(events.RejectionSuspected(**_with(event, evidence=event.evidence * 500))))
    assert json.loads(large)["data"]["evidence_left_out"] == 500
    assert _faults(large) == []


def test_what_does_not_fit_is_a_fault() -> None:
    """The document is strict enough to notice."""
    sent = json.loads(payload(_outgoing(example(events.ReportDue))))
    without = {**sent, "data": {k: v for k, v in sent["data"].items() if k != "urgency"}}
    other = {**sent, "data": {**sent["data"], "type": "of-tomorrow"}}
    assert _faults(json.dumps(without).encode()) == ["$.data: required"]
    assert _faults(json.dumps(other).encode()) == ["$.data: oneOf"]


def test_the_headers_are_those_that_the_document_names() -> None:
    """And the signature has the form that it says."""
    sent = signature.headers(UUID(int=1), AT, b"{}", [b"a" * 24, b"b" * 24])
    named = {p["name"]: p for p in openapi.document()["webhooks"]["delivery"]["post"]["parameters"]}
    assert set(sent) == {name for name, p in named.items() if p["required"]}
    jsonschema.validate(sent["webhook-signature"], named["webhook-signature"]["schema"])


def _with(event: Any, **more: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__} | more
