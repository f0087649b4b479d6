"""Login at an OpenID Connect provider: authorisation code with PKCE, state and nonce (RFC 6749, RFC 7636, OpenID Connect Core).

Decides whether an answer of the provider proves who somebody is; not what they may do.
"""

from __future__ import annotations

import time
from typing import Any, Final

import httpx2
import msgspec
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.runtime import certificates
from shared.runtime.settings import ConsoleSettings

SCOPE: Final = "openid profile email"
CALLBACK: Final = "/login/callback"
_KEEP_SECONDS: Final = 3600.0
_TIMEOUT_SECONDS: Final = 10.0
_LEEWAY_SECONDS: Final = 60
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class ProviderError(Exception):
    """The provider does not answer as it should, or what it says does not prove who somebody is."""


class Identity(msgspec.Struct, frozen=True):
    """Who somebody is by the provider, with the roles it states."""

    person: str
    name: str
    roles: tuple[str, ...]


class Provider:
    """One provider, its metadata and keys remembered for an hour."""

    def __init__(self, settings: ConsoleSettings, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._trust = certificates.trusting(settings.oidc_ca_file, "GRAFTWATCH_OIDC_CA_FILE")
        self._known: tuple[float, dict[str, Any], KeySet] | None = None

    async def address(self, state: str, nonce: str, code_verifier: str) -> str:
        """Where the browser is sent to log in."""
        metadata, _ = await self._metadata()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=code_verifier
            )
        return str(url)

    async def identity(self, code: str, nonce: str, code_verifier: str) -> Identity:
        """Who came back with this code; raises ProviderError where that is not proven."""
        metadata, keys = await self._metadata()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=code_verifier
                )
        except (OAuthError, httpx2.HTTPError) as error:
            raise ProviderError(f"the provider refused the code ({type(error).__name__})") from None
        if "id_token" not in token:
            raise ProviderError("the provider sent no ID token")
        return self._identity(self._claims(token["id_token"], keys, metadata["issuer"], nonce))

    def _claims(self, token: str, keys: KeySet, issuer: str, nonce: str) -> dict[str, Any]:
        client = self._settings.oidc_client_id
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            claims: dict[str, Any] = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise ProviderError(f"the ID token is not valid ({type(error).__name__})") from None
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client:
            raise ProviderError("the ID token was made out to another client")
        return claims

    def _identity(self, claims: dict[str, Any]) -> Identity:
        person = claims.get(self._settings.oidc_person_claim)
        if not isinstance(person, str) or not person:
            raise ProviderError(f"the ID token has no claim {self._settings.oidc_person_claim}")
        roles = claims.get(self._settings.oidc_roles_claim, ()) if self._settings.oidc_roles_claim else ()
        stated = tuple(r for r in roles if isinstance(r, str)) if isinstance(roles, list) else ()
        return Identity(person, str(claims.get("name") or person), stated)

    async def _metadata(self) -> tuple[dict[str, Any], KeySet]:
        if self._known is not None and time.monotonic() - self._known[0] < _KEEP_SECONDS:
            return self._known[1], self._known[2]
        issuer = self._settings.oidc_issuer.rstrip("/")
        try:
            async with httpx2.AsyncClient(
                transport=self._transport, timeout=_TIMEOUT_SECONDS, verify=self._trust
            ) as client:
                metadata = (await client.get(f"{issuer}/.well-known/openid-configuration")).raise_for_status().json()
                keys = (await client.get(metadata["jwks_uri"])).raise_for_status().json()
            found = KeySet.import_key_set(keys)
        except (httpx2.HTTPError, JoseError, ValueError, KeyError) as error:
            raise ProviderError(f"the provider does not answer as expected ({type(error).__name__})") from None
        if metadata.get("issuer", "").rstrip("/") != issuer:
            raise ProviderError("the provider names another issuer than GRAFTWATCH_OIDC_ISSUER")
        self._known = (time.monotonic(), metadata, found)
        return metadata, found

    def _client(self) -> AsyncOAuth2Client:
        secret = self._settings.oidc_client_secret.get_secret_value()
        return AsyncOAuth2Client(
            client_id=self._settings.oidc_client_id,
            client_secret=secret or None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope=SCOPE,
            redirect_uri=self._settings.address.rstrip("/") + CALLBACK,
            code_challenge_method="S256",
            transport=self._transport,
            timeout=_TIMEOUT_SECONDS,
            verify=self._trust,
        )
