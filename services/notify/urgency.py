"""Decides how urgent an event is, in FHIR's request priorities. Does not decide who is told.

Stat wakes people: a suspected or proven rejection, a death or a life-threatening event, a missed reporting deadline.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, get_args

from shared import events
from shared.events import AnyEvent

_SEVERE: Final = 4
_LIFE_AND_DEATH: Final = frozenset({"death", "life-threatening"})


class Urgency(StrEnum):
    """FHIR request-priority, least urgent first (http://hl7.org/fhir/request-priority)."""

    ROUTINE = "routine"
    URGENT = "urgent"
    ASAP = "asap"
    STAT = "stat"

    @property
    def rank(self) -> int:
        """0 for routine to 3 for stat."""
        return list(Urgency).index(self)

    def reaches(self, least: Urgency) -> bool:
        """Whether it is at least that urgent."""
        return self.rank >= least.rank


KINDS: Final[dict[str, type[events.Event]]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyEvent)}
"""Every kind of event by its name in files and messages."""

MOST_URGENT: Final[dict[type[events.Event], Urgency]] = {
    events.RejectionSuspected: Urgency.STAT,
    events.RejectionProven: Urgency.STAT,
    events.ReportOverdue: Urgency.STAT,
    events.AdverseEventFound: Urgency.STAT,
    events.AdverseEventRetracted: Urgency.ASAP,
    events.RejectionRetracted: Urgency.ASAP,
    events.RejectionResolved: Urgency.ASAP,
    events.ReportDue: Urgency.ASAP,
    events.ToxicityGraded: Urgency.ASAP,
    events.ScreeningStatusChanged: Urgency.URGENT,
    events.RejectionWatched: Urgency.URGENT,
    events.ProgressionDated: Urgency.URGENT,
    events.SurveillanceGapFound: Urgency.URGENT,
    events.EndpointReached: Urgency.URGENT,
    events.PatientMerged: Urgency.URGENT,
    events.PatientUnmerged: Urgency.URGENT,
    events.SurveillanceGapClosed: Urgency.ROUTINE,
    events.CriterionChanged: Urgency.ROUTINE,
    events.ResearchStudyPublished: Urgency.ROUTINE,
    events.VisitResponseAssessed: Urgency.ROUTINE,
    events.BestResponseChanged: Urgency.ROUTINE,
}
"""How urgent the most urgent event of each kind is; a withdrawal as urgent as it is that people stop acting on what was told."""

HIGHEST: Final[dict[str, Urgency]] = {name: MOST_URGENT[kind] for name, kind in KINDS.items()}
"""The same by name: a rule that asks for more of a kind matches nothing."""


def urgency(event: AnyEvent) -> Urgency:
    """How soon somebody should look: the most urgent of its kind, but for what is less grave."""
    most = MOST_URGENT[type(event)]
    if isinstance(event, events.AdverseEventFound):
        return most if _LIFE_AND_DEATH & set(event.criteria) else Urgency.ASAP
    if isinstance(event, events.ToxicityGraded):
        return most if max(event.grade or 0, event.before or 0) >= _SEVERE else Urgency.URGENT
    if isinstance(event, events.ScreeningStatusChanged):
        return most if "eligible" in (event.status, event.before) else Urgency.ROUTINE
    return most
