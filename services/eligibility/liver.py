"""Whether the Child-Pugh points are within the bound (I9), also where components are missing or contradict.

Decides which component values count; their points are `shared/rules/child_pugh`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from services.eligibility import wording
from services.eligibility.answers import Answer, earliest
from services.eligibility.case import Case, first_close, within
from shared.facts import ClinicalFinding, Fact, Laboratory
from shared.outcomes import Evidence, Verdict, cite, collect
from shared.protocol.criteria import ChildPughCriterion
from shared.rules import child_pugh
from shared.rules.child_pugh import Points
from shared.timeline import latest

F = TypeVar("F", bound=Fact)


class Component(msgspec.Struct, frozen=True):
    """One component: the points that it may have, whether its records contradict, and what is missing."""

    name: str
    points: Points
    contradicts: bool = False
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    valid_until: datetime | None = None


def score(criterion: ChildPughCriterion, case: Case) -> Answer:
    """Met if even the worst case is within the bound, not met if even the best case is beyond it, else
    unknown.

    A conflict is what contradicting values of the same time leave open while nothing is missing.
    """
    components = _components(criterion, case)
    total = child_pugh.total(c.points for c in components)
    evidence = collect(*(c.evidence for c in components))
    until = earliest(*(c.valid_until for c in components))
    says = f"Child-Pugh {_range(total)} points ({_parts(components)}), needs ≤ {criterion.at_most.value}"
    if total.most <= criterion.at_most.value:
        return Answer(Verdict.MET, says, evidence, valid_until=until)
    if total.least > criterion.at_most.value:
        return Answer(Verdict.NOT_MET, says, evidence, valid_until=until)
    missing = tuple(m for c in components for m in c.missing)
    if missing:
        return Answer(Verdict.UNKNOWN, says, evidence, missing, until)
    settles = tuple(f"one value of {c.name} that settles it" for c in components if c.contradicts)
    return Answer(Verdict.CONFLICT, says, evidence, settles, until)


def _components(criterion: ChildPughCriterion, case: Case) -> list[Component]:
    days = criterion.laboratory_window_days.value
    rules = (
        ("bilirubin-total", child_pugh.bilirubin),
        ("albumin", child_pugh.albumin),
        ("inr", child_pugh.inr),
    )
    by_laboratory = [_laboratory(concept, points, case, days) for concept, points in rules]
    findings = (("ascites", child_pugh.ascites), ("encephalopathy", child_pugh.encephalopathy))
    days = criterion.finding_window_days.value
    return by_laboratory + [_finding(finding, points, case, days) for finding, points in findings]


def _laboratory(concept: str, points: Callable[[Laboratory], Points], case: Case, days: int) -> Component:
    recent = within(case.results(concept), days, case.at)
    newest = latest([r for r in recent if r.final and r.value is not None])
    evidence = tuple(
        cite(r, f"{wording.name(concept)} {wording.measured(r.value)}") for r in newest if r.value is not None
    )
    return _component(wording.name(concept), [points(r) for r in newest], newest, evidence, days)


def _finding(finding: str, points: Callable[[str], Points], case: Case, days: int) -> Component:
    found = [f for f in case.of(ClinicalFinding) if f.finding == finding]
    newest = latest(within(found, days, case.at))
    evidence = tuple(cite(f, f"{finding}: {wording.name(f.grade)}") for f in newest)
    return _component(finding, [points(f.grade) for f in newest], newest, evidence, days)


def _component(
    name: str, points: list[Points], facts: Sequence[F], evidence: tuple[Evidence, ...], days: int
) -> Component:
    if not points:
        return Component(name, child_pugh.ANY, missing=(f"{name} within {days} days",))
    whole = Points(min(p.least for p in points), max(p.most for p in points))
    contradicts = len(set(points)) > 1 and all(p.least == p.most for p in points)
    open_ = () if contradicts or whole.least == whole.most else (f"{name} as a value that can be scored",)
    return Component(name, whole, contradicts, evidence, open_, first_close(facts, days))


def _range(points: Points) -> str:
    return str(points.least) if points.least == points.most else f"{points.least} to {points.most}"


def _parts(components: list[Component]) -> str:
    return ", ".join(f"{c.name} {'unknown' if c.points == child_pugh.ANY else _range(c.points)}" for c in components)
