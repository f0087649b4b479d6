"""The laboratory results of a treated patient: decides each baseline, grades every result after the dose.

Every term of the protocol's version of CTCAE; the liver tests are those that bear on rejection. Does not decide what a
grade means for the patient, nor chooses between results that disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, cast

from services.safety import phrasing
from services.safety.treated import Placed, Treated
from shared.dates import FhirDate
from shared.facts import Laboratory
from shared.outcomes import Evidence, cite
from shared.quantities import Quantity
from shared.rules.ctcae import VERSIONS, Direction, Grading, Reading, Term, grade, reading_of
from shared.timeline import clinical_order, latest

LIVER_TESTS: Final = ("alt", "ast", "alp", "ggt", "bilirubin-total")
_TERMS: Final = {(version, term.id): term for version, terms in VERSIONS.items() for term in terms}
_REMEMBERED: Final = 1 << 16


@dataclass(frozen=True)
class Graded:
    """A result after the first dose and its grade."""

    term: Term
    fact: Laboratory
    reading: Reading
    grading: Grading

    @property
    def occurred(self) -> FhirDate:
        """When the sample was taken."""
        return cast(FhirDate, self.fact.occurred)  # an undated result cannot lie after the first dose

    @property
    def says(self) -> str:
        """`ALT 412 U/L (grade 3)`."""
        bound = "" if self.grading.is_exact else "at least "
        stated = "not gradable" if self.grading.grade is None else f"{bound}grade {self.grading.grade}"
        return f"{self.term.short} {phrasing.amount(self.reading.value)} ({stated})"

    @property
    def says_when(self) -> str:
        """`ALT 412 U/L (grade 3) on 3 May 2024`."""
        return f"{self.says} on {phrasing.day(self.occurred)}"

    @property
    def grade_were_the_baseline_normal(self) -> int:
        """The grade that it proves by the limit alone, whatever the baseline; 0 where there is no limit."""
        limit = self.reading.high
        if limit is None or limit.value <= 0:
            return 0
        return grade(self.term, self.reading, Reading(limit, high=limit)).grade or 0

    def reached(self, wanted: int) -> bool:
        """Whether the result proves at least this grade."""
        return self.grading.grade is not None and self.grading.grade >= wanted


@dataclass(frozen=True)
class Course:
    """One span of days with a grade, in clinical order: from its onset to the result of grade 0 that ended it."""

    results: tuple[Graded, ...]
    resolved_by: Graded | None

    @property
    def worst(self) -> Graded:
        """The first result of the highest grade."""
        return max(self.results, key=lambda g: g.grading.grade or 0)


@dataclass(frozen=True)
class LaboratoryTest:
    """One graded term of one patient: its baseline and everything after the first dose, in clinical order."""

    term: Term
    baseline: Laboratory | None
    graded: tuple[Graded, ...]
    unusable: tuple[tuple[Laboratory, str], ...]
    """Results that may lie after the first dose and cannot be graded at all, with the reason."""

    @property
    def baseline_reading(self) -> Reading | None:
        """The baseline with its own limits."""
        return reading_of(self.baseline, self.term) if self.baseline is not None else None

    @property
    def preliminary(self) -> tuple[Laboratory, ...]:
        """Values of after the first dose that are not final yet."""
        return tuple(f for f, _ in self.unusable if not f.final and f.value is not None)

    @cached_property
    def latest(self) -> tuple[Graded, ...]:
        """The last result, or those that their dates cannot order."""
        last = latest([g.fact for g in self.graded])
        return tuple(g for g in self.graded if g.fact in last)

    @cached_property
    def courses(self) -> tuple[Course, ...]:
        """Each span of days with a grade; a value that cannot be graded, or has no day, neither begins nor ends one."""
        found: list[Course] = []
        current: list[Graded] = []
        for result in self.graded:
            if result.grading.grade is None or not result.occurred.has_day:
                continue
            if result.grading.grade:
                current.append(result)
            elif current:
                found.append(Course(tuple(current), result))
                current = []
        return (*found, *([Course(tuple(current), None)] if current else []))

    @property
    def ungradable(self) -> tuple[str, ...]:
        """Every result whose grade is not exactly known, with the reason."""
        inexact = [f"{g.says_when}: {g.grading.reason}" for g in self.graded if not g.grading.is_exact]
        unread = [f"{self.term.short} on {phrasing.day(f.occurred)}: {reason}" for f, reason in self.unusable]
        return tuple(dict.fromkeys(inexact + unread))

    @property
    def doubts(self) -> tuple[Evidence, ...]:
        """The results that `ungradable` speaks of."""
        inexact = [cite(g.fact, g.says) for g in self.graded if not g.grading.is_exact]
        return (*inexact, *(cite(f, f"{self.term.short}: {reason}") for f, reason in self.unusable))

    @property
    def baseline_evidence(self) -> tuple[Evidence, ...]:
        """The baseline as evidence."""
        if self.baseline is None:
            return ()
        value = cast(Quantity, self.baseline.value)  # chosen among results with a value
        return (cite(self.baseline, f"baseline {self.term.short} {phrasing.amount(value)}"),)


def laboratory_tests(patient: Treated) -> tuple[LaboratoryTest, ...]:
    """Every term of the protocol's version of CTCAE, in fixed order; one without any result is there, and empty."""
    version = patient.protocol.safety.ctcae_version.value
    return tuple(_test(patient, version, term) for term in VERSIONS[version])


