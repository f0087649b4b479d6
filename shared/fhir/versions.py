"""Decides which version of FHIR a resource is written in: as its message says, else its profile, its shape, its site.

Does not decide what is read: facts are read from whichever shape is there, so that a wrong version costs no fact;
the version decides what is odd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from msgspec import Raw

from shared.fhir.element_tables import ELEMENTS, FhirVersion
from shared.sites import Site

__all__ = ["FhirVersion", "detect", "of_site", "stated_version"]

_R4: Final = re.compile(r"R4B?|4\.[013](?:\.\d+)?")
_R5: Final = re.compile(r"R5|5\.0(?:\.\d+)?")
# A profile of FHIR itself: `…/fhir/5.0/StructureDefinition/…` or `…/StructureDefinition/Observation|4.0.1`. The
# versions of other profiles are their own.
_PROFILE: Final = re.compile(rb"//hl7\.org/fhir/(?:StructureDefinition/[A-Za-z]+\|)?(4\.[013]|5\.0)[./\"]")


@lru_cache(maxsize=256)
def stated_version(text: str | None) -> FhirVersion | None:
    """What the header `fhirVersion` says: a name or a number of R4, R4B or R5; anything else says nothing."""
    if text is None:
        return None
    name = text.strip().upper()
    if _R4.fullmatch(name):
        return "R4"
    return "R5" if _R5.fullmatch(name) else None


def of_site(site: Site) -> FhirVersion:
    """The version that a site sends unless a record says otherwise."""
    return "R5" if site.fhir_version == "R5" else "R4"


def detect(
    type_: str, elements: Mapping[str, Raw], stated: FhirVersion | None = None, usual: FhirVersion = "R4"
) -> FhirVersion:
    """The version of one resource; `usual` where neither its message, its profile nor its shape tells."""
    return stated or _by_profile(elements) or _by_shape(type_, elements) or usual


def _by_profile(elements: Mapping[str, Raw]) -> FhirVersion | None:
    meta = elements.get("meta")
    found = _PROFILE.search(meta) if meta is not None else None
    if found is None:
        return None
    return "R5" if found[1].startswith(b"5") else "R4"


def _by_shape(type_: str, elements: Mapping[str, Raw]) -> FhirVersion | None:
    """The version that alone knows an element, or knows it as a list; None where both or neither do so."""
    only_r4, only_r5 = _DISTINCT.get(type_, _NEITHER)
    shapes = {f"{name}*" if _is_list(elements[name]) else name for name in elements.keys() & _TELLING.get(type_, _NONE)}
    is_r4, is_r5 = not shapes.isdisjoint(only_r4), not shapes.isdisjoint(only_r5)
    if is_r4 == is_r5:
        return None
    return "R4" if is_r4 else "R5"


def _is_list(raw: Raw) -> bool:
    return bytes(raw).startswith(b"[")


def _distinct(type_: str) -> tuple[frozenset[str], frozenset[str]]:
    r4, r5 = (frozenset(ELEMENTS[version][type_].split()) for version in ("R4", "R5"))
    return r4 - r5, r5 - r4


_NONE: Final = frozenset[str]()
_NEITHER: Final = (_NONE, _NONE)
_DISTINCT: Final = {type_: _distinct(type_) for type_ in ELEMENTS["R4"]}
_TELLING: Final = {
    type_: frozenset(word.rstrip("*") for words in distinct for word in words) for type_, distinct in _DISTINCT.items()
}
