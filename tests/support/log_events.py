"""Every event that the services log, read from the code: names are an interface, alarms are built on them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_LEVELS: Final = frozenset(("debug", "info", "warning", "error"))


class Logged(NamedTuple):
    """One call that logs: the name of the event (None: not a literal), how severe it is, its fields, and by which module."""

    event: str | None
    level: str
    fields: tuple[str, ...]
    module: str


def logged() -> list[Logged]:
    """All of them, sorted."""
    files = sorted(path for folder in ("services", "shared") for path in Path(folder).rglob("*.py"))
    found = (each for path in files for each in _calls(path))
    return sorted(found, key=lambda each: (each.event or "", each.module))


def rows() -> list[tuple[str, str, str, str]]:
    """As the page shows them."""
    return [
        (f"`{each.event}`", each.level, ", ".join(f"`{name}`" for name in each.fields), each.module)
        for each in logged()
    ]


def _calls(path: Path) -> Iterator[Logged]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level), args=[first, *_]) if (
                level in _LEVELS
            ):
                event = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
                fields = tuple(sorted(keyword.arg or "…" for keyword in node.keywords))
                yield Logged(event, level, fields, ".".join(path.with_suffix("").parts))
