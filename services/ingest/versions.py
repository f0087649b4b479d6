"""Decides which version of a record is the current one, and what that changes in the timelines. Reads and writes nothing.

Versions order by `lastUpdated`, then integer `versionId`, then broker time and offset, each where both versions have it
(the feed contract in README); identical content is recognised and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import structs

from shared.facts import AnyFact


class Version(msgspec.Struct, frozen=True):
    """One version of a record, as delivered or as stored. `raw` None: a deletion. Facts only of delivered ones."""

    record: str
    site: str
    resource_type: str
    resource_id: str
    """The hospital's id of the record; empty as stored, but where it is to be read again."""
    patient_id: str | None
    """The hospital's id, for the crosswalk; None where no patient is named (a Medication), or as stored."""
    patient: UUID | None
    content_sha256: bytes
    last_updated: datetime | None
    version_id: int | None
    broker_at: datetime
    feed_position: tuple[str, str, int, int]
    """Epoch, topic, partition, offset."""
    deleted: bool = False
    left_scope: bool = False
    """A version that no protocol asks for: it ends what an earlier version stated, and is not kept itself."""
    raw: bytes = b""
    facts: tuple[AnyFact, ...] = ()
    issues: tuple[str, ...] = ()
    """Oddities, each as JSON."""
    links: str = "[]"
    needs: frozenset[str] = frozenset()
    """Records that complete this one (a Medication)."""
    identifiers: frozenset[str] = frozenset()
    """Of a Patient: the keys of the identifiers that it states."""
    reread: bool = False
    """Read again because a record it needs has come, or other rules: the same version, perhaps with other facts."""
    unread: bool = False
    """Could be read when it came, and cannot be now: it states nothing until it can."""
    sealed_raw: bytes | None = None
    """`raw` as the database keeps it, where it was sealed while there was time; so the id."""
    sealed_id: bytes | None = None


_SELDOM_RECODED: Final = "Observation"
"""Two in five messages of a hospital are such results, and what is corrected of them is the value: the code is not remembered."""


class LiveFact(msgspec.Struct, frozen=True):
    """A fact that stands, and on whose timeline."""

    patient: UUID
    fact_id: UUID


@dataclass
class Changes:
    """What a batch changes: every version to keep, the records whose current version moved, facts ended and added."""

    keep: list[Version] = field(default_factory=list)
    current: dict[str, Version] = field(default_factory=dict)
    ended: list[LiveFact] = field(default_factory=list)
    added: list[tuple[UUID, AnyFact]] = field(default_factory=list)
    known: frozenset[str] = frozenset()
    """The records of which a version was stored before."""

    @property
    def patients(self) -> list[UUID]:
        """Patients whose timeline changes, in key order."""
        return sorted({e.patient for e in self.ended} | {patient for patient, _ in self.added})


def supersedes(new: Version, held: Version) -> bool:
    """Whether `new` is a later version than the one held."""
    if new.last_updated is not None and held.last_updated is not None and new.last_updated != held.last_updated:
        return new.last_updated > held.last_updated
    if new.version_id is not None and held.version_id is not None and new.version_id != held.version_id:
        return new.version_id > held.version_id
    return (new.broker_at, new.feed_position) > (held.broker_at, held.feed_position)


def resolve(
    delivered: Iterable[Version], stored: Mapping[str, Version], live: Mapping[str, Iterable[LiveFact]]
) -> Changes:
    """What the delivered versions, in order of delivery, change against what is stored."""
    changes = Changes(known=frozenset(stored))
    for version in delivered:
        if not (version.deleted or version.reread or _is_stored(version, stored.get(version.record))):
            changes.keep.append(version)
        accepted = _accept(version, changes.current.get(version.record) or stored.get(version.record))
        if accepted is not None:
            changes.current[version.record] = accepted
    for record, version in sorted(changes.current.items()):
        _difference(changes, version, list(live.get(record, ())))
    return changes


def _accept(new: Version, held: Version | None) -> Version | None:
    """The version to make current; None where the one held stays."""
    if held is None:
        # What nobody asks for is remembered only if an earlier version of it, which somebody does, may yet come late.
        return None if new.left_scope and not _may_have_an_earlier(new) else new
    if held.deleted and not new.deleted and new.feed_position == held.feed_position and not supersedes(held, new):
        return new  # the same message, which nobody asked for then: the scope has widened, and the feed is refilled
    if new.reread or (held.unread and not new.deleted and new.content_sha256 == held.content_sha256):
        return new
    if not new.deleted and new.content_sha256 == held.content_sha256 and (not held.deleted or _is_versioned(new)):
        if held.patient is None and new.patient is not None and not held.deleted:
            return _at_its_place(new, held)  # nobody was known whom it is about
        return None  # a duplicate; of a deleted version that has a number, too
    if not supersedes(new, held):
        return None
    if new.deleted:
        # Keeps the version it deletes, so that a late older version cannot bring the record back.
        return structs.replace(
            new,
            patient=held.patient,
            content_sha256=held.content_sha256,
            last_updated=new.last_updated or held.last_updated,
            version_id=new.version_id or held.version_id,
        )
    return new


def _may_have_an_earlier(version: Version) -> bool:
    """Whether an earlier version may exist and be recognised as such; without any number the order of arrival decides."""
    if version.version_id is not None:
        return version.version_id > 1
    return version.last_updated is not None and version.resource_type != _SELDOM_RECODED


def _at_its_place(again: Version, held: Version) -> Version:
    return structs.replace(
        again,
        last_updated=held.last_updated,
        version_id=held.version_id,
        broker_at=held.broker_at,
        feed_position=held.feed_position,
    )


def _is_versioned(version: Version) -> bool:
    return version.last_updated is not None or version.version_id is not None


def _is_stored(version: Version, held: Version | None) -> bool:
    return held is not None and held.content_sha256 == version.content_sha256


def _difference(changes: Changes, version: Version, live: list[LiveFact]) -> None:
    stated = {} if version.deleted or version.patient is None else {f.fact_id: f for f in version.facts}
    standing = {f.fact_id for f in live if f.patient == version.patient}
    changes.ended += [f for f in live if f.patient != version.patient or f.fact_id not in stated]
    if version.patient is not None:
        changes.added += [(version.patient, f) for i, f in sorted(stated.items()) if i not in standing]
