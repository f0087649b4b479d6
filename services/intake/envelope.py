"""Decides whether a body is a FHIR resource, of which type, and under which key it travels.

It does not decide whether the resource is sound, known or wanted: ingest does, and what it rejects becomes a dead letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw

from services.intake.refusal import Refusal
from shared.fhir import elements as fhir
from shared.fhir.decoding import decode
from shared.fhir.reading import Unreadable

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}")
_ID: Final = re.compile(r"[A-Za-z0-9\-._~|:]{1,256}")
_TAKEN: Final = ("POST", "PUT", "DELETE")
ANSWERED: Final = ("transaction", "batch")
"""Bundles of requests, each of which is answered."""


class _Request(msgspec.Struct):
    method: str | None = None


class _Entry(msgspec.Struct):
    request: _Request | None = None


_ENTRY: Final = msgspec.json.Decoder(_Entry)


@dataclass(frozen=True)
class Envelope:
    """What is looked at of a resource: type and id, and of a Bundle of requests what becomes of each."""

    type: str
    id: str | None = None
    bundle_type: str | None = None
    statuses: tuple[int, ...] = ()
    """HTTP status of each entry of a transaction or batch."""

    @property
    def key(self) -> bytes | None:
        """The message key: versions and deletions of a resource keep their order on one partition."""
        return f"{self.type}/{self.id}".encode() if self.id is not None else None


def open_envelope(body: bytes) -> Envelope:
    """The envelope of a body; refuses what is no resource, and a transaction that cannot be taken whole."""
    raw = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        raw.decode()
        return _open(decode(fhir.OBJECT, raw, "$"))
    except UnicodeError:
        raise Refusal(400, "expected JSON in UTF-8") from None
    except RecursionError:
        raise Refusal(400, "expected JSON of fewer levels") from None
    except Unreadable as error:
        raise Refusal(400, error.says, None if error.path == "$" else error.path) from None


def _open(elements: dict[str, Raw]) -> Envelope:
    type_ = _text(elements, "resourceType", "resourceType")
    if type_ is None or _TYPE.fullmatch(type_) is None:
        raise Refusal(400, "expected the type of a FHIR resource", "resourceType")
    id_ = _text(elements, "id", f"{type_}.id")
    if type_ != "Bundle":
        return Envelope(type_, id_)
    bundle_type = _text(elements, "type", "Bundle.type")
    statuses = _statuses(elements.get("entry")) if bundle_type in ANSWERED else ()
    if bundle_type == "transaction":
        _refuse_part(statuses)
    return Envelope(type_, id_, bundle_type, statuses)


def _text(elements: Mapping[str, Raw], name: str, path: str) -> str | None:
    stated = elements.get(name)
    return None if stated is None else decode(fhir.TEXT, stated, path)


def _statuses(entries: Raw | None) -> tuple[int, ...]:
    return () if entries is None else tuple(_status(e) for e in decode(fhir.ARRAY, entries, "Bundle.entry"))


def _status(entry: Raw) -> int:
    try:
        request = _ENTRY.decode(entry).request
    except msgspec.DecodeError:
        return 400
    method = request.method if request else None
    return 202 if method is None or method in _TAKEN else 501


def _refuse_part(statuses: tuple[int, ...]) -> None:
    """A transaction is taken whole or not at all; in a batch, each entry stands for itself."""
    for n, status in enumerate(statuses):
        if status == 400:
            raise Refusal(400, "expected an entry with a resource or a request", f"Bundle.entry[{n}]")
        if status == 501:
            says = f"expected one of {', '.join(_TAKEN)}: nothing can be read or patched here"
            raise Refusal(501, says, f"Bundle.entry[{n}].request.method")


def require_place(envelope: Envelope, type_: str | None, id_: str | None, must_have_id: bool) -> None:
    """Refuse a resource that is not of the type, or does not have the id, that the address names."""
    if type_ is not None and envelope.type != type_:
        raise Refusal(400, "expected a resource of the type in the address", "resourceType")
    if id_ is not None and envelope.id != id_:
        raise Refusal(400, "expected the id in the address", f"{envelope.type}.id")
    if must_have_id and envelope.id is None:
        raise Refusal(400, "expected an id: a PUT says which resource it replaces", f"{envelope.type}.id")


def deletion_of(type_: str, id_: str) -> Envelope:
    """The envelope of a deletion; refuses an id that no resource can have."""
    if _ID.fullmatch(id_) is None:
        raise Refusal(400, "expected an id of 1 to 256 letters, digits and -._~|:")
    return Envelope(type_, id_)
