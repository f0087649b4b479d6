"""The tables of who is named by an identifier, one method per step. Decides nothing; identifiers come as keyed hashes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.runtime.postgres import Connection, Pool, queries
from shared.runtime.sealing import Vault, place

Stated = tuple[str, UUID]
"""Key of an identifier, and the patient who states it."""


class SubjectStore:
    """Identifiers on one connection, inside one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault
        self._sql = queries("subjects")
        self.fresh: frozenset[Stated] = frozenset()
        """What this batch's Patients state that they did not before."""

    async def register(self, rows: Iterable[tuple[str, UUID, str, str]]) -> None:
        """Remember which Patient states which identifier: (key of the identifier, patient, site, patient id)."""
        sealed = [
            (i, p, site, self._vault.seal(id_.encode(), place("patient_id", i, p)))
            for i, p, site, id_ in sorted(set(rows))
        ]
        if sealed:
            added = await self._connection.fetch(self._sql["register_identifiers"], *_columns(sealed))
            self.fresh = frozenset((r["identifier"], r["patient"]) for r in added)

    async def patients(self, identifiers: Iterable[str]) -> dict[str, str | None]:
        """The patient id for each key of an identifier that Patients of one person state; None where of several."""
        await self._connection.execute(self._sql["lock_naming"])
        rows = await self._connection.fetch(self._sql["patients_by_identifier"], sorted(set(identifiers)))
        return {r["identifier"]: self._opened(r) if r["persons"] == 1 else None for r in rows}

    async def remember_named(self, pairs: Collection[tuple[str, str]]) -> None:
        """Which records name somebody by which identifier: (key of the identifier, record)."""
        if pairs:
            await self._connection.execute(self._sql["remember_named"], *_columns(sorted(pairs)))

    async def keep(self, stating: Mapping[UUID, Collection[str]], superseded: Collection[UUID]) -> set[str]:
        """Let these Patients state these identifiers and no others, and others nothing new; what is withdrawn."""
        withdrawn: set[str] = set()
        if stating:
            kept = [(i, p) for p, identifiers in sorted(stating.items()) for i in sorted(identifiers)]
            columns = _columns(kept) if kept else [[], []]
            rows = await self._connection.fetch(self._sql["withdraw_identifiers"], sorted(stating), *columns)
            withdrawn |= {r["identifier"] for r in rows}
        if late := sorted(pair for pair in self.fresh if pair[1] in superseded):
            rows = await self._connection.fetch(self._sql["forget_identifiers"], *_columns(late))
            withdrawn |= {r["identifier"] for r in rows}
        return withdrawn

    async def note_changes(self, withdrawn: Iterable[str], merged: Iterable[UUID]) -> None:
        """Put what names somebody else now on the list of work."""
        fresh, gone, moved = sorted({i for i, _ in self.fresh}), sorted(withdrawn), sorted(merged)
        if fresh or gone or moved:
            await self._connection.execute(self._sql["note_changes"], gone, moved, fresh)

    async def lock_renaming(self) -> None:
        """Wait for whoever is reading by identifiers."""
        await self._connection.execute(self._sql["lock_renaming"])

    async def named_records(self, identifier: str, after: str, limit: int) -> list[Any]:
        """The next records that name somebody by an identifier, sealed as they are stored."""
        return list(await self._connection.fetch(self._sql["named_records"], identifier, after, limit))

    async def done(self, identifier: str, changed_at: datetime) -> None:
        """All that an identifier named was read again."""
        await self._connection.execute(self._sql["change_done"], identifier, changed_at)

    def _opened(self, row: Any) -> str:
        return self._vault.open(row["patient_id"], place("patient_id", row["identifier"], row["patient"])).decode()


async def oldest_change(connection: Connection | Pool) -> tuple[str, datetime] | None:
    """The identifier that has waited longest for what it named to be read again; None: no work."""
    row = await connection.fetchrow(queries("subjects")["oldest_change"])
    return None if row is None else (row["identifier"], row["changed_at"])


async def waiting_letters(connection: Connection | Pool, of: Collection[str] | None, limit: int) -> list[UUID]:
    """Dead letters whose subject is known now; of these identifiers, or of any."""
    asked = None if of is None else sorted(of)
    return [r["dead_letter"] for r in await connection.fetch(queries("subjects")["waiting_letters"], asked, limit)]


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
