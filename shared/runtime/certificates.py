"""Which certificates a process was given by the database's address, and when one expires. Decides nothing about trust."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509

OURS: Final = "sslcert"
"""The parameter that names this process's own."""
_PARAMETERS: Final = ("sslrootcert", OURS)


def of_address(url: str) -> Iterator[tuple[str, Path]]:
    """Files of certificates that an address of PostgreSQL names, by parameter."""
    asked = parse_qs(urlsplit(url).query)
    for parameter in _PARAMETERS:
        yield from ((parameter, Path(path)) for path in asked.get(parameter, ())[-1:])


def expires_at(path: Path) -> datetime | None:
    """When the first certificate of a PEM file expires; None where it holds none."""
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return None
    return min((c.not_valid_after_utc for c in found), default=None)
