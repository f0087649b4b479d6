"""Decides overall survival: death of any cause, or until when the patient is known to be alive.

Does not decide what counts as a contact (`follow_up`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shared.rules.endpoints.follow_up import Dated, FollowUp
from shared.rules.endpoints.model import TimeToEvent
from shared.rules.mrecist.rule import Rule, first_match, otherwise

_TRIAL: Final = "the trial's outcome definitions"
_FDA: Final = "FDA guidance, Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics, 2018"


def overall_survival(follow_up: FollowUp) -> TimeToEvent:
    """First dose to death of any cause."""
    rule = first_match(RULES, follow_up)
    what, dated = _ENDS[rule.answer]
    end = dated(follow_up)
    return TimeToEvent(
        endpoint="OS",
        start_on=follow_up.start.on,
        on=max(end.on, follow_up.start.on),
        event=rule.answer == "death",
        what=what,
        rule=rule.name,
        says=rule.says,
        source=rule.source,
        evidence=end.evidence,
    )


def _died(follow_up: FollowUp) -> Dated:
    assert follow_up.death is not None, "the rule asked for a death"
    return follow_up.death


def _cut(follow_up: FollowUp) -> Dated:
    seen = follow_up.death or follow_up.last_contact
    return Dated(follow_up.cut_on, seen.evidence)


_ENDS: Final[dict[str, tuple[str, Callable[[FollowUp], Dated]]]] = {
    "death": ("death", _died),
    "cut": ("end of observation", _cut),
    "contact": ("last known alive", lambda f: f.last_contact),
}

RULES: Final[tuple[Rule[FollowUp, str], ...]] = (
    Rule(
        "death",
        "death",
        "The patient died, of whatever cause.",
        _TRIAL,
        lambda f: f.death is not None and f.death.on <= f.cut_on,
    ),
    Rule(
        "alive-at-end-of-observation",
        "cut",
        "The patient was alive when the trial's observation ended: censored on its last day.",
        _TRIAL,
        lambda f: f.death is not None or f.last_contact.on >= f.cut_on,
    ),
    Rule(
        "alive-when-last-seen",
        "contact",
        "No death is recorded: censored when the patient was last seen alive.",
        _FDA,
        otherwise,
    ),
)
