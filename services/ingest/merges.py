"""Merges and unmerges patients in the transaction of the batch that changes their links. Who survives is `merging`'s."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from services.ingest.batch import PATIENT
from services.ingest.merging import Linked, Standing, standings
from services.ingest.versions import Changes
from shared.facts import PatientLink
from shared.runtime import metrics
from shared.runtime.logs import logger
from shared.runtime.merge_store import MergeStore

log = logger(__name__)


def link_changes(changes: Changes) -> set[UUID]:
    """The patients whose links a batch states or may take back."""
    ended = {e.patient for e in changes.ended}
    taken_back = {
        v.patient
        for v in changes.current.values()
        if v.resource_type == PATIENT and v.patient is not None and v.patient in ended
    }
    return taken_back | {patient for patient, fact in changes.added if isinstance(fact, PatientLink)}


async def settle(store: MergeStore, stated_by: Collection[UUID]) -> dict[UUID, int]:
    """Bring merges in line with the links that stand now; the new versions of the timelines that this changes."""
    held = await store.lock_linked(stated_by)
    found = standings(held, [Linked(*each) for each in await store.links(held)])
    wanted = {p: (_into(p, s), s.issue) for p, s in found.items() if p in held}
    differing = {p: w for p, w in wanted.items() if w != (held[p]["merged_into"], held[p]["link_issue"])}
    if not differing:
        return {}
    await store.set_standings(differing)
    for patient, (_, issue) in sorted(differing.items()):
        if issue is not None and issue != held[patient]["link_issue"]:
            log.warning("patient-links-not-followed", patient=str(patient), issue=issue)
            metrics.LINKS_NOT_FOLLOWED.labels(issue).inc()
    moved = {p: into for p, (into, _) in differing.items() if into != held[p]["merged_into"]}
    if not moved:
        return {}
    before = {held[p]["merged_into"] for p in moved}
    concerned = sorted(p for p in {*moved, *before, *moved.values()} if p is not None)
    version = max(held[p]["version"] for p in concerned) + 1
    await store.move(moved, concerned, version)
    log.info(
        "patients-merged",
        merged=sum(v is not None for v in moved.values()),
        unmerged=sum(v is None for v in moved.values()),
    )
    return dict.fromkeys(concerned, version)


def _into(patient: UUID, standing: Standing) -> UUID | None:
    return None if standing.survivor == patient else standing.survivor
