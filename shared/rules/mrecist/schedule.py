"""Decides which records form the baseline and which form each later visit.

Does not read what the records say of the lesions, nor choose the reader (`reader`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import pairwise

import msgspec

from shared.facts import LesionMeasurement
from shared.protocol.model import Response
from shared.rules.mrecist.doubt import Doubt, about
from shared.rules.mrecist.model import Assessment
from shared.rules.mrecist.reader import Choice
from shared.rules.mrecist.readings import day


class Schedule(msgspec.Struct, frozen=True):
    """The assessments of one reader: before the baseline window, at baseline, and after the start."""

    reader: str | None
    earlier: tuple[LesionMeasurement, ...]
    baseline: Assessment | None
    visits: tuple[Assessment, ...]
    doubts: tuple[Doubt, ...] = ()


def arrange(choice: Choice, start: date, response: Response) -> Schedule:
    """Sort the records into baseline and visits.

    Baseline is the last record of each lesion in the `baseline_window_days` up to the first dose, that day
    included: the last assessment where it is complete, and nothing is lost where chest and liver were scanned
    on different days. Later records form visits: those with a visit number by number, the others by windows
    of `visit_window_days`, each opening at the earliest day not yet assigned.
    """
    at_baseline = in_window(start, response.baseline_window_days.value)
    dated = [r for r in choice.records if r.occurred is not None]
    before = [r for r in dated if day(r).last_day <= start]
    at_start = [r for r in before if at_baseline(r)]
    earlier = tuple(r for r in before if not at_baseline(r))
    placed = [r for r in dated if day(r).day > start and (day(r).has_day or r.visit is not None)]
    width = response.visit_window_days.value
    baseline = _assessment(at_start) if at_start else None
    visits = _visits(placed, width)
    used = {r.fact_id for r in (*before, *placed)}
    doubts = (
        *choice.doubts,
        *_imprecise([r for r in choice.records if r.fact_id not in used], placed),
        *_baseline_doubts(baseline, earlier, width),
        *_misnumbered(before, placed, visits),
    )
    return Schedule(choice.reader, earlier, baseline, visits, doubts)


def in_window(start: date, days: int) -> Callable[[LesionMeasurement], bool]:
    """Whether a record certainly lies in the days up to the start, that day included."""

    def within(record: LesionMeasurement) -> bool:
        when = record.occurred
        return when is not None and when.last_day <= start and (start - when.day).days <= days

    return within


def _imprecise(left_out: Sequence[LesionMeasurement], placed: Sequence[LesionMeasurement]) -> list[Doubt]:
    doubts = []
    if left_out:
        says = "lesion records without a day, or with a date too imprecise to place, are left out"
        doubts.append(about(says, left_out))
    if vague := [r for r in placed if not day(r).has_day]:
        says = "a visit is dated to the month or year only: the earliest or latest day it may mean is shown"
        doubts.append(about(says, vague))
    return doubts


def _baseline_doubts(baseline: Assessment | None, earlier: Sequence[LesionMeasurement], width: int) -> list[Doubt]:
    doubts = []
    if baseline is not None and (baseline.last_on - baseline.first_on).days >= width:
        says = "the baseline joins scans that lie further apart than one visit window"
        doubts.append(about(says, baseline.records))
    if earlier:
        doubts.append(about("scans before the baseline window are not compared with", earlier))
    return doubts


def _misnumbered(
    before: Sequence[LesionMeasurement], placed: Sequence[LesionMeasurement], visits: Sequence[Assessment]
) -> list[Doubt]:
    """Visit numbers that the dates contradict: the number still joins the records, the dates still order the visits."""
    later = {r.visit for r in placed} - {None}
    early = [r for r in before if r.visit in later]
    doubts = [about("a record of a later visit is dated before the first dose: it belongs to no visit", early)]
    numbered = [v for v in visits if v.number is not None]
    doubts += [
        about(f"visit {b.number} is dated after visit {a.number}", (*a.records, *b.records))
        for a, b in pairwise(numbered)
        if (a.number or 0) > (b.number or 0)
    ]
    return doubts if early else doubts[1:]


def _visits(records: Sequence[LesionMeasurement], width: int) -> tuple[Assessment, ...]:
    by_number: dict[int, list[LesionMeasurement]] = defaultdict(list)
    for record in records:
        if record.visit is not None:
            by_number[record.visit].append(record)
    numbered = [by_number[number] for number in sorted(by_number)]
    unnumbered = sorted((r for r in records if r.visit is None), key=lambda r: (day(r).day, r.fact_id.int))
    windows: list[list[LesionMeasurement]] = []
    for record in unnumbered:
        group = _fitting(record, numbered, width) if numbered else None
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
    in_order = tuple(sorted(records, key=lambda r: (day(r).first, r.fact_id.int)))
    by_lesion: dict[str, list[LesionMeasurement]] = defaultdict(list)
    for record in in_order:
        by_lesion[record.lesion].append(record)
    return Assessment(
        records=in_order,
        by_lesion={lesion: tuple(found) for lesion, found in by_lesion.items()},
        joint=tuple(r for r in in_order if r.merged_with),
        first_on=min(day(r).day for r in records),
        last_on=max(day(r).last_day for r in records),
        number=next((r.visit for r in records if r.visit is not None), None),
    )
