"""Which patients were merged with one, and when: what `timeline` and `explain` say of it. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from shared.runtime.postgres import Connection, Pool, queries


class Merge(msgspec.Struct, frozen=True):
    """A patient whose facts were another's too, from one version of both timelines until another."""

    patient: UUID
    survivor: UUID
    merged_in: int
    unmerged_in: int | None
    merged_at: datetime
    unmerged_at: datetime | None


class Person(msgspec.Struct, frozen=True):
    """A patient's merges, oldest first, and why its links are not followed, if so."""

    asked: UUID
    merges: tuple[Merge, ...]
    link_issue: str | None

    @property
    def survivor(self) -> UUID:
        """Whose timeline it is now."""
        now = [m.survivor for m in self.merges if m.patient == self.asked and m.unmerged_in is None]
        return now[0] if now else self.asked

    def sentences(self) -> Iterator[str]:
        """What there is to say of it."""
        for m in self.merges:
            who = f"{m.patient} is" if m.patient != self.asked else "it is"
            into = f"patient {m.survivor}" if m.survivor != self.asked else "it"
            until = f" until {m.unmerged_at:%Y-%m-%d %H:%M} (version {m.unmerged_in})" if m.unmerged_at else ""
            was = who.replace(" is", " was") if until else who
            yield f"{was} merged into {into} since {m.merged_at:%Y-%m-%d %H:%M} (version {m.merged_in}){until}"
        if self.link_issue == "cycle":
            yield "its links to other Patients lead in a circle: nobody can tell who survives, so they are not followed"
        if self.link_issue == "contradictory":
            yield "its links lead to several Patients that are not one: they are not followed"


async def person(connection: Connection | Pool, patient: UUID) -> Person:
    """The merges of a patient."""
    rows: Sequence[object] = await connection.fetch(queries("timeline")["merges"], patient)
    merges = tuple(Merge(**dict(r)) for r in rows)  # type: ignore[call-overload] # the columns are the fields
    return Person(patient, merges, await connection.fetchval(queries("timeline")["link_issue"], patient))
