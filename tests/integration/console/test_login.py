"""Login at a provider: only what proves who somebody is lets them in; the development login stays in development."""

from __future__ import annotations

import base64
import hashlib
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from services.console.app import staff_file
from services.console.console import Console
from services.console.oidc import Provider, ProviderError
from services.console.staff import Staff
from shared.runtime import settings
from shared.runtime.watched import WatchedFile
from shared.sites import ConfigurationError
from tests.support import console as consoles
from tests.support.certificates import Authority, Certificate
from tests.support.console import STUDY, Window, forms, window
from tests.support.database import Database

ISSUER = "https://login.test"
CLIENT = "graftwatch"
OIDC = {
    "GRAFTWATCH_MODE": "production",
    "GRAFTWATCH_CONSOLE_LOGIN": "oidc",
    "GRAFTWATCH_CONSOLE_ADDRESS": "https://console.test",
    "GRAFTWATCH_OIDC_ISSUER": ISSUER,
    "GRAFTWATCH_OIDC_CLIENT_ID": CLIENT,
    "GRAFTWATCH_OIDC_CLIENT_SECRET": "a secret of the tests",
}
KEY, OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "one"})


@dataclass
class Institution(httpx2.AsyncBaseTransport):
    """An OpenID Connect provider, in memory: it checks the code, the client and PKCE as a real one does."""

    person: str = "investigator-north"
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: KEY)
    asked: dict[str, str] = field(default_factory=dict)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer as the endpoints of a provider."""
        match request.url.path:
            case "/.well-known/openid-configuration":
                paths = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
                return _json({"issuer": ISSUER} | {name: f"{ISSUER}/{path}" for name, path in paths.items()})
            case "/keys":
                return _json({"keys": [KEY.as_dict(private=False) | {"use": "sig", "alg": "RS256"}]})
            case _:
                return self._token(parse_qs((await request.aread()).decode()), request.headers.get("Authorization", ""))

    def _token(self, sent: dict[str, list[str]], client: str) -> httpx2.Response:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"][0].encode()).digest()).rstrip(b"=")
        proven = challenge.decode() == self.asked["code_challenge"] and sent["code"] == ["the code"]
        if not proven or not client.startswith("Basic "):
            return _json({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": CLIENT, "sub": self.person, "name": "A name", "iat": now, "exp": now + 60}
        token = jwt.encode(
            {"alg": "RS256", "kid": "one"}, claims | {"nonce": self.asked["nonce"]} | self.claims, self.key
        )
        return _json({"access_token": "x", "token_type": "Bearer", "id_token": token})

    async def log_in(self, opened: Window, *, state: str | None = None) -> httpx2.Response:
        """What a browser does: be sent to the provider, and come back with the code."""
        sent = await opened.get(f"/login/provider?next=/studies/{STUDY}/safety")
        self.asked = {k: v[0] for k, v in parse_qs(urlsplit(sent.headers["location"]).query).items()}
        return await opened.get(f"/login/callback?code=the+code&state={state or self.asked['state']}")


async def test_the_staff_file_is_taken_anew_and_a_faulty_one_refused(database: Database, tmp_path: Path) -> None:
    """Who has left it is out at the next request, though logged in; a file with faults changes nothing."""
    file = tmp_path / "staff.yaml"
    everybody = consoles.STAFF.read_text(encoding="utf-8")
    file.write_text(everybody, encoding="utf-8")
    told = {"GRAFTWATCH_STAFF": str(file)}
    async with consoles.running(database, people=file, told=told) as console:
        watched = staff_file(console)
        async with window(console, "investigator-north") as opened:
            file.write_text(everybody.replace("role: ", "roll: "), encoding="utf-8")
            await _looked(watched)
            assert (await opened.get(f"/studies/{STUDY}/safety")).status_code == 200
            file.write_text(everybody.replace("person: investigator-north", "person: somebody-else"), encoding="utf-8")
            await _looked(watched)
            gone = await opened.get(f"/studies/{STUDY}/safety")
            assert gone.status_code == 303
            assert gone.headers["location"].startswith(f"{consoles.ORIGIN}/login")
            file.write_text(everybody, encoding="utf-8")
            await _looked(watched)
            assert (await opened.get(f"/studies/{STUDY}/safety")).status_code == 200


async def _looked(watched: WatchedFile[Staff]) -> None:
    """Twice: a file that is being written is left alone."""
    for _ in range(2):
        await watched.look()


def _json(body: dict[str, Any], status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, content=msgspec.json.encode(body), headers={"Content-Type": "application/json"})


@pytest.fixture
def institution() -> Institution:
    """A provider that knows everybody of the staff file."""
    return Institution()


@pytest.fixture
async def at_provider(own: Database, institution: Institution) -> AsyncIterator[Console]:
    """A console in production that logs in there."""
    async with consoles.running(own, told=OIDC) as made:
        object.__setattr__(made, "provider", Provider(made.settings, institution))
        yield made


@asynccontextmanager
async def _over_tls(certificate: Certificate) -> AsyncIterator[str]:
    """The address of a provider that tells where its parts are, with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    app, issuer = web.Application(), ""

    async def metadata(_request: web.Request) -> web.Response:
        paths = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
        return web.json_response({"issuer": issuer} | {name: f"{issuer}/{path}" for name, path in paths.items()})

    async def keys(_request: web.Request) -> web.Response:
        return web.json_response({"keys": [KEY.as_dict(private=False) | {"use": "sig", "alg": "RS256"}]})

    app.add_routes([web.get("/.well-known/openid-configuration", metadata), web.get("/keys", keys)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    issuer = f"https://localhost:{cast('Any', site)._server.sockets[0].getsockname()[1]}"
    try:
        yield issuer
    finally:
        await runner.cleanup()


async def test_a_provider_of_the_houses_own_authority_is_trusted_where_that_is_named(tmp_path: Path) -> None:
    """Not otherwise; and a file that holds no certificate is named at the start."""
    authority = Authority(tmp_path)
    common = {"kafka_bootstrap_servers": "broker:9092", "database_url": "postgresql://localhost/none"}
    async with _over_tls(authority.issue("localhost")) as issuer:
        told = OIDC | common | {"GRAFTWATCH_OIDC_ISSUER": issuer}
        with pytest.raises(ProviderError):
            await Provider(settings.load_console(**told)).address("state", "nonce", "v" * 43)
        told["GRAFTWATCH_OIDC_CA_FILE"] = str(authority.path)
        address = await Provider(settings.load_console(**told)).address("state", "nonce", "v" * 43)
        assert address.startswith(f"{issuer}/auth?")
    (tmp_path / "none.pem").write_text("nothing", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="GRAFTWATCH_OIDC_CA_FILE: cannot read certificates"):
        Provider(settings.load_console(**told | {"GRAFTWATCH_OIDC_CA_FILE": str(tmp_path / "none.pem")}))


async def test_whoever_the_provider_proves_is_let_in(at_provider: Console, institution: Institution) -> None:
    """And is led to where they were going, with a cookie that only this host gets, over TLS, out of scripts' reach."""
    async with window(at_provider) as opened:
        opened.client.base_url = httpx2.URL("https://console.test")
        answer = await institution.log_in(opened)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/studies/{STUDY}/safety")
        cookie = answer.headers["set-cookie"]
        assert all(part in cookie for part in ("__Host-graftwatch=", "HttpOnly", "Secure", "Path=/", "SameSite=lax"))
        page = await opened.get(f"/studies/{STUDY}/safety")
        assert page.status_code == 200
        assert "Strict-Transport-Security" in page.headers
        assert institution.asked["code_challenge_method"] == "S256"
        # Leaving ends the session itself, not only the cookie.
        token = dict(opened.client.cookies)["__Host-graftwatch"]
        [form] = forms(page.text, "/logout")
        assert (await opened.send("/logout", form)).status_code == 303
        again = await opened.get(f"/studies/{STUDY}/safety", Cookie=f"__Host-graftwatch={token}")
        assert again.status_code == 303


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"iss": "https://elsewhere.test"},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"exp": 1},
        {"sub": None},
    ],
    ids=str,
)
async def test_a_token_that_proves_nothing_is_refused(
    at_provider: Console, institution: Institution, claims: dict[str, Any]
) -> None:
    """Another login's nonce, another issuer or client, an expired one, nobody named."""
    institution.claims = claims
    async with window(at_provider) as opened:
        opened.client.base_url = httpx2.URL("https://console.test")
        answer = await institution.log_in(opened)
        assert answer.status_code == 403
        assert "__Host-graftwatch=" not in answer.headers.get("set-cookie", "")


