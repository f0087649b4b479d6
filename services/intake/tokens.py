"""Decides which site a request speaks for: the one whose bearer token it carries. Knows no token, only their digests."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping

from services.intake.refusal import Refusal
from shared.sites import ConfigurationError, Site


class Tokens:
    """The tokens of the sites; raises ConfigurationError where two sites share one."""

    def __init__(self, sites: Mapping[str, Site]) -> None:
        self._sites = [s for _, s in sorted(sites.items()) if s.intake_token_sha256 is not None]
        uses = Counter(s.intake_token_sha256 for s in self._sites)
        shared = [s.site for s in self._sites if uses[s.intake_token_sha256] > 1]
        if shared:
            raise ConfigurationError(
                f"intake_token_sha256: {', '.join(shared)} share a token, which then names no site; give each its own"
            )

    @property
    def holders(self) -> list[str]:
        """The sites that have a token."""
        return [s.site for s in self._sites]

    def holder(self, authorization: str | None) -> Site | None:
        """The site whose token an Authorization header holds; takes as long whether it is one's or nobody's."""
        scheme, _, token = (authorization or "").partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest()
        found = None
        for site in self._sites:
            if hmac.compare_digest(site.intake_token_sha256 or "", digest):
                found = site
        return found if scheme.lower() == "bearer" else None

    def require(self, authorization: str | None) -> Site:
        """The site, or a refusal as RFC 6750 words it."""
        site = self.holder(authorization)
        if site is not None:
            return site
        if authorization is None:
            raise Refusal(401, "expected a bearer token", headers={"WWW-Authenticate": 'Bearer realm="fhir"'})
        challenge = 'Bearer realm="fhir", error="invalid_token"'
        raise Refusal(401, "expected the bearer token of a configured site", headers={"WWW-Authenticate": challenge})
