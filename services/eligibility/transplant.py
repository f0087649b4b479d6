"""When the transplant was, and whether the diagnosis was known by then (I2).

Decides the order of two recorded facts; where their dates cannot prove it, the answer is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.eligibility import wording
from services.eligibility.answers import Answer
from services.eligibility.case import Case
from services.eligibility.diagnosis import asserts, confirmed_by_pathology, stands
from shared.dates import FhirDate, before, on_or_before_day
from shared.facts import Diagnosis, Fact, PathologyConfirmation, ProcedurePerformed
from shared.outcomes import Evidence, Verdict, all_of, cite, collect
from shared.protocol.criteria import TransplantCriterion


class Moment(msgspec.Struct, frozen=True):
    """When something began: on that date, or (`exact` False) on it or at any time before."""

    on: FhirDate
    exact: bool
    fact: Fact


def transplanted_for(criterion: TransplantCriterion, case: Case) -> Answer:
    """A transplant, and the diagnosis known on its day or before.

    A diagnosis whose stated onset lies after every transplant fails, also one found in the explant days
    later: that transplant was not done for it. One that was only *recorded* later, or recorded as a
    recurrence, may have been known.
    """
    pathology = confirmed_by_pathology(criterion.diagnosis, case)
    diagnosis = stands(criterion.diagnosis, case, pathology)
    transplant = _transplant(criterion, case)
    undecided = [part for part in (transplant, diagnosis) if part.verdict is not Verdict.MET]
    if undecided:
        return Answer(
            all_of([transplant.verdict, diagnosis.verdict]),
            "; ".join(part.says for part in undecided),
            collect(transplant.evidence, diagnosis.evidence),
            tuple(m for part in undecided for m in part.missing),
        )
    return _ordered(criterion, case, collect(transplant.evidence, diagnosis.evidence))


def transplants(case: Case, procedure: str, status: str) -> list[Moment]:
    """Every dated transplant; of the status after one the date is exact only if it is a stated onset."""
    performed = [p for p in _performed(case, procedure) if p.occurred is not None]
    lived_with = [d for d in case.diagnoses(status) if asserts(d) and d.occurred is not None]
    return [Moment(p.occurred, True, p) for p in performed if p.occurred] + [
        Moment(d.occurred, d.onset_stated, d) for d in lived_with if d.occurred
    ]


def after_transplant(moments: Sequence[Moment], on: FhirDate) -> bool | None:
    """Whether the date certainly lies after a transplant; None where nothing proves or excludes it."""
    answers = {_precedes(moment, on) for moment in moments}
    if True in answers:
        return True
    return None if None in answers or not answers else False


def _precedes(moment: Moment, on: FhirDate) -> bool | None:
    answer = before(moment.on, on)
    return answer if moment.exact or answer else None


def _performed(case: Case, procedure: str) -> list[ProcedurePerformed]:
    return [p for p in case.of(ProcedurePerformed) if p.concept == procedure and p.performed]


def _transplant(criterion: TransplantCriterion, case: Case) -> Answer:
    performed = _performed(case, criterion.procedure)
    status = stands(criterion.status, case)
    if not performed:
        return Answer(
            status.verdict,
            status.says,
            status.evidence,
            ("record of the transplant",) if status.missing else (),
        )
    procedures = tuple(cite(p, wording.name(p.concept)) for p in performed)
    evidence = collect(procedures, status.evidence)
    if status.verdict in (Verdict.NOT_MET, Verdict.CONFLICT):
        says = "a transplant is recorded, and its status refuted"
        return Answer(Verdict.CONFLICT, says, evidence, ("which record of the transplant is right",))
    return Answer(Verdict.MET, f"{wording.name(criterion.procedure)} {wording.when(performed[0])}", evidence)


def _ordered(criterion: TransplantCriterion, case: Case, evidence: tuple[Evidence, ...]) -> Answer:
    transplanted = transplants(case, criterion.procedure, criterion.status)
    known = _known(case, criterion.diagnosis)
    evidence = collect(evidence, (cite(m.fact, wording.name(criterion.diagnosis)) for m in known))
    by_onset = {_known_by(k, t) for k in known if k.exact for t in transplanted}
    by_record = {_known_by(k, t) for k in known if not k.exact for t in transplanted}
    name = wording.name(criterion.diagnosis)
    if True in by_onset | by_record:
        return Answer(Verdict.MET, f"{name} was known when the liver was transplanted", evidence)
    # A stated onset after the transplant stands, however much later pathology and other records speak of it.
    if None in by_onset or not by_onset or _undated(criterion, case):
        says = f"the records do not tell whether {name} was known when the liver was transplanted"
        return Answer(Verdict.UNKNOWN, says, evidence, (f"onset of {name} and date of the transplant",))
    on = wording.dated(transplanted[-1].on)
    return Answer(Verdict.NOT_MET, f"{name} began only after the transplant of {on}", evidence)


def _known(case: Case, diagnosis: str) -> list[Moment]:
    """Since when the diagnosis is known: exactly by its stated onset, else not later than it was spoken of.

    A recurrence implies an earlier disease, so its onset too is only a date by which the diagnosis was known.
    """
    recorded = [d for d in case.diagnoses(diagnosis) if d.verification != "refuted" and d.occurred is not None]
    confirmed = [p for p in case.of(PathologyConfirmation) if p.confirmed and p.occurred is not None]
    return [Moment(d.occurred, _begins(d), d) for d in recorded if d.occurred] + [
        Moment(p.occurred, False, p) for p in confirmed if p.occurred
    ]


def _undated(criterion: TransplantCriterion, case: Case) -> bool:
    recorded = [d for d in case.diagnoses(criterion.diagnosis) if d.verification != "refuted"]
    return any(f.occurred is None for f in (*recorded, *_performed(case, criterion.procedure)))


def _begins(diagnosis: Diagnosis) -> bool:
    return diagnosis.onset_stated and diagnosis.clinical not in ("recurrence", "relapse")


def _known_by(known: Moment, transplanted: Moment) -> bool | None:
    answer = on_or_before_day(known.on, transplanted.on)
    if answer is None:
        return None
    # An inexact moment may lie earlier: it proves only what an earlier date would prove too.
    certain = transplanted.exact if answer else known.exact
    return answer if certain else None
