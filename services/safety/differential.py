"""What speaks against graft rejection: decides what else the records show, and what denies it.

Does not weigh them: a person does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from services.safety import phrasing
from services.safety.hys_law import Injury, Pattern, injury
from services.safety.immunosuppression import sufficient_near
from services.safety.laboratory import Graded
from services.safety.rejection_findings import Finding
from services.safety.rejection_signs import Signs, cite_adjudication
from services.safety.treated import Placed
from shared.facts import ImagingVerdict, Laboratory, ResponseStatement
from shared.outcomes import Verdict, cite
from shared.quantities import Quantity, above, at_least, times

HBV_DNA: Final = "hbv-dna"
DETECTED: Final = frozenset({"detected", "positive"})


def against(signs: Signs) -> tuple[Finding, ...]:
    """Everything that speaks against rejection, in fixed order."""
    return (
        *_denied(signs),
        *_sufficient_immunosuppression(signs),
        *_drug_injury(signs),
        *_pattern_of_injury(signs),
        *_viral_reactivation(signs),
        *_progression(signs),
    )


def _denied(signs: Signs) -> Iterable[Finding]:
    for attestation in signs.adjudications:
        if not attestation.value:
            says = f"adjudicated as no rejection on {phrasing.day(attestation.occurred)}"
            yield Finding(says, attestation.occurred, (cite_adjudication(attestation),))
    for biopsy in signs.biopsies:
        if biopsy.highest == 0:
            yield Finding(biopsy.says, biopsy.occurred, biopsy.evidence)
    for diagnosis in signs.diagnoses:
        if diagnosis.verification == "refuted":
            says = f"rejection diagnosis of {phrasing.day(diagnosis.occurred)} refuted"
            yield Finding(says, diagnosis.occurred, (cite(diagnosis, "rejection diagnosis, refuted"),))


def _sufficient_immunosuppression(signs: Signs) -> Iterable[Finding]:
    worst = _worst(signs)
    if worst is not None:
        for sign in sufficient_near(signs.patient, worst.occurred.day):
            yield Finding(sign.says, worst.occurred, sign.evidence)


def _drug_injury(signs: Signs) -> Iterable[Finding]:
    law = signs.hys_law
    if law.verdict is Verdict.MET and law.onset is not None:
        yield Finding(f"drug injury: {law.says}", law.onset.occurred, law.evidence)


def _pattern_of_injury(signs: Signs) -> Iterable[Finding]:
    """Hepatocellular injury fits immune-mediated hepatitis, cholestatic injury bile ducts or vessels."""
    worst = _worst(signs)
    found = injury(signs.tests, worst) if worst is not None else None
    if found is None or worst is None:
        return
    match found.pattern:
        case Pattern.HEPATOCELLULAR:
            yield _explained("immune-mediated hepatitis", found)
        case Pattern.CHOLESTATIC:
            yield _explained("biliary or vascular cause", found)
        case Pattern.MIXED:
            return


def _explained(cause: str, found: Injury) -> Finding:
    says = f"{cause}: {found.pattern} pattern (R {found.r_value}) on {phrasing.day(found.alt.occurred)}"
    evidence = (cite(found.alt.fact, found.alt.says), cite(found.alp.fact, found.alp.says))
    return Finding(says, found.alt.occurred, evidence)


def _viral_reactivation(signs: Signs) -> Iterable[Finding]:
    """HBV DNA found after the dose: a rise from a known level before it (protocol: hbv_rise), or new (AASLD 2018)."""
    results = [f for f in signs.patient.timeline.of(Laboratory) if f.concept == HBV_DNA]
    before = [f for f in results if f.value is not None and signs.patient.place(f.occurred) is Placed.BEFORE]
    known = next((f.value for f in reversed(before)), None)
    for fact in results:
        if _is_after(signs, fact) and _is_detected(fact) and _has_risen(signs, fact, known):
            level = phrasing.amount(fact.value) if fact.value is not None else str(fact.text)
            rise = f", from {phrasing.amount(known)} before the first dose" if known is not None else ""
            says = f"viral reactivation: HBV DNA {level} on {phrasing.day(fact.occurred)}{rise}"
            yield Finding(says, fact.occurred, (cite(fact, f"HBV DNA {level}"),))


def _has_risen(signs: Signs, fact: Laboratory, known: Quantity | None) -> bool:
    """Whether it may be a rise; a level before the dose that was not measurable makes every later one new."""
    if known is None or fact.value is None or known.value <= 0 or known.comparator in ("<", "<="):
        return True
    return at_least(fact.value, times(known, signs.patient.protocol.safety.surveillance.hbv_rise.value)) is not False


def _progression(signs: Signs) -> Iterable[Finding]:
    for statement in signs.patient.timeline.of(ResponseStatement):
        if statement.response == "PD" and _is_after(signs, statement):
            says = f"progression: reader's PD on {phrasing.day(statement.occurred)}"
            yield Finding(says, statement.occurred, (cite(statement, "PD by mRECIST"),))
    for verdict in signs.patient.timeline.of(ImagingVerdict):
        if verdict.present and _is_after(signs, verdict):
            says = f"progression: recurrence on imaging of {phrasing.day(verdict.occurred)}"
            yield Finding(says, verdict.occurred, (cite(verdict, "recurrence on imaging"),))


def _worst(signs: Signs) -> Graded | None:
    """The first of the worst-graded liver tests in the risk window that are not normal."""
    abnormal: Sequence[Graded] = [r for r in signs.results if r.grading.grade_high > 0]
    highest = max((r.grading.grade or 0 for r in abnormal), default=0)
    worst = [r for r in abnormal if (r.grading.grade or 0) == highest]
    return min(worst, key=lambda r: (r.occurred.first, str(r.fact.fact_id)), default=None)


def _is_after(signs: Signs, fact: Laboratory | ResponseStatement | ImagingVerdict) -> bool:
    return signs.patient.place(fact.occurred) is Placed.AFTER


def _is_detected(fact: Laboratory) -> bool:
    if fact.value is not None:
        return above(fact.value, Decimal(0)) is True
    return fact.text in DETECTED
