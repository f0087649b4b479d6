"""Decides progression-free survival and time to progression: the event or the censoring, its date and its rule.

Does not decide what progression is (`mrecist`), nor overall survival.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from shared.outcomes import Evidence
from shared.rules.endpoints.follow_up import FollowUp
from shared.rules.endpoints.model import TimeToEvent
from shared.rules.mrecist import Visit
from shared.rules.mrecist.rule import Rule, first_match, otherwise

_FDA: Final = "FDA guidance, Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics, 2018"
_TRIAL: Final = "the trial's outcome definitions"

Ending = Literal["event", "censored"]


@dataclass(frozen=True, slots=True)
class Disease:
    """What is known of the course of the disease within the trial's observation."""

    follow_up: FollowUp
    death_counts: bool
    """Whether a death is an event: so for progression-free survival, not for time to progression."""

    @property
    def progression(self) -> Visit | None:
        """The first progression, where it lies within the trial's observation."""
        found = self.follow_up.course.progression
        return found if found is not None and found.on <= self.follow_up.cut_on else None

    @property
    def died_on(self) -> date | None:
        """The date of death, where it lies within the trial's observation."""
        death = self.follow_up.death
        return death.on if death is not None and death.on <= self.follow_up.cut_on else None

    @property
    def event_on(self) -> date | None:
        """The day of the earliest event."""
        progressed_on = self.progression.on if self.progression is not None else None
        days = [d for d in (progressed_on, self.died_on if self.death_counts else None) if d is not None]
        return min(days, default=None)

    @property
    def new_therapy_on(self) -> date | None:
        """The day of a new anticancer therapy, where it began before any event."""
        therapy = self.follow_up.new_therapy
        if therapy is None or therapy.on > self.follow_up.cut_on:
            return None
        return therapy.on if self.event_on is None or therapy.on < self.event_on else None

    @property
    def last_adequate(self) -> Visit | None:
        """The last assessment that told how the disease was, up to the event and before the new therapy."""
        last_on = min(self.follow_up.cut_on, self.event_on or date.max)
        therapy_on = self.new_therapy_on or date.max
        found = [v for v in self.follow_up.course.visits if _adequate(v) and v.on <= last_on and v.on < therapy_on]
        return max(found, key=lambda v: v.on, default=None)

    @property
    def gap_days(self) -> int:
        """Days without an adequate assessment before the event."""
        since = self.last_adequate.on if self.last_adequate is not None else self.follow_up.start.on
        return (self.event_on - since).days if self.event_on is not None else 0


def _adequate(visit: Visit) -> bool:
    return visit.response not in ("NE", "PD")


def progression_free_survival(follow_up: FollowUp) -> TimeToEvent:
    """First dose to radiological progression or death of any cause."""
    return _timed("PFS", Disease(follow_up, death_counts=True))


def time_to_progression(follow_up: FollowUp) -> TimeToEvent:
    """First dose to radiological progression; deaths are censored."""
    return _timed("TTP", Disease(follow_up, death_counts=False))


def last_adequate_on(follow_up: FollowUp) -> date | None:
    """The day since which an assessment is awaited: the last adequate one or the start; None once none is awaited."""
    disease = Disease(follow_up, death_counts=True)
    over = disease.event_on is not None or disease.new_therapy_on is not None or follow_up.course.baseline is None
    if over or disease.died_on is not None or follow_up.ended:
        return None
    return disease.last_adequate.on if disease.last_adequate is not None else follow_up.start.on


def _timed(endpoint: Literal["PFS", "TTP"], disease: Disease) -> TimeToEvent:
    rule = first_match(RULES, disease)
    on, what, evidence = _event(disease) if rule.answer == "event" else _censoring(disease, rule)
    return TimeToEvent(
        endpoint=endpoint,
        start_on=disease.follow_up.start.on,
        on=max(on, disease.follow_up.start.on),  # a death recorded before the first dose leaves no time at all
        event=rule.answer == "event",
        what=what,
        rule=rule.name,
        says=rule.says,
        source=rule.source,
        evidence=evidence,
    )


def _event(disease: Disease) -> tuple[date, str, tuple[Evidence, ...]]:
    progression, death = disease.progression, disease.follow_up.death
    if progression is not None and progression.on == disease.event_on:
        return progression.on, "disease progression", progression.evidence
    assert death is not None, "an event is a progression or a death"
    return death.on, "death", death.evidence


def _censoring(disease: Disease, rule: Rule[Disease, Ending]) -> tuple[date, str, tuple[Evidence, ...]]:
    visit, start = disease.last_adequate, disease.follow_up.start
    if visit is None or rule.name == "no-baseline":
        return start.on, "first dose", start.evidence
    return visit.on, "last adequate assessment", visit.evidence


RULES: Final[tuple[Rule[Disease, Ending], ...]] = (
    Rule(
        "no-baseline",
        "censored",
        "There is no assessment before the first dose to compare with: censored at the first dose.",
        _FDA,
        lambda d: d.follow_up.course.baseline is None,
    ),
    Rule(
        "new-anticancer-therapy",
        "censored",
        "A new anticancer therapy began before any event: censored at the last adequate assessment before it.",
        _FDA,
        lambda d: d.new_therapy_on is not None,
    ),
    Rule(
        "event-after-missed-visits",
        "censored",
        "The event came after too many missed visits: censored at the last adequate assessment before them.",
        _FDA,
        lambda d: d.gap_days > d.follow_up.longest_gap_days,
    ),
    Rule(
        "event",
        "event",
        "The disease progressed on imaging or, where death counts, the patient died.",
        _TRIAL,
        lambda d: d.event_on is not None,
    ),
    Rule(
        "death-without-progression",
        "censored",
        "The patient died without progression on imaging: censored at the last adequate assessment.",
        _TRIAL,
        lambda d: d.died_on is not None,
    ),
    Rule(
        "no-assessment",
        "censored",
        "No adequate assessment after the first dose, and no event: censored at the first dose.",
        _FDA,
        lambda d: d.last_adequate is None,
    ),
    Rule(
        "end-of-observation",
        "censored",
        "The trial's observation ended without an event: censored at the last adequate assessment within it.",
        _TRIAL,
        lambda d: d.follow_up.ended,
    ),
    Rule(
        "no-event-so-far",
        "censored",
        "No event so far: censored at the last adequate assessment.",
        _FDA,
        otherwise,
    ),
)
