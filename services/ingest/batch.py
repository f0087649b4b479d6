"""Decides what a batch of read messages amounts to: versions, dead letters, counts. Reads and writes nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, assert_never
from uuid import UUID

import msgspec
from msgspec import structs

from services.ingest.messages import FeedMessage
from services.ingest.versions import Version
from shared.codes import PSEUDONYM_SYSTEM
from shared.fhir.keys import Keys
from shared.fhir.reading import Accepted, Deleted, Link, OutOfScope, Reading, Reason, Rejected
from shared.fhir.resource import READERS
from shared.runtime import pointers
from shared.runtime.feed_store import DeadLetter, place_of_id, place_of_raw
from shared.runtime.sealing import Vault

MEDICATION: Final = "Medication"
PATIENT: Final = "Patient"
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Delivered(msgspec.Struct, frozen=True):
    """One resource as delivered: which message, which entry of it, whose, and what the reader made of it."""

    message: FeedMessage
    entry: int
    site: str | None
    """None where the message names no configured site."""
    reading: Reading
    ahead: tuple[Reading, Version] | None = None
    """The version that it is, made while the batch before was being stored; void where it was read again since."""


def versions(delivered: Iterable[Delivered], keys: Keys) -> list[Version]:
    """The record versions that were delivered, in order of delivery."""
    return [v for d in delivered if (v := version(d, keys)) is not None]


def version(d: Delivered, keys: Keys) -> Version | None:
    """The record version that was delivered; None where it is none that could change anything."""
    if d.ahead is not None and d.ahead[0] is d.reading:
        return d.ahead[1]
    match d.reading:
        case Accepted():
            return accepted_version(d.reading, d, keys)
        case Deleted():
            return _gone(d.reading, d, keys)
        case OutOfScope():
            # It may replace a version that was in scope, coded or not; a type that is never read cannot.
            if d.reading.erased or d.reading.record.type not in READERS:
                return None
            return structs.replace(_gone(d.reading, d, keys), left_scope=True)
        case Rejected():
            return None
        case _:
            assert_never(d.reading)


def prepared(d: Delivered, keys: Keys, vault: Vault) -> Delivered:
    """The same with its version made and sealed: whatever of the batch's work needs no database."""
    if not isinstance(d.reading, Accepted):
        return d
    v = accepted_version(d.reading, d, keys)
    sealed_raw = vault.seal(v.raw, place_of_raw(v.record, v.content_sha256))
    sealed_id = vault.seal(v.resource_id.encode(), place_of_id(v.record))
    return structs.replace(d, ahead=(d.reading, structs.replace(v, sealed_raw=sealed_raw, sealed_id=sealed_id)))


def identifiers(delivered: Iterable[Delivered]) -> set[tuple[str, str, str]]:
    """What the delivered Patients state of themselves: (site, `system|value`, patient id)."""
    return {
        (d.reading.record.site, identifier, d.reading.patient)
        for d in delivered
        if isinstance(d.reading, Accepted) and d.reading.patient is not None
        for identifier in d.reading.identifiers
    }


def asks(delivered: Iterable[Delivered]) -> bool:
    """Whether something names a patient by an identifier, of whom nobody knew when it was read."""
    return any(isinstance(d.reading, Accepted | Rejected) and d.reading.named_by for d in delivered)


def named(delivered: Iterable[Delivered], keys: Keys) -> set[tuple[str, str]]:
    """Which records name a patient by which identifier: (key of the identifier, key of the record)."""
    return {
        (keys.identifier(r.record.site, identifier), keys.record(r.record.site, r.record.type, r.record.id))
        for d in delivered
        if isinstance(r := d.reading, Accepted | Rejected) and r.record is not None
        for identifier in r.named_by
    }


def accepted_version(reading: Accepted, d: Delivered, keys: Keys) -> Version:
    """The version that an accepted resource is."""
    record, site = reading.record, reading.record.site
    return Version(
        record=keys.record(site, record.type, record.id),
        site=site,
        resource_type=record.type,
        resource_id=record.id,
        patient_id=reading.patient,
        patient=keys.patient(site, reading.patient) if reading.patient is not None else None,
        content_sha256=keys.content(reading.raw),
        last_updated=reading.order.last_updated,
        version_id=reading.order.version_id,
        broker_at=d.message.published_at,
        feed_position=d.message.position,
        raw=reading.raw,
        facts=reading.facts,
        issues=issues_json(reading),
        links=links_json(reading.links),
        identifiers=frozenset(keys.identifier(site, i) for i in reading.identifiers),
        needs=frozenset(keys.record(site, *reference.split("/", 1)) for reference in reading.pending)
        if reading.pending
        else frozenset(),
    )