async def test_a_forged_signature_is_refused(at_provider: Console, institution: Institution) -> None:
    """Signed by another key under the same name."""
    institution.key = OTHER_KEY
    async with window(at_provider) as opened:
        opened.client.base_url = httpx2.URL("https://console.test")
        assert (await institution.log_in(opened)).status_code == 403


async def test_a_login_that_another_browser_began_is_refused(at_provider: Console, institution: Institution) -> None:
    """Nobody can be logged in as somebody else by a link; nor can a login be used twice."""
    async with window(at_provider) as one, window(at_provider) as other:
        for opened in (one, other):
            opened.client.base_url = httpx2.URL("https://console.test")
        await institution.log_in(one, state="never-given-out")
        state = institution.asked["state"]
        stolen = await other.get(f"/login/callback?code=the+code&state={state}")
        assert stolen.status_code == 403
        assert (await one.get(f"/login/callback?code=the+code&state={state}")).status_code == 303
        assert (await one.get(f"/login/callback?code=the+code&state={state}")).status_code == 403


async def test_somebody_without_a_part_is_not_let_in(
    at_provider: Console, institution: Institution, own: Database
) -> None:
    """Known to the provider, but not to the staff file; it is recorded whom the provider named."""
    institution.person = "a-stranger"
    async with window(at_provider) as opened:
        opened.client.base_url = httpx2.URL("https://console.test")
        answer = await institution.log_in(opened)
    assert answer.status_code == 403
    assert "no part in any study" in answer.text
    named = "SELECT count(*) FROM console.audit WHERE entry::jsonb->'details'->>'named' = 'a-stranger'"
    assert await own.value(named) == 1


