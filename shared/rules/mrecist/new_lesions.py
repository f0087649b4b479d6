"""Decides at which visits a new lesion counts as progression, and which new nodules do not count yet.

Does not decide which lesions are new (`followed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from shared.facts import LesionMeasurement, Organ
from shared.rules.mrecist.criteria import Criteria
from shared.rules.mrecist.doubt import Doubt, about
from shared.rules.mrecist.lesions import LIVER, OrganOf, is_node, possible
from shared.rules.mrecist.model import Assessment
from shared.rules.mrecist.readings import gone
from shared.rules.mrecist.wording import where


class Sighting(msgspec.Struct, frozen=True):
    """A new lesion at one visit: whether it counts, on which records that rests, what is open about it.

    `seen` are its records of this visit alone; `records` include those of other visits that prove it.
    """

    counts: bool
    records: tuple[LesionMeasurement, ...]
    seen: tuple[LesionMeasurement, ...]
    doubt: Doubt | None = None


def sightings(
    key: str, visits: Sequence[Assessment], organ: OrganOf, criteria: Criteria
) -> tuple[Sighting | None, ...]:
    """What one new lesion means at each visit; None where it is not seen.

    RECIST 1.1 (Eisenhauer 2009): any new lesion is progression, a node from 10 mm short axis. mRECIST
    (Lencioni and Llovet 2010), inside the liver: from 10 mm with arterial hyperenhancement and washout; one
    that was smaller or not typical counts once it is both, or has grown by 10 mm, and then from the visit
    that first showed it.
    """
    seen = [tuple(r for r in visit.by_lesion.get(key, ()) if _seen(r)) for visit in visits]
    proof = _proof([r for records in seen for r in records], organ, criteria)
    return tuple(_sighting(records, proof, organ, criteria) if records else None for records in seen)


def _seen(record: LesionMeasurement) -> bool:
    return not gone(record) and record.state != "not-evaluable"


def _sighting(
    records: tuple[LesionMeasurement, ...],
    proof: tuple[LesionMeasurement, ...],
    organ: OrganOf,
    criteria: Criteria,
) -> Sighting:
    site = organ(records[0])
    if is_node(site):
        counts = any(_node_counts(r, criteria) for r in records)
        doubt = None if counts else about("a new node is below 10 mm short axis or not measured", records)
        return Sighting(counts, records, records, doubt)
    if proof:
        return Sighting(True, tuple({r.fact_id: r for r in (*records, *proof)}.values()), records)
    return Sighting(
        False,
        records,
        records,
        about(f"a new lesion {where(site)} is not yet large and typical enough to count as progression", records),
    )


def _proof(seen: Sequence[LesionMeasurement], organ: OrganOf, criteria: Criteria) -> tuple[LesionMeasurement, ...]:
    """The first records that show that the new lesion is tumour; empty while none do."""
    for place, record in enumerate(seen):
        if not _must_be_typical(organ(record), criteria) or _typical(record, criteria):
            return (record,)
        for earlier in seen[:place]:
            if _grown(earlier, record, criteria):
                return (earlier, record)
    return ()


def _must_be_typical(organ: Organ | None, criteria: Criteria) -> bool:
    """Inside the liver, or where it may be inside the liver."""
    return criteria.by_enhancement and organ in (LIVER, None)


def _typical(record: LesionMeasurement, criteria: Criteria) -> bool:
    sizes = [s for s in (record.longest_mm, record.viable_mm) if s is not None and possible(s)]
    large = any(s >= criteria.new_nodule_min_mm for s in sizes)
    return large and record.arterial_hyperenhancement is True and record.washout is True


def _grown(earlier: LesionMeasurement, later: LesionMeasurement, criteria: Criteria) -> bool:
    """Grown in the same diameter; two different ones cannot be compared."""
    pairs = ((earlier.longest_mm, later.longest_mm), (earlier.viable_mm, later.viable_mm))
    return any(_by(a, b) >= criteria.new_nodule_growth_mm for a, b in pairs if a is not None and b is not None)


def _by(before: Decimal, after: Decimal) -> Decimal:
    return after - before if possible(before) and possible(after) else Decimal(0)


def _node_counts(record: LesionMeasurement, criteria: Criteria) -> bool:
    size = record.short_axis_mm
    return size is not None and possible(size) and size >= criteria.new_node_min_mm
