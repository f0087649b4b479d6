"""Leaves out what the feed brings of patients who were erased: counted as out of scope, kept nowhere. Decides nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import structs

from services.ingest import batch
from services.ingest.batch import Delivered
from shared.fhir.keys import Keys
from shared.fhir.reading import Accepted, OutOfScope, RecordIdentity, Rejected, VersionOrder
from shared.runtime.feed_store import FeedStore

_UNORDERED: Final = VersionOrder()
_NO_RECORD: Final = ""


async def leave_out(store: FeedStore, read: Sequence[list[Delivered]], keys: Keys) -> Sequence[list[Delivered]]:
    """The batch without what is about an erased patient, whether named by id, by an identifier or by our pseudonym."""
    everything = [d for delivered in read for d in delivered]
    patients, identifiers = await store.refused(_patients(everything, keys), (k for k, _ in _named(everything, keys)))
    if not (patients or identifiers):
        return read
    return [[_without(d, patients, identifiers, keys) for d in delivered] for delivered in read]


async def refuse_late(store: FeedStore, patients: Iterable[UUID]) -> None:
    """Let the batch be tried again where somebody was erased after `leave_out` had looked; call it under the patients' locks."""
    late, _ = await store.refused(patients, ())
    if late:
        raise asyncpg.SerializationError("a patient was erased while this batch was being stored")


def _patients(delivered: Iterable[Delivered], keys: Keys) -> Iterator[UUID]:
    for d in delivered:
        if d.site is not None and isinstance(r := d.reading, Accepted | Rejected) and r.patient is not None:
            yield keys.patient(d.site, r.patient)
    yield from (pseudonym for _, i in _named(delivered, keys) if (pseudonym := batch.pseudonym(i)))


def _named(delivered: Iterable[Delivered], keys: Keys) -> Iterator[tuple[str, str]]:
    """The identifiers by which these name a patient, each with its key."""
    for d in delivered:
        if d.site is not None and isinstance(r := d.reading, Accepted | Rejected):
            yield from ((keys.identifier(d.site, i), i) for i in r.named_by)


def _without(d: Delivered, patients: set[UUID], identifiers: set[str], keys: Keys) -> Delivered:
    about = not patients.isdisjoint(_patients([d], keys)) or any(key in identifiers for key, _ in _named([d], keys))
    if not about or not isinstance(r := d.reading, Accepted | Rejected):
        return d
    record = r.record or RecordIdentity(d.site or "", batch.PATIENT, _NO_RECORD)
    order = r.order if isinstance(r, Accepted) else _UNORDERED
    return structs.replace(d, reading=OutOfScope(record, order, erased=True))
