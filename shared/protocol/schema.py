"""The JSON Schema of a protocol file, by which editors complete and check it while it is written. Decides nothing."""

from __future__ import annotations

from typing import Any, Final

from shared.protocol.model import Protocol

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """What a protocol file may say, as JSON Schema; that concepts exist, only `graftwatch protocol check` can tell."""
    return {"$schema": _DIALECT, **_worded(Protocol.model_json_schema())}


def _worded(part: Any) -> Any:
    """The docstrings as single lines, as an editor shows them."""
    if isinstance(part, dict):
        return {
            key: " ".join(value.split()) if key == "description" and isinstance(value, str) else _worded(value)
            for key, value in part.items()
        }
    return [_worded(item) for item in part] if isinstance(part, list) else part
