"""Good resources to begin from: the simulated cohort's, and the public examples where they lie beside the checkout."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from services.cli.simulate import simulate

PUBLIC: Final = Path(__file__).parents[3] / "shared" / "data"
PUBLIC_FOLDERS: Final = ("fhir-r4", "mcode", "mcode-extraction")
_AS_OF: Final = date(2025, 6, 30)


@cache
def examples() -> tuple[dict[str, Any], ...]:
    """Every resource, those of Bundles one by one."""
    stated = (m.value for m in simulate(_AS_OF).messages if m.value is not None and m.counts.rejected == 0)
    return tuple(each for raw in (*stated, *_public()) for each in _opened(msgspec.json.decode(raw)))


def _public() -> Iterator[bytes]:
    for folder in PUBLIC_FOLDERS:
        for path in sorted((PUBLIC / folder).glob("*.json")):
            yield path.read_bytes()


def _opened(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if resource["resourceType"] != "Bundle":
        yield resource
    for entry in resource.get("entry", ()):
        if "resource" in entry:
            yield from _opened(entry["resource"])
