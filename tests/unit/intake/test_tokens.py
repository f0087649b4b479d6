"""Whom a bearer token speaks for."""

from __future__ import annotations

import hashlib

import pytest

from services.intake.refusal import Refusal
from services.intake.tokens import Tokens
from shared.sites import ConfigurationError, Site


def _site(name: str, token: str | None) -> Site:
    digest = hashlib.sha256(token.encode()).hexdigest() if token is not None else None
    return Site(site=name, time_zone="UTC", intake_token_sha256=digest)


TOKENS = Tokens({name: _site(name, token) for name, token in {"north": "n-1", "south": "s-1", "west": None}.items()})


@pytest.mark.parametrize(
    ("header", "site"),
    [("Bearer n-1", "north"), ("bearer s-1", "south"), ("Bearer   s-1 ", "south"), ("BEARER n-1", "north")],
)
def test_a_token_names_its_site(header: str, site: str) -> None:
    """The scheme may be written in any case; the token is the site's."""
    assert TOKENS.require(header).site == site


@pytest.mark.parametrize(
    "header", ["Bearer n-2", "Basic n-1", "n-1", "Bearer", "Bearer ", "", "Bearer n-1 n-1", "Bearer \udcff"]
)
def test_any_other_header_is_refused_as_an_invalid_token(header: str) -> None:
    """A wrong scheme, a wrong token, none at all, or what is no text at all: 401 and the challenge of RFC 6750."""
    with pytest.raises(Refusal) as refused:
        TOKENS.require(header)
    assert refused.value.status == 401
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer realm="fhir", error="invalid_token"'}


def test_no_header_is_challenged_without_blame() -> None:
    """Who sends no token learns which scheme is expected, and not that a token was wrong."""
    with pytest.raises(Refusal) as refused:
        TOKENS.require(None)
    assert (refused.value.status, refused.value.headers) == (401, {"WWW-Authenticate": 'Bearer realm="fhir"'})


def test_a_site_without_a_token_may_not_post() -> None:
    """No token is no empty token."""
    assert TOKENS.holders == ["north", "south"]
    assert TOKENS.holder("Bearer ") is None


def test_two_sites_of_one_token_are_refused() -> None:
    """A token that names two sites names none; both are named to the operator, the digest is not."""
    with pytest.raises(ConfigurationError) as refused:
        Tokens({name: _site(name, "same") for name in ("north", "south")})
    assert str(refused.value).startswith("intake_token_sha256: north, south share a token")
    assert hashlib.sha256(b"same").hexdigest() not in str(refused.value)


@pytest.mark.parametrize("stated", ["n-1", "A" * 64, "0" * 63, "0" * 65])
def test_a_site_file_takes_a_digest_only(stated: str) -> None:
    """A clear token in a site file is no digest and is refused."""
    with pytest.raises(ValueError, match="intake_token_sha256"):
        Site(site="north", time_zone="UTC", intake_token_sha256=stated)
