"""Decides the form of a scenario: one patient's chart as data, and beside it what must be said.

Computes no clinical answer: it turns days into dates and puts the stated answers into the form of outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from services.cli.simulate.candidate import LIVER_TESTS, Chart
from services.cli.simulate.hospitals import Calendar
from services.cli.simulate.model import PHASES, ExpectedPatient, Status

Answer = Literal["met", "not met", "unknown", "conflict"]
VisitResponse = Literal["CR", "PR", "SD", "PD", "NE", "NON-CR/NON-PD"]
Level = Literal["none", "watch", "suspected", "proven"]

CRITERIA: Final = (*(f"I{n}" for n in range(1, 11)), "I11a", "I11b", "I11c", "I11d", "I11e")


@dataclass(frozen=True, kw_only=True)
class Response:
    """Responses by the visit's day, their best, the day of progression; without visits no best is stated."""

    visits: Mapping[int, VisitResponse] = field(default_factory=dict)
    best: VisitResponse | None = None
    confirmed: VisitResponse | None = None
    progression: int | None = None

    def as_json(self, calendar: Calendar) -> dict[str, Any]:
        """Plain JSON with dates."""
        stated: dict[str, Any] = {
            "visits": {calendar.text(day, "day"): answer for day, answer in sorted(self.visits.items())},
            "progression_on": None if self.progression is None else calendar.text(self.progression, "day"),
        }
        if self.visits:
            stated |= {"best_unconfirmed": self.best, "best_confirmed": self.confirmed}
        return stated


@dataclass(frozen=True, kw_only=True)
class Safety:
    """Level of rejection, worst grades that are not 0 (None: not gradable), serious adverse events."""

    rejection: Level = "none"
    severity: Literal["mild", "moderate", "severe"] | None = None
    endpoint: bool = False
    grades: Mapping[str, int | None] = field(default_factory=dict)
    tested: bool = True
    """Whether liver tests were done since the first dose."""
    events: Mapping[str, int] = field(default_factory=dict)
    """Cases within their window by kind: `death`, `stay`, `grade-4`, `hys-law`, `rejection`."""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON; the severity is stated of a proven rejection alone."""
        usual = dict.fromkeys(LIVER_TESTS, 0) if self.tested else {}
        stated: dict[str, Any] = {
            "rejection_level": self.rejection,
            "rejection_is_endpoint": self.endpoint,
            "worst_grades": {**usual, **self.grades},
            "adverse_events": dict(self.events),
        }
        if self.rejection == "proven":
            stated["rejection_severity"] = self.severity
        return stated


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One patient: the chart, how it is sent, and what must be said.

    `status` is one for all phases or one per phase. `answers` are the criteria that are not simply met; None:
    no criterion is stated. `site` None: either will do.
    """

    name: str
    title: str
    chart: Chart
    status: Status | tuple[Status, Status, Status]
    second: tuple[Status, Status, Status] | None = None
    """What is said of the patient's second chart, if the hospital has opened one, by phase."""
    answers: Mapping[str, Answer] | None = field(default_factory=dict)
    response: Response | None = None
    safety: Safety | None = None
    site: Literal["north", "south"] | None = None
    package: Literal["messages", "transaction", "collection"] = "messages"

    def expectation(self, site: str, patient: str, calendar: Calendar) -> ExpectedPatient:
        """What must be said of the patient, with dates."""
        by_phase = self.status if isinstance(self.status, tuple) else (self.status,) * len(PHASES)
        return self._expected(site, patient, by_phase, calendar)

    def of_second(self, site: str, patient: str) -> ExpectedPatient:
        """What must be said of the second chart: no criterion is stated of it."""
        assert self.second is not None, "asked only where there is one"
        return ExpectedPatient(
            site=site,
            patient=patient,
            scenario=f"{self.name}-second-chart",
            title=f"The second chart. {self.title}",
            screening={"status": self.second[-1], "criteria": {}},
            status_after_phase=dict(zip(PHASES, self.second, strict=True)),
        )

    def _expected(self, site: str, patient: str, by_phase: tuple[Status, ...], calendar: Calendar) -> ExpectedPatient:
        criteria = {} if self.answers is None else {**dict.fromkeys(CRITERIA, "met"), **self.answers}
        return ExpectedPatient(
            site=site,
            patient=patient,
            scenario=self.name,
            title=self.title,
            screening={"status": by_phase[-1], "criteria": criteria},
            status_after_phase=dict(zip(PHASES, by_phase, strict=True)),
            response=None if self.response is None else self.response.as_json(calendar),
            safety=None if self.safety is None else self.safety.as_json(),
        )
