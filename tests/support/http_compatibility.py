"""Decides whether one OpenAPI document of ours still keeps what an earlier one promised to clients. Pure.

A client reads tolerantly and sends what it always sent. It loses when an address, an answer or a field of an answer is gone
or of another kind, or when what it sends is no longer enough or no longer allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]


def broken(before: Document, after: Document) -> list[str]:
    """Every promise of the earlier document that the later one breaks, each named by its place."""
    return sorted({*_paths(before, after), *_webhooks(before, after)})


def _webhooks(before: Document, after: Document) -> Iterator[str]:
    """What we send, which a receiver reads."""
    for name, hook in before.get("webhooks", {}).items():
        for method, old in hook.items():
            place, new = f"webhook {name}", after.get("webhooks", {}).get(name, {}).get(method)
            if new is None:
                yield f"{place} is gone"
                continue
            bodies = (d["requestBody"]["content"]["application/json"] for d in (old, new))
            read, given = (_schema(d, body) for d, body in zip((before, after), bodies, strict=True))
            yield from _read(place, (before, read), (after, given), 0)


def _paths(before: Document, after: Document) -> Iterator[str]:
    for path, operations in before["paths"].items():
        for method, old in operations.items():
            place, new = f"{method.upper()} {path}", after["paths"].get(path, {}).get(method)
            if new is None:
                yield f"{place} is gone"
                continue
            yield from _parameters(place, _all(operations, old), _all(after["paths"][path], new))
            yield from _request(place, (before, old.get("requestBody")), (after, new.get("requestBody")))
            yield from _answers(place, (before, old["responses"]), (after, new["responses"]))
            if new.get("security") and not old.get("security"):
                yield f"{place} wants a token now"


def _all(path: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """The parameters of an operation, those of its path included."""
    return {(p["in"], p["name"]): p for p in (*path.get("parameters", ()), *operation.get("parameters", ()))}


def _parameters(place: str, old: Mapping[tuple[str, str], Any], new: Mapping[tuple[str, str], Any]) -> Iterator[str]:
    for key, parameter in new.items():
        if parameter.get("required") and not old.get(key, {}).get("required"):
            yield f"{place}: parameter {key[1]} is required now"
    for key, was in old.items():
        if key not in new:
            yield f"{place}: parameter {key[1]} is gone"
        elif refused := _values(was.get("schema", {})) - _values(new[key].get("schema", {})):
            yield f"{place}: parameter {key[1]} may no longer be {', '.join(sorted(refused))}"


def _values(schema: Mapping[str, Any]) -> set[str]:
    if "enum" in schema:
        return {str(value) for value in schema["enum"]}
    return {"anything"} if "pattern" not in schema else {f"like {schema['pattern']}"}


def _request(place: str, old: tuple[Document, Any], new: tuple[Document, Any]) -> Iterator[str]:
    was, now = old[1] or {}, new[1] or {}
    if now.get("required") and not was.get("required"):
        yield f"{place}: a body is required now"
    for media, content in was.get("content", {}).items():
        if media not in now.get("content", {}):
            yield f"{place}: {media} is no longer taken"
            continue
        sent, taken = _schema(old[0], content), _schema(new[0], now["content"][media])
        yield from _sent(f"{place}: field", sent, taken)


def _sent(place: str, sent: Mapping[str, Any], taken: Mapping[str, Any]) -> Iterator[str]:
    for field in sorted(set(taken.get("required", ())) - set(sent.get("required", ()))):
        yield f"{place} {field} is required now"
    for field, was in sent.get("properties", {}).items():
        now = taken.get("properties", {}).get(field)
        if now is not None and not _kinds(was) <= _kinds(now):
            yield f"{place} {field} is taken as another type now"


def _answers(place: str, old: tuple[Document, Any], new: tuple[Document, Any]) -> Iterator[str]:
    for status, was in old[1].items():
        now = new[1].get(status)
        if now is None:
            if status.startswith("2"):
                yield f"{place}: answer {status} is gone"
            continue
        for media, content in was.get("content", {}).items():
            if media not in now.get("content", {}):
                yield f"{place}: answer {status} is no longer {media}"
                continue
            read, given = _schema(old[0], content), _schema(new[0], now["content"][media])
            yield from _read(f"{place}: answer {status}", (old[0], read), (new[0], given), 0)


_DEEPEST = 8


def _read(place: str, old: tuple[Document, Any], new: tuple[Document, Any], depth: int) -> Iterator[str]:
    """What a reader of the one schema misses in the other, fields within fields included."""
    if depth > _DEEPEST:
        return
    for field, was in old[1].get("properties", {}).items():
        now = new[1].get("properties", {}).get(field)
        if now is None:
            yield f"{place}: field {field} is gone"
        elif field in old[1].get("required", ()) and field not in new[1].get("required", ()):
            yield f"{place}: field {field} may be missing now"
        elif not _kinds(now) <= _kinds(was):
            yield f"{place}: field {field} may be of another type now"
        else:
            inner = _inner(old[0], was), _inner(new[0], now)
            yield from _read(f"{place}: {field}", (old[0], inner[0]), (new[0], inner[1]), depth + 1)


def _inner(document: Document, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    resolved = _resolved(document, schema)
    return (
        _resolved(document, resolved["items"]) if resolved.get("type") == "array" and "items" in resolved else resolved
    )


def _schema(document: Document, content: Mapping[str, Any]) -> Mapping[str, Any]:
    return _resolved(document, content.get("schema", {}))


def _resolved(document: Document, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """What a value may be: simple types, references and fixed values, alternatives apart."""
    if "anyOf" in schema:
        return {kind for part in schema["anyOf"] for kind in _kinds(part)}
    if "enum" in schema or "const" in schema:
        return {f"value {v}" for v in schema.get("enum", [schema.get("const")])}
    if "$ref" in schema:
        return {schema["$ref"]}
    if schema.get("type") == "array":
        return {f"array of {kind}" for kind in _kinds(schema.get("items", {}))}
    return {str(schema.get("type", "anything"))}
