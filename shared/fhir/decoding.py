"""Decoding of one JSON element: a refusal names the path and the expected type, never the value. Decides nothing."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from shared.fhir.reading import Reason, Unreadable

T = TypeVar("T")
_WHERE: Final = re.compile(r"`\$(.*)`$")
_EXPECTED: Final = re.compile(r"Expected `([a-z |]+)`")


def decode(decoder: msgspec.json.Decoder[T], raw: bytes | Raw, path: str) -> T:
    """Decode an element; raises `Unreadable` with its path and the expected type, never with the value."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error), path) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable(Reason.NOT_JSON, path, "expected well-formed JSON in UTF-8") from None


def _wrong_type(message: str, path: str) -> Unreadable:
    where, expected = _WHERE.search(message), _EXPECTED.search(message)
    form = expected.group(1) if expected else "the type of the FHIR element"
    return Unreadable(Reason.WRONG_TYPE, path + (where.group(1) if where else ""), f"expected {form}")
