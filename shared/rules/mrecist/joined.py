"""Decides which records speak of a lesion that grew together with another or fell into parts, by the links declared.

RECIST 1.1 (Eisenhauer 2009): the longest diameters of the parts of a lesion are added up; of lesions that can no
longer be separated the diameter of the whole is measured, once. Guesses no link: without one a lesion that is not
recorded is not assessed, and a part is a new lesion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from shared.facts import LesionMeasurement
from shared.rules.mrecist.model import Assessment


def parents(records: Iterable[LesionMeasurement]) -> dict[str, str]:
    """Of each part the lesion it split from; a part of a part belongs to the first lesion."""
    stated: dict[str, str] = {}
    for record in records:
        if record.split_from is not None and record.split_from != record.lesion:
            stated.setdefault(record.lesion, record.split_from)
    return {part: _root(part, stated) for part in stated}


def _root(part: str, stated: Mapping[str, str]) -> str:
    seen = {part}
    while (parent := stated.get(part)) is not None and parent not in seen:
        seen.add(parent)
        part = parent
    return part


def parts_by_visit(visits: Sequence[Assessment], parent_of: Mapping[str, str]) -> list[dict[str, tuple[str, ...]]]:
    """At each visit the parts of each lesion that were seen by then."""
    known: dict[str, tuple[str, ...]] = {}
    found = []
    for visit in visits:
        for lesion in sorted(visit.by_lesion.keys() & parent_of.keys()):
            parent = parent_of[lesion]
            known = known | {parent: tuple(sorted({*known.get(parent, ()), lesion}))}
        found.append(known)
    return found


def merged(key: str, assessment: Assessment) -> tuple[LesionMeasurement, ...]:
    """The records of other lesions that measure this one together with theirs."""
    return tuple(r for r in assessment.joint if r.lesion != key and key in r.merged_with)


def carrier(record: LesionMeasurement, targets: Set[str]) -> str:
    """The lesion that the diameter of several counts for: a target, so that it counts in the sum, and once."""
    if record.lesion in targets or not record.merged_with:
        return record.lesion
    return next((key for key in sorted(record.merged_with) if key in targets), record.lesion)
