"""The course of graft rejection: decides its episodes, the steps of each with their days, and how the last one stands.

Does not decide the level of rejection; it orders by time what the rules found, so that staff see one event with a
history, not one alarm for each value, and hear of it again when an episode that was over is followed by another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from services.safety.immunosuppression import causes_near
from services.safety.laboratory import Graded
from services.safety.rejection_findings import (
    SUSPICIONS,
    Finding,
    adjudicated,
    biopsy_with_diagnosis,
    confirmed_diagnosis,
    severe_if_final,
)
from services.safety.rejection_signs import Signs
from shared.rules.ctcae import has_risen

_PROOFS: Final = (biopsy_with_diagnosis, confirmed_diagnosis, adjudicated)
LEVELS: Final = ("none", "watch", "suspected", "proven")
ENDS: Final = ("resolved", "refuted")
_RESOLVED, _REFUTED = ENDS
_STEPS: Final = {"watch": "watched", "suspected": "escalated", "proven": "proven"}


@dataclass(frozen=True)
class _Mark:
    """A day on which something raised the level of an episode to this, in words."""

    on: date
    rank: int
    says: str


@dataclass
class _Episode:
    """One episode while it is read: its highest level, its steps, the last day on which something spoke for it."""

    level: int = 0
    marked_on: date | None = None
    steps: list[dict[str, str]] = field(default_factory=list)
    end: str | None = None

    def mark(self, mark: _Mark) -> None:
        self.marked_on = mark.on
        if mark.rank > self.level:
            first = not self.steps and mark.rank < LEVELS.index("proven")
            self.steps.append(_step(mark.on, "opened" if first else _STEPS[LEVELS[mark.rank]], mark.says))
            self.level = mark.rank

    def close(self, on: date, how: str, says: str) -> None:
        self.end = how
        self.steps.append(_step(on, how, says))


def episode(signs: Signs) -> dict[str, Any]:
    """Every step; of the last episode its number, when it opened, its highest level and how it stands.

    Opened by the first rise or suspicion, escalated, proven; resolved by tests that are no longer risen, or refuted
    by an adjudication. What comes after that opens the next one.
    """
    episodes = _episodes(signs)
    last = episodes[-1] if episodes else _Episode()
    return {
        "state": last.end or LEVELS[last.level],
        "number": len(episodes),
        "opened_on": last.steps[0]["on"] if last.steps else None,
        "level": LEVELS[last.level],
        "steps": [step for each in episodes for step in each.steps],
    }


def _episodes(signs: Signs) -> list[_Episode]:
    marks, tests = sorted(_marks(signs), key=lambda m: (m.on, -m.rank, m.says)), _by_day(signs)
    refuted_on = _refuted_on(signs)
    days = sorted({*(m.on for m in marks), *tests, *([refuted_on] if refuted_on is not None else [])})
    found: list[_Episode] = []
    last: dict[str, list[Graded]] = {}
    for day in days:
        for mark in (m for m in marks if m.on == day):
            if not found or found[-1].end is not None:
                found.append(_Episode())
            found[-1].mark(mark)
        last |= tests.get(day, {})
        if found and found[-1].end is None:
            _end(signs, found[-1], day, last, refuted_on)
    return found


def _end(signs: Signs, current: _Episode, day: date, last: dict[str, list[Graded]], refuted_on: date | None) -> None:
    """Refuted by the adjudication of that day; resolved when each test's last result is later and not risen."""
    if day == refuted_on:
        current.close(day, _REFUTED, "adjudicated as no rejection")
        return
    since, results = current.marked_on, [r for found in last.values() for r in found]
    if since is None or not results or any(r.occurred.day <= since for r in results):
        return
    if all(_is_risen(signs, r) is False for r in results):
        current.close(day, _RESOLVED, "every last liver test is back at the baseline or normal")


def _marks(signs: Signs) -> Iterator[_Mark]:
    wanted, with_cause = (
        signs.patient.protocol.safety.rejection.suspected_grade.value,
        signs.patient.protocol.safety.rejection.suspected_grade_with_cause.value,
    )
    for result in signs.results:
        if not result.occurred.has_day:
            continue
        on = result.occurred.day
        is_suspicion = result.reached(wanted) or (result.reached(with_cause) and causes_near(signs.patient, on))
        if is_suspicion:
            yield _Mark(on, LEVELS.index("suspected"), result.says)
        elif _is_risen(signs, result):
            yield _Mark(on, LEVELS.index("watch"), result.says)
    yield from _found(signs, (severe_if_final,), "watch")
    yield from _found(signs, SUSPICIONS, "suspected")
    yield from _found(signs, _PROOFS, "proven")


def _found(signs: Signs, rules: Iterable[Any], level: str) -> Iterator[_Mark]:
    findings: list[Finding] = [f for find in rules for f in signs.found(find)]
    for finding in findings:
        if finding.onset is not None and finding.onset.has_day:
            yield _Mark(finding.onset.day, LEVELS.index(level), finding.says)


def _is_risen(signs: Signs, result: Graded) -> bool | None:
    """Whether it had risen from the patient's own baseline; without a baseline, whether it is not known to be normal."""
    baseline = signs.baselines[result.term.concept]
    if baseline is None:
        return False if result.grading.grade == 0 and result.grading.is_exact else None
    risen = has_risen(signs.patient.protocol.safety.rejection.watch_rise.value, result.reading, baseline)
    return True if risen is not True and signs.risen_from(result) is not None else risen


def _by_day(signs: Signs) -> dict[date, dict[str, list[Graded]]]:
    days: dict[date, dict[str, list[Graded]]] = {}
    for test in signs.tests:
        for result in test.graded:
            if result.occurred.has_day:
                days.setdefault(result.occurred.day, {}).setdefault(test.term.concept, []).append(result)
    return days


def _refuted_on(signs: Signs) -> date | None:
    on = signs.negative.occurred if signs.negative is not None else None
    return on.day if on is not None and on.has_day else None


def _step(on: date, step: str, says: str) -> dict[str, str]:
    return {"on": on.isoformat(), "step": step, "says": says}
