"""Pseudonyms: the keys by which facts speak of patients and records.

Decides the key of a record and of a patient; what may hold an identifier is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import Final, Protocol
from uuid import UUID, uuid5

_OFFLINE: Final = UUID("1f1c3f2a-7a0b-5c55-9f0e-2f9d6f1f6a11")
_REMEMBERED: Final = 65_536
_SHORTEST_SECRET: Final = 16


class Keys(Protocol):
    """Gives the same key for the same record or patient of a site, always."""

    def record(self, site: str, type_: str, id_: str) -> str:
        """The key of a record: (site, FHIR type, id)."""

    def patient(self, site: str, id_: str) -> UUID:
        """The key of a patient: (site, patient id); two hospitals both have a Patient/1."""


class HmacKeys:
    """HMAC-SHA-256 under the installation's secret: without it no key leads back to an identifier."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _SHORTEST_SECRET:
            raise ValueError(f"the pseudonym secret needs at least {_SHORTEST_SECRET} bytes")
        self._keyed = hmac.new(secret, digestmod=hashlib.sha256)
        self.record = lru_cache(_REMEMBERED)(self._record)
        self.patient = lru_cache(_REMEMBERED)(self._patient)

    def _record(self, site: str, type_: str, id_: str) -> str:
        return self._digest("record", site, type_, id_).hex()[:32]

    def _patient(self, site: str, id_: str) -> UUID:
        # UUID version 8 (RFC 9562), whose bits Python 3.11 cannot set by itself.
        digest = bytearray(self._digest("patient", site, id_)[:16])
        digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
        return UUID(bytes=bytes(digest))

    def _digest(self, *parts: str) -> bytes:
        keyed = self._keyed.copy()
        # Lengths keep ("a", "bc") and ("ab", "c") apart.
        keyed.update("".join(f"{len(part)}:{part}" for part in parts).encode())
        return keyed.digest()


class PlainKeys:
    """Literal ids, for offline commands whose output goes back to whoever gave the files."""

    def record(self, site: str, type_: str, id_: str) -> str:
        """The id itself."""
        del site, type_
        return id_

    def patient(self, site: str, id_: str) -> UUID:
        """A UUID of site and id that needs no secret."""
        return uuid5(_OFFLINE, f"{len(site)}:{site}{id_}")
