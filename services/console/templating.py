"""The templates: everything that is put into a page is escaped, and what is missing is an error, not a blank. Decides nothing."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.console.access import Right
from services.console.presentation import FILTERS

STATIC: Final = "services.console"


def environment(**functions: Any) -> Environment:
    """The environment of all pages, with what templates may call besides."""
    made = Environment(
        loader=PackageLoader("services.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals.update(static=static, Right=Right, **functions)
    return made


@cache
def static(name: str) -> str:
    """The address of a file of ours, another whenever the file is: browsers may keep it."""
    content = (resources.files(STATIC) / "static" / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
