"""Whether a laboratory value or a drug level lies on the right side of its bounds (I11).

Decides which result counts and what it proves. Only final results decide: a preliminary one may still be
corrected. But where a preliminary result that is not older would answer otherwise, the criterion is unknown
until the final one comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import takewhile

from services.eligibility import wording
from services.eligibility.answers import Answer, agreed, earliest, from_bool
from services.eligibility.attested import settled
from services.eligibility.case import Case, first_close, within
from shared.facts import Laboratory
from shared.outcomes import Evidence, Verdict, all_of, cite, collect
from shared.protocol.criteria import UPPER_LIMIT_OF_NORMAL, LaboratoryCriterion, TroughCriterion
from shared.quantities import Quantity, at_least, at_most, times
from shared.timeline import latest

Compare = Callable[[Quantity, Quantity], bool | None]
Bounded = LaboratoryCriterion | TroughCriterion


def threshold(criterion: Bounded, case: Case) -> Answer:
    """The newest valid results in the window, compared with the inclusive bounds."""
    days = criterion.window_days.value
    recent = [r for r in within(case.results(criterion.concept), days, case.at) if r.value is not None]
    stated = latest(recent)
    pending = [r for r in stated if not r.final]
    newest = latest([r for r in recent if r.final]) if pending else stated
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
    if isinstance(criterion, LaboratoryCriterion) and criterion.settled_by and verdict is Verdict.NOT_MET:
        return _settled(criterion.settled_by.value, case, newest, answer)
    return answer


def _judge(criterion: Bounded, result: Laboratory) -> Verdict:
    low, high = criterion.at_least, criterion.at_most
    sides = [(at_least, low.value)] if low is not None else []
    sides += [(at_most, high.value)] if high is not None else []
    return all_of([_compared(criterion, result, compare, bound) for compare, bound in sides])


def _compared(criterion: Bounded, result: Laboratory, compare: Compare, stated: Decimal) -> Verdict:
    bound = _bound(criterion, result, stated)
    if result.value is None or bound is None or result.value.unit != bound.unit:
        return Verdict.UNKNOWN
    return from_bool(compare(result.value, bound))


def _bound(criterion: Bounded, result: Laboratory, stated: Decimal) -> Quantity | None:
    if criterion.unit != UPPER_LIMIT_OF_NORMAL:
        return Quantity(stated, criterion.unit)
    return None if result.high is None else times(result.high, stated)


def _settled(code: str, case: Case, newest: Sequence[Laboratory], beyond: Answer) -> Answer:
    """Beyond such a bound nothing is failed: a practitioner who has seen that value decides."""
    on = max((r.occurred for r in newest if r.occurred is not None), key=lambda date: date.last)
    attested = settled(case, code, on)
    if attested is None:
        missing = (f"attestation after that value: {wording.name(code)}",)
        return Answer(Verdict.UNKNOWN, beyond.says, beyond.evidence, missing, beyond.valid_until)
    return Answer(
        attested.verdict,
        f"{beyond.says}; {attested.says}: {wording.name(code)}",
        collect(beyond.evidence, attested.evidence),
        ("one attestation that settles it",) if attested.verdict is Verdict.CONFLICT else (),
        earliest(beyond.valid_until, attested.valid_until),
    )


def _no_final_result(criterion: Bounded, case: Case, pending: list[Laboratory]) -> Answer:
    name, days = wording.name(criterion.concept), criterion.window_days.value
    if pending:
        says = f"{_shown(criterion, pending)} is preliminary"
        until = first_close(pending, days)
        return Answer(Verdict.UNKNOWN, says, _cited(pending), (f"final result of {name}",), until)
    missing = (f"{name}{wording.window(days)}",)
    past = _last_stated(case.results(criterion.concept))
    if not past:
        return Answer(Verdict.UNKNOWN, f"no {name} recorded", missing=missing)
    says = f"{_shown(criterion, past)} is older than {days} days"
    return Answer(Verdict.UNKNOWN, says, _cited(past), missing)


def _last_stated(results: Sequence[Laboratory]) -> list[Laboratory]:
    """The last results with a value, of one date, to be shown as too old; they decide nothing."""
    stated = (r for r in reversed(results) if r.value is not None and r.occurred is not None)
    last = next(stated, None)
    if last is None:
        return []
    others = takewhile(lambda r: r.occurred == last.occurred, stated)
    return [*reversed([*others]), last]


def _says(criterion: Bounded, newest: Sequence[Laboratory], verdict: Verdict) -> str:
    joint = " contradict each other" if verdict is Verdict.CONFLICT else ""
    return f"{_shown(criterion, newest)}{joint}, needs {needed(criterion)}"


def needed(criterion: Bounded) -> str:
    """The bounds as staff read them: `≥ 50 × 10⁹/L`, `≤ 1 × ULN`."""
    return wording.bounds(criterion, "× ULN" if criterion.unit == UPPER_LIMIT_OF_NORMAL else criterion.unit)


def _lacks(criterion: Bounded, newest: Sequence[Laboratory], verdict: Verdict) -> tuple[str, ...]:
    name = wording.name(criterion.concept)
    if verdict is Verdict.CONFLICT:
        return (f"one {name} result that settles it",)
    if verdict is not Verdict.UNKNOWN:
        return ()
    if criterion.unit == UPPER_LIMIT_OF_NORMAL and any(r.high is None for r in newest):
        return (f"upper limit of normal of {name}",)
    return (f"{name} as a number that can be compared with the bound",)


def _shown(criterion: Bounded, results: Sequence[Laboratory]) -> str:
    beside = [b.value for stated in wording.stated(criterion) if (b := _bound(criterion, results[0], stated))]
    values = wording.listed([wording.measured(r.value, beside) for r in results if r.value is not None])
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
