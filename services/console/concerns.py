"""Which events concern whom at once: what the page Today lists until somebody takes notice. Decides no event.

What changes day by day without asking for anything (a criterion's answer, a lower grade) is not listed: the patient's page
has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from services.console.access import Role
from shared import events
from shared.events import Event


class Concern(msgspec.Struct, frozen=True):
    """Whom an event concerns, and how much: 1 now, 2 today, 3 this week."""

    urgency: int
    roles: frozenset[Role]


_CARE: Final = frozenset({Role.INVESTIGATOR, Role.SAFETY_OFFICER})
_SITE: Final = frozenset({Role.COORDINATOR, Role.INVESTIGATOR})
_ALL: Final = frozenset({Role.COORDINATOR, Role.INVESTIGATOR, Role.SAFETY_OFFICER})

CONCERNS: Final[Mapping[type[Event], Concern]] = MappingProxyType(
    {
        events.RejectionProven: Concern(1, _CARE),
        events.RejectionSuspected: Concern(1, _CARE),
        events.AdverseEventFound: Concern(1, _CARE),
        events.ReportOverdue: Concern(1, _ALL),
        events.ReportDue: Concern(1, _ALL),
        events.RejectionWatched: Concern(2, _CARE),
        events.RejectionResolved: Concern(2, _CARE),
        events.RejectionRetracted: Concern(2, _CARE),
        events.AdverseEventRetracted: Concern(2, _CARE),
        events.ToxicityGraded: Concern(2, _CARE),
        events.ProgressionDated: Concern(2, _SITE),
        events.ScreeningStatusChanged: Concern(2, _SITE),
        events.PatientMerged: Concern(2, _ALL),
        events.PatientUnmerged: Concern(2, _ALL),
        events.SurveillanceGapFound: Concern(3, _ALL),
        events.SurveillanceGapClosed: Concern(3, _ALL),
        events.BestResponseChanged: Concern(3, frozenset({Role.INVESTIGATOR})),
    }
)
"""A monitor and an administrator are shown everything and asked for nothing."""

LOWEST_GRADE: Final = 3
"""CTCAE grade from which a laboratory toxicity concerns somebody at once."""


def types_for(roles: Iterable[Role]) -> dict[str, int]:
    """The CloudEvents types that concern somebody in any of these roles, with their urgency; all for one who only reads."""
    held = set(roles)
    reads_only = not held & _ALL
    return {
        type_name(kind): concern.urgency for kind, concern in CONCERNS.items() if reads_only or concern.roles & held
    }


def type_name(kind: type[Event]) -> str:
    """The CloudEvents type of a kind of event."""
    return f"graftwatch.{kind.__struct_config__.tag}.v1"
