"""Decides what the records of one assessment say of a lesion: its size, if disease remains, or why neither.

Does not compare with another assessment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from decimal import Decimal
from typing import Final

import msgspec

from shared.dates import FhirDate
from shared.facts import LesionMeasurement
from shared.rules.mrecist.criteria import Criteria
from shared.rules.mrecist.joined import carrier, merged
from shared.rules.mrecist.lesions import UnmeasuredError, is_node, remains, size_mm
from shared.rules.mrecist.model import Assessment, Lesion, Reading

NOT_ASSESSED: Final = "not assessed"
PART_NOT_ASSESSED: Final = "a part of it was not assessed since it fell into parts"
CONTRADICTION: Final = "records of one day contradict each other"
ANOTHER_ORGAN: Final = "recorded in another organ than at baseline"
ORGAN_UNKNOWN: Final = "organ not recorded, so which diameter counts cannot be told"


def read(
    lesion: Lesion,
    assessment: Assessment,
    criteria: Criteria,
    *,
    targets: Set[str] = frozenset(),
    parts: Sequence[str] = (),
) -> Reading:
    """What the last day on which the lesion was recorded says of it; records of that day must agree.

    `parts` are the lesions that it fell into, of which each must be assessed; `targets` are the keys of all targets,
    to know for which of several lesions that are measured as one the diameter counts.
    """
    if parts:
        return _of_parts(lesion, assessment, criteria, parts)
    own, joint = last_day(assessment.by_lesion.get(lesion.key, ())), last_day(merged(lesion.key, assessment))
    if joint and (not own or day(joint[0]).last_day >= day(own[0]).last_day):
        return _of_whole(lesion, own, joint, criteria, targets)
    if own and own[0].merged_with and any(carrier(r, targets) != lesion.key for r in own):
        return _measured_with_another(_reading(lesion, own, criteria))
    return _reading(lesion, own, criteria)


def _of_whole(
    lesion: Lesion,
    own: tuple[LesionMeasurement, ...],
    joint: tuple[LesionMeasurement, ...],
    criteria: Criteria,
    targets: Set[str],
) -> Reading:
    """A lesion that another one's record measures together with it: the diameter counts once, for the carrier."""
    alone = _reading(lesion, own, criteria)
    if alone.size_mm and day(own[0]).last_day == day(joint[0]).last_day:
        return Reading(lesion, reason=CONTRADICTION, records=(*own, *joint))
    whole = _reading(lesion, joint, criteria)
    carried = all(carrier(r, targets) == lesion.key for r in joint)
    return whole if carried else _measured_with_another(whole)


def _measured_with_another(whole: Reading) -> Reading:
    """Present as the whole is; its diameter counts for the other."""
    if whole.size_mm is None:
        return whole
    return msgspec.structs.replace(whole, size_mm=Decimal(0), reason="")


def _of_parts(lesion: Lesion, assessment: Assessment, criteria: Criteria, parts: Sequence[str]) -> Reading:
    """The sum of what the lesion fell into; what is left under its own name counts as one more part."""
    pieces = [_reading(lesion, last_day(assessment.by_lesion.get(key, ())), criteria) for key in parts]
    rest = _reading(lesion, last_day(assessment.by_lesion.get(lesion.key, ())), criteria)
    if rest.records:
        pieces.append(rest)
    records = tuple(r for piece in pieces for r in piece.records)
    if not records:
        return Reading(lesion, reason=NOT_ASSESSED)
    sizes = [p.size_mm for p in pieces]
    known = {p.present for p in pieces}
    present = True if True in known else None if None in known else False
    missing = any(not p.records for p in pieces)
    why = PART_NOT_ASSESSED if missing else next((p.reason for p in pieces if p.reason), "")
    return Reading(
        lesion,
        size_mm=None if None in sizes else sum((s for s in sizes if s is not None), Decimal(0)),
        present=present,
        unequivocal_progression=any(p.unequivocal_progression for p in pieces),
        reason=why,
        records=records,
    )


def _reading(lesion: Lesion, used: tuple[LesionMeasurement, ...], criteria: Criteria) -> Reading:
    if not used:
        return Reading(lesion, reason=NOT_ASSESSED)
    if any(_elsewhere(r, lesion) for r in used):
        return Reading(lesion, reason=ANOTHER_ORGAN, records=used)
    if len(used) == 1:
        return _of_one(lesion, used, criteria)
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


def _of_one(lesion: Lesion, used: tuple[LesionMeasurement, ...], criteria: Criteria) -> Reading:
    """What a single record says: it cannot contradict itself."""
    record = used[0]
    size = _size(lesion, record, criteria)
    present = _present(lesion, record, size, criteria)
    measured = size if isinstance(size, Decimal) else None
    enough = measured if lesion.role == "target" else present
    return Reading(
        lesion,
        size_mm=measured,
        present=present,
        unequivocal_progression=record.state == "unequivocal-progression",
        reason="" if enough is not None else str(size),
        records=used,
    )


def day(record: LesionMeasurement) -> FhirDate:
    """The date of a record that was accepted for an assessment: undated ones never are."""
    return record.occurred  # type: ignore[return-value]


def last_day(records: Iterable[LesionMeasurement]) -> tuple[LesionMeasurement, ...]:
    """The records of the latest day, in a fixed order."""
    found = tuple(records)
    if len(found) <= 1:
        return found
    newest = max(day(r).last_day for r in found)
    return tuple(sorted((r for r in found if day(r).last_day == newest), key=lambda r: r.fact_id.int))


def gone(record: LesionMeasurement) -> bool:
    """Whether the record says that the lesion is not there: stated absent, or all its diameters are 0."""
    sizes = [s for s in (record.longest_mm, record.viable_mm, record.short_axis_mm) if s is not None]
    return record.state == "absent" or (bool(sizes) and all(s.is_zero() for s in sizes))


def _elsewhere(record: LesionMeasurement, lesion: Lesion) -> bool:
    """Whether the record itself names another organ: then it may speak of another lesion. All nodes are one organ."""
    stated, known = record.organ, lesion.organ
    return stated is not None and known is not None and stated != known and not (is_node(stated) and is_node(known))


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
