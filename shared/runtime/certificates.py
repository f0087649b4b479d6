"""Certificates that a process was given: those of the database's address, when one expires, and the house's own authorities."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509

from shared.sites import ConfigurationError

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


def trusting(ca_file: Path | None, setting: str) -> ssl.SSLContext:
    """The system's authorities, and the house's own where one is named; raises ConfigurationError, which names the setting."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"{setting}: cannot read certificates of {ca_file}: {type(error).__name__}; expected PEM"
            ) from None
    return context
