"""Decides which lesions are targets, non-targets or new, from the roles that the records state.

Chooses no target on a reader's behalf: "well delineated, repeatable" cannot be seen in a record.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import cast

import msgspec

from shared.facts import LesionMeasurement, Organ
from shared.rules.mrecist.criteria import Criteria
from shared.rules.mrecist.doubt import Doubt, about, together
from shared.rules.mrecist.joined import parents
from shared.rules.mrecist.lesions import Gauge, OrganOf, gauge_of, is_node, measurable
from shared.rules.mrecist.model import Lesion, Role
from shared.rules.mrecist.readings import day, gone, last_day
from shared.rules.mrecist.schedule import Schedule
from shared.rules.mrecist.wording import where

_BASELINE_ROLES = frozenset({"target", "non-target"})
_ROLES = _BASELINE_ROLES | {"new"}


class Followed(msgspec.Struct, frozen=True):
    """The lesions of a course. `new` are those that no record up to the first dose shows."""

    targets: tuple[Lesion, ...]
    non_targets: tuple[Lesion, ...]
    new: tuple[str, ...]
    roles_recorded: bool
    parent_of: dict[str, str]
    """Of each part of a lesion that fell into parts, the lesion followed."""
    doubts: tuple[Doubt, ...]

    @property
    def target_keys(self) -> frozenset[str]:
        """The keys of the targets."""
        return frozenset(lesion.key for lesion in self.targets)


class _History(msgspec.Struct, frozen=True):
    """The records of one lesion: up to the first dose, of these the ones at baseline, and after it."""

    key: str
    before: tuple[LesionMeasurement, ...]
    baseline: tuple[LesionMeasurement, ...]
    after: tuple[LesionMeasurement, ...]

    @property
    def seen_before(self) -> bool:
        return any(not gone(r) for r in last_day(self.before))

    @property
    def first(self) -> tuple[LesionMeasurement, ...]:
        """The records that fix organ and diameter: those of baseline, else the first ones after."""
        return last_day(self.baseline) or _by_day(self.after)[0]


def follow(schedule: Schedule, organ: OrganOf, criteria: Criteria) -> Followed:
    """Give each lesion its role.

    The role is the one recorded at baseline, else the first recorded later. Where targets are named, a lesion
    seen before the first dose without a role is non-target, as every lesion that is no target (RECIST 1.1,
    Eisenhauer 2009); where none is named, which lesions are targets is unknown. A lesion first seen later is
    new, unless the reader calls it target or non-target: then its baseline record is missing.
    """
    problems: set[Doubt] = set()
    lesions: list[Lesion] = []
    unclassified: list[_History] = []
    new: list[str] = []
    histories = _histories(schedule)
    parent_of = _parents(schedule, histories)
    for history in histories:
        if history.key in parent_of:
            continue
        role = _role(history)
        if role is not None:
            lesions.append(_lesion(history, role, organ, criteria))
            problems |= _faults(history, lesions[-1], organ)
        elif history.seen_before:
            unclassified.append(history)
        elif history.after:
            new.append(history.key)
            problems |= _not_called_new(history, organ) | _orphaned(history)
    roles_recorded = any(lesion.role == "target" for lesion in lesions) or not unclassified
    for history in unclassified:
        lesion = _lesion(history, "non-target", organ, criteria)
        fate = "counts as non-target" if roles_recorded else "and no target is named, so no response can be told"
        problems.add(about(f"a lesion {where(lesion.organ)} has no role at baseline: {fate}", history.first))
        lesions += [lesion] if roles_recorded else []
    targets = tuple(lesion for lesion in lesions if lesion.role == "target")
    problems |= _too_many(targets, criteria) | _too_small(targets, schedule, criteria)
    non_targets = tuple(lesion for lesion in lesions if lesion.role == "non-target")
    return Followed(targets, non_targets, tuple(new), roles_recorded, parent_of, together(problems))


def _parents(schedule: Schedule, histories: Iterable[_History]) -> dict[str, str]:
    """Parts of lesions that are followed; a part of any other lesion is a new lesion, and named."""
    stated = parents(r for visit in schedule.visits for r in visit.records)
    if not stated:
        return {}
    before = {h.key for h in histories if h.before}
    followed = before | {h.key for h in histories if h.key not in stated and _role(h) is not None}
    return {part: lesion for part, lesion in stated.items() if lesion in followed and part not in before}


def _histories(schedule: Schedule) -> list[_History]:
    at_baseline = schedule.baseline.records if schedule.baseline is not None else ()
    after = tuple(r for visit in schedule.visits for r in visit.records)
    baseline_of, before_of, after_of = map(_by_lesion, (at_baseline, (*schedule.earlier, *at_baseline), after))
    return [_History(k, before_of[k], baseline_of[k], after_of[k]) for k in sorted({*baseline_of, *after_of})]


def _by_lesion(records: Iterable[LesionMeasurement]) -> dict[str, tuple[LesionMeasurement, ...]]:
    found: dict[str, tuple[LesionMeasurement, ...]] = defaultdict(tuple)
    for record in records:
        found[record.lesion] += (record,)
    return found


def _by_day(records: Sequence[LesionMeasurement]) -> list[tuple[LesionMeasurement, ...]]:
    days: dict[date, list[LesionMeasurement]] = defaultdict(list)
    for record in records:
        days[day(record).day].append(record)
    return [tuple(sorted(days[d], key=lambda r: r.fact_id.int)) for d in sorted(days)]


def _role(history: _History) -> Role | None:
    """`new` and no role at all both give None: a lesion of baseline cannot be new to this treatment."""
    if history.baseline:
        return cast(Role | None, _first_stated([last_day(history.baseline), *_by_day(history.after)], _BASELINE_ROLES))
    stated = _first_stated(_by_day(history.after), _ROLES)
    return None if stated == "new" else cast(Role | None, stated)


def _first_stated(days: Iterable[tuple[LesionMeasurement, ...]], roles: frozenset[str]) -> str | None:
    """The role stated on the first day that states any; None if that day states two."""
    for records in days:
        stated = {r.role for r in records if r.role in roles}
        if stated:
            return stated.pop() if len(stated) == 1 else None
    return None


def _lesion(history: _History, role: Role, organ: OrganOf, criteria: Criteria) -> Lesion:
    organs = sorted({o for r in history.first if (o := organ(r)) is not None})
    site = organs[0] if organs else None
    return Lesion(history.key, role, site, _gauge(history.first, site, criteria))


def _gauge(records: Sequence[LesionMeasurement], organ: Organ | None, criteria: Criteria) -> Gauge | None:
    gauges = {gauge_of(r, organ, criteria) for r in records}
    # Of two records of one day, one without the viable diameter, the other tells that the lesion enhances.
    return "viable" if "viable" in gauges else gauges.pop()


def _faults(history: _History, lesion: Lesion, organ: OrganOf) -> set[Doubt]:
    """What is odd about a lesion followed from baseline."""
    name = f"a {lesion.role} lesion {where(lesion.organ)}"
    records = (*history.baseline, *history.after)
    faults = set()
    if len({r.role for r in records} & _BASELINE_ROLES) > 1:
        faults.add(about(f"{name} is elsewhere given another role: the first one counts", records))
    if len({organ(r) for r in records}) > 1:
        faults.add(about(f"{name} is elsewhere recorded in another organ: the first one counts", records))
    if not history.baseline:
        faults.add(about(f"{name} has no record at baseline", history.first))
    return faults


def _not_called_new(history: _History, organ: OrganOf) -> set[Doubt]:
    if any(r.role == "new" for r in history.after):
        return set()
    says = f"a lesion {where(organ(history.first[0]))} without a role was first seen after baseline: it is new"
    return {about(says, history.first)}


def _orphaned(history: _History) -> set[Doubt]:
    parts = [r for r in history.after if r.split_from is not None]
    return {about("a lesion is recorded as part of one that is not followed: it is new", parts)} if parts else set()


def _too_many(targets: Sequence[Lesion], criteria: Criteria) -> set[Doubt]:
    faults = set()
    if len(targets) > criteria.max_targets:
        faults.add(about(f"{len(targets)} target lesions; the criteria allow {criteria.max_targets}: all are summed"))
    # All lymph nodes count as one organ (RECIST 1.1).
    per_organ = Counter("node" if is_node(t.organ) else t.organ for t in targets if t.organ is not None)
    for organ, count in sorted(per_organ.items()):
        if count > criteria.max_targets_per_organ:
            faults.add(
                about(
                    f"{count} target lesions {where(organ)}; "
                    f"the criteria allow {criteria.max_targets_per_organ} per organ: all are summed"
                )
            )
    return faults


def _too_small(targets: Sequence[Lesion], schedule: Schedule, criteria: Criteria) -> set[Doubt]:
    if schedule.baseline is None:
        return set()
    sites = {t.key: t.organ for t in targets}
    small = [
        r for r in schedule.baseline.records if r.lesion in sites and measurable(r, sites[r.lesion], criteria) is False
    ]
    return {
        about(f"a target lesion {where(sites[r.lesion])} is not measurable at baseline: it is summed all the same", [r])
        for r in small
    }
