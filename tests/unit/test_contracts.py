"""The published contracts: complete, true of what is sent, and kept from one release to the next."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from services.eligibility.status import STATUSES
from services.response.announce import TOLD
from services.safety import episode
from services.safety.biopsy import BANFF_BANDS
from services.safety.cases import Seriousness
from services.safety.clocks import Kind
from services.safety.rejection_rules import Level
from services.safety.reviews import Status
from shared import contracts, event_fields, events, topics
from shared.rules.mrecist import best
from tests.support import compatibility, document_reader
from tests.unit.test_events import example

RELEASED = Path("docs/released/asyncapi.json")


def test_every_topic_is_a_channel_and_every_event_a_message_of_one() -> None:
    """Nothing that we send is left out, and nothing is described that we do not send."""
    document = contracts.asyncapi()
    assert set(document["channels"]) == {t.name for t in topics.ALL}
    carried = {m for c in document["channels"].values() for m in c["messages"]}
    assert carried == set(document["components"]["messages"])
    assert {kind.__name__ for kind in get_args(events.AnyEvent)} <= carried


def test_every_reference_of_the_document_leads_somewhere() -> None:
    """A reader of the document alone finds everything in it."""
    document = contracts.asyncapi()
    for reference in _references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


@pytest.mark.parametrize("kind", get_args(events.AnyEvent), ids=lambda kind: kind.__name__)
def test_an_event_is_as_its_schema_says(kind: type[events.Event]) -> None:
    """The encoded event satisfies the published schema, and does not without a field that is always there."""
    schema = contracts.event_schemas()
    validator = jsonschema.Draft202012Validator(
        {**schema, "$ref": schema["properties"][contracts.cloud_type(kind)]["$ref"]}
    )
    sent = json.loads(events.encode(example(kind)))
    assert list(validator.iter_errors(sent)) == []
    assert list(validator.iter_errors({k: v for k, v in sent.items() if k != "sentence"}))


def test_every_field_says_what_it_is_and_none_is_described_that_there_is_not() -> None:
    """A consumer has nothing but the document: no field without a sentence."""
    schemas = contracts.asyncapi()["components"]["schemas"]
    for name, schema in schemas.items():
        if name != "FhirResource":
            assert all(f["description"] for f in schema["properties"].values())
            own = set(event_fields.OF[name])
            assert own <= set(schema["properties"]) <= own | set(event_fields.COMMON)
    assert set(event_fields.OF) == set(schemas) - {"FhirResource"}


VALUES: dict[tuple[str, str], Iterable[str]] = {
    ("ScreeningStatusChanged", "status"): STATUSES,
    ("BestResponseChanged", "confirmed"): best.ORDER,
    ("EndpointReached", "endpoint"): TOLD,
    ("RejectionRetracted", "level"): Level,
    ("RejectionSuspected", "before"): (*episode.LEVELS, *episode.ENDS),
    ("RejectionProven", "severity"): [band.severity for band in BANFF_BANDS],
    ("AdverseEventFound", "criteria"): Seriousness,
    ("AdverseEventFound", "status"): Status,
    ("ReportDue", "clock"): Kind,
}


@pytest.mark.parametrize(("place", "values"), VALUES.items(), ids=["/".join(place) for place in VALUES])
def test_the_values_that_the_document_lists_are_those_of_the_rules(
    place: tuple[str, str], values: Iterable[str]
) -> None:
    """One that a rule may decide and the document does not name would surprise a consumer."""
    assert set(event_fields.of(*place).values) == {str(v) for v in values}


def test_a_reader_of_the_document_sees_a_value_that_is_not_listed() -> None:
    """Alone and in a list; null is no value."""
    reader = document_reader.DocumentReader(contracts.asyncapi())
    told = {"before": None, "criteria": ["death", "fright"], "status": "doubted"}
    assert list(reader._unlisted("AdverseEventFound", told)) == [
        "$.criteria: fright is not listed",
        "$.status: doubted is not listed",
    ]


def test_the_present_contract_keeps_the_released_one() -> None:
    """Whoever reads the events of the last release reads those of this one."""
    released = json.loads(RELEASED.read_text(encoding="utf-8"))
    assert compatibility.broken(released, contracts.asyncapi()) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d["channels"].pop("safety-events"), "channel safety-events is gone or has moved"),
        (
            lambda d: d["channels"]["safety-events"].update(address="other"),
            "channel safety-events is gone or has moved",
        ),
        (
            lambda d: d["channels"]["safety-events"]["messages"].pop("ReportDue"),
            "channel safety-events: ReportDue is gone",
        ),
        (lambda d: _schema(d)["properties"].pop("due_at"), "schema ReportDue: field due_at is gone"),
        (lambda d: _schema(d)["required"].remove("due_at"), "schema ReportDue: field due_at may be missing now"),
        (
            lambda d: _schema(d)["properties"].update(due_at={"type": "integer"}),
            "schema ReportDue: field due_at may be of another type now",
        ),
        (
            lambda d: _schema(d)["properties"].update(due_at={"anyOf": [{"type": "string"}, {"type": "null"}]}),
            "schema ReportDue: field due_at may be of another type now",
        ),
        (
            lambda d: d["components"]["messages"]["ReportDue"]["headers"]["properties"].pop("ce_id"),
            "message ReportDue: header ce_id is gone",
        ),
    ],
)
def test_a_broken_promise_is_named(change: Any, named: str) -> None:
    """What a consumer relied on and finds no more."""
    before = contracts.asyncapi()
    after = copy.deepcopy(before)
    change(after)
    assert compatibility.broken(before, after) == [named]


def test_what_is_added_breaks_nothing() -> None:
    """A new field, a new event type and a new topic cost a tolerant reader nothing."""
    before = contracts.asyncapi()
    after = copy.deepcopy(before)
    _schema(after)["properties"]["more"] = {"type": "string"}
    _schema(after)["required"].append("more")
    after["channels"]["more"] = {"address": "more", "messages": {}}
    assert compatibility.broken(before, after) == []


def test_a_reader_of_the_document_sees_what_does_not_fit() -> None:
    """The consumer of the scenario tests can fail: a record with other headers or another value is a fault."""
    reader = document_reader.DocumentReader(contracts.asyncapi())
    assert set(reader.channels) == {t.name for t in topics.ALL if t not in topics.FEED}
    assert list(reader._faults("urn:asyncapi#/components/schemas/Hint", {"patient": "nobody"}))


def _schema(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"]["ReportDue"]
    return found


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [r for part in value.values() for r in _references(part)]
    if isinstance(value, list):
        return [r for part in value for r in _references(part)]
    return []
