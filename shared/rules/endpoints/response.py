"""Decides whether a patient counts as responder and as having the disease controlled, and how long a response lasted.

Does not decide the best response (`mrecist.best`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from shared.outcomes import collect
from shared.protocol.model import Response
from shared.rules.endpoints.follow_up import FollowUp
from shared.rules.endpoints.model import ResponseStatus, TimeToEvent, TimeToResponse
from shared.rules.mrecist import BestResponse, Visit
from shared.rules.mrecist.best import best_response, first_response
from shared.rules.mrecist.model import OverallResponse
from shared.rules.mrecist.rule import Rule, first_match, otherwise

_RECIST: Final = "RECIST 1.1, Eisenhauer 2009; every treated patient is in the denominator"


class Answered(msgspec.Struct, frozen=True):
    """Response of one patient within the trial's observation: best, and the first visits that began a response."""

    best: BestResponse
    first: Visit | None
    first_confirmed: Visit | None


@dataclass(frozen=True, slots=True)
class Counted:
    """What decides whether a patient is counted."""

    best: OverallResponse
    has_baseline: bool
    assessed: bool


def answered(follow_up: FollowUp, response: Response) -> Answered:
    """The response within the trial's observation and before any new anticancer therapy.

    A visit dated after the death is a slip of one of the two dates, and no response.
    """
    course, therapy = follow_up.course, follow_up.new_therapy
    last_on = min(follow_up.cut_on, follow_up.death.on) if follow_up.death is not None else follow_up.cut_on
    visits = tuple(v for v in course.visits if v.on <= last_on)
    therapy_on = therapy.on if therapy is not None else None
    return Answered(
        best_response(visits, course.start, response, therapy_on),
        first_response(visits, therapy_on),
        first_response(visits, therapy_on, confirmed_after_days=response.confirmation_days.value),
    )


def status(endpoint: Literal["ORR", "DCR"], follow_up: FollowUp, found: Answered) -> ResponseStatus:
    """Whether the patient counts, by the unconfirmed and by the confirmed best response."""
    rules = RESPONSE if endpoint == "ORR" else CONTROL
    has_baseline, assessed = follow_up.course.baseline is not None, bool(follow_up.course.visits)
    plain, confirmed = (
        first_match(rules, Counted(best, has_baseline, assessed))
        for best in (found.best.unconfirmed, found.best.confirmed)
    )
    return ResponseStatus(
        endpoint=endpoint,
        met=plain.answer,
        confirmed_met=confirmed.answer,
        rule=plain.name,
        says=plain.says,
        confirmed_rule=confirmed.name,
        confirmed_says=confirmed.says,
        source=plain.source,
        evidence=found.best.evidence or follow_up.start.evidence,
    )


def time_to_response(follow_up: FollowUp, first: Visit | None) -> TimeToResponse | None:
    """First dose to the first complete or partial response."""
    if first is None:
        return None
    return TimeToResponse(start_on=follow_up.start.on, on=first.on, evidence=first.evidence)


def duration_of_response(pfs: TimeToEvent, first: Visit | None) -> TimeToEvent | None:
    """First complete or partial response to progression or death, censored as progression-free survival is."""
    if first is None:
        return None
    return msgspec.structs.replace(
        pfs, endpoint="DOR", start_on=first.on, on=max(pfs.on, first.on), evidence=collect(pfs.evidence, first.evidence)
    )


_NOBODY: Final[tuple[Rule[Counted, bool], ...]] = (
    Rule(
        "no-baseline",
        False,
        "There is no assessment before the first dose, so no response can be told: counts as none.",
        _RECIST,
        lambda c: not c.has_baseline,
    ),
    Rule(
        "no-assessment",
        False,
        "There is no assessment after the first dose: counts as no response.",
        _RECIST,
        lambda c: not c.assessed,
    ),
    Rule(
        "not-evaluable",
        False,
        "No assessment that counts was evaluable: counts as no response.",
        _RECIST,
        lambda c: c.best == "NE",
    ),
)
RESPONSE: Final[tuple[Rule[Counted, bool], ...]] = (
    *_NOBODY,
    Rule(
        "response",
        True,
        "The best response is complete or partial.",
        _RECIST,
        lambda c: c.best in ("CR", "PR"),
    ),
    Rule("no-response", False, "The best response is neither complete nor partial.", _RECIST, otherwise),
)
CONTROL: Final[tuple[Rule[Counted, bool], ...]] = (
    *_NOBODY,
    Rule(
        "control",
        True,
        "The best response is complete, partial or stable, or without targets neither complete nor progression.",
        _RECIST,
        lambda c: c.best in ("CR", "PR", "SD", "NON-CR/NON-PD"),
    ),
    Rule("no-control", False, "The best response is progression.", _RECIST, otherwise),
)
