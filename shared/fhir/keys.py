"""Pseudonyms: the keys by which facts speak of patients and records.

Decides the key of a record and of a patient; what may hold an identifier is decided elsewhere.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final, Protocol
from uuid import UUID, uuid5

_OFFLINE: Final = UUID("1f1c3f2a-7a0b-5c55-9f0e-2f9d6f1f6a11")
_REMEMBERED: Final = 16_384
"""What the feed has just named is named again at once; later it costs two to four microseconds anew, and no memory till then."""
_SHORTEST_SECRET: Final = 16
_BLOCK: Final = 64


class Keys(Protocol):
    """Gives the same key for the same record or patient of a site, always."""

    def record(self, site: str, type_: str, id_: str) -> str:
        """The key of a record: (site, FHIR type, id)."""

    def patient(self, site: str, id_: str) -> UUID:
        """The key of a patient: (site, patient id); two hospitals both have a Patient/1."""

    def identifier(self, site: str, identifier: str) -> str:
        """The key of a business identifier (`system|value`) that a Patient states."""

    def content(self, raw: bytes) -> bytes:
        """What tells one content of a record from another."""


class HmacKeys:
    """HMAC-SHA-256 under the installation's secret: without it no key leads back to an identifier."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _SHORTEST_SECRET:
            raise ValueError(f"the pseudonym secret needs at least {_SHORTEST_SECRET} bytes")
        # HMAC by its definition (RFC 2104): the padded keys are hashed once, not for each of a million records.
        padded = (secret if len(secret) <= _BLOCK else hashlib.sha256(secret).digest()).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        # A whole block before the content costs nothing afterwards. Nobody extends a hash that is never shown.
        self._before_content = hashlib.sha256(self._digest("content") + self._digest("content", "again"))
        self.record = lru_cache(_REMEMBERED)(self._record)
        self.patient = lru_cache(_REMEMBERED)(self._patient)

    def identifier(self, site: str, identifier: str) -> str:
        """HMAC of site and identifier: equal ones are found, none can be read."""
        return self._digest("identifier", site, identifier).hex()[:32]

    def content(self, raw: bytes) -> bytes:
        """SHA-256 of the content after a secret: of a short record, say a Patient, a plain one could be guessed."""
        digest = self._before_content.copy()
        digest.update(raw)
        return digest.digest()

    def _record(self, site: str, type_: str, id_: str) -> str:
        return self._digest("record", site, type_, id_).hex()[:32]

    def _patient(self, site: str, id_: str) -> UUID:
        # UUID version 8 (RFC 9562), whose bits Python 3.11 cannot set by itself.
        digest = bytearray(self._digest("patient", site, id_)[:16])
        digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
        return UUID(bytes=bytes(digest))

    def _digest(self, *parts: str) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        # Lengths keep ("a", "bc") and ("ab", "c") apart.
        inner.update("".join([f"{len(part)}:{part}" for part in parts]).encode())
        outer.update(inner.digest())
        return outer.digest()


class PlainKeys:
    """Literal ids, for offline commands whose output goes back to whoever gave the files."""

    def record(self, site: str, type_: str, id_: str) -> str:
        """The id itself."""
        del site, type_
        return id_

    def patient(self, site: str, id_: str) -> UUID:
        """A UUID of site and id that needs no secret."""
        return uuid5(_OFFLINE, f"{len(site)}:{site}{id_}")

    def identifier(self, site: str, identifier: str) -> str:
        """The identifier itself."""
        return f"{site}/{identifier}"

    def content(self, raw: bytes) -> bytes:
        """SHA-256."""
        return hashlib.sha256(raw).digest()