async def test_roles_may_come_from_the_provider(own: Database, institution: Institution) -> None:
    """By a claim; whoever it makes a monitor of one site sees that site."""
    institution.person = "by-claim"
    institution.claims = {"roles": [f"{STUDY}/north/monitor", "something-else"]}
    async with consoles.running(own, told={**OIDC, "GRAFTWATCH_OIDC_ROLES_CLAIM": "roles"}) as made:
        object.__setattr__(made, "provider", Provider(made.settings, institution))
        async with window(made) as opened:
            opened.client.base_url = httpx2.URL("https://console.test")
            assert (await institution.log_in(opened)).status_code == 303
            page = (await opened.get(f"/studies/{STUDY}/screening")).text
    assert "monitor · north" in page


@pytest.mark.parametrize(
    "onward", ["https://elsewhere.test/", "//elsewhere.test", "/\\elsewhere.test", "javascript:alert(1)"]
)
async def test_a_login_leads_nowhere_else(console: Console, onward: str) -> None:
    """Whatever a link asks for."""
    async with window(console) as opened:
        answer = await opened.send("/login/development", {"person": "monitor", "next": onward}, Origin=consoles.ORIGIN)
        assert answer.headers["location"] == "/"


async def test_a_login_form_of_another_site_is_refused(console: Console) -> None:
    """It would log somebody in as whom that site likes."""
    async with window(console) as opened:
        answer = await opened.send("/login/development", {"person": "monitor"}, Origin="https://elsewhere.test")
        assert answer.status_code == 403
        crossed = await opened.send("/login/development", {"person": "monitor"}, **{"Sec-Fetch-Site": "cross-site"})
        assert crossed.status_code == 403


async def test_too_many_logins_are_slowed_down(own: Database) -> None:
    """From one address; other pages still answer."""
    async with (
        consoles.running(own, told={"GRAFTWATCH_CONSOLE_LOGINS_PER_MINUTE": "3"}) as console,
        window(console) as opened,
    ):
        answers = [await opened.log_in("nobody") for _ in range(5)]
        assert [a.status_code for a in answers] == [403, 403, 403, 429, 429]
        assert (await opened.get("/login")).status_code == 200


async def test_a_session_that_lay_idle_has_ended(own: Database, console: Console) -> None:
    """Half an hour unless configured."""
    async with window(console, "monitor") as opened:
        assert (await opened.get(f"/studies/{STUDY}/today")).status_code == 200
        await own.rows("UPDATE console.session SET seen_at = now() - interval '31 minutes'")
        assert (await opened.get(f"/studies/{STUDY}/today")).status_code == 303


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"GRAFTWATCH_CONSOLE_LOGIN": "development"}, "GRAFTWATCH_MODE=development"),
        (
            {
                "GRAFTWATCH_CONSOLE_LOGIN": "development",
                "GRAFTWATCH_MODE": "development",
                "GRAFTWATCH_WEB_HOST": "0.0.0.0",
            },
            "127.0.0.1 only",
        ),
        ({}, "GRAFTWATCH_OIDC_ISSUER, GRAFTWATCH_OIDC_CLIENT_ID, GRAFTWATCH_CONSOLE_ADDRESS must be set"),
        ({**OIDC, "GRAFTWATCH_OIDC_ISSUER": "http://login.test"}, "https://"),
    ],
)
def test_an_unsafe_login_is_refused_at_start(told: dict[str, str], named: str) -> None:
    """Without a password only in development and on this machine; a provider only over TLS."""
    common = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": "postgresql://u@h/d"}
    with pytest.raises(ConfigurationError, match=named):
        settings.load_console(**common, **told)
