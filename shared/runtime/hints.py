"""The hint on `timeline-changes`: "patient P is at version V". It may be lost; the work it speaks of may not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec


class Hint(msgspec.Struct, frozen=True):
    """Value of the message; the key is the patient's pseudonym. `published_at`: of the oldest feed message behind it.

    Back-fill needs no hint to be evaluated soon: its hint tells that reconciliation will find the patient.
    """

    patient: UUID
    version: int
    published_at: Annotated[datetime, msgspec.Meta(tz=True)]
    lane: Literal["live", "backfill"] = "live"


_DECODER: Final = msgspec.json.Decoder(Hint)


def encode(hint: Hint) -> bytes:
    """The hint as JSON."""
    return msgspec.json.encode(hint)


def newest(messages: Iterable[bytes | None]) -> tuple[dict[UUID, Hint], int]:
    """The highest version of each patient among some messages, live before back-fill, and how many were unreadable."""
    hints: dict[UUID, Hint] = {}
    unreadable = 0
    for raw in messages:
        try:
            hint = _DECODER.decode(raw or b"")
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
            unreadable += 1
            continue
        held = hints.get(hint.patient)
        hints[hint.patient] = hint if held is None else _joined(held, hint)
    ordered = sorted(hints.items(), key=lambda item: (item[1].lane == "backfill", item[0]))
    return dict(ordered), unreadable


def _joined(one: Hint, other: Hint) -> Hint:
    """Two hints about one patient as one: the newer version, and live if either is."""
    newer = one if one.version >= other.version else other
    return msgspec.structs.replace(newer, lane="live" if "live" in (one.lane, other.lane) else "backfill")
