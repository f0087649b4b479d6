"""Decides what a delivered message holds: one resource, a Bundle of them, a deletion, or nothing readable.

Never raises, whatever the bytes. A Bundle's entries are judged one by one: a bad one spoils no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from shared.fhir import elements as fhir
from shared.fhir.context import Context, Place
from shared.fhir.decoding import decode
from shared.fhir.elements import Entry
from shared.fhir.reading import (
    Deleted,
    Link,
    Reading,
    Reason,
    RecordIdentity,
    Rejected,
    Unreadable,
    VersionOrder,
)
from shared.fhir.record import identify, instant, version_number
from shared.fhir.resource import open_resource, read_opened
from shared.fhir.resource_types import RESOURCE_TYPES
from shared.sites import Site

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_KEY: Final = re.compile(rb"([A-Za-z]+)/([A-Za-z0-9\-._~|:]{1,256})")
_LOCATION: Final = re.compile(r"(?:.*/)?([A-Za-z]+)/([A-Za-z0-9\-._~|:]{1,256})(?:/_history/[^/]+)?")
_ETAG: Final = re.compile(r'(?:W/)?"?([0-9]{1,18})"?')
_UUID: Final = "urn:uuid:"
_DELIVERS_NOTHING: Final = ("GET", "HEAD")


def read_message(
    value: bytes | None, key: bytes | None, site: Site, context: Context, links: tuple[Link, ...] = ()
) -> tuple[Reading, ...]:
    """One reading per delivered resource. A null value with the key `ResourceType/id` is a deletion.

    `links` are those of a dead letter that is replayed; a message from the feed has none.
    """
    if value is None:
        return (_tombstone(key, site),)
    raw = value.removeprefix(_BYTE_ORDER_MARK)
    if not raw.strip():
        return (Rejected(Reason.EMPTY, "$", "expected a FHIR resource as JSON", value),)
    try:
        raw.decode()
        type_, elements = open_resource(raw)
        place = Place(site, context, {link.url: link for link in links})
        if type_ == "Bundle":
            return tuple(_read_bundle(elements, place))
        return (read_opened(type_, elements, raw, place),)
    except UnicodeDecodeError:
        return (Rejected(Reason.NOT_JSON, "$", "expected JSON in UTF-8", value),)
    except RecursionError:
        return (Rejected(Reason.TOO_DEEP, "$", "expected JSON of fewer levels", value),)
    except Unreadable as error:
        return (Rejected(error.reason, error.path, error.says, value),)


def _tombstone(key: bytes | None, site: Site) -> Reading:
    named = _KEY.fullmatch(key or b"")
    if named is None or named[1].decode() not in RESOURCE_TYPES:
        return Rejected(Reason.TOMBSTONE_KEY, "$", "expected a key of the form ResourceType/id", b"")
    return Deleted(RecordIdentity(site.site, named[1].decode(), named[2].decode()), VersionOrder())


class _Opened(Struct, frozen=True):
    """An entry of a Bundle: its resource, opened, or a reading that needs no more looking."""

    raw: bytes
    full_url: str | None = None
    type: str = ""
    elements: Mapping[str, Raw] = msgspec.field(default_factory=dict)
    settled: Reading | None = None


def _read_bundle(elements: Mapping[str, Raw], place: Place) -> Iterator[Reading]:
    stated = elements.get("entry")
    if stated is None:
        return
    delivered = decode(fhir.ARRAY, stated, "Bundle.entry")
    entries = [
        opened
        for n, raw in enumerate(delivered)
        if (opened := _open_entry(bytes(raw), f"Bundle.entry[{n}]", place.site)) is not None
    ]
    inside = _beside(entries, place)
    for opened in entries:
        if opened.settled is not None:
            yield opened.settled
        elif opened.type == "Bundle":
            yield from _read_bundle(opened.elements, inside)
        else:
            reading = read_opened(opened.type, opened.elements, opened.raw, replace(inside, full_url=opened.full_url))
            yield _replayable(reading, opened)


def _open_entry(raw: bytes, path: str, site: Site) -> _Opened | None:
    """An entry; None for one that delivers nothing (a search request, a response)."""
    try:
        entry = decode(fhir.ENTRY, raw, path)
        method = entry.request.method if entry.request else None
        if method == "DELETE":
            return _Opened(raw, settled=_deleted(entry, path, site))
        if method == "PATCH":
            raise Unreadable(Reason.UNSUPPORTED_REQUEST, f"{path}.request.method", "expected the whole resource")
        resource = bytes(entry.resource)
        if not resource:
            if method in _DELIVERS_NOTHING or (method is None and entry.response is not None):
                return None
            raise Unreadable(Reason.MISSING, f"{path}.resource", "expected a resource")
        type_, elements = open_resource(resource, f"{path}.resource")
    except Unreadable as error:
        return _Opened(raw, settled=Rejected(error.reason, error.path, error.says, _alone(raw)))
    return _Opened(resource, entry.full_url, type_, elements)


def _deleted(entry: Entry, path: str, site: Site) -> Deleted:
    named = _LOCATION.fullmatch((entry.request.url if entry.request else None) or entry.full_url or "")
    if named is None or named[1] not in RESOURCE_TYPES:
        form = "expected a deletion of ResourceType/id; conditional ones are not supported"
        raise Unreadable(Reason.UNSUPPORTED_REQUEST, f"{path}.request.url", form)
    etag = _ETAG.fullmatch((entry.response.etag if entry.response else None) or "")
    order = VersionOrder(
        instant(entry.response.last_modified) if entry.response else None,
        version_number(etag[1]) if etag else None,
    )
    return Deleted(RecordIdentity(site.site, named[1], named[2]), order)


def _beside(entries: list[_Opened], place: Place) -> Place:
    """What the entries of a Bundle know of each other: whom a fullUrl means, and the Medications."""
    links, medications = dict(place.links), dict(place.medications)
    for opened in entries:
        if opened.settled is not None:
            continue
        try:
            id_ = identify(opened.type, opened.elements, opened.raw, opened.full_url)
        except Unreadable:
            continue  # the entry itself is rejected for it
        if opened.full_url is not None and opened.full_url.startswith("urn:"):
            links[opened.full_url] = Link(opened.full_url, opened.type, id_)
        if opened.type == "Medication":
            medications[id_] = opened.raw
    for opened in entries:
        if opened.settled is None and (absent := _absent_patient(opened, links)) is not None:
            links[absent.url] = absent
    return replace(place, links=links, medications=medications)


def _absent_patient(opened: _Opened, links: Mapping[str, Link]) -> Link | None:
    """The subject that the Bundle does not hold, of an entry whose own fullUrl is `urn:uuid:` and its id.

    Such a sender (mCODE's extraction) names every record so, hence the Patient too, who comes in another Bundle.
    """
    id_, subject = opened.elements.get("id"), opened.elements.get("subject")
    if id_ is None or subject is None or opened.full_url is None:
        return None
    try:
        cited = decode(fhir.REFERENCE, subject, "subject")
        is_so_named = opened.full_url == f"{_UUID}{decode(fhir.TEXT, id_, 'id')}"
    except Unreadable:
        return None  # the entry itself is rejected for it
    url = cited.reference or ""
    if not is_so_named or cited.type != "Patient" or not url.startswith(_UUID) or url in links:
        return None
    return Link(url, "Patient", url.removeprefix(_UUID))


def _replayable(reading: Reading, opened: _Opened) -> Reading:
    """A rejected entry keeps its fullUrl, which may be its identity, in a Bundle of its own."""
    if not isinstance(reading, Rejected) or opened.full_url is None:
        return reading
    full_url = msgspec.json.encode(opened.full_url)
    return replace(reading, raw=_alone(b'{"fullUrl":' + full_url + b',"resource":' + opened.raw + b"}"))


def _alone(entry: bytes) -> bytes:
    return b'{"resourceType":"Bundle","type":"collection","entry":[' + entry + b"]}"
