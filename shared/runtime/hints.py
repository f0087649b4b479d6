"""The hint on `timeline-changes`: "patient P is at version V". It may be lost; the work it speaks of may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
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


_MOST_TRACES: Final = 32
_DECODER: Final = msgspec.json.Decoder(Hint)


def encode(hint: Hint) -> bytes:
    """The hint as JSON."""
    return msgspec.json.encode(hint)


class Waiting:
    """The live hints that no evaluation has taken up yet, one for each patient; back-fill waits for reconciliation alone.

    However many come, it holds one of each patient; what is lost with it is left to reconciliation too.
    """

    def __init__(self) -> None:
        self._hints: dict[UUID, Hint] = {}
        self._traces: dict[UUID, list[str]] = {}

    def __len__(self) -> int:
        return len(self._hints)

    def add(self, raw: bytes | None, traceparent: str | None = None) -> bool:
        """Take in a message and the trace that it carries, if any; False where it is no hint."""
        try:
            hint = _DECODER.decode(raw or b"")
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
            return False
        if hint.lane == "live":
            held = self._hints.get(hint.patient)
            # One that waits keeps its place, however often it is renewed.
            self._hints[hint.patient] = hint if held is None else _joined(held, hint)
            if traceparent is not None and len(of := self._traces.setdefault(hint.patient, [])) < _MOST_TRACES:
                of.append(traceparent)
        return True

    def take(self, most: int) -> dict[UUID, Hint]:
        """The next so many patients in order of arrival, and no longer waiting."""
        return {patient: self._hints.pop(patient) for patient in [*islice(self._hints, most)]}

    def take_traces(self, patients: Iterable[UUID]) -> Mapping[UUID, Sequence[str]]:
        """The traces that the hints about these patients carried, the oldest first."""
        return {patient: self._traces.pop(patient) for patient in patients if patient in self._traces}


def _joined(one: Hint, other: Hint) -> Hint:
    """Two hints about one patient as one: the newer version, the older message."""
    return Hint(one.patient, max(one.version, other.version), min(one.published_at, other.published_at))
