"""The tables that ingest writes, one method per step of a batch's transaction. Decides nothing: what to write is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from shared import facts
from shared.facts import AnyFact
from shared.runtime.merge_store import MergeStore
from shared.runtime.postgres import Connection, Overtaken, queries
from shared.runtime.sealing import Vault, place
from shared.runtime.subject_store import SubjectStore

NO_LINKS: Final = "[]"
Position = tuple[str, int]
"""Topic and partition."""


class DeadLetter(msgspec.Struct, frozen=True):
    """What could not be read: original bytes, where they came from, and why; `says` and `path` never hold a value."""

    dead_letter: UUID
    site: str | None
    epoch: str
    topic: str
    partition: int
    feed_offset: int
    entry: int
    key: bytes | None
    headers: dict[str, str]
    value: bytes | None
    links: str
    """Bundle-internal references, as JSON."""
    record: str | None
    patient: UUID | None
    reason: str
    path: str
    says: str
    published_at: datetime
    tombstone: bool
    """Whether the message had no value at all."""
    derivation: str = ""
    """By what it was last read in vain."""


class FeedStore:
    """Ingest's writes on one connection, inside one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault
        self._sql = queries("feed")
        self.merges = MergeStore(connection)
        self.subjects = SubjectStore(connection, vault)
        self._survivors: dict[UUID, UUID] = {}
        """Of the locked patients: whom those are merged into that are."""

    async def lock_positions(self, epoch: str, positions: Sequence[Position]) -> dict[Position, int]:
        """The first offset not yet counted of each partition, locked: what lies before it is a redelivery."""
        columns = [t for t, _ in positions], [p for _, p in positions]
        rows = await self._connection.fetch(self._sql["lock_positions"], epoch, *columns)
        if len(rows) < len(set(positions)):
            await self._connection.execute(self._sql["register_positions"], epoch, *columns)
            rows = await self._connection.fetch(self._sql["lock_positions"], epoch, *columns)
        return {(r["topic"], r["partition"]): r["next_offset"] for r in rows}

    async def positions(self, epoch: str) -> dict[Position, int]:
        """The first offset not yet counted of each partition that the database knows of."""
        rows = await self._connection.fetch(self._sql["positions"], epoch)
        return {(r["topic"], r["partition"]): r["next_offset"] for r in rows}

    async def advance_positions(self, epoch: str, offsets: Mapping[Position, int]) -> None:
        """Everything before these offsets is now counted."""
        columns = [t for t, _ in offsets], [p for _, p in offsets], list(offsets.values())
        await self._connection.execute(self._sql["advance_positions"], epoch, *columns)

    async def lock_needed(self, needed: Iterable[str], brought: Iterable[str] = ()) -> None:
        """Take turns with whoever brings the Medications that are needed, and with whoever brings or needs those brought."""
        await self._connection.execute(self._sql["lock_needed"], sorted(set(needed)), sorted(set(brought)))

    async def register_patients(self, patients: Mapping[UUID, tuple[str, str]]) -> None:
        """Make sure of a timeline and of the crosswalk from (site, patient id) for each pseudonym."""
        known = await self._connection.fetch(self._sql["registered_patients"], sorted(patients))
        keys = sorted(patients.keys() - {r["patient"] for r in known})
        if not keys:
            return
        sites = [patients[k][0] for k in keys]
        ids = [self._vault.seal(patients[k][1].encode(), place("patient_id", k)) for k in keys]
        await self._connection.execute(self._sql["register_patients"], keys, sites)
        await self._connection.execute(self._sql["register_crosswalk"], sites, ids, keys)

    async def refused(self, patients: Iterable[UUID], identifiers: Iterable[str]) -> tuple[set[UUID], set[str]]:
        """Which of these patients, and which keys of identifiers, are of somebody who was erased."""
        persons = await self._connection.fetch(self._sql["refused_patients"], sorted(set(patients)))
        if not (wanted := sorted(set(identifiers))):
            return {r["patient"] for r in persons}, set()
        names = await self._connection.fetch(self._sql["refused_identifiers"], wanted)
        return {r["patient"] for r in persons}, {r["identifier"] for r in names}

    async def patients_by_pseudonym(self, patients: Iterable[UUID]) -> dict[tuple[str, UUID], str]:
        """The patient id for each (site, pseudonym)."""
        rows = await self._connection.fetch(self._sql["patients_by_pseudonym"], sorted(set(patients)))
        return {
            (r["site"], r["patient"]): self._vault.open(r["patient_id"], place("patient_id", r["patient"])).decode()
            for r in rows
        }

    async def lock_patients(self, patients: Iterable[UUID]) -> dict[UUID, int]:
        """Lock these timelines, and those that they are merged into, in key order; their versions."""
        wanted, locked = set(patients), dict[UUID, int]()
        while wanted:
            rows = await self._connection.fetch(self._sql["lock_patients"], sorted(wanted))
            locked |= {r["patient"]: r["version"] for r in rows}
            self._survivors |= {r["patient"]: r["merged_into"] for r in rows if r["merged_into"] is not None}
            wanted = set(self._survivors.values()) - locked.keys()  # merged while this waited for a lock
        return locked

    def survivor(self, patient: UUID) -> UUID:
        """Whose timeline a locked patient's facts are numbered by: its own, or that of the patient it is merged into."""
        return self._survivors.get(patient, patient)

    async def patients_concerned(self, records: Iterable[str]) -> set[UUID]:
        """Whose these records are as stored, and whose records need one of them."""
        rows = await self._connection.fetch(self._sql["patients_concerned"], sorted(set(records)))
        return {r["patient"] for r in rows}

    async def current_resources(self, records: Iterable[str]) -> list[Any]:
        """The stored current version of each record, locked."""
        return list(await self._connection.fetch(self._sql["current_resources"], sorted(set(records))))

    async def live_facts(self, records: Iterable[str]) -> list[Any]:
        """The facts that stand of each record: (record, patient, fact_id)."""
        return list(await self._connection.fetch(self._sql["live_facts"], sorted(set(records))))

    async def needed_resources(self, records: Iterable[str]) -> dict[str, bytes]:
        """Raw current content of records that others need."""
        rows = await self._connection.fetch(self._sql["needed_resources"], sorted(set(records)))
        return {r["record"]: self._raw(r) for r in rows}

    async def dependents(self, needed: Iterable[str]) -> list[dict[str, Any]]:
        """Records to read again because one that they need has come or changed, with their content."""
        return self.opened(await self._connection.fetch(self._sql["dependents"], sorted(set(needed))))

    async def stored_resources(self, records: Iterable[str]) -> list[dict[str, Any]]:
        """These records with their content, as far as they are not deleted, locked."""
        return self.opened(await self._connection.fetch(self._sql["stored_resources"], sorted(set(records))))

    async def await_resources(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Remember that the second record of each pair is completed by the first."""
        await self._many("await_resources", sorted(set(pairs)))

    async def keep_versions(
        self, rows: Sequence[tuple[str, bytes, bytes, bytes | None, str, datetime | None, int | None]]
    ) -> None:
        """Keep versions as received: record, SHA-256, raw bytes, those sealed, links as JSON, lastUpdated, versionId."""
        seal = self._vault.seal
        kept = [
            (
                record,
                digest,
                sealed or seal(raw, place_of_raw(record, digest)),
                seal(links.encode(), place("links", record, digest.hex())) if links != NO_LINKS else None,
                *order,
            )
            for record, digest, raw, sealed, links, *order in rows
        ]
        await self._many("keep_versions", kept)

    async def set_current(self, rows: Sequence[tuple[Any, ...]], known: Iterable[str]) -> None:
        """Make these versions, ids sealed, the current ones of their records; `known` were found stored, and are locked.

        Raises Overtaken where another transaction has stored one that was not known: two versions of a new record need
        not name a common patient whose lock would keep them apart.
        """
        if not rows:
            return
        columns = [list(c) for c in zip(*rows, strict=True)]
        done = await self._connection.execute(self._sql["set_current"], *columns, sorted(known))
        if int(done.rpartition(" ")[2]) != len(rows):
            raise Overtaken

    async def raise_versions(self, patients: Sequence[UUID]) -> dict[UUID, int]:
        """Raise the version of each timeline by one, of a merged patient the survivor's; the new versions."""
        if not patients:
            return {}
        keys = sorted({self.survivor(p) for p in patients})
        rows = await self._connection.fetch(self._sql["raise_versions"], keys)
        raised = {r["patient"]: r["version"] for r in rows}
        return raised | {p: raised[self.survivor(p)] for p in patients}

    async def mark_backfilled(self, raised: Mapping[UUID, int]) -> None:
        """Note that back-fill alone raised these timelines to these versions: who waits for them may wait."""
        if raised:
            versions = {self.survivor(p): v for p, v in sorted(raised.items())}
            await self._connection.execute(self._sql["mark_backfilled"], list(versions), list(versions.values()))

    async def end_facts(self, rows: Sequence[tuple[UUID, UUID, int]]) -> None:
        """End facts (patient, fact, version)."""
        await self._many("end_facts", rows)

    async def add_facts(self, rows: Sequence[tuple[UUID, AnyFact, int]]) -> None:
        """Add facts to timelines (patient, fact, version)."""
        if rows:
            document = msgspec.json.encode([_fact_row(*row) for row in rows]).decode()
            await self._connection.execute(self._sql["add_facts"], document)

    async def keep_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Keep what could not be read; the same message again only moves `last_failed_at`."""
        await self._many("keep_dead_letters", [_letter_row(d, self._vault) for d in letters])

    async def keep_unread(self, letters: Sequence[DeadLetter]) -> None:
        """Keep what could be read once and cannot be now, opened again where it was closed."""
        await self._many("keep_unread", [_letter_row(d, self._vault) for d in letters])

    async def keep_replayed_in_vain(self, letters: Sequence[DeadLetter]) -> None:
        """Keep what a replay could not read either: one attempt more, with the reason of today."""
        await self._many("keep_replayed_in_vain", [_letter_row(d, self._vault) for d in letters])

    async def close_replayed(self, letters: Iterable[UUID]) -> None:
        """These dead letters were read at last."""
        await self._connection.execute(self._sql["close_replayed"], sorted(set(letters)))

    async def recount_dead_letters(self, patients: Iterable[UUID]) -> list[UUID]:
        """Mark these patients, whose timelines are locked, with their open dead letters; whose mark changed."""
        keys = sorted(set(patients))
        rows = await self._connection.fetch(self._sql["recount_dead_letters"], keys) if keys else []
        return [r["patient"] for r in rows]

    async def count(self, counts: Mapping[tuple[str, str, str, str], int]) -> None:
        """Add to what became of delivered resources: (site, topic, outcome, reason) to how many."""
        await self._many("count_resources", [(*key, n) for key, n in sorted(counts.items()) if n])

    async def note_delivery(self, sites: Iterable[str]) -> None:
        """These sites have delivered something now."""
        await self._connection.execute(self._sql["note_delivery"], sorted(set(sites)))

    async def count_unmapped(self, counts: Mapping[tuple[str, str, str, str], int]) -> None:
        """Add to the codes that nobody knows: (site, type, system, code) to how many resources."""
        await self._many("count_unmapped", [(*key, n) for key, n in sorted(counts.items())])

    async def forget_empty_counts(self) -> None:
        """A count that a replay has brought to nothing is no count."""
        await self._connection.execute(self._sql["forget_empty_counts"])

    def _raw(self, row: Any) -> bytes:
        return self._vault.open(row["raw"], place_of_raw(row["record"], row["content_sha256"]))

    def opened(self, rows: Iterable[Any]) -> list[dict[str, Any]]:
        """Stored records with content, id and links as they came."""
        return [
            {
                **r,
                "resource_id": self._vault.open(r["resource_id"], place_of_id(r["record"])).decode(),
                "raw": self._raw(r),
                "links": NO_LINKS
                if r["links"] is None
                else self._vault.open(r["links"], place("links", r["record"], r["content_sha256"].hex())).decode(),
            }
            for r in rows
        ]

    async def _many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            await self._connection.execute(self._sql[query], *[list(c) for c in zip(*rows, strict=True)])


def place_of_raw(record: str, digest: bytes) -> str:
    """Where the content of a version is sealed."""
    return place("raw", record, digest.hex())


def place_of_id(record: str) -> str:
    """Where the hospital's id of a record is sealed."""
    return place("resource_id", record)


def _letter_row(d: DeadLetter, vault: Vault) -> tuple[Any, ...]:
    links = None if d.links == NO_LINKS else d.links.encode()
    content = {"key": d.key, "headers": msgspec.json.encode(d.headers), "value": d.value, "links": links}
    sealed = {name: vault.seal_any(held, place(name, d.dead_letter)) for name, held in content.items()}
    return tuple((msgspec.structs.asdict(d) | sealed).values())


class _FactRow(msgspec.Struct):
    """A row of timeline.fact, its columns by name."""

    patient: UUID
    fact_id: UUID
    record: str
    kind: str
    occurred_at: datetime | None
    fact: msgspec.Raw
    added_in: int


def _fact_row(patient: UUID, fact: AnyFact, version: int) -> _FactRow:
    occurred = fact.occurred.first if fact.occurred is not None else None
    encoded = msgspec.Raw(facts.encode(fact))
    return _FactRow(patient, fact.fact_id, fact.source.key, facts.kind(fact), occurred, encoded, version)