def _gone(reading: Deleted | OutOfScope, d: Delivered, keys: Keys) -> Version:
    record = reading.record
    return Version(
        record=keys.record(record.site, record.type, record.id),
        site=record.site,
        resource_type=record.type,
        resource_id=record.id,
        patient_id=None,
        patient=None,
        content_sha256=b"",
        last_updated=reading.order.last_updated,
        version_id=reading.order.version_id,
        broker_at=d.message.published_at,
        feed_position=d.message.position,
        deleted=True,
    )


def dead_letters(delivered: Iterable[Delivered], keys: Keys) -> list[DeadLetter]:
    """A dead letter for each rejected resource, with the original bytes."""
    return [_dead_letter(d, d.reading, keys) for d in delivered if isinstance(d.reading, Rejected)]


def _dead_letter(d: Delivered, rejected: Rejected, keys: Keys) -> DeadLetter:
    m, record = d.message, rejected.record
    known = d.site is not None
    return DeadLetter(
        dead_letter=m.dead_letter_id(d.entry),
        site=d.site,
        epoch=m.epoch,
        topic=m.topic,
        partition=m.partition,
        feed_offset=m.offset,
        entry=d.entry,
        key=m.key,
        headers=dict(m.headers),
        value=rejected.raw,
        links=links_json(rejected.links),
        record=keys.record(record.site, record.type, record.id) if record else None,
        patient=keys.patient(d.site or "", rejected.patient) if known and rejected.patient is not None else None,
        reason=rejected.reason.value,
        path=rejected.path,
        says=rejected.says,
        published_at=m.published_at,
        tombstone=m.value is None,
    )


def rejected_patients(delivered: Iterable[Delivered], keys: Keys) -> dict[UUID, tuple[str, str]]:
    """Whom the rejected resources concern, as far as that could be read: pseudonym to (site, patient id)."""
    return {
        keys.patient(d.site, d.reading.patient): (d.site, d.reading.patient)
        for d in delivered
        if d.site is not None and isinstance(d.reading, Rejected) and d.reading.patient is not None
    }


def held_no_longer(message: FeedMessage, site: str) -> Delivered:
    """A message of a paused site of which too much is held already: a dead letter, unread."""
    says = "its site is paused and too much is held of it: resume the site, which replays this too"
    return Delivered(message, 0, site, Rejected(Reason.SITE_PAUSED, "$", says, message.value or b""))


def pointer(letter: DeadLetter) -> bytes:
    """What the topic `dead-letters` says of a dead letter: where it came from and why, none of its content."""
    source = pointers.Position(letter.topic, letter.partition, letter.feed_offset)
    return pointers.encode(
        pointers.Pointer(letter.dead_letter, letter.site, source, letter.entry, letter.reason, letter.path)
    )


def outcome(reading: Reading) -> tuple[str, str]:
    """How a delivered resource is counted: outcome and reason."""
    match reading:
        case Accepted():
            return ("accepted_with_issues", reading.issues[0].code.value) if reading.issues else ("accepted", "")
        case Deleted():
            return "accepted", ""
        case OutOfScope():
            return "out_of_scope", "erased" if reading.erased else ""
        case Rejected():
            return "rejected", reading.reason.value
        case _:
            assert_never(reading)


def is_counted(message: FeedMessage, counted: Mapping[tuple[str, int], int]) -> bool:
    """Whether a message is a redelivery (`counted`: first offset not yet counted of each partition)."""
    return message.offset < counted.get((message.topic, message.partition), 0)


def new(delivered: Sequence[Delivered], counted: Mapping[tuple[str, int], int]) -> list[Delivered]:
    """What was delivered for the first time."""
    return [d for d in delivered if not is_counted(d.message, counted)]


def delivering(read: Iterable[Sequence[Delivered]], counted: Mapping[tuple[str, int], int]) -> set[str]:
    """The sites that delivered something for the first time, whatever becomes of it."""
    return {ds[0].site for ds in read if ds and ds[0].site is not None and not is_counted(ds[0].message, counted)}


def counts(delivered: Iterable[Delivered]) -> Counter[tuple[str, str, str, str]]:
    """What became of the delivered resources: how many of each site, topic, outcome and reason."""
    return Counter((d.site or "", d.message.topic, *outcome(d.reading)) for d in delivered)


def issues_json(reading: Accepted) -> tuple[str, ...]:
    """What is odd about a resource, each as JSON."""
    return tuple(msgspec.json.encode(i).decode() for i in reading.issues) if reading.issues else ()


def links_json(links: Sequence[Link]) -> str:
    """Bundle-internal references as JSON, to read the resource again."""
    return msgspec.json.encode(links).decode() if links else "[]"


def pseudonym(identifier: str) -> UUID | None:
    """The pseudonym that an identifier (`system|value`) of our own system is."""
    system, _, value = identifier.partition("|")
    return UUID(value) if system == PSEUDONYM_SYSTEM and _PSEUDONYM.fullmatch(value) else None