def liver_tests(tests: Sequence[LaboratoryTest]) -> tuple[LaboratoryTest, ...]:
    """Those of them that bear on the graft."""
    return tuple(test for test in tests if test.term.concept in LIVER_TESTS)


def results_of(tests: Sequence[LaboratoryTest], *concepts: str) -> tuple[Graded, ...]:
    """The graded results of these tests."""
    return tuple(g for test in tests if test.term.concept in concepts for g in test.graded)


def baseline_of(tests: Sequence[LaboratoryTest], concept: str) -> Reading | None:
    """The baseline of one test."""
    return next((test.baseline_reading for test in tests if test.term.concept == concept), None)


def _test(patient: Treated, version: str, term: Term) -> LaboratoryTest:
    results = _results(patient, term)
    if not results:
        return LaboratoryTest(term, None, (), ())
    baseline = _baseline(patient, results, term.direction)
    graded, unusable = [], []
    for fact in results:
        reason = _unusable(patient, fact)
        if reason is not None:
            unusable.append((fact, reason))
        elif patient.place(fact.occurred) is Placed.AFTER:
            graded.append(_graded(version, term, fact, baseline))
    return LaboratoryTest(term, baseline, tuple(graded), tuple(unusable))


def _results(patient: Treated, term: Term) -> Sequence[Laboratory]:
    found = [patient.timeline.about(Laboratory, concept) for concept in term.concepts]
    return found[0] if len(found) == 1 else sorted((f for facts in found for f in facts), key=clinical_order)


def _graded(version: str, term: Term, fact: Laboratory, baseline: Laboratory | None) -> Graded:
    reading = cast(Reading, reading_of(fact, term))  # what has no value is unusable
    base = reading_of(baseline, term, like=fact) if baseline is not None else None
    return Graded(term, fact, reading, _grading(version, term.id, reading, base))


@lru_cache(maxsize=_REMEMBERED)
def _grading(version: str, term_id: str, reading: Reading, base: Reading | None) -> Grading:
    """A grade depends on values alone, and each evaluation grades all that is known of a patient: so it is remembered."""
    return grade(_TERMS[version, term_id], reading, base)


def _baseline(patient: Treated, results: Sequence[Laboratory], toxic: Direction) -> Laboratory | None:
    """The last final value before the first dose, within the protocol's days.

    A sample of the day of the first dose whose time settles nothing counts as before it, since blood is
    taken before the infusion; a later one never is a baseline. Of several last values that their dates cannot
    order, the one furthest from toxicity counts: from there a change is the greatest.
    """
    span = patient.protocol.safety.rejection.baseline_days.value
    eligible = [
        fact
        for fact in results
        if fact.final
        and fact.value is not None
        and patient.place(fact.occurred) in (Placed.BEFORE, Placed.SAME_DAY)
        and (patient.first_on - cast(FhirDate, fact.occurred).day).days <= span
    ]
    sign = 1 if toxic is Direction.INCREASED else -1
    return min(latest(eligible), key=lambda f: (sign * cast(Quantity, f.value).value, str(f.fact_id)), default=None)


def _unusable(patient: Treated, fact: Laboratory) -> str | None:
    """Why a result that is, or may be, of the time after the first dose cannot be graded."""
    match patient.place(fact.occurred):
        case Placed.BEFORE | Placed.SAME_DAY:
            return None
        case Placed.UNKNOWN:
            return "its date does not tell whether it was taken before or after the first dose"
        case Placed.AFTER if not fact.final:
            return "not final yet"
        case Placed.AFTER if fact.value is None:
            return f"no value ({fact.absent_reason or fact.text or 'no reason given'})"
        case _:
            return None
