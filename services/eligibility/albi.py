"""Whether the albumin-bilirubin grade is within the bound, also where a component is missing or contradicts.

Decides which values count; the grade is `shared/rules/albi`.
"""

from __future__ import annotations

from services.eligibility import wording
from services.eligibility.answers import Answer
from services.eligibility.case import Case, first_close, within
from shared.facts import Laboratory
from shared.outcomes import Evidence, Verdict, cite
from shared.protocol.criteria import AlbiCriterion
from shared.rules import albi
from shared.rules.albi import Grades
from shared.timeline import latest


def graded(criterion: AlbiCriterion, case: Case) -> Answer:
    """Met if even the worst grade is within the bound, not met if even the best is beyond it, else unknown."""
    bilirubin, albumin = (_newest(c, criterion, case) for c in ("bilirubin-total", "albumin"))
    if not bilirubin or not albumin:
        return _incomplete(criterion, (*bilirubin, *albumin), not bilirubin, not albumin)
    grades = [albi.grade(b, a) for b in bilirubin for a in albumin]
    whole = Grades(min(g.best for g in grades), max(g.worst for g in grades))
    bound, values = criterion.at_most_grade.value, (*bilirubin, *albumin)
    says = f"ALBI grade {_range(whole)} ({_shown(values)}), needs ≤ {bound}"
    until = first_close(values, criterion.window_days.value)
    if whole.worst <= bound:
        return Answer(Verdict.MET, says, _cited(values), valid_until=until)
    if whole.best > bound:
        return Answer(Verdict.NOT_MET, says, _cited(values), valid_until=until)
    if all(g.best == g.worst for g in grades):
        settles = ("one bilirubin and one albumin that settle it",)
        return Answer(Verdict.CONFLICT, says, _cited(values), settles, until)
    return Answer(Verdict.UNKNOWN, says, _cited(values), ("bilirubin and albumin as exact numbers",), until)


def _newest(concept: str, criterion: AlbiCriterion, case: Case) -> tuple[Laboratory, ...]:
    recent = within(case.results(concept), criterion.window_days.value, case.at)
    return latest([r for r in recent if r.final and r.value is not None])


def _incomplete(
    criterion: AlbiCriterion, known: tuple[Laboratory, ...], lacks_bilirubin: bool, lacks_albumin: bool
) -> Answer:
    days = criterion.window_days.value
    lacking = [name for name, lacks in (("bilirubin", lacks_bilirubin), ("albumin", lacks_albumin)) if lacks]
    says = f"no {wording.listed(lacking)} within {days} days for the ALBI grade"
    missing = tuple(f"{name} within {days} days" for name in lacking)
    return Answer(Verdict.UNKNOWN, says, _cited(known), missing, first_close(known, days))


def _cited(values: tuple[Laboratory, ...]) -> tuple[Evidence, ...]:
    return tuple(cite(v, _said(v)) for v in values)


def _shown(values: tuple[Laboratory, ...]) -> str:
    return wording.listed([f"{_said(v)} {wording.when(v)}" for v in values])


def _said(result: Laboratory) -> str:
    assert result.value is not None, "only such results are chosen"
    return f"{wording.name(result.concept)} {wording.measured(result.value)}"


def _range(grades: Grades) -> str:
    return str(grades.best) if grades.best == grades.worst else f"{grades.best} to {grades.worst}"
