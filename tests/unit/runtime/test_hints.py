"""Which hints count among those of a batch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import msgspec
import pytest

from shared.runtime.hints import Hint, encode, newest

AT = datetime(2024, 5, 3, tzinfo=UTC)


def test_the_highest_version_of_each_patient_counts() -> None:
    """In whatever order they come."""
    found, unreadable = newest(map(encode, [_hint(1, 3), _hint(1, 5), _hint(2, 1), _hint(1, 4)]))
    assert {p: h.version for p, h in found.items()} == {UUID(int=1): 5, UUID(int=2): 1}
    assert unreadable == 0


def test_live_goes_before_back_fill() -> None:
    """Patients with live news come first, each group in the order of keys."""
    found, _ = newest(map(encode, [_hint(1, 1, "backfill"), _hint(3, 1), _hint(2, 1)]))
    assert list(found) == [UUID(int=2), UUID(int=3), UUID(int=1)]


@pytest.mark.parametrize(
    "raw", [None, b"", b"null", b"{", b"\xff\xfe", b'{"patient":"\xff"}', b"[" * 100_000, b'{"patient": 1}', b'"x"']
)
def test_garbage_is_counted_and_costs_nothing(raw: bytes | None) -> None:
    """What is no hint, however broken, neither raises nor hides the hints beside it."""
    found, unreadable = newest([encode(_hint(1, 1)), raw, encode(_hint(2, 1))])
    assert (len(found), unreadable) == (2, 1)


def test_a_hint_reads_back() -> None:
    """Encoded and decoded it is the same; it holds a pseudonym, a version, a time and a lane."""
    hint = _hint(1, 7, "backfill")
    assert msgspec.json.decode(encode(hint), type=Hint) == hint
    assert set(msgspec.json.decode(encode(hint))) == {"patient", "version", "published_at", "lane"}


def _hint(patient: int, version: int, lane: Literal["live", "backfill"] = "live") -> Hint:
    return Hint(UUID(int=patient), version, AT, lane)


def test_a_live_hint_is_not_hidden_by_a_newer_backfill_hint() -> None:
    """A patient with live news goes before back-fill, whichever of the hints is the newer."""
    pair = [_hint(1, 3), _hint(1, 4, "backfill")]
    for messages in (pair, pair[::-1]):
        found, _ = newest(map(encode, messages))
        assert (found[UUID(int=1)].version, found[UUID(int=1)].lane) == (4, "live")
