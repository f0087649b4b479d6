"""Decides what is odd about a resource in scope: elements that its FHIR version does not know, or that it misses.

Cheap and the same every time, so that "accepted with issues" never depends on sampling. A full judgement of
conformance is `conformance`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Raw

from shared.fhir import elements as fhir
from shared.fhir.decoding import decode
from shared.fhir.element_tables import ELEMENTS, NESTED, FhirVersion
from shared.fhir.elements import code_set
from shared.fhir.reading import Issue, IssueCode, Unreadable
from shared.fhir.record import Record

_RESOURCE: Final = "resourceType id meta implicitRules language text contained* extension* modifierExtension*"
_BACKBONE: Final = code_set("id extension modifierExtension")

# Required by R4 and R5 and not needed to read the facts: what is needed is refused where it is missing.
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "AdverseEvent": ("actuality",),
    "DiagnosticReport": ("code",),
}


def find_oddities(record: Record) -> tuple[Issue, ...]:
    """The elements that the resource's version does not know and those that it requires; sorted."""
    version = record.fhir_version
    known, found = _REPEATS[version][record.type], list[Issue]()
    for name, raw in record.elements.items():
        if name not in known:
            found.append(_unknown(record.type, name, version))
        elif (repeats := known[name]) is not None and repeats is not bytes(raw).startswith(b"["):
            says = f"{version} has a list here" if repeats else f"{version} has one here, not a list"
            found.append(Issue(IssueCode.WRONG_TYPE, record.path(name), says))
    for name, path in _NESTED_OF[version][record.type]:
        if name in record.elements:
            found += _nested(record.elements[name], path, version)
    for name in _REQUIRED.get(record.type, ()):
        if name not in record.elements:
            found.append(Issue(IssueCode.MISSING_ELEMENT, f"{record.type}.{name}", f"{version} requires it"))
    return tuple(sorted(set(found))) if found else ()


def _nested(raw: Raw, path: str, version: FhirVersion) -> Iterator[Issue]:
    """Unknown elements of a backbone element, single or repeated."""
    known = _NESTED_ALLOWED[version][path]
    try:
        parts = decode(fhir.ARRAY, raw, path) if bytes(raw).lstrip()[:1] == b"[" else (raw,)
        for part in parts:
            names = decode(fhir.OBJECT, part, path)
            if not known.issuperset(names):
                yield from (_unknown(path, name, version) for name in names if name not in known)
    except Unreadable as error:
        yield Issue(IssueCode.WRONG_TYPE, error.path, error.says)


def _unknown(path: str, name: str, version: FhirVersion) -> Issue:
    # The name is the sender's text: only one that could be an element's is repeated.
    shown = name if name.isascii() and name.isidentifier() and len(name) <= 64 else "?"
    return Issue(IssueCode.UNKNOWN_ELEMENT, f"{path}.{shown}", f"{version} does not know this element")


def _with_extensions(names: frozenset[str]) -> frozenset[str]:
    """Primitive elements may have a sibling `_name` for their extensions."""
    return names | {f"_{name}" for name in names}


def _repeats(words: str) -> Mapping[str, bool | None]:
    """Whether each element may repeat; None for the extensions of a primitive, which follow their element."""
    named = {word.rstrip("*"): word.endswith("*") for word in f"{words} {_RESOURCE}".split()}
    return dict.fromkeys((f"_{name}" for name in named), None) | named


_REPEATS: Final = {
    version: {type_: _repeats(words) for type_, words in types.items()} for version, types in ELEMENTS.items()
}
_NESTED_ALLOWED: Final = {
    version: {path: _with_extensions(names | _BACKBONE) for path, names in paths.items()}
    for version, paths in NESTED.items()
}
_NESTED_OF: Final = {
    version: {
        type_: tuple((path.partition(".")[2], path) for path in NESTED[version] if path.startswith(f"{type_}."))
        for type_ in types
    }
    for version, types in ELEMENTS.items()
}
