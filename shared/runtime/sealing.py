"""Seals what names a person before the database has it: AES-SIV (RFC 5297) by `cryptography`, several keys at a time.

Deterministic: the same content sealed again for the same place gives the same bytes, so that a redelivery changes no row;
bound to its place (column and row), so that equal contents of two rows look different and a moved one does not open.
Decides nothing about what needs it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.sites import ConfigurationError

FORM: Final = (
    "expected NAME:SECRET, the secret 64 hexadecimal digits (openssl rand -hex 32); several separated by commas"
)
_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")
_SECRET: Final = re.compile(r"[0-9a-fA-F]{64}")
_FORMAT: Final = 1
_HEAD: Final = 2
_SIV_KEY_BYTES: Final = 64


class Unsealable(Exception):  # noqa: N818 - named for what it says
    """Sealed bytes that none of the keys opens; says which key is missing, never what they hold."""


class Vault:
    """The keys of the crosswalk: the first seals, every one of them opens."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        self._ciphers = {name: _cipher(name, secret) for name, secret in secrets.items()}
        self.current = next(iter(secrets))
        """Name of the key that seals."""
        self._cipher = self._ciphers[self.current]

    @classmethod
    def of(cls, stated: str) -> Self:
        """The keys as GRAFTWATCH_CROSSWALK_KEY states them; raises ConfigurationError, values never shown."""
        secrets: dict[str, bytes] = {}
        for each in stated.split(","):
            name, _, secret = each.strip().partition(":")
            if not _NAME.fullmatch(name) or not _SECRET.fullmatch(secret) or name in secrets:
                raise ConfigurationError(f"GRAFTWATCH_CROSSWALK_KEY: {FORM}; each name once")
            secrets[name] = bytes.fromhex(secret)
        return cls(secrets)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all keys, the current one first."""
        return tuple(self._ciphers)

    @cached_property
    def head(self) -> bytes:
        """What everything begins with that is sealed with the current key."""
        return head_of(self.current)

    def seal(self, content: bytes, place: str) -> bytes:
        """The content sealed for its place, which is a column and what identifies the row."""
        return self.head + self._cipher.encrypt(content, [place.encode()])

    def seal_any(self, content: bytes | None, place: str) -> bytes | None:
        """The same; nothing stays nothing."""
        return None if content is None else self.seal(content, place)

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed for this place; raises Unsealable."""
        name, body = _parts(sealed)
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise Unsealable(f"sealed with a key that GRAFTWATCH_CROSSWALK_KEY does not hold: {name!r}; add it")
        try:
            return cipher.decrypt(body, [place.encode()])
        except InvalidTag:
            raise Unsealable(f"the key {name!r} does not open it: another key of that name, or altered bytes") from None

    def open_any(self, sealed: bytes | None, place: str) -> bytes | None:
        """The same; nothing stays nothing."""
        return None if sealed is None else self.open(sealed, place)

    def proof(self, name: str) -> bytes:
        """Nothing, sealed with this key: shows later whether a key of that name is the same one."""
        return self._ciphers[name].encrypt(b"", [b"proof", name.encode()])


def place(column: str, *row: object) -> str:
    """Where something is sealed: the column, and the key of its row."""
    return "/".join((column, *map(str, row)))


def head_of(name: str) -> bytes:
    """What everything begins with that is sealed with the key of this name."""
    return bytes((_FORMAT, len(name))) + name.encode()


def _parts(sealed: bytes) -> tuple[str, bytes]:
    end = _HEAD + (sealed[1] if len(sealed) > 1 else 0)
    if len(sealed) <= end or sealed[0] != _FORMAT:
        raise Unsealable("not sealed: these bytes were not written by this product")
    return sealed[_HEAD:end].decode("ascii", "replace"), sealed[end:]


def _cipher(name: str, secret: bytes) -> AESSIV:
    derived = HKDF(SHA512(), _SIV_KEY_BYTES, salt=None, info=f"graftwatch crosswalk {name}".encode()).derive(secret)
    return AESSIV(derived)
