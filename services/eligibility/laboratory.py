"""Whether a laboratory value lies on the right side of its bound (I11).

Decides which result counts and what it proves. Only final results decide: a preliminary one may still be
corrected. But where a preliminary result that is not older would answer otherwise, the criterion is unknown
until the final one comes.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.eligibility import wording
from services.eligibility.answers import Answer, agreed, earliest, from_bool
from services.eligibility.attested import settled
from services.eligibility.case import Case, first_close, within
from shared.facts import Laboratory
from shared.outcomes import Evidence, Verdict, cite, collect
from shared.protocol.criteria import UPPER_LIMIT_OF_NORMAL, LaboratoryCriterion
from shared.quantities import Quantity, at_least, at_most, times
from shared.timeline import latest


def threshold(criterion: LaboratoryCriterion, case: Case) -> Answer:
    """The newest valid results in the window, compared with the inclusive bound."""
    days = criterion.window_days.value
    recent = [r for r in within(case.results(criterion.concept), days, case.at) if r.value is not None]
    newest = latest([r for r in recent if r.final])
    pending = [r for r in latest(recent) if not r.final]
    if not newest:
        return _no_final_result(criterion, case, pending)
    verdict = agreed(_judge(criterion, r) for r in newest)
    until = first_close([*newest, *pending], days)
    if any(_judge(criterion, r) is not verdict for r in pending):
        return Answer(
            Verdict.UNKNOWN,
            f"{_shown(criterion, pending)} (preliminary) contradicts {_shown(criterion, newest)}",
            collect(_cited(newest), _cited(pending)),
            (f"final result of {wording.name(criterion.concept)}",),
            until,
        )
    answer = Answer(
        verdict, _says(criterion, newest, verdict), _cited(newest), _lacks(criterion, newest, verdict), until
    )
    if verdict is Verdict.NOT_MET and criterion.settled_by is not None:
        return _settled(criterion, case, newest, answer)
    return answer


def _judge(criterion: LaboratoryCriterion, result: Laboratory) -> Verdict:
    bound = _bound(criterion, result)
    if result.value is None or bound is None or result.value.unit != bound.unit:
        return Verdict.UNKNOWN
    compare = at_least if criterion.at_least is not None else at_most
    return from_bool(compare(result.value, bound))


def _bound(criterion: LaboratoryCriterion, result: Laboratory) -> Quantity | None:
    if criterion.unit != UPPER_LIMIT_OF_NORMAL:
        return Quantity(criterion.bound.value, criterion.unit)
    return None if result.high is None else times(result.high, criterion.bound.value)


def _settled(criterion: LaboratoryCriterion, case: Case, newest: Sequence[Laboratory], beyond: Answer) -> Answer:
    """Beyond such a bound nothing is failed: a practitioner who has seen that value decides."""
    assert criterion.settled_by is not None
    on = max((r.occurred for r in newest if r.occurred is not None), key=lambda date: date.last)
    attested = settled(case, criterion.settled_by.value, on)
    if attested is None:
        missing = (f"attestation after that value: {wording.name(criterion.settled_by.value)}",)
        return Answer(Verdict.UNKNOWN, beyond.says, beyond.evidence, missing, beyond.valid_until)
    return Answer(
        attested.verdict,
        f"{beyond.says}; {attested.says}: {wording.name(criterion.settled_by.value)}",
        collect(beyond.evidence, attested.evidence),
        ("one attestation that settles it",) if attested.verdict is Verdict.CONFLICT else (),
        earliest(beyond.valid_until, attested.valid_until),
    )


def _no_final_result(criterion: LaboratoryCriterion, case: Case, pending: list[Laboratory]) -> Answer:
    name, days = wording.name(criterion.concept), criterion.window_days.value
    if pending:
        says = f"{_shown(criterion, pending)} is preliminary"
        until = first_close(pending, days)
        return Answer(Verdict.UNKNOWN, says, _cited(pending), (f"final result of {name}",), until)
    missing = (f"{name} within {days} days",)
    past = latest([r for r in case.results(criterion.concept) if r.value is not None])
    if not past:
        return Answer(Verdict.UNKNOWN, f"no {name} recorded", missing=missing)
    says = f"{_shown(criterion, past)} is older than {days} days"
    return Answer(Verdict.UNKNOWN, says, _cited(past), missing)


def _says(criterion: LaboratoryCriterion, newest: Sequence[Laboratory], verdict: Verdict) -> str:
    joint = " contradict each other" if verdict is Verdict.CONFLICT else ""
    return f"{_shown(criterion, newest)}{joint}, needs {needed(criterion)}"


def needed(criterion: LaboratoryCriterion) -> str:
    """The bound as staff read it: `≥ 50 × 10⁹/L`, `≤ 1 × ULN`."""
    sign = "≥" if criterion.at_least is not None else "≤"
    if criterion.unit == UPPER_LIMIT_OF_NORMAL:
        return f"{sign} {criterion.bound.value:f} × ULN"
    return f"{sign} {wording.amount(criterion.bound.value, criterion.unit)}"


def _lacks(criterion: LaboratoryCriterion, newest: Sequence[Laboratory], verdict: Verdict) -> tuple[str, ...]:
    name = wording.name(criterion.concept)
    if verdict is Verdict.CONFLICT:
        return (f"one {name} result that settles it",)
    if verdict is not Verdict.UNKNOWN:
        return ()
    if any(_bound(criterion, r) is None for r in newest):
        return (f"upper limit of normal of {name}",)
    return (f"{name} as a number that can be compared with the bound",)


def _shown(criterion: LaboratoryCriterion, results: Sequence[Laboratory]) -> str:
    values = wording.listed([wording.measured(r.value) for r in results if r.value is not None])
    limits = ""
    if criterion.unit == UPPER_LIMIT_OF_NORMAL:
        highs = [wording.measured(r.high) for r in results if r.high is not None]
        limits = f" (upper limit of normal {wording.listed(highs)})" if highs else ""
    return f"{wording.name(criterion.concept)} {values}{limits} {wording.when(results[0])}"


def _cited(results: Sequence[Laboratory]) -> tuple[Evidence, ...]:
    return tuple(cite(r, _said(r)) for r in results)


def _said(result: Laboratory) -> str:
    value = wording.measured(result.value) if result.value is not None else "no value"
    return f"{wording.name(result.concept)} {value}{'' if result.final else ', preliminary'}"
