"""Marks every identifier and every free text of feed messages, so that a search shows where they have gone.

Decides nothing about what the resources state: codes, values, dates and the references among them stay what they are.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from services.cli.simulate.model import FeedMessage
from shared import reviews

MARK: Final = "zqmark"
_REFERENCE: Final = re.compile(r"((?:.*/)?[A-Z][A-Za-z]+/)([^/]+)")
_FREE_TEXT: Final = ("display", "authorString", "div", "valueString", "conclusion")


def marked(message: FeedMessage) -> FeedMessage:
    """The message with marks; what is no JSON is marked as a whole."""
    key = _reference(message.key.decode()).encode() if message.key is not None else None
    try:
        value = msgspec.json.encode(_walk(msgspec.json.decode(message.value or b"")))
    except msgspec.DecodeError:
        value = message.value + MARK.encode() if message.value else message.value  # type: ignore[assignment]
    return FeedMessage(
        message.topic, key, value if message.value else message.value, message.headers, message.phase, message.counts
    )


def _walk(node: Any, name: str = "") -> Any:
    if isinstance(node, list):
        return [_walk(each, name) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _element(key, value) for key, value in node.items()}
    if "resourceType" in node:
        found = _resource(found)
    if name == "identifier" and isinstance(node.get("value"), str):
        found["value"] = MARK + node["value"]
    return found


def _element(key: str, value: Any) -> Any:
    if isinstance(value, str):
        if key == "id":
            return MARK + value
        if key in ("reference", "url", "fullUrl") and not value.startswith(("http", "urn:")):
            return _reference(value)
        return value + MARK if key in _FREE_TEXT else value
    # What staff attest may speak of one of our own events by its subject, which is no identifier of the hospital's.
    return value if key == "focus" else _walk(value, key)


def _reference(text: str) -> str:
    found = _REFERENCE.fullmatch(text)
    return f"{found[1]}{MARK}{found[2]}" if found else text


def _reviews(found: dict[str, Any]) -> bool:
    """Whether it is an act of review, whose note is the reason that staff are shown: no identifier belongs there."""
    code = found.get("code")
    return isinstance(code, dict) and any(c.get("code") in reviews.BY_CODE for c in code.get("coding", ()))


def _resource(found: dict[str, Any]) -> dict[str, Any]:
    type_ = found["resourceType"]
    if type_ == "Patient":
        found["name"] = [{"family": MARK, "given": [MARK]}]
        found["telecom"] = [{"system": "phone", "value": f"+49 30 {MARK}"}]
        found["address"] = [{"line": [f"{MARK} street 1"], "city": MARK}]
        found.setdefault("identifier", []).append({"system": "urn:oid:1.2.3", "value": f"{MARK}-mrn"})
    if type_ != "Bundle":
        found["text"] = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{MARK}</div>'}
        found["extension"] = [{"url": "urn:oid:1.2.4", "valueString": MARK}]
    if type_ == "Observation" and not _reviews(found):
        found["note"] = [{"text": f"seen with {MARK}"}]
        for performer in found.get("performer", ()):
            performer["display"] = f"Dr {MARK}"
    return found
