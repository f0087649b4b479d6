"""What is sealed opens with its key at its place, and nowhere else."""

from __future__ import annotations

import pytest

from shared.runtime.sealing import Unsealable, Vault, place
from shared.sites import ConfigurationError

ONE, TWO = "one:" + "1" * 64, "two:" + "2" * 64


def test_what_is_sealed_opens_with_its_key_at_its_place() -> None:
    """Byte for byte, empty content too; what is sealed shows nothing of it, and is the same each time."""
    vault = Vault.of(ONE)
    for content in (b"", b"Patient/p1", bytes(range(256)) * 50):
        sealed = vault.seal(content, place("raw", "r1"))
        assert vault.open(sealed, place("raw", "r1")) == content
        assert content not in sealed or not content
        assert sealed == vault.seal(content, place("raw", "r1"))
    assert vault.seal_any(None, "x") is None
    assert vault.open_any(None, "x") is None


def test_equal_contents_of_two_places_look_different() -> None:
    """Neither the row nor the column of another opens, nor do altered bytes."""
    vault = Vault.of(ONE)
    sealed = vault.seal(b"p1", place("patient_id", "a"))
    assert sealed != vault.seal(b"p1", place("patient_id", "b"))
    for wrong in (place("patient_id", "b"), place("raw", "a")):
        with pytest.raises(Unsealable):
            vault.open(sealed, wrong)
    with pytest.raises(Unsealable):
        vault.open(sealed[:-1] + bytes((sealed[-1] ^ 1,)), place("patient_id", "a"))


def test_the_first_key_seals_and_every_key_opens() -> None:
    """During a rotation both keys are there; without the older one it is named."""
    old, both, new = Vault.of(ONE), Vault.of(f"{TWO}, {ONE}"), Vault.of(TWO)
    sealed = old.seal(b"p1", "x")
    assert both.open(sealed, "x") == b"p1"
    assert both.seal(b"p1", "x") == new.seal(b"p1", "x") != sealed
    with pytest.raises(Unsealable, match="'one'"):
        new.open(sealed, "x")


def test_another_key_of_the_same_name_does_not_open() -> None:
    """And its proof is another."""
    other = Vault.of("one:" + "3" * 64)
    with pytest.raises(Unsealable, match="another key of that name"):
        other.open(Vault.of(ONE).seal(b"p1", "x"), "x")
    assert other.proof("one") != Vault.of(ONE).proof("one")


@pytest.mark.parametrize("sealed", [b"", b"{}", b"\x01", b"\x01\x03one", b'{"resourceType": "Patient"}'])
def test_what_was_never_sealed_is_refused(sealed: bytes) -> None:
    """Bytes in clear are no sealed bytes."""
    with pytest.raises(Unsealable):
        Vault.of(ONE).open(sealed, "x")


@pytest.mark.parametrize("stated", ["", "one", "one:short", f"{ONE},{ONE}", "ONE:" + "1" * 64, ONE + "0", f"{ONE},"])
def test_a_wrong_key_is_refused_without_showing_it(stated: str) -> None:
    """The variable and the expected form are named."""
    with pytest.raises(ConfigurationError) as refused:
        Vault.of(stated)
    assert str(refused.value).startswith("GRAFTWATCH_CROSSWALK_KEY: expected NAME:SECRET")
    assert "1111" not in str(refused.value)
