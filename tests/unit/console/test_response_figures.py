"""How the response outcomes of a study become its figures."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from services.console.response_figures import VisitPoint, best_change, figures

ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))


def test_everyone_treated_is_in_the_denominator() -> None:
    """A responder, a patient with progression, and one without any assessment: one of three responds."""
    made = figures("study", ["north"], [*_responder(ONE), *_progressed(TWO), *_unassessed(THREE)], confirmed=True)
    assert (made.treated, made.orr.count, made.orr.of, made.orr_confirmed.count) == (3, 1, 3, 0)
    assert made.orr.low == pytest.approx(0.84, abs=0.01)  # Clopper-Pearson of 1 in 3: 0.84 % to 90.57 %
    assert made.orr.high == pytest.approx(90.57, abs=0.01)
    assert made.best == {"PR": 1, "PD": 1, "NE": 1}


def test_a_curve_falls_with_events_and_counts_who_is_at_risk() -> None:
    """Of three patients one progressed on day 57: two thirds are without event from then on."""
    made = figures("study", ["north"], [*_responder(ONE), *_progressed(TWO), *_unassessed(THREE)], confirmed=True)
    pfs = next(c for c in made.curves if c.endpoint == "PFS")
    assert (pfs.patients, pfs.events) == (3, 1)
    assert {p.day: round(p.percent, 1) for p in pfs.points} == {1: 100.0, 57: 50.0, 90: 50.0}
    assert pfs.at_risk == {0: 3}


def test_a_patient_without_a_first_dose_is_not_shown() -> None:
    """There is no endpoint to speak of."""
    made = figures("study", ["north"], [_row(ONE, "baseline", "", {"sum_mm": None})], confirmed=True)
    assert (made.treated, made.orr.percent, made.patients) == (0, None, [])


def test_the_best_change_ends_with_progression_and_with_a_new_therapy() -> None:
    """What comes after either is not the study drug's doing."""
    visits = [_visit(3, -20.0, "SD"), _visit(5, 25.0, "PD"), _visit(7, -60.0, "PR")]
    assert best_change(visits, None) == -20.0
    assert best_change(visits[:1] + visits[2:], None) == -60.0
    assert best_change(visits[:1] + visits[2:], date(2025, 6, 1)) == -20.0
    assert best_change([_visit(3, None, "NE")], None) is None


def _visit(month: int, change: float | None, response: str) -> VisitPoint:
    return VisitPoint(on=date(2025, month, 1), day=1, response=response, percent_from_baseline=change, sum_mm=None)


def _responder(patient: UUID) -> list[dict[str, Any]]:
    visit = {"visit_on": "2025-03-01", "response": "PR", "percent_from_baseline": "-40", "sum_mm": "60"}
    return [
        *_course(patient, "PR", "SD", 90, event=False, met=True),
        _row(patient, "assessment", "2025-03-01", visit),
    ]


def _progressed(patient: UUID) -> list[dict[str, Any]]:
    return _course(patient, "PD", "PD", 57, event=True, met=False)


def _unassessed(patient: UUID) -> list[dict[str, Any]]:
    return _course(patient, "NE", "NE", 1, event=False, met=False)


def _course(patient: UUID, best: str, confirmed: str, days: int, *, event: bool, met: bool) -> list[dict[str, Any]]:
    timed = {"start_on": "2025-01-01", "on": "2025-03-31", "days": days, "event": event, "what": "progression"}
    survival = timed | {"event": False, "what": "last known alive"}
    content = {"unconfirmed": best, "confirmed": confirmed, "new_therapy_on": None}
    return [
        _row(patient, "best-response", "", content),
        _row(patient, "progression", "", {"progression_on": "2025-02-26" if event else None}),
        _row(patient, "endpoint", "ORR", {"unconfirmed": met, "confirmed": False}),
        _row(patient, "endpoint", "DCR", {"unconfirmed": met, "confirmed": met}),
        _row(patient, "endpoint", "OS", survival),
        _row(patient, "endpoint", "PFS", timed),
    ]


def _row(patient: UUID, kind: str, subject: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"patient": patient, "site": "north", "kind": kind, "subject": subject, "content": content}
