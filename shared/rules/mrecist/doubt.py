"""What was odd about the records, as a sentence that names its sources. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from shared.facts import Fact


class Doubt(msgspec.Struct, frozen=True, order=True):
    """One oddity, and the records that show it, as FHIR references; none where it is that a record is missing."""

    says: str
    sources: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.says} ({', '.join(self.sources)})" if self.sources else self.says


def about(says: str, records: Iterable[Fact] = ()) -> Doubt:
    """The oddity with the records that show it, each once."""
    return Doubt(says, tuple(sorted({r.source.reference for r in records})))


def together(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Each sentence once, with the sources of all doubts that say it; in a fixed order."""
    doubts = tuple(doubts)
    if len(doubts) <= 1:
        return doubts
    found: dict[str, set[str]] = {}
    for doubt in doubts:
        found.setdefault(doubt.says, set()).update(doubt.sources)
    return tuple(Doubt(says, tuple(sorted(sources))) for says, sources in sorted(found.items()))


def sentences(doubts: Iterable[Doubt]) -> tuple[str, ...]:
    """What the doubts say, without their sources."""
    return tuple(doubt.says for doubt in doubts)
