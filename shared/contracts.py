"""What others may rely on, as documents made from the tables in code: AsyncAPI 3 of all topics, JSON Schema of all messages.

Decides no contract: topics, events, hints and pointers do. A consumer can be written from the AsyncAPI document alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from inspect import cleandoc
from typing import Any, Final

import msgspec

from shared import event_fields, events, topics
from shared.event_fields import Field
from shared.runtime.hints import Hint
from shared.runtime.pointers import Pointer
from shared.topics import Topic

ASYNCAPI_VERSION: Final = "3.0.0"
_SCHEMAS: Final = "#/components/schemas/{name}"
_FHIR: Final = "FhirResource"
_EVENT_TOPICS: Final = {topic.name for topic in topics.ALL} & set(events.TOPIC_OF_SERVICE.values())
_UUID: Final = {"type": "string", "format": "uuid"}
_TEXT: Final = {"type": "string"}
_TRACEPARENT: Final = {"type": "string", "description": "W3C Trace Context, where traces are on"}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document: seen from Graftwatch, which receives the feed and sends the rest."""
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Graftwatch",
            "version": version("graftwatch"),
            "description": (
                "Records of hospitals come in on the feed topics; hints, events and pointers to dead letters go out. "
                "Delivery is at least once and, for one patient, in order; drop duplicates by the header ce_id. Read "
                "tolerantly: later versions may add fields, event types and, where a field gives examples, values: these are all "
                "that there are today."
            ),
        },
        "defaultContentType": events.CONTENT_TYPE,
        "channels": {t.name: _channel(t) for t in topics.ALL},
        "operations": {
            f"{'receive' if t in topics.FEED else 'send'}-{t.name}": {
                "action": "receive" if t in topics.FEED else "send",
                "channel": {"$ref": f"#/channels/{t.name}"},
            }
            for t in topics.ALL
        },
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def event_schemas() -> dict[str, Any]:
    """JSON Schema (2020-12) of each event's value, in one document, by the event's CloudEvents type."""
    roots, components = event_components("#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Graftwatch events",
        "description": "The value of each event of ours by its ce_type.",
        "type": "object",
        "properties": roots,
        "$defs": components,
    }


def event_components(ref_template: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of each event by its CloudEvents type, and what they refer to, for a document with its own place for these."""
    kinds = list(events.CATALOGUE)
    roots, components = msgspec.json.schema_components(kinds, ref_template=ref_template)
    return {cloud_type(kind): root for kind, root in zip(kinds, roots, strict=True)}, _described(components)


def cloud_type(kind: type[events.Event]) -> str:
    """The `ce_type` of a kind of event."""
    return f"graftwatch.{kind.__struct_config__.tag}.v1"


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"{topic.carries}; key: {topic.key}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _carried(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    name: int(value) if value.isdigit() else [value] for name, value in topic.settings.items()
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _carried(topic: Topic) -> Iterable[str]:
    if topic in topics.FEED:
        return [_FHIR]
    if topic is topics.TIMELINE_CHANGES:
        return [Hint.__name__]
    if topic is topics.DEAD_LETTERS:
        return [Pointer.__name__]
    return [kind.__name__ for kind in events.CATALOGUE if topic.name in events.topics_of(kind)]


def _messages() -> dict[str, Any]:
    made = {
        _FHIR: _message(
            _FHIR,
            "A FHIR resource or Bundle; a null value with the key Type/id deletes that record",
            {
                "type": "object",
                "properties": {
                    "site": {"type": "string", "description": "Required unless the topic belongs to one site"},
                    "fhirVersion": {"type": "string", "description": "R4, R4B or R5; or a number such as 4.0.1"},
                    "lane": {
                        **_TEXT,
                        "description": "backfill: it may wait, on whichever topic it lies",
                        "examples": ["backfill"],
                    },
                    "traceparent": _TRACEPARENT,
                },
            },
            {"type": "string", "description": "Any; Type/id for a deletion"},
        ),
        Hint.__name__: _message(
            Hint.__name__, _says(Hint), {"type": "object", "properties": {"traceparent": _TRACEPARENT}}, _UUID
        ),
        Pointer.__name__: _message(Pointer.__name__, _says(Pointer), None, _UUID),
    }
    return made | {kind.__name__: _event(kind) for kind in events.CATALOGUE}


def _event(kind: type[events.Event]) -> dict[str, Any]:
    headers = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {**_UUID, "description": "Never changes: the same id is the same event"},
        "ce_source": {**_TEXT, "description": "Which service decided it", "examples": _sources(kind)},
        "ce_type": {"type": "string", "const": cloud_type(kind)},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it was decided"},
        "ce_subject": {**_UUID, "description": event_fields.of(kind.__name__, "patient").says},
        "content-type": {"type": "string", "const": events.CONTENT_TYPE},
    }
    schema = {"type": "object", "properties": headers | {"traceparent": _TRACEPARENT}, "required": list(headers)}
    return _message(kind.__name__, _says(kind), schema, _UUID)


def _message(name: str, says: str, headers: dict[str, Any] | None, key: dict[str, Any]) -> dict[str, Any]:
    made = {
        "name": name,
        "summary": says,
        "contentType": events.CONTENT_TYPE,
        "payload": {"$ref": _SCHEMAS.format(name=name)},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    }
    return made if headers is None else made | {"headers": headers}


def _schemas() -> dict[str, Any]:
    kinds: list[type[msgspec.Struct]] = [Hint, Pointer, *events.CATALOGUE]
    _, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
    fhir = {"type": ["object", "null"], "properties": {"resourceType": _TEXT}, "required": ["resourceType"]}
    return {**_described(components), _FHIR: fhir}


def _sources(kind: type[events.Event]) -> list[str]:
    return [
        f"/graftwatch/{service}"
        for service, topic in events.TOPIC_OF_SERVICE.items()
        if topic in events.topics_of(kind)
    ]


def _described(components: Mapping[str, Any]) -> dict[str, Any]:
    """The same schemas with what each field says, and the values that it may have today."""
    made: dict[str, Any] = {}
    for name, schema in components.items():
        fields = {f: _field(event_fields.of(name, f), of) for f, of in schema["properties"].items()}
        made[name] = schema | {"description": cleandoc(schema["description"]), "properties": fields}
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))  # defaults that are tuples become lists
    return plain


def _field(field: Field, schema: Mapping[str, Any]) -> dict[str, Any]:
    values = {"examples": list(field.values)} if field.values else {}
    if "items" in schema and values:
        return {**schema, "items": {**schema["items"], **values}, "description": field.says}
    return {**schema, "description": field.says, **values}


def _says(kind: type[msgspec.Struct]) -> str:
    return (kind.__doc__ or "").split("\n", maxsplit=1)[0]
