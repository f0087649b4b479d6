"""Compares what the services concluded with what the simulation built in, statement by statement. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from services.cli.simulate.model import ExpectedPatient

Outcomes = Mapping[tuple[str, str], Mapping[str, Any]]
"""Contents of a patient's current outcomes of one service by (kind, subject)."""


class Check(msgspec.Struct, frozen=True):
    """One statement of the expectation beside what was concluded (None: nothing)."""

    site: str
    patient: str
    scenario: str
    what: str
    expected: Any
    concluded: Any

    @property
    def matches(self) -> bool:
        """Whether they are the same."""
        return bool(self.expected == self.concluded)


def check(expected: ExpectedPatient, screening: Outcomes, response: Outcomes, safety: Outcomes) -> list[Check]:
    """Every statement about one patient; what must not be there is a statement too."""
    pairs = [
        *_screening(expected, screening),
        *_response(expected.response, response),
        *_safety(expected.safety, safety),
    ]
    return [Check(expected.site, expected.patient, expected.scenario, *pair) for pair in pairs]


def _screening(expected: ExpectedPatient, outcomes: Outcomes) -> Iterator[tuple[str, Any, Any]]:
    concluded = outcomes.get(("screening", ""), {})
    status = "merged" if ("merged", "") in outcomes else concluded.get("status")
    yield "screening.status", expected.screening["status"], status
    verdicts = {c["id"]: c["verdict"] for c in _criteria(concluded.get("criteria", ()))}
    for criterion, verdict in sorted(expected.screening.get("criteria", {}).items()):
        yield f"screening.{criterion}", verdict, verdicts.get(criterion)


def _criteria(listed: Any) -> Iterator[Mapping[str, Any]]:
    for criterion in listed:
        yield criterion
        yield from _criteria(criterion.get("criteria") or ())


def _response(expected: Mapping[str, Any] | None, outcomes: Outcomes) -> Iterator[tuple[str, Any, Any]]:
    visits = {subject: c["response"] for (kind, subject), c in sorted(outcomes.items()) if kind == "assessment"}
    if expected is None:
        yield "response.visits", {}, visits
        return
    yield "response.visits", dict(expected.get("visits", {})), visits
    best, progression = outcomes.get(("best-response", ""), {}), outcomes.get(("progression", ""), {})
    if "best_unconfirmed" in expected:
        yield "response.best_unconfirmed", expected["best_unconfirmed"], best.get("unconfirmed")
    if "best_confirmed" in expected:
        yield "response.best_confirmed", expected["best_confirmed"], best.get("confirmed")
    if "progression_on" in expected:
        yield "response.progression_on", expected["progression_on"], progression.get("progression_on")


def _safety(expected: Mapping[str, Any] | None, outcomes: Outcomes) -> Iterator[tuple[str, Any, Any]]:
    events = Counter(
        subject.partition("/")[0]
        for (kind, subject), c in outcomes.items()
        if kind == "adverse-event" and c["in_window"] is not False
    )
    rejection = outcomes.get(("rejection", ""), {})
    if expected is None:
        yield "safety.rejection_level", "none", rejection.get("level", "none")
        yield "safety.adverse_events", {}, dict(events)
        return
    yield "safety.rejection_level", expected["rejection_level"], rejection.get("level")
    for key, name in (("rejection_severity", "severity"), ("rejection_is_endpoint", "is_endpoint")):
        if key in expected:
            yield f"safety.{key}", expected[key], rejection.get(name)
    for term, grade in sorted(expected.get("worst_grades", {}).items()):
        yield f"safety.worst_grade.{term}", grade, outcomes.get(("toxicity", term), {}).get("worst_grade")
    yield "safety.adverse_events", dict(expected.get("adverse_events", {})), dict(events)
