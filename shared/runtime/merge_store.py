"""The tables of patient merges, one method per step. Decides nothing: who survives is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from shared.runtime.postgres import Connection, queries


class MergeStore:
    """Patients and links on one connection, inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sql = queries("merges")

    async def lock_linked(self, stated_by: Iterable[UUID]) -> dict[UUID, Any]:
        """Everybody whom a change of these patients' links may concern, locked: version, merged_into, link_issue.

        Who is linked is asked again under the locks, until they hold everybody: another batch may have added one.
        """
        starts, locked = sorted(set(stated_by)), dict[UUID, Any]()
        while True:
            reached = [r["patient"] for r in await self._connection.fetch(self._sql["linked_patients"], starts)]
            if locked.keys() >= set(reached):
                return locked
            await self._connection.execute(self._sql["register_linked"], reached)
            rows = await self._connection.fetch(self._sql["lock_linked"], reached)
            locked |= {r["patient"]: r for r in rows}

    async def links(self, patients: Iterable[UUID]) -> list[tuple[UUID, UUID, str]]:
        """What these patients state of others now: (patient, other, type of link)."""
        rows = await self._connection.fetch(self._sql["links"], sorted(set(patients)))
        return [(r["patient"], r["other"], r["link"]) for r in rows]

    async def set_standings(self, standings: Mapping[UUID, tuple[UUID | None, str | None]]) -> None:
        """Whom these patients are merged into, and why their links are not followed."""
        keys = sorted(standings)
        columns = [standings[k][0] for k in keys], [standings[k][1] for k in keys]
        await self._connection.execute(self._sql["set_standings"], keys, *columns)

    async def move(self, moved: Mapping[UUID, UUID | None], concerned: Collection[UUID], version: int) -> None:
        """Let these patients' facts leave where they were merged, and join where they are now, in one version for all."""
        joining = {p: s for p, s in sorted(moved.items()) if s is not None}
        survivors = list(joining.values())
        await self._connection.execute(self._sql["number_alike"], sorted(concerned), version, survivors)
        await self._connection.execute(self._sql["end_merges"], sorted(moved), version)
        await self._connection.execute(self._sql["begin_merges"], list(joining), survivors, version)
