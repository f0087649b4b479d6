"""Decides whether one AsyncAPI document of ours still keeps what an earlier one promised to consumers. Pure.

A consumer reads tolerantly: new channels, messages and fields cost it nothing. It loses when something it relies on is
gone, is not always there any more, or may be of another type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def broken(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Every promise of the earlier document that the later one breaks, each named by its place."""
    return sorted({*_channels(before, after), *_messages(before, after), *_schemas(before, after)})


def _channels(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name, old in before["channels"].items():
        new = after["channels"].get(name)
        if new is None or new["address"] != old["address"]:
            yield f"channel {name} is gone or has moved"
            continue
        for message in old["messages"].keys() - new["messages"].keys():
            yield f"channel {name}: {message} is gone"


def _messages(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name, old in before["components"]["messages"].items():
        new = after["components"]["messages"].get(name)
        if new is not None:
            yield from _object(f"message {name}: header", old.get("headers", {}), new.get("headers", {}))


def _schemas(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name, old in before["components"]["schemas"].items():
        new = after["components"]["schemas"].get(name)
        if new is None:
            yield f"schema {name} is gone"
        else:
            yield from _object(f"schema {name}: field", old, new)


def _object(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    required = set(new.get("required", ()))
    for field, was in old.get("properties", {}).items():
        now = new.get("properties", {}).get(field)
        if now is None:
            yield f"{place} {field} is gone"
        elif field in old.get("required", ()) and field not in required:
            yield f"{place} {field} may be missing now"
        elif not _types(now) <= _types(was):
            yield f"{place} {field} may be of another type now"


def _types(schema: Mapping[str, Any]) -> set[str]:
    """What a value may be: simple types, references and fixed values, alternatives apart."""
    if "anyOf" in schema:
        return {t for part in schema["anyOf"] for t in _types(part)}
    if "enum" in schema:
        return {f"enum:{value}" for value in schema["enum"]}
    if "const" in schema:
        return {f"enum:{schema['const']}"}
    if "$ref" in schema:
        return {schema["$ref"]}
    if schema.get("type") == "array":
        return {f"array of {t}" for t in _types(schema.get("items", {}))}
    return {f"{schema.get('type', 'anything')}/{schema.get('format', '')}"}
