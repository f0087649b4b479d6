"""Whether the marker has the result that the trial asks for, in the right tissue and early enough (I6).

Decides which results count; a result on the tumour says nothing of the graft, and is never taken for it.
"""

from __future__ import annotations

from typing import cast

import msgspec

from services.eligibility import wording
from services.eligibility.answers import Answer, agreed, from_bool
from services.eligibility.case import Case
from shared.dates import FhirDate, on_or_before_day
from shared.facts import BiomarkerResult, DrugExposure, SpecimenCollected
from shared.outcomes import Evidence, Verdict, cite, collect
from shared.protocol.criteria import BiomarkerCriterion
from shared.quantities import at_least
from shared.timeline import latest


class Sampled(msgspec.Struct, frozen=True):
    """A result with what its specimen adds: the tissue, and the day on which it was taken rather than
    reported.
    """

    result: BiomarkerResult
    tissue: str | None
    on: FhirDate | None
    evidence: tuple[Evidence, ...]


def stained(criterion: BiomarkerCriterion, case: Case) -> Answer:
    """The newest result on the graft, from a specimen of a day not after the first dose of immunotherapy,
    decides.
    """
    samples = [_joined(r, case) for r in case.of(BiomarkerResult) if r.biomarker == criterion.biomarker]
    on_tissue = [s for s in samples if s.tissue == criterion.tissue.value]
    if not on_tissue:
        return _not_on_tissue(criterion, samples)
    timed = {s.result.fact_id: _early_enough(s, criterion, case) for s in on_tissue}
    newest = {r.fact_id for r in latest([s.result for s in on_tissue if timed[s.result.fact_id]])}
    counted = [s for s in on_tissue if s.result.fact_id in newest]
    if not counted:
        return _too_late(criterion, on_tissue, None in timed.values())
    return _answer(criterion, counted)


def _answer(criterion: BiomarkerCriterion, counted: list[Sampled]) -> Answer:
    verdict = agreed(_judge(criterion, s.result) for s in counted)
    name, tissue = wording.name(criterion.biomarker), wording.name(criterion.tissue.value)
    evidence = collect(*(s.evidence for s in counted))
    shown = wording.listed([_shown(s.result) for s in counted])
    says = f"{name} {shown} in the {tissue} {wording.when(counted[0].result)}"
    match verdict:
        case Verdict.CONFLICT:
            missing: tuple[str, ...] = (f"one {name} result on the {tissue} that settles it",)
        case Verdict.UNKNOWN:
            missing = (f"{name} result on the {tissue}, positive or negative",)
        case _:
            missing = ()
    return Answer(verdict, says, evidence, missing)


def _judge(criterion: BiomarkerCriterion, result: BiomarkerResult) -> Verdict:
    """The pathologist's own positive or negative; only without one does the percentage speak, by the cut-
    off.
    """
    if result.result is not None:
        return from_bool(result.result == criterion.result.value)
    if result.percent is None or result.percent.unit != "%":
        return Verdict.UNKNOWN
    positive = at_least(result.percent, criterion.cut_off_percent.value)
    if positive is None:
        return Verdict.UNKNOWN
    return from_bool(positive is (criterion.result.value == "positive"))


def _joined(result: BiomarkerResult, case: Case) -> Sampled:
    specimens = [s for s in case.of(SpecimenCollected) if s.specimen == result.specimen]
    tissues = {t for t in (result.tissue, *(s.tissue for s in specimens)) if t is not None}
    collected = [s.occurred for s in specimens if s.occurred is not None]
    return Sampled(
        result,
        # Records that name two tissues for one specimen name none for certain.
        tissues.pop() if len(tissues) == 1 else None,
        min(collected, key=lambda on: (on.first, on.last, on.text)) if collected else result.occurred,
        (
            cite(result, f"{wording.name(result.biomarker)} {_shown(result)}"),
            *(cite(s, f"specimen of {wording.name(s.tissue or 'unknown tissue')}") for s in specimens),
        ),
    )


def _early_enough(sample: Sampled, criterion: BiomarkerCriterion, case: Case) -> bool | None:
    if sample.on is None:
        return None
    answers = {on_or_before_day(sample.on, first) for first in _first_doses(criterion, case)}
    return None if None in answers else False not in answers


def _first_doses(criterion: BiomarkerCriterion, case: Case) -> list[FhirDate]:
    drugs = criterion.before_drugs.value
    given = [e for e in case.of(DrugExposure) if e.drug in drugs and e.taken and e.occurred is not None]
    return [cast(FhirDate, e.occurred) for e in given]


def _not_on_tissue(criterion: BiomarkerCriterion, samples: list[Sampled]) -> Answer:
    name, tissue = wording.name(criterion.biomarker), wording.name(criterion.tissue.value)
    evidence = collect(*(s.evidence for s in samples))
    if any(s.tissue is None for s in samples):
        says = f"{name} was tested, but the record does not say on which tissue"
        return Answer(Verdict.UNKNOWN, says, evidence, (f"tissue of the {name} specimen",))
    says = f"{name} was tested on the tumour only" if samples else f"{name} was not tested"
    return Answer(Verdict.UNKNOWN, says, evidence, (f"{name} by immunohistochemistry in the {tissue}",))


def _too_late(criterion: BiomarkerCriterion, samples: list[Sampled], order_unknown: bool) -> Answer:
    name, tissue = wording.name(criterion.biomarker), wording.name(criterion.tissue.value)
    evidence = collect(*(s.evidence for s in samples))
    if order_unknown:
        says = f"the records do not tell whether {name} was sampled before immunotherapy"
        return Answer(Verdict.UNKNOWN, says, evidence, (f"date of the {name} specimen",))
    says = f"{name} was sampled only after immunotherapy began"
    return Answer(Verdict.UNKNOWN, says, evidence, (f"{name} in the {tissue} before immunotherapy",))


def _shown(result: BiomarkerResult) -> str:
    if result.result is not None:
        return result.result
    return wording.measured(result.percent) if result.percent is not None else "without a result"
