"""Small rules for tests of the shell around rules: they count a patient's facts, and fail or expire when told to.

They decide nothing clinical; their events are those of screening, since the catalogue of events is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.events import AnyEvent, ScreeningStatusChanged
from shared.outcomes import Evaluation, Outcome, cite
from shared.protocol.model import Protocol
from shared.timeline import Timeline


@dataclass
class CountingRules:
    """One outcome: how many facts the timeline has. Evaluates nothing for `failing`, stores nothing for `unstorable`."""

    RULES_VERSION: str = "1"
    failing: set[UUID] = field(default_factory=set)
    unstorable: set[UUID] = field(default_factory=set)
    valid_until: Callable[[datetime], datetime | None] = lambda _at: None
    dated: bool = False
    """Whether the outcome says when it was evaluated, so that each evaluation is news."""

    def evaluate(self, timeline: Timeline, protocol: Protocol, at: datetime) -> Evaluation:
        """The number of facts, with each of them as evidence."""
        del protocol
        if timeline.patient in self.failing:
            raise ArithmeticError("a fault in the rules")
        content: dict[str, Any] = {"facts": len(timeline.facts)}
        if timeline.patient in self.unstorable:
            content["says"] = "\0"
        if self.dated:
            content["at"] = at.isoformat()
        evidence = tuple(sorted(cite(f, "a fact") for f in timeline.facts))
        return Evaluation((Outcome("count", "", content, evidence),), self.valid_until(at))

    def announce(
        self, patient: UUID, protocol: Protocol, before: Outcome | None, after: Outcome | None
    ) -> tuple[AnyEvent, ...]:
        """Every change."""
        return (
            ScreeningStatusChanged(
                patient=patient,
                protocol=protocol.id,
                protocol_version=protocol.version,
                subject="",
                sentence="another number of facts",
                before=_number(before),
                status=_number(after) or "none",
            ),
        )


def _number(outcome: Outcome | None) -> str | None:
    return None if outcome is None else str(outcome.content["facts"])
