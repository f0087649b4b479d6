"""Whether a procedure took place (in the window, where the trial states one). Decides nothing about its reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.eligibility import wording
from services.eligibility.answers import Answer, earliest, silent
from services.eligibility.case import TICK, Case, first_close, within
from shared.facts import ProcedurePerformed
from shared.outcomes import Evidence, Verdict, cite
from shared.protocol.criteria import ProcedureCriterion
from shared.timeline import latest


def performed(criterion: ProcedureCriterion, case: Case) -> Answer:
    """Any performed one in the window; one recorded as not done denies nothing about the others.

    A date that may lie in the window or before it leaves the answer open.
    """
    name, days = wording.name(criterion.concept), criterion.window_days.value
    recorded = [p for p in case.of(ProcedurePerformed) if p.concept == criterion.concept]
    done = [p for p in recorded if p.performed]
    if counted := done if days is None else within(done, days, case.at):
        newest = latest(counted) or counted
        says = f"{name} {wording.when(newest[0])}"
        return Answer(Verdict.MET, says, _cited(newest), valid_until=first_close(newest, days))
    if days is not None and (perhaps := _may_lie_within(done, days, case)):
        until = earliest(*(p.occurred.last + timedelta(days=days) + TICK for p in perhaps if p.occurred))
        says = f"{name} recorded without its day"
        return Answer(Verdict.UNKNOWN, says, _cited(perhaps), (f"date of the {name}",), until)
    if done:
        newest = latest(done)
        says = f"{name} {wording.when(newest[0])} is more than {days} days ago"
        return Answer(Verdict.NOT_MET, says, _cited(newest))
    if recorded:
        return Answer(Verdict.NOT_MET, f"{name} is recorded as not done", _cited(recorded))
    return silent(criterion, f"no record of {name}", f"record of {name}")


def _may_lie_within(done: list[ProcedurePerformed], days: int, case: Case) -> list[ProcedurePerformed]:
    start = case.at - timedelta(days=days)
    return [p for p in done if p.occurred is None or p.occurred.last >= start]


def _cited(procedures: Sequence[ProcedurePerformed]) -> tuple[Evidence, ...]:
    return tuple(cite(p, f"{wording.name(p.concept)}{'' if p.performed else ', not done'}") for p in procedures)
