"""Makes certificates for tests: an authority, a server's and a client's, as PEM files. Uses trustme; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate with its key, and of the authority that signed it."""

    authority: Path
    certificate: Path
    key: Path


class Authority:
    """Signs certificates of a test."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._ca = trustme.CA(organization_name=name)
        self._folder = folder
        self.path = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.path))

    def issue(self, *hosts: str, user: str | None = None, not_after: datetime | None = None) -> Certificate:
        """A certificate of these hosts, or of a user, who is its common name; where stated, good until then."""
        issued = self._ca.issue_cert(*hosts, common_name=user, not_after=not_after)
        name = user or hosts[0]
        made = Certificate(
            self.path, self._folder / f"{name}.{self.path.stem}.crt", self._folder / f"{name}.{self.path.stem}.key"
        )
        made.certificate.write_bytes(b"".join(c.bytes() for c in issued.cert_chain_pems))
        made.key.write_bytes(issued.private_key_pem.bytes())
        made.key.chmod(0o600)
        return made
