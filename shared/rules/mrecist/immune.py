"""Decides the responses by iRECIST: progression is unconfirmed until a later assessment shows more of it.

Reads a course derived by RECIST 1.1 (criteria `IRECIST`); does not read lesions against baseline or nadir itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from shared.facts import LesionMeasurement
from shared.outcomes import Evidence, collect
from shared.rules.mrecist.lesions import possible
from shared.rules.mrecist.model import Course, OverallResponse, Visit
from shared.rules.mrecist.rule import Rule, first_match, otherwise

ImmuneResponse: TypeAlias = Literal["iCR", "iPR", "iSD", "NON-iCR/NON-iUPD", "iUPD", "iCPD", "NE"]
ORDER: Final[tuple[ImmuneResponse, ...]] = ("iCR", "iPR", "iSD", "NON-iCR/NON-iUPD", "iCPD", "iUPD", "NE")
"""From best to worst for the best response; confirmed progression says more than unconfirmed."""

_SEYMOUR: Final = "iRECIST, Seymour 2017, table 2"
_FURTHER_MM: Final = Decimal(5)
_EARLIEST_DAYS: Final = 28
_USUAL_DAYS: Final = 56
_PLAIN: Final[dict[OverallResponse, ImmuneResponse]] = {
    "CR": "iCR",
    "PR": "iPR",
    "SD": "iSD",
    "NON-CR/NON-PD": "NON-iCR/NON-iUPD",
    "NE": "NE",
}


class ImmuneVisit(msgspec.Struct, frozen=True, kw_only=True):
    """One visit with its response by iRECIST and the rule that gave it."""

    visit: Visit
    response: ImmuneResponse
    rule: str
    says: str
    problems: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class ImmuneCourse(msgspec.Struct, frozen=True, kw_only=True):
    """The course by iRECIST. Confirmed progression is dated to the unconfirmed one that it confirms."""

    course: Course
    visits: tuple[ImmuneVisit, ...]
    best: ImmuneResponse
    unconfirmed_on: date | None
    """The first unconfirmed progression that nothing has confirmed or reset yet."""
    confirmed_on: date | None


@dataclass(frozen=True, slots=True)
class Now:
    """A visit, and the unconfirmed progressions in a row before it (`block`); `over`: progression was confirmed."""

    visit: Visit
    block: tuple[Visit, ...]
    over: bool

    @property
    def progresses(self) -> bool:
        """Whether RECIST 1.1 calls this visit progression."""
        return self.visit.response == "PD"

    @property
    def early(self) -> bool:
        """Whether too few weeks have passed since the progression was first seen."""
        return (self.visit.on - self.block[0].on).days < _EARLIEST_DAYS


def immune(course: Course) -> ImmuneCourse:
    """The course by iRECIST of a course that was derived by RECIST 1.1."""
    block: tuple[Visit, ...] = ()
    found: list[ImmuneVisit] = []
    confirmed_on: date | None = None
    for visit in course.visits:
        now = Now(visit, block, confirmed_on is not None)
        found.append(_judge(now))
        match found[-1].response:
            case "iCPD" if confirmed_on is None:
                confirmed_on = block[0].on
            case "iUPD":
                block = (*block, visit)
            case "iCR" | "iPR" | "iSD" | "NON-iCR/NON-iUPD":
                block = ()
    return ImmuneCourse(
        course=course,
        visits=tuple(found),
        best=min((v.response for v in found), key=ORDER.index, default="NE"),
        unconfirmed_on=block[0].on if block and confirmed_on is None else None,
        confirmed_on=confirmed_on,
    )


def _judge(now: Now) -> ImmuneVisit:
    rule = first_match(RULES, now)
    before = now.block[0] if now.block else None
    late = before is not None and (now.visit.on - before.on).days > _USUAL_DAYS and rule.answer == "iCPD"
    problems = ("progression was confirmed later than 8 weeks after it was first seen",) if late else ()
    return ImmuneVisit(
        visit=now.visit,
        response=rule.answer or _PLAIN[now.visit.response],
        rule=rule.name,
        says=rule.says,
        problems=problems,
        evidence=collect(now.visit.evidence, *(v.evidence for v in now.block)),
    )


def _new_category(now: Now) -> bool:
    before = now.block
    return (
        (now.visit.target == "PD" and all(v.target != "PD" for v in before))
        or (now.visit.non_target == "PD" and all(v.non_target != "PD" for v in before))
        or (now.visit.new_lesion and not any(v.new_lesion for v in before))
    )


def _targets_grew(now: Now) -> bool:
    """Against the first visit of the block, so that small increases add up."""
    first = next((v for v in now.block if v.target == "PD"), None)
    if first is None or now.visit.measured_mm is None or first.sum_mm is None:
        return False
    return now.visit.measured_mm - first.sum_mm >= _FURTHER_MM


def _non_targets_grew(now: Now) -> bool:
    if all(v.non_target != "PD" for v in now.block):
        return False
    progressing = _unequivocal(now.visit)
    earlier = set[str]().union(*(_unequivocal(v) for v in now.block))
    return bool(progressing - earlier) or any(_grew(b, now.visit) for b in now.block)


def _unequivocal(visit: Visit) -> set[str]:
    return {r.lesion.key for r in visit.readings if r.unequivocal_progression}


def _grew(before: Visit, after: Visit) -> bool:
    old = {r.lesion.key: r.records for r in before.readings if r.lesion.role == "non-target"}
    return any(_larger(old.get(r.lesion.key, ()), r.records) for r in after.readings if r.lesion.role == "non-target")


def _another_new_lesion(now: Now) -> bool:
    before = {r.lesion for v in now.block for records in v.new for r in records}
    return bool(before) and any(r.lesion not in before for records in now.visit.new for r in records)


def _new_lesions_grew(now: Now) -> bool:
    first = next((v for v in now.block if v.new_lesion), None)
    if first is None:
        return False
    old, new = _sizes(first), _sizes(now.visit)
    shared = old.keys() & new.keys()
    targets = {k for k in shared if old[k] >= Decimal(10)}
    by_sum = sum((new[k] - old[k] for k in targets), Decimal(0)) >= _FURTHER_MM
    return by_sum or any(new[k] > old[k] for k in shared - targets)


def _sizes(visit: Visit) -> dict[str, Decimal]:
    """The size of each new lesion that was measured, by the one diameter that is recorded of it."""
    sized = {records[0].lesion: _size(records) for records in visit.new}
    return {k: s for k, s in sized.items() if s is not None}


def _larger(before: Sequence[LesionMeasurement], after: Sequence[LesionMeasurement]) -> bool:
    old, new = _size(before), _size(after)
    return old is not None and new is not None and new > old


def _size(records: Sequence[LesionMeasurement]) -> Decimal | None:
    sizes = [s for r in records if (s := r.short_axis_mm if _node(r) else r.longest_mm) is not None and possible(s)]
    return max(sizes, default=None)


def _node(record: LesionMeasurement) -> bool:
    return record.organ is not None and record.organ.startswith("node")


RULES: Final[tuple[Rule[Now, ImmuneResponse | None], ...]] = (
    Rule("confirmed-before", "iCPD", "Progression was confirmed at an earlier visit.", _SEYMOUR, lambda n: n.over),
    Rule(
        "as-by-recist",
        None,
        "No progression: the response is that of RECIST 1.1, and an unconfirmed progression before it is reset.",
        _SEYMOUR,
        lambda n: not n.progresses,
    ),
    Rule("first-progression", "iUPD", "Progression, not confirmed yet.", _SEYMOUR, lambda n: not n.block),
    Rule(
        "too-early-to-confirm",
        "iUPD",
        "Progression again, but less than 4 weeks after it was first seen: not confirmed yet.",
        _SEYMOUR,
        lambda n: n.early,
    ),
    Rule(
        "progression-in-another-category",
        "iCPD",
        "Confirmed: targets, non-target lesions or new lesions progress that had not before.",
        _SEYMOUR,
        _new_category,
    ),
    Rule(
        "targets-grew-further",
        "iCPD",
        "Confirmed: the sum of the targets grew by at least 5 mm more since the progression was first seen.",
        _SEYMOUR,
        _targets_grew,
    ),
    Rule(
        "non-targets-grew-further",
        "iCPD",
        "Confirmed: a non-target lesion grew further, or another one progressed.",
        _SEYMOUR,
        _non_targets_grew,
    ),
    Rule(
        "another-new-lesion",
        "iCPD",
        "Confirmed: another new lesion appeared.",
        _SEYMOUR,
        _another_new_lesion,
    ),
    Rule(
        "new-lesions-grew",
        "iCPD",
        "Confirmed: the measurable new lesions grew by at least 5 mm in sum, or a smaller one grew at all.",
        _SEYMOUR,
        _new_lesions_grew,
    ),
    Rule("not-confirmed", "iUPD", "Progression persists without growing further: not confirmed.", _SEYMOUR, otherwise),
)
