"""What bears on graft rejection, gathered and placed once. Decides no level of suspicion.

What lies before the first dose is history: it is shown, and no rule sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar, cast

from services.safety import phrasing
from services.safety.biopsy import Biopsy, biopsies, unreadable_scores
from services.safety.hys_law import HysLaw, hys_law
from services.safety.laboratory import Graded, LaboratoryTest
from services.safety.treated import Placed, Treated
from shared.dates import FhirDate, on_or_before_day
from shared.facts import Attestation, Diagnosis, PathologyReport
from shared.outcomes import Evidence, Verdict, cite
from shared.rules.ctcae import Direction, Reading, baseline_is_abnormal, has_risen
from shared.timeline import latest

F = TypeVar("F")
REJECTION: Final = frozenset({"liver-transplant-rejection", "liver-transplant-chronic-rejection"})
ADJUDICATED: Final = "rejection-adjudicated"


@dataclass(frozen=True)
class Signs:
    """What bears on rejection after the first dose, each in clinical order."""

    patient: Treated
    tests: tuple[LaboratoryTest, ...]
    biopsies: tuple[Biopsy, ...]
    reports: tuple[PathologyReport, ...]
    diagnoses: tuple[Diagnosis, ...]
    """Rejection diagnoses of after the first dose, or of an unknown time; refuted ones too."""
    adjudications: tuple[Attestation, ...]
    """The last adjudication, or several that their dates cannot order."""
    hys_law: HysLaw
    history: tuple[str, ...]
    ungradable: tuple[str, ...]
    doubts: tuple[Evidence, ...]

    @cached_property
    def results(self) -> tuple[Graded, ...]:
        """Every graded liver test within the risk window."""
        return tuple(g for results in self.results_by_test for g in results)

    @cached_property
    def results_by_test(self) -> tuple[tuple[Graded, ...], ...]:
        """The same, test by test."""
        days = self.patient.protocol.safety.rejection.rejection_window_days.value
        return tuple(tuple(g for g in t.graded if self.patient.within(g.occurred, days) is True) for t in self.tests)

    @cached_property
    def _lowest_before(self) -> dict[int, Graded]:
        """Of a test whose baseline was raised the lowest exact value since the first dose, before the day of each result."""
        found: dict[int, Graded] = {}
        for test in self.tests:
            if baseline_is_abnormal(test.baseline_reading, Direction.INCREASED) is not True:
                continue
            lowest, of_the_day = None, list[Graded]()
            for result in (g for g in test.graded if g.occurred.has_day):
                if of_the_day and of_the_day[0].occurred.day < result.occurred.day:
                    exact = [g for g in (*of_the_day, lowest) if g is not None and g.reading.value.comparator is None]
                    lowest, of_the_day = min(exact, key=lambda g: g.reading.value.value, default=None), []
                of_the_day.append(result)
                if lowest is not None:
                    found[id(result)] = lowest
        return found

    def risen_from(self, result: Graded) -> Graded | None:
        """The value under treatment from which a result has risen again, where the baseline itself was raised.

        Above such a baseline a graft may reject unseen, once the first cause is gone: so what counts is the lowest
        value since, for results that would be of `suspected_grade_with_cause` if the baseline had been normal.
        """
        rules, lowest = self.patient.protocol.safety.rejection, self._lowest_before.get(id(result))
        if lowest is None or result.grade_were_the_baseline_normal < rules.suspected_grade_with_cause.value:
            return None
        return lowest if has_risen(rules.watch_rise.value, result.reading, lowest.reading) else None

    @cached_property
    def baselines(self) -> dict[str, Reading | None]:
        """The baseline of each liver test."""
        return {test.term.concept: test.baseline_reading for test in self.tests}

    @cached_property
    def _found(self) -> dict[Callable[[Signs], Iterable[Any]], tuple[Any, ...]]:
        return {}

    def found(self, find: Callable[[Signs], Iterable[F]]) -> tuple[F, ...]:
        """What a rule finds: looked for once, however many ask."""
        if find not in self._found:
            self._found[find] = tuple(find(self))
        return self._found[find]

    @property
    def adjudication(self) -> Attestation | None:
        """The adjudication that stands; None if there is none, or if the last ones contradict each other."""
        return self.adjudications[0] if len({a.value for a in self.adjudications}) == 1 else None

    @property
    def negative(self) -> Attestation | None:
        """The standing adjudication that this is no rejection."""
        standing = self.adjudication
        return standing if standing is not None and not standing.value else None

    def is_settled(self, onset: FhirDate | None) -> bool:
        """Whether the negative adjudication came on or after the day of a suspicion, and so answers it."""
        if self.negative is None or self.negative.occurred is None:
            return False
        return onset is None or on_or_before_day(onset, self.negative.occurred) is not False


def signs(patient: Treated, tests: tuple[LaboratoryTest, ...]) -> Signs:
    """Gather what is recorded."""
    samples = biopsies(patient.timeline)
    diagnoses = [d for d in patient.timeline.of(Diagnosis) if d.concept in REJECTION]
    reports = [r for r in patient.timeline.of(PathologyReport) if REJECTION & set(r.concludes)]
    law = hys_law(tests)
    adjudications = _adjudications(patient)
    return Signs(
        patient,
        tests,
        tuple(b for b in samples if patient.place(b.occurred) is not Placed.BEFORE),
        tuple(r for r in reports if patient.place(r.occurred) is not Placed.BEFORE),
        tuple(d for d in diagnoses if patient.place(d.occurred) is not Placed.BEFORE),
        latest(adjudications),
        law,
        _history(patient, samples, diagnoses),
        (*_ungradable(patient, tests, samples, law), *_contradictions(latest(adjudications))),
        (
            *(e for test in tests for e in test.doubts),
            *(cite(r, "no coded diagnosis") for r in _unread_reports(patient)),
        ),
    )


def _adjudications(patient: Treated) -> list[Attestation]:
    """Adjudications in force, not before the first dose; any focus, as a patient has one rejection case."""
    return [
        a
        for a in patient.timeline.of(Attestation)
        if a.code == ADJUDICATED
        and patient.place(a.occurred) in (Placed.AFTER, Placed.SAME_DAY)
        and (a.expires is None or a.expires.last >= patient.at)
    ]


def _history(patient: Treated, samples: Sequence[Biopsy], diagnoses: Sequence[Diagnosis]) -> tuple[str, ...]:
    """Rejection before the first dose: history, not an event of the trial."""
    old_biopsies = [b.says for b in samples if b.lowest and patient.place(b.occurred) is Placed.BEFORE]
    old_diagnoses = [
        f"rejection diagnosis ({d.verification or 'not verified'}) of {phrasing.day(d.occurred)}"
        for d in diagnoses
        if d.verification != "refuted" and patient.place(d.occurred) is Placed.BEFORE
    ]
    return tuple(f"{says}, before the first dose" for says in dict.fromkeys(old_biopsies + old_diagnoses))


def _ungradable(
    patient: Treated, tests: Sequence[LaboratoryTest], samples: Sequence[Biopsy], law: HysLaw
) -> tuple[str, ...]:
    reasons = [reason for test in tests for reason in test.ungradable]
    reasons += [
        f"pathology report of {phrasing.day(r.occurred)} states no coded diagnosis: it must be read"
        for r in _unread_reports(patient)
    ]
    reasons += [
        f"{b.says}: the index may be up to {b.highest}"
        for b in samples
        if b.severity is None and patient.place(b.occurred) is not Placed.BEFORE
    ]
    reasons += [
        f"biopsy score {s.component} on {phrasing.day(s.occurred)}: no day, or not between 0 and 3"
        for s in unreadable_scores(patient.timeline)
        if patient.place(s.occurred) is not Placed.BEFORE
    ]
    if law.verdict is Verdict.UNKNOWN:
        reasons.append(law.says)
    return tuple(dict.fromkeys(reasons))


def _unread_reports(patient: Treated) -> list[PathologyReport]:
    """Reports of pathology in words alone, or by codes that mean nothing here."""
    reports = patient.timeline.of(PathologyReport)
    return [r for r in reports if not r.concludes and patient.place(r.occurred) is not Placed.BEFORE]


def _contradictions(adjudications: Sequence[Attestation]) -> tuple[str, ...]:
    if len({a.value for a in adjudications}) < 2:
        return ()
    on = phrasing.day(cast(FhirDate, adjudications[0].occurred))
    return (f"adjudications of {on} contradict each other: none of them counts",)


def cite_adjudication(attestation: Attestation) -> Evidence:
    """An adjudication as evidence."""
    return cite(attestation, "adjudicated as rejection" if attestation.value else "adjudicated as no rejection")
