"""Safety of one patient under one protocol: decides toxicity, rejection and adverse-event candidates.

Decides nothing before the first dose. Pure: the same timeline, protocol and time give the same outcomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from services.safety.adverse_events import adverse_events
from services.safety.announce import announce
from services.safety.liver import liver_tests
from services.safety.rejection import judge, outcome
from services.safety.rejection_signs import signs
from services.safety.toxicity import toxicities
from services.safety.treated import Treated, treated
from shared.facts import Attestation
from shared.outcomes import Evaluation
from shared.protocol.model import Protocol
from shared.timeline import Timeline

__all__ = ["RULES_VERSION", "announce", "evaluate"]

RULES_VERSION: Final = "safety-1"
_TICK: Final = timedelta(microseconds=1)
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
"""What some systems record as the end of what has none."""


def evaluate(timeline: Timeline, protocol: Protocol, at: datetime) -> Evaluation:
    """Every safety outcome at a time, and when the next may differ though nothing is recorded."""
    patient = treated(timeline, protocol, at)
    if patient is None:
        return Evaluation((), timeline.next_dated_after(at))
    tests = liver_tests(patient)
    rejection = judge(signs(patient, tests))
    outcomes = (
        *toxicities(patient, tests),
        outcome(rejection),
        *adverse_events(patient, tests, rejection),
    )
    return Evaluation(outcomes, min(_changes_by_time(timeline, patient), default=None))


def _changes_by_time(timeline: Timeline, patient: Treated) -> Iterator[datetime]:
    """Instants after `at` from which a fact counts, an attestation does not, or the risk window is closed."""
    upcoming = timeline.next_dated_after(patient.at)
    if upcoming is not None:
        yield upcoming
    closes_at = patient.closes_at(patient.protocol.safety.rejection.rejection_window_days.value)
    if closes_at > patient.at:
        yield closes_at
    for attestation in patient.timeline.of(Attestation):
        if attestation.expires is not None and patient.at <= attestation.expires.last < _END_OF_TIME:
            yield attestation.expires.last + _TICK
