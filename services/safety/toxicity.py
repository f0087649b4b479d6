"""Laboratory toxicity: decides worst and latest CTCAE grade and the course of each term after the first dose.

Does not decide what follows from a grade.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from services.safety import phrasing
from services.safety.laboratory import Course, Graded, LaboratoryTest
from services.safety.treated import Treated
from shared.outcomes import Outcome, cite, collect

KIND: Final = "toxicity"


def toxicities(patient: Treated, tests: Sequence[LaboratoryTest]) -> tuple[Outcome, ...]:
    """One outcome for each term with a result that is, or may be, of the time after the first dose."""
    return tuple(_toxicity(patient, test) for test in tests if test.graded or test.unusable)


def _toxicity(patient: Treated, test: LaboratoryTest) -> Outcome:
    worst, last = _worst(test.graded), _worst(test.latest) or next(iter(test.latest), None)
    content = {
        "term": test.term.name,
        "ctcae": patient.protocol.safety.ctcae_version.value,
        "worst_grade": worst.grading.grade if worst is not None else None,
        "worst_on": phrasing.iso(worst.occurred) if worst is not None else None,
        "worst_says": f"{worst.says_when}: {worst.grading.reason}" if worst is not None else None,
        "latest_grade": last.grading.grade if last is not None else None,
        "latest_on": phrasing.iso(last.occurred) if last is not None else None,
        "course": [_course(patient, course) for course in test.courses],
        "ungradable": list(test.ungradable),
    }
    used = [cite(g.fact, g.says) for g in (worst, last) if g is not None]
    return Outcome(
        KIND,
        test.term.id,
        content,
        collect([patient.first_dose], used, test.baseline_evidence, test.doubts),
    )


def _course(patient: Treated, course: Course) -> dict[str, Any]:
    """Onset, worst, resolution (the first value of grade 0 after it) and duration of one span.

    One whose onset lies within the immune-related window after the last dose may be attributed to the drug.
    """
    onset, worst, end = course.results[0].occurred, course.worst, course.resolved_by
    window = patient.protocol.safety.adverse_events.immune_related_window_days.value
    return {
        "onset_on": phrasing.iso(onset),
        "worst_grade": worst.grading.grade,
        "worst_on": phrasing.iso(worst.occurred),
        "worst_says": f"{worst.says_when}: {worst.grading.reason}",
        "resolved_on": phrasing.iso(end.occurred) if end is not None else None,
        "days": (end.occurred.day - onset.day).days + 1 if end is not None else None,
        "attributable": patient.within(onset, window),
    }


def _worst(results: Sequence[Graded]) -> Graded | None:
    """The first result of the highest proven grade."""
    proven = [r for r in results if r.grading.grade is not None]
    highest = max((r.grading.grade or 0 for r in proven), default=None)
    return next((r for r in proven if r.grading.grade == highest), None)
