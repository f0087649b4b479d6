"""Whether a diagnosis stands, and whether pathology confirms it (I1).

Decides from what records state of themselves; never weighs one clinician's record against another's: that
is a conflict.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.eligibility import wording
from services.eligibility.answers import Answer, agreed, silent
from services.eligibility.case import Case
from shared.dates import later
from shared.facts import Diagnosis, Fact, PathologyConfirmation, PathologyReport
from shared.outcomes import Evidence, Verdict, cite, collect
from shared.protocol.criteria import DiagnosisCriterion

_TENTATIVE = ("provisional", "differential", "unconfirmed")


def diagnose(criterion: DiagnosisCriterion, case: Case) -> Answer:
    """The diagnosis stands and, where required, pathology confirms it.

    A refuting record beside an asserting one is a conflict. A tentative diagnosis is unknown until
    pathology settles it.
    """
    if criterion.takes_silence_as_absence and not case.diagnoses(criterion.concept):
        name = wording.name(criterion.concept)
        return silent(criterion, f"no record of {name}", f"diagnosis of {name}")
    pathology = confirmed_by_pathology(criterion.concept, case)
    diagnosis = stands(criterion.concept, case, pathology)
    needs_pathology = criterion.pathology.value == "required"
    if diagnosis.verdict is not Verdict.MET or not needs_pathology:
        return diagnosis
    return Answer(
        pathology.verdict,
        f"{diagnosis.says}; {pathology.says}",
        collect(diagnosis.evidence, pathology.evidence),
        pathology.missing,
    )


def stands(concept: str, case: Case, pathology: Answer | None = None) -> Answer:
    """Whether the records of a diagnosis, taken together, assert it.

    A Condition without verificationStatus asserts what it states; provisional, differential and unconfirmed
    ones do not.
    """
    known, name = case.diagnoses(concept), wording.name(concept)
    proven = pathology is not None and pathology.verdict is Verdict.MET
    evidence = collect(_cited(known), pathology.evidence if pathology and proven else ())
    asserted = [d for d in known if asserts(d)]
    refuted = [d for d in known if d.verification == "refuted"]
    tentative = [d for d in known if d.verification in _TENTATIVE]
    if refuted and (asserted or (proven and not tentative)):
        says = f"{name} is recorded, and refuted by another record"
        return Answer(Verdict.CONFLICT, says, evidence, (f"which record of {name} is right",))
    if asserted or (tentative and proven):
        return Answer(Verdict.MET, f"{name} recorded {wording.when((asserted or tentative)[0])}", evidence)
    if refuted:
        return Answer(Verdict.NOT_MET, f"{name} is refuted", evidence)
    if tentative:
        says = f"{name} is only {tentative[0].verification}"
        return Answer(Verdict.UNKNOWN, says, evidence, (f"confirmed diagnosis of {name}",))
    return Answer(Verdict.UNKNOWN, f"no record of {name}", evidence, (f"diagnosis of {name}",))


def asserts(diagnosis: Diagnosis) -> bool:
    """Whether one record states the diagnosis without reservation."""
    return diagnosis.verification in ("confirmed", None)


def confirmed_by_pathology(concept: str, case: Case) -> Answer:
    """Pathology confirms: the Condition's own evidence, a final report that it cites or that concludes the
    diagnosis, or the Observation that says so. Of confirming and denying records the later one decides;
    else they conflict.
    """
    confirming = _confirming(concept, case)
    denying: list[Fact] = [p for p in case.of(PathologyConfirmation) if not p.confirmed]
    evidence = tuple(
        [cite(f, "confirmed by pathology") for f in confirming]
        + [cite(f, "not confirmed by pathology") for f in denying]
    )
    name = wording.name(concept)
    match _newer(confirming, denying):
        case Verdict.MET:
            return Answer(Verdict.MET, "confirmed by pathology", evidence)
        case Verdict.NOT_MET:
            return Answer(Verdict.NOT_MET, f"pathology did not confirm it {wording.when(denying[-1])}", evidence)
        case Verdict.CONFLICT:
            missing = (f"which pathology finding of {name} is right",)
            return Answer(Verdict.CONFLICT, "pathology findings contradict each other", evidence, missing)
        case Verdict.UNKNOWN:
            return Answer(
                Verdict.UNKNOWN, "no pathology report confirms it", evidence, (f"pathology report of {name}",)
            )


def _confirming(concept: str, case: Case) -> list[Fact]:
    diagnoses = [d for d in case.diagnoses(concept) if d.verification != "refuted"]
    cited = {key for d in diagnoses for key in d.evidence_keys}
    reports = [
        r for r in case.of(PathologyReport) if concept in r.concludes or (r.report_key in cited and not r.concludes)
    ]
    stated = [d for d in diagnoses if d.pathology_stated]
    return [*stated, *reports, *(p for p in case.of(PathologyConfirmation) if p.confirmed)]


def _newer(confirming: Sequence[Fact], denying: Sequence[Fact]) -> Verdict:
    if not confirming or not denying:
        return agreed([Verdict.MET] * len(confirming) + [Verdict.NOT_MET] * len(denying))
    if any(all(_later(c, d) for d in denying) for c in confirming):
        return Verdict.MET
    if any(all(_later(d, c) for c in confirming) for d in denying):
        return Verdict.NOT_MET
    return Verdict.CONFLICT


def _later(a: Fact, b: Fact) -> bool:
    # The date of a Condition is the onset of the disease, not the day on which pathology spoke.
    if isinstance(a, Diagnosis) or isinstance(b, Diagnosis):
        return False
    return a.occurred is not None and b.occurred is not None and later(a.occurred, b.occurred)


def _cited(diagnoses: Sequence[Diagnosis]) -> list[Evidence]:
    return [cite(d, f"{wording.name(d.concept)}, {d.verification or 'verification not stated'}") for d in diagnoses]
