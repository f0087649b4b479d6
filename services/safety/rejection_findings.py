"""What each rule of graft rejection looks for: biopsies, diagnoses, adjudications, liver tests.

Decides what is found and since when; which rule says so, at which level and from which source, is
`rejection_rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from services.safety import phrasing
from services.safety.biopsy import INDETERMINATE_FROM, REJECTION_FROM, Biopsy
from services.safety.immunosuppression import causes_near
from services.safety.laboratory import Graded, LaboratoryTest
from services.safety.rejection_signs import Signs, cite_adjudication
from services.safety.treated import Placed
from shared import dates
from shared.dates import FhirDate
from shared.facts import Diagnosis, PathologyReport
from shared.outcomes import Evidence, cite
from shared.rules.ctcae import Reading, grade, has_risen, reading_of


@dataclass(frozen=True)
class Finding:
    """What a rule found: in words, since when, on what evidence; the severity where a biopsy states it."""

    says: str
    onset: FhirDate | None
    evidence: tuple[Evidence, ...]
    severity: str | None = None


def biopsy_with_diagnosis(signs: Signs) -> Iterable[Finding]:
    for biopsy in signs.biopsies:
        diagnosis = _pathologists_diagnosis(signs, biopsy)
        if biopsy.lowest >= REJECTION_FROM and diagnosis:
            evidence = (*biopsy.evidence, *diagnosis)
            says = f"{biopsy.says} and the pathologist's diagnosis"
            yield Finding(says, biopsy.occurred, evidence, biopsy.severity)


def confirmed_diagnosis(signs: Signs) -> Iterable[Finding]:
    for diagnosis in signs.diagnoses:
        if diagnosis.verification == "confirmed" and _is_of_the_trial(signs, diagnosis):
            yield _diagnosed(diagnosis)


def adjudicated(signs: Signs) -> Iterable[Finding]:
    standing = signs.adjudication
    if standing is not None and standing.value:
        suspicions = [f.onset for find in SUSPICIONS for f in signs.found(find) if f.onset is not None]
        adjudicated_on = cast(FhirDate, standing.occurred)
        earlier = [onset for onset in suspicions if onset.day <= adjudicated_on.day]
        onset = min(earlier, key=lambda d: d.first, default=adjudicated_on)
        says = f"adjudicated as rejection on {phrasing.day(adjudicated_on)}"
        yield Finding(says, onset, (cite_adjudication(standing),))


def biopsy_without_diagnosis(signs: Signs) -> Iterable[Finding]:
    for biopsy in signs.biopsies:
        if biopsy.lowest >= REJECTION_FROM and not _pathologists_diagnosis(signs, biopsy):
            says = f"{biopsy.says} without a pathologist's diagnosis"
            yield Finding(says, biopsy.occurred, biopsy.evidence, biopsy.severity)


def indeterminate_biopsy(signs: Signs) -> Iterable[Finding]:
    for biopsy in signs.biopsies:
        if INDETERMINATE_FROM <= biopsy.lowest < REJECTION_FROM:
            yield Finding(biopsy.says, biopsy.occurred, biopsy.evidence, biopsy.severity)


def unconfirmed_diagnosis(signs: Signs) -> Iterable[Finding]:
    for diagnosis in signs.diagnoses:
        if diagnosis.verification not in ("confirmed", "refuted") and _is_of_the_trial(signs, diagnosis):
            yield _diagnosed(diagnosis)


def reported_diagnosis(signs: Signs) -> Iterable[Finding]:
    for report in signs.reports:
        says = f"pathology report of {phrasing.day(report.occurred)} concludes rejection"
        yield Finding(says, report.occurred, (_cite_diagnosis(report),))


def diagnosis_of_unknown_time(signs: Signs) -> Iterable[Finding]:
    for diagnosis in signs.diagnoses:
        if diagnosis.verification != "refuted" and not _is_of_the_trial(signs, diagnosis):
            found = _diagnosed(diagnosis)
            says = f"{found.says}, which may lie before or after the first dose"
            yield Finding(says, found.onset, found.evidence)


def severe_liver_test(signs: Signs) -> Iterable[Finding]:
    wanted = signs.patient.protocol.safety.rejection.suspected_grade.value
    for first in _first_of_each_test(signs, [r for r in signs.results if r.reached(wanted)]):
        yield _tested(signs, first)


def liver_test_with_cause(signs: Signs) -> Iterable[Finding]:
    wanted = signs.patient.protocol.safety.rejection.suspected_grade_with_cause.value
    reached = [r for r in signs.results if r.reached(wanted) and causes_near(signs.patient, r.occurred.day)]
    for first in _first_of_each_test(signs, reached):
        found = _tested(signs, first)
        causes = causes_near(signs.patient, first.occurred.day)
        evidence = (*found.evidence, *(e for cause in causes for e in cause.evidence))
        yield Finding(found.says, found.onset, evidence)


def rising(signs: Signs) -> Iterable[Finding]:
    if _risk_is_over(signs):
        return
    factor = signs.patient.protocol.safety.rejection.watch_rise.value
    for test in signs.tests:
        baseline = test.baseline_reading
        for result in _latest_at_risk(signs, test):
            if baseline is not None and has_risen(factor, result.reading, baseline):
                found = _tested(signs, result)
                says = f"{found.says}, at least {phrasing.number(factor)} x the baseline"
                yield Finding(says, found.onset, (*found.evidence, *test.baseline_evidence))


def rising_from_lowest(signs: Signs) -> Iterable[Finding]:
    if _risk_is_over(signs):
        return
    rules = signs.patient.protocol.safety.rejection
    for test in signs.tests:
        for result in _latest_at_risk(signs, test):
            lowest = signs.risen_from(result)
            if (
                lowest is not None
                and has_risen(rules.watch_rise.value, result.reading, cast(Reading, test.baseline_reading)) is not True
            ):
                found = _tested(signs, result)
                factor = phrasing.number(rules.watch_rise.value)
                says = (
                    f"{found.says}, at least {factor} x the lowest since ({lowest.says_when}); the baseline was raised"
                )
                yield Finding(
                    says, found.onset, (*found.evidence, cite(lowest.fact, lowest.says), *test.baseline_evidence)
                )


def severe_if_final(signs: Signs) -> Iterable[Finding]:
    if _risk_is_over(signs):
        return
    rules = signs.patient.protocol.safety.rejection
    for test in signs.tests:
        for fact in test.preliminary:
            reading = reading_of(fact, test.term)
            within = signs.patient.within(fact.occurred, rules.rejection_window_days.value)
            if reading is None or fact.occurred is None or within is not True:
                continue
            base = reading_of(test.baseline, test.term, like=fact) if test.baseline is not None else None
            result = Graded(test.term, fact, reading, grade(test.term, reading, base))
            is_last = not any(dates.before(fact.occurred, g.occurred) for g in test.graded)
            if is_last and result.reached(rules.suspected_grade.value):
                found = _tested(signs, result)
                yield Finding(f"{found.says}, preliminary: no final result yet", found.onset, found.evidence)


def high_without_baseline(signs: Signs) -> Iterable[Finding]:
    if _risk_is_over(signs):
        return
    wanted = signs.patient.protocol.safety.rejection.suspected_grade.value
    for test in signs.tests:
        for result in _latest_at_risk(signs, test):
            if test.baseline is None and result.grade_were_the_baseline_normal >= wanted:
                found = _tested(signs, result)
                yield Finding(f"{found.says}, with no baseline to compare", found.onset, found.evidence)


SUSPICIONS: Final = (
    biopsy_without_diagnosis,
    indeterminate_biopsy,
    unconfirmed_diagnosis,
    reported_diagnosis,
    diagnosis_of_unknown_time,
    severe_liver_test,
    liver_test_with_cause,
)
"""What an adjudication may have judged."""


def _pathologists_diagnosis(signs: Signs, biopsy: Biopsy) -> tuple[Evidence, ...]:
    """The diagnosis made of this biopsy: of its day or later, and before the next biopsy.

    A report that concludes rejection, or a rejection diagnosis without a verification status of its own.
    """
    later_days = [b.occurred.day for b in signs.biopsies if b.occurred.day > biopsy.occurred.day]
    stated = [d for d in signs.diagnoses if d.verification is None]
    possible: tuple[Diagnosis | PathologyReport, ...] = (*signs.reports, *stated)
    made = [
        _cite_diagnosis(fact)
        for fact in possible
        if fact.occurred is not None
        and fact.occurred.has_day
        and biopsy.occurred.day <= fact.occurred.day
        and not any(fact.occurred.day >= day for day in later_days)
    ]
    return tuple(made)


def _is_of_the_trial(signs: Signs, diagnosis: Diagnosis) -> bool:
    return signs.patient.place(diagnosis.occurred) is not Placed.UNKNOWN


def _diagnosed(diagnosis: Diagnosis) -> Finding:
    status = diagnosis.verification or "not verified"
    says = f"rejection diagnosis ({status}) of {phrasing.day(diagnosis.occurred)}"
    return Finding(says, diagnosis.occurred, (_cite_diagnosis(diagnosis),))


def _cite_diagnosis(fact: Diagnosis | PathologyReport) -> Evidence:
    if isinstance(fact, PathologyReport):
        return cite(fact, "pathology report concludes rejection")
    return cite(fact, f"rejection diagnosis, {fact.verification or 'not verified'}")


def _tested(signs: Signs, result: Graded) -> Finding:
    since = phrasing.days(signs.patient.days_since_first_dose(result.occurred))
    says = f"{result.says_when}, {since} after the first dose"
    return Finding(says, result.occurred, (cite(result.fact, result.says),))


def _first_of_each_test(signs: Signs, results: Sequence[Graded]) -> Sequence[Graded]:
    """Of each liver test the first of these results, the onset; and the first that no adjudication has answered yet.

    The peak is shown as toxicity.
    """
    first: dict[tuple[str, bool], Graded] = {}
    for result in results:
        first.setdefault((result.term.concept, signs.is_settled(result.occurred)), result)
    return sorted(first.values(), key=lambda r: (r.occurred.first, r.term.concept))


def _latest_at_risk(signs: Signs, test: LaboratoryTest) -> tuple[Graded, ...]:
    within = {id(g) for g in signs.results}
    return tuple(g for g in test.latest if id(g) in within)


def _risk_is_over(signs: Signs) -> bool:
    days = signs.patient.protocol.safety.rejection.rejection_window_days.value
    return signs.patient.at >= signs.patient.closes_at(days)
