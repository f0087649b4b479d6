"""Whether a performance score (ECOG, Karnofsky) lies within its bounds.

Decides which score counts; never translates one scale into another.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.eligibility import wording
from services.eligibility.answers import Answer, agreed, from_bool
from services.eligibility.case import Case, first_close, within
from shared.facts import ScaleScore
from shared.outcomes import Verdict, cite
from shared.protocol.criteria import ScaleCriterion
from shared.timeline import latest


def scored(criterion: ScaleCriterion, case: Case) -> Answer:
    """The newest scores in the window decide; several of one day on both sides of a bound conflict."""
    days, name = criterion.window_days.value, wording.name(criterion.scale)
    known = [s for s in case.of(ScaleScore) if s.scale == criterion.scale]
    newest = latest(within(known, days, case.at))
    if not newest:
        return _none_recent(criterion, known)
    verdict = agreed(_judge(criterion, s) for s in newest)
    joint = " contradict each other" if verdict is Verdict.CONFLICT else ""
    return Answer(
        verdict,
        f"{_shown(criterion, newest)}{joint}, needs {wording.bounds(criterion, '')}",
        tuple(cite(s, f"{name} {wording.plain(s.score)}") for s in newest),
        (f"one {name} score that settles it",) if verdict is Verdict.CONFLICT else (),
        first_close(newest, days),
    )


def _none_recent(criterion: ScaleCriterion, known: list[ScaleScore]) -> Answer:
    name, days = wording.name(criterion.scale), criterion.window_days.value
    past = latest(known)
    if not past:
        return Answer(Verdict.UNKNOWN, f"no {name} recorded", missing=(f"{name}{wording.window(days)}",))
    says = f"{_shown(criterion, past)} is older than {days} days"
    evidence = tuple(cite(s, f"{name} {wording.plain(s.score)}") for s in past)
    return Answer(Verdict.UNKNOWN, says, evidence, (f"{name}{wording.window(days)}",))


def _judge(criterion: ScaleCriterion, score: ScaleScore) -> Verdict:
    low, high = criterion.at_least, criterion.at_most
    return from_bool((low is None or score.score >= low.value) and (high is None or score.score <= high.value))


def _shown(criterion: ScaleCriterion, scores: Sequence[ScaleScore]) -> str:
    values = wording.listed([f"{wording.plain(s.score)}" for s in scores])
    return f"{wording.name(criterion.scale)} {values} {wording.when(scores[0])}"
