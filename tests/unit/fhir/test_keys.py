"""Pseudonyms: stable, apart, and without a way back."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from shared.fhir.keys import HmacKeys, PlainKeys

SECRET = b"0123456789abcdef"


def test_keys_are_stable_for_one_secret() -> None:
    """The same record and patient get the same key from every process with the secret."""
    one, two = HmacKeys(SECRET), HmacKeys(SECRET)
    assert one.record("a", "Observation", "1") == two.record("a", "Observation", "1")
    assert one.patient("a", "1") == two.patient("a", "1")


def test_keys_differ_by_site_type_id_and_secret() -> None:
    """Two hospitals both have a Patient/1; parts do not run into each other."""
    keys, others = HmacKeys(SECRET), HmacKeys(SECRET[::-1])
    records = {
        keys.record("a", "Patient", "1"),
        keys.record("b", "Patient", "1"),
        keys.record("a", "Observation", "1"),
        keys.record("a", "Patient", "2"),
        keys.record("aP", "atient", "1"),
        others.record("a", "Patient", "1"),
    }
    assert len(records) == 6
    assert len({keys.patient("a", "1"), keys.patient("b", "1"), others.patient("a", "1")}) == 3


@pytest.mark.parametrize("secret", [SECRET, SECRET * 4, SECRET * 9])
def test_a_key_is_an_hmac(secret: bytes) -> None:
    """HMAC-SHA-256 as the standard library computes it, for a secret shorter than a block, as long, and longer."""
    expected = hmac.new(secret, b"6:record5:north11:Observation1:1", hashlib.sha256).hexdigest()[:32]
    assert HmacKeys(secret).record("north", "Observation", "1") == expected


def test_a_key_shows_nothing_of_the_identifier() -> None:
    """A record's key is 32 hexadecimal digits."""
    key = HmacKeys(SECRET).record("north", "Patient", "Jane-Example")
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")


def test_a_short_secret_is_refused() -> None:
    """A secret that could be guessed is no secret."""
    with pytest.raises(ValueError, match="at least 16 bytes"):
        HmacKeys(b"short")


def test_plain_keys_are_literal() -> None:
    """Offline, a record's key is its id; patients of two sites stay apart."""
    keys = PlainKeys()
    assert keys.record("a", "Observation", "r1") == "r1"
    assert keys.patient("a", "1") != keys.patient("b", "1")
