"""Decides what the records of one assessment say of a lesion: its size, if disease remains, or why neither.

Does not compare with another assessment.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from decimal import Decimal
from typing import Final, cast

from shared.dates import FhirDate
from shared.facts import LesionMeasurement
from shared.rules.mrecist.criteria import Criteria
from shared.rules.mrecist.lesions import UnmeasuredError, is_node, remains, size_mm
from shared.rules.mrecist.model import Assessment, Lesion, Reading

NOT_ASSESSED: Final = "not assessed"
CONTRADICTION: Final = "records of one day contradict each other"
ORGAN_UNKNOWN: Final = "organ not recorded, so which diameter counts cannot be told"


def read(lesion: Lesion, assessment: Assessment, criteria: Criteria) -> Reading:
    """What the last day on which the lesion was recorded says of it; records of that day must agree."""
    used = last_day(r for r in assessment.records if r.lesion == lesion.key)
    if not used:
        return Reading(lesion, reason=NOT_ASSESSED)
    answers = [_size(lesion, r, criteria) for r in used]
    sizes = {a for a in answers if isinstance(a, Decimal)}
    present = {p for r, a in zip(used, answers, strict=True) if (p := _present(lesion, r, a, criteria)) is not None}
    states = {r.state for r in used if r.state is not None}
    if len(sizes) > 1 or len(present) > 1 or _disagree(states, bool(sizes)):
        return Reading(lesion, reason=CONTRADICTION, records=used)
    # Targets are followed by their size, the others by whether they are there.
    read_enough = sizes if lesion.role == "target" else present
    return Reading(
        lesion,
        size_mm=next(iter(sizes), None),
        present=next(iter(present), None),
        unequivocal_progression="unequivocal-progression" in states,
        reason="" if read_enough else min(str(a) for a in answers),
        records=used,
    )


def day(record: LesionMeasurement) -> FhirDate:
    """The date of a record that was accepted for an assessment: undated ones never are."""
    return cast(FhirDate, record.occurred)


def last_day(records: Iterable[LesionMeasurement]) -> tuple[LesionMeasurement, ...]:
    """The records of the latest day, in a fixed order."""
    found = sorted(records, key=lambda r: str(r.fact_id))
    newest = max((day(r).last_day for r in found), default=None)
    return tuple(r for r in found if day(r).last_day == newest)


def gone(record: LesionMeasurement) -> bool:
    """Whether the record says that the lesion is not there: stated absent, or all its diameters are 0."""
    sizes = [s for s in (record.longest_mm, record.viable_mm, record.short_axis_mm) if s is not None]
    return record.state == "absent" or (bool(sizes) and all(s.is_zero() for s in sizes))


def _size(lesion: Lesion, record: LesionMeasurement, criteria: Criteria) -> Decimal | str:
    if lesion.gauge is None:
        return Decimal(0) if record.state == "absent" else ORGAN_UNKNOWN
    try:
        return size_mm(record, lesion.gauge, criteria)
    except UnmeasuredError as reason:
        return str(reason)


def _present(lesion: Lesion, record: LesionMeasurement, size: Decimal | str, criteria: Criteria) -> bool | None:
    if isinstance(size, Decimal):
        return remains(size, lesion.gauge, criteria)
    if record.state in ("present", "unequivocal-progression"):
        # A node is followed by its size: one that is merely seen may be normal.
        return None if is_node(lesion.organ) and lesion.role == "target" else True
    return None


def _disagree(states: Set[str], sized: bool) -> bool:
    """Whether the states of one day exclude each other, or one is not evaluable where another has a size."""
    if "not-evaluable" in states:
        return sized or len(states) > 1
    return "unequivocal-progression" in states and len(states) > 1
