"""Names the rules by which a stored record was read: a hash of reader, table of codes, site file and scope.

Decides nothing: what differs in it is read again by ingest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata, resources
from typing import Final

from shared.fhir.scope import Scope
from shared.sites import Site

_MODULES: Final = ("codes", "dates", "facts", "quantities", "sites", "terminology")
_LIBRARIES: Final = ("pint", "ucumvert")
_OF_NO_RECORD: Final = {"topics", "intake_token_sha256", "silent_after_hours"}
"""What a site file says that changes no fact."""


@cache
def reader_version() -> str:
    """A hash of the source of everything that turns a record into facts: nobody can forget to raise it."""
    digest = hashlib.sha256()
    package = resources.files("shared")
    sources = [package / f"{name}.py" for name in _MODULES]
    sources += sorted((f for f in (package / "fhir").iterdir() if f.name.endswith(".py")), key=lambda f: f.name)
    for source in sources:
        digest.update(source.read_bytes())
    for library in _LIBRARIES:
        digest.update(metadata.version(library).encode())
    return digest.hexdigest()


def derivation(site: Site, scope: Scope, reader: str | None = None) -> str:
    """By what the records of a site are read now."""
    parts = (reader or reader_version(), site.model_dump_json(exclude=_OF_NO_RECORD), scope.hash)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def of_no_site(sites: Iterable[str]) -> str:
    """By what a message is read that names no configured site: by which sites there are."""
    return hashlib.sha256("\n".join(sorted(sites)).encode()).hexdigest()[:32]


def derivations(sites: Mapping[str, Site], scope: Scope) -> dict[str, str]:
    """The same for each site."""
    return {name: derivation(site, scope) for name, site in sites.items()}
