"""Scores, biopsies, biomarkers, imaging verdicts, graded findings and response statements.

Decides which value counts as which answer; a value outside of its scale is refused. Judges no answer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, cast

from shared.facts import (
    AnyFact,
    BiomarkerResult,
    BiopsyScore,
    ClinicalFinding,
    ImagingVerdict,
    PathologyConfirmation,
    ResponseStatement,
    ScaleScore,
)
from shared.fhir import values
from shared.fhir.decoding import decode
from shared.fhir.reading import Reason, Unreadable
from shared.fhir.specimen import SPECIMEN, Tissue, tissue_of
from shared.fhir.statement import Statement
from shared.terminology import Kind

_Grade = Literal["none", "mild", "moderate-severe", "grade-1-2", "grade-3-4"]
_Response = Literal["CR", "PR", "SD", "PD", "NE", "NON-CR/NON-PD"]

_HIGHEST: Final = {"ecog": 5, "karnofsky": 100, "child-pugh": 15}
_MOST_POINTS: Final = 3


def score(said: Statement) -> ScaleScore | None:
    """A performance score, or Child-Pugh points as recorded."""
    score = _points(said, _HIGHEST[said.concept.id])
    if score is None:
        return None
    return ScaleScore(source=said.record.source, occurred=said.occurred, scale=said.concept.id, score=score)


def biopsy(said: Statement) -> BiopsyScore | None:
    """One component of the rejection activity index (Banff), 0-3."""
    points = _points(said, _MOST_POINTS)
    if points is None:
        return None
    component = cast("Literal['portal', 'bile-duct', 'venous']", said.concept.id.removeprefix("rai-"))
    return BiopsyScore(source=said.record.source, occurred=said.occurred, component=component, points=int(points))


def _points(said: Statement, highest: int) -> Decimal | None:
    """A whole number of a scale; None where the record says why there is none."""
    value = said.value
    if value.value_integer is not None:
        points = Decimal(value.value_integer)
    elif value.value_quantity is not None:
        points = values.exact(value.value_quantity, said.concept, said.path("valueQuantity"))
    elif value.data_absent_reason is not None:
        return None
    else:
        raise Unreadable(Reason.MISSING, said.path("valueInteger"), "expected a whole number")
    if points != points.to_integral_value() or not 0 <= points <= highest:
        raise Unreadable(Reason.IMPOSSIBLE_VALUE, said.path("value[x]"), f"expected a whole number from 0 to {highest}")
    return points


def biomarker(said: Statement) -> BiomarkerResult | None:
    """PD-L1: negative, positive or a percentage, with its specimen."""
    value, meaning = said.value, said.record.meaning
    percent = None
    result = values.result_in_words(value, meaning)
    if value.value_quantity is not None and not said.lacks_number:
        percent = values.quantity(value.value_quantity, said.concept, said.path("valueQuantity"))
        if percent.value > 100:
            raise Unreadable(Reason.IMPOSSIBLE_VALUE, said.path("valueQuantity.value"), "expected 0 to 100 %")
    elif result is None and value.data_absent_reason is not None:
        return None
    elif result not in ("negative", "positive"):
        raise Unreadable(Reason.UNKNOWN_CODE, said.path("value[x]"), "expected negative, positive or a percentage")
    return BiomarkerResult(
        source=said.record.source,
        occurred=said.occurred,
        biomarker="pd-l1",
        result=cast("Literal['negative', 'positive'] | None", result),
        percent=percent,
        specimen=said.record.target_key(said.whole.specimen, "Specimen"),
        tissue=_tissue(said),
    )


def _tissue(said: Statement) -> Tissue | None:
    contained = said.record.contained(said.whole.specimen, "Specimen")
    if contained is not None:
        specimen = decode(SPECIMEN, contained, said.record.path("contained"))
        return tissue_of(specimen, said.record.meaning)
    found = said.record.meaning.of_kind(Kind.SPECIMEN_SITE, said.whole.body_site)
    return cast("Tissue | None", found.id if found else None)


def imaging(said: Statement) -> ImagingVerdict | None:
    """Recurrence or metastasis seen, or not seen, on imaging."""
    present = said.boolean()
    if present is None:
        return None
    method = said.record.meaning.of_kind(Kind.IMAGING_METHOD, said.whole.method)
    return ImagingVerdict(
        source=said.record.source,
        occurred=said.occurred,
        present=present,
        method=cast("Literal['ct', 'mri'] | None", method.id if method else None),
    )


def finding(said: Statement) -> AnyFact | None:
    """Ascites, encephalopathy, or the confirmation by pathology."""
    if said.concept.id == "pathology-confirmed":
        confirmed = said.boolean()
        if confirmed is None:
            return None
        return PathologyConfirmation(source=said.record.source, occurred=said.occurred, confirmed=confirmed)
    grade = said.answered()
    if grade is None:
        return None
    return ClinicalFinding(
        source=said.record.source,
        occurred=said.occurred,
        finding=cast("Literal['ascites', 'encephalopathy']", said.concept.id),
        grade=cast("_Grade", grade),
    )


def response(said: Statement) -> ResponseStatement | None:
    """A reader's own overall response."""
    if not said.concept.answers:
        return None
    stated = said.answered()
    if stated is None:
        return None
    performer = next(iter(said.whole.performer), None)
    return ResponseStatement(
        source=said.record.source,
        occurred=said.occurred,
        response=cast("_Response", stated),
        reader=said.record.performer_key(performer),
    )
