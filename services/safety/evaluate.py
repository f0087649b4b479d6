"""Safety of one patient under one protocol: decides toxicity, rejection and adverse-event candidates.

Decides nothing before the first dose. Pure: the same timeline, protocol and time give the same outcomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from services.safety import adverse_events, surveillance
from services.safety.adverse_events import Reviewed
from services.safety.announce import announce
from services.safety.cases import find, inpatient_stays, prolonged_from
from services.safety.laboratory import laboratory_tests, liver_tests
from services.safety.rejection import judge, outcome
from services.safety.rejection_signs import signs
from services.safety.surveillance import Surveillance
from services.safety.toxicity import toxicities
from services.safety.treated import Treated, treated
from shared.facts import Attestation
from shared.outcomes import Evaluation
from shared.protocol.model import Protocol
from shared.timeline import Timeline

__all__ = ["RULES_VERSION", "announce", "evaluate"]

RULES_VERSION: Final = "safety-5"
_TICK: Final = timedelta(microseconds=1)
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
"""What some systems record as the end of what has none."""


def evaluate(timeline: Timeline, protocol: Protocol, at: datetime) -> Evaluation:
    """Every safety outcome at a time, and when the next may differ though nothing is recorded."""
    patient = treated(timeline, protocol, at)
    if patient is None:
        return Evaluation((), timeline.next_dated_after(at))
    tests = laboratory_tests(patient)
    rejection = judge(signs(patient, liver_tests(tests)))
    cases = adverse_events.reviewed(patient, find(patient, tests, rejection))
    watched = surveillance.surveillance(patient)
    outcomes = (
        *toxicities(patient, tests),
        outcome(rejection),
        surveillance.outcome(watched),
        *adverse_events.outcomes(cases),
    )
    upcoming = (*_changes_by_time(timeline, patient), *_deadlines(patient, cases, watched))
    return Evaluation(outcomes, min(upcoming, default=None))


def _deadlines(patient: Treated, cases: tuple[Reviewed, ...], watched: Surveillance) -> Iterator[datetime]:
    """Instants after `at` at which a report or a liver test comes due, or a planned stay becomes a prolonged one."""
    prolonged = (prolonged_from(patient, stay) for stay in inpatient_stays(patient))
    instants = (*adverse_events.changes_at(cases), *surveillance.changes_at(watched), *prolonged)
    return (instant for instant in instants if instant is not None and instant > patient.at)


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
