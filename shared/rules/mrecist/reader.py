"""Decides whose reading of the scans is followed where several readers measured them.

Does not read what they measured; nobody's records are joined with another's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from shared.facts import Attestation, LesionMeasurement
from shared.rules.mrecist.doubt import Doubt, about
from shared.timeline import Timeline

ADJUDICATION: Final = "reader-accepted"
_TICK: Final = timedelta(microseconds=1)
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)


class Choice(msgspec.Struct, frozen=True):
    """The reader followed (None: no record names one), that reader's records, and what was odd."""

    reader: str | None
    records: tuple[LesionMeasurement, ...]
    doubts: tuple[Doubt, ...] = ()


def readers(records: Sequence[LesionMeasurement]) -> tuple[str, ...]:
    """Everybody who is named as reader of some record."""
    return tuple(sorted({r.reader for r in records if r.reader is not None}))


def only(records: Sequence[LesionMeasurement], reader: str) -> Choice:
    """That reader's own records."""
    return Choice(reader, tuple(r for r in records if r.reader == reader))


def choose(
    records: Sequence[LesionMeasurement],
    at_baseline: Callable[[LesionMeasurement], bool],
    *,
    named_by_protocol: str | None,
    adjudicated: Sequence[Attestation],
) -> Choice:
    """The accepted reader: by adjudication of this patient, else by protocol, else by the flag of the records.

    Where none of these tells, all records if at most one reader is named; of several the one who recorded most
    lesions in the baseline window, the first by name among equals: baseline is past, so that later visits do not
    change the choice.
    """
    found = readers(records)
    accepted, doubts = _adjudicated(adjudicated)
    accepted = accepted or named_by_protocol
    if accepted is not None:
        kept = only(records, accepted).records
        absent = [about("the accepted reader has recorded no lesion")] if records and not kept else []
        return Choice(accepted, kept, (*doubts, *absent, *_nameless(records)))
    if len(found) <= 1:
        return Choice(next(iter(found), None), tuple(records), doubts)
    flagged = Counter(r.reader for r in records if r.accepted and r.reader is not None)
    if len(flagged) == 1:
        chosen = next(iter(flagged))
        return Choice(chosen, _of(records, chosen), (*doubts, *_nameless(records)))
    chosen, why = _by_count(flagged) if flagged else _by_baseline(records, found, at_baseline)
    return Choice(chosen, _of(records, chosen), (*doubts, why, *_nameless(records)))


def in_force(stated: Sequence[Attestation], at: datetime) -> list[Attestation]:
    """The adjudications that have not expired."""
    return [a for a in stated if a.code == ADJUDICATION and (a.expires is None or a.expires.last >= at)]


def next_expiry(known: Timeline, at: datetime) -> datetime | None:
    """When the first adjudication that still stands stops to: the instant after its last."""
    ends = (a.expires.last for a in in_force(known.of(Attestation), at) if a.expires is not None)
    end = min(ends, default=None)
    return end + _TICK if end is not None and end < _FOREVER else None


def _of(records: Sequence[LesionMeasurement], reader: str) -> tuple[LesionMeasurement, ...]:
    return only(records, reader).records


def _nameless(records: Sequence[LesionMeasurement]) -> tuple[Doubt, ...]:
    unnamed = [r for r in records if r.reader is None]
    return (about("records that name no reader are left out", unnamed),) if unnamed else ()


def _adjudicated(stated: Sequence[Attestation]) -> tuple[str | None, tuple[Doubt, ...]]:
    """The reader accepted last; two of one day that differ settle nothing."""
    valid = [a for a in stated if a.code == ADJUDICATION and a.value and a.focus is not None and a.occurred is not None]
    if not valid:
        return None, ()
    newest = max(a.occurred.day for a in valid if a.occurred is not None)
    last = [a for a in valid if a.occurred is not None and a.occurred.day == newest]
    accepted = {a.focus for a in last}
    if len(accepted) > 1:
        return None, (about("two readers were accepted by adjudication on one day: neither counts", last),)
    return accepted.pop(), ()


def _by_count(flagged: Counter[str]) -> tuple[str, Doubt]:
    chosen = min(flagged, key=lambda name: (-flagged[name], name))
    return chosen, about(
        f"records of {len(flagged)} readers are flagged as accepted: the one with most of them is followed"
    )


def _by_baseline(
    records: Sequence[LesionMeasurement], found: Sequence[str], at_baseline: Callable[[LesionMeasurement], bool]
) -> tuple[str, Doubt]:
    seen: dict[str | None, set[str]] = defaultdict(set)
    for r in records:
        if at_baseline(r):
            seen[r.reader].add(r.lesion)
    chosen = min(found, key=lambda name: (-len(seen[name]), name))
    return chosen, about(
        f"{len(found)} readers, and the protocol names none as accepted: "
        "the one with most lesions recorded at baseline is followed"
    )
