"""Decides which records form the baseline and which form each later visit, and whose reading is followed.

Does not read what the records say of the lesions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date

import msgspec

from shared.facts import LesionMeasurement
from shared.protocol.model import Response
from shared.rules.mrecist.model import Assessment
from shared.rules.mrecist.readings import day


class Schedule(msgspec.Struct, frozen=True):
    """The assessments of one reader: before the baseline window, at baseline, and after the start."""

    reader: str | None
    earlier: tuple[LesionMeasurement, ...]
    baseline: Assessment | None
    visits: tuple[Assessment, ...]
    problems: tuple[str, ...] = ()


def arrange(records: Sequence[LesionMeasurement], start: date, response: Response) -> Schedule:
    """Sort the records into baseline and visits.

    Baseline is the last record of each lesion in the `baseline_window_days` up to the first dose, that day
    included: the last assessment where it is complete, and nothing is lost where chest and liver were scanned
    on different days. Later records form visits: those with a visit number by number, the others by windows
    of `visit_window_days`, each opening at the earliest day not yet assigned.
    """
    at_baseline = _in_window(start, response.baseline_window_days.value)
    reader, kept, problems = _of_one_reader(records, at_baseline, response.accepted_reader.value)
    dated = [r for r in kept if r.occurred is not None]
    before = [r for r in dated if day(r).last_day <= start]
    in_window = [r for r in dated if at_baseline(r)]
    after = [r for r in dated if day(r).day > start]
    placed = [r for r in after if day(r).has_day or r.visit is not None]
    if len(before) + len(placed) < len(kept):
        problems.append("lesion records without a day, or with a date too imprecise to place, are left out")
    if any(not day(r).has_day for r in placed):
        problems.append("a visit is dated to the month or year only: the earliest or latest day it may mean is shown")
    baseline = _assessment(in_window) if in_window else None
    width = response.visit_window_days.value
    if baseline is not None and (baseline.last_on - baseline.first_on).days >= width:
        problems.append("the baseline joins scans that lie further apart than one visit window")
    earlier = tuple(r for r in before if not at_baseline(r))
    return Schedule(reader, earlier, baseline, _visits(placed, width), tuple(problems))


def _in_window(start: date, days: int) -> Callable[[LesionMeasurement], bool]:
    """Whether a record certainly lies in the days up to the start, that day included."""

    def within(record: LesionMeasurement) -> bool:
        when = record.occurred
        return when is not None and when.last_day <= start and (start - when.day).days <= days

    return within


def _of_one_reader(
    records: Sequence[LesionMeasurement],
    at_baseline: Callable[[LesionMeasurement], bool],
    accepted: str | None,
) -> tuple[str | None, list[LesionMeasurement], list[str]]:
    """The accepted reader's records; without one, all records if at most one reader is named.

    Of several the one who recorded most lesions in the baseline window is followed, the first by name among
    equals: baseline is past, so that later visits do not change the choice.
    """
    readers = sorted({r.reader for r in records if r.reader is not None})
    if accepted is not None:
        kept = [r for r in records if r.reader == accepted]
        missing = bool(records) and not kept
        return accepted, kept, ["the accepted reader has recorded no lesion"] if missing else []
    if len(readers) <= 1:
        return next(iter(readers), None), list(records), []
    seen: dict[str | None, set[str]] = defaultdict(set)
    for r in records:
        if at_baseline(r):
            seen[r.reader].add(r.lesion)
    chosen = min(readers, key=lambda name: (-len(seen[name]), name))
    problem = (
        f"{len(readers)} readers, and the protocol names none as accepted: "
        "the one with most lesions recorded at baseline is followed"
    )
    return chosen, [r for r in records if r.reader == chosen], [problem]


def _visits(records: Sequence[LesionMeasurement], width: int) -> tuple[Assessment, ...]:
    by_number: dict[int, list[LesionMeasurement]] = defaultdict(list)
    for record in records:
        if record.visit is not None:
            by_number[record.visit].append(record)
    numbered = [by_number[number] for number in sorted(by_number)]
    unnumbered = sorted((r for r in records if r.visit is None), key=lambda r: (day(r).day, str(r.fact_id)))
    windows: list[list[LesionMeasurement]] = []
    for record in unnumbered:
        group = _fitting(record, numbered, width)
        if group is not None:
            group.append(record)
        elif windows and (day(record).day - day(windows[-1][0]).day).days < width:
            windows[-1].append(record)
        else:
            windows.append([record])
    visits = [_assessment(group) for group in (*numbered, *windows)]
    return tuple(sorted(visits, key=lambda a: (a.first_on, a.last_on, a.number is None, a.number or 0)))


def _fitting(
    record: LesionMeasurement, groups: Iterable[list[LesionMeasurement]], width: int
) -> list[LesionMeasurement] | None:
    """The numbered visit that lies with this unnumbered record within one window, if any."""
    return next((g for g in groups if _span([*g, record]) < width), None)


def _span(records: Sequence[LesionMeasurement]) -> int:
    return (max(day(r).last_day for r in records) - min(day(r).day for r in records)).days


def _assessment(records: Sequence[LesionMeasurement]) -> Assessment:
    return Assessment(
        records=tuple(sorted(records, key=lambda r: (day(r).first, str(r.fact_id)))),
        first_on=min(day(r).day for r in records),
        last_on=max(day(r).last_day for r in records),
        number=next((r.visit for r in records if r.visit is not None), None),
    )
