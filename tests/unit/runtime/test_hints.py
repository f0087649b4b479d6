"""Which hints wait for an evaluation, and which are taken first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
import pytest

from shared.runtime.hints import Hint, Waiting, encode

AT = datetime(2024, 5, 3, tzinfo=UTC)


def test_the_highest_version_of_each_patient_counts() -> None:
    """In whatever order they come; it was caused by the oldest message of them."""
    waiting = _waiting(_hint(1, 3), _hint(1, 5), _hint(2, 1), _hint(1, 4, at=AT - timedelta(seconds=1)))
    assert len(waiting) == 2
    found = waiting.take(10)
    assert {p: h.version for p, h in found.items()} == {UUID(int=1): 5, UUID(int=2): 1}
    assert found[UUID(int=1)].published_at == AT - timedelta(seconds=1)


def test_back_fill_waits_for_reconciliation_alone() -> None:
    """Its hints are read and put aside; those of live news are taken in order of arrival."""
    waiting = _waiting(_hint(1, 1, "backfill"), _hint(3, 1), _hint(2, 1))
    assert [*waiting.take(1), *waiting.take(2)] == [UUID(int=3), UUID(int=2)]
    assert not len(waiting)


def test_who_is_renewed_again_and_again_keeps_its_place() -> None:
    """A patient of whom much comes is not put behind the others each time."""
    waiting = _waiting(_hint(1, 1), *(_hint(n, 1) for n in range(2, 9)), _hint(1, 2))
    assert waiting.take(1)[UUID(int=1)].version == 2


def test_what_is_taken_waits_no_longer() -> None:
    """A hint that comes after is news again."""
    waiting = _waiting(_hint(1, 1))
    assert [*waiting.take(5)] == [UUID(int=1)]
    assert not waiting.take(5)
    waiting.add(encode(_hint(1, 2)))
    assert waiting.take(5)[UUID(int=1)].version == 2


@pytest.mark.parametrize(
    "raw", [None, b"", b"null", b"{", b"\xff\xfe", b'{"patient":"\xff"}', b"[" * 100_000, b'{"patient": 1}', b'"x"']
)
def test_garbage_is_told_and_costs_nothing(raw: bytes | None) -> None:
    """What is no hint, however broken, neither raises nor hides the hints beside it."""
    waiting = Waiting()
    assert [waiting.add(m) for m in (encode(_hint(1, 1)), raw, encode(_hint(2, 1)))] == [True, False, True]
    assert len(waiting.take(5)) == 2


def test_a_hint_reads_back() -> None:
    """Encoded and decoded it is the same; it holds a pseudonym, a version, a time and a lane."""
    hint = _hint(1, 7, "backfill")
    assert msgspec.json.decode(encode(hint), type=Hint) == hint
    assert set(msgspec.json.decode(encode(hint))) == {"patient", "version", "published_at", "lane"}


def _hint(patient: int, version: int, lane: Literal["live", "backfill"] = "live", at: datetime = AT) -> Hint:
    return Hint(UUID(int=patient), version, at, lane)


def _waiting(*hints: Hint) -> Waiting:
    waiting = Waiting()
    assert all(waiting.add(encode(h)) for h in hints)
    return waiting


def test_a_live_hint_is_not_hidden_by_a_newer_backfill_hint() -> None:
    """A patient with live news is evaluated soon, whichever of the hints is the newer."""
    pair = [_hint(1, 3), _hint(1, 4, "backfill")]
    for messages in (pair, pair[::-1]):
        waiting = _waiting(_hint(2, 1, "backfill"), *messages)
        assert [*waiting.take(2)] == [UUID(int=1)]
