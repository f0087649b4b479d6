"""Condition and DiagnosticReport: decides which diagnosis is stated, how sure, since when, on what evidence.

Does not decide whether a diagnosis is proven.
"""

from __future__ import annotations

from typing import Final, Literal, cast

import msgspec

from shared.facts import Diagnosis, PathologyReport
from shared.fhir import elements as fhir
from shared.fhir.elements import CodeableConcept, Condition, DiagnosticReport, code_set
from shared.fhir.reading import IssueCode, Reason, Unreadable
from shared.fhir.record import Record, Stated, unasked
from shared.terminology import Kind

_Verification = Literal["confirmed", "provisional", "differential", "unconfirmed", "refuted"]
_Clinical = Literal["active", "recurrence", "relapse", "inactive", "remission", "resolved"]

_CONDITION: Final = msgspec.json.Decoder(Condition)
_REPORT: Final = msgspec.json.Decoder(DiagnosticReport)
_VERIFICATION: Final = code_set("confirmed provisional differential unconfirmed refuted entered-in-error")
_CLINICAL: Final = code_set("active recurrence relapse inactive remission resolved")
_NOT_KNOWN: Final = code_set("unknown")  # a clinical status of R5
_EVIDENCE_OF_PATHOLOGY: Final = frozenset(("pathology", "histopathology", "pathology-confirmed"))

_REPORT_STATUS: Final = code_set(
    "registered partial preliminary modified final amended corrected appended cancelled entered-in-error unknown"
)
_REPORT_SETTLED: Final = frozenset(("final", "amended", "corrected", "appended"))


def read_condition(record: Record) -> Stated:
    """A Condition. Its verification changes the meaning: a code for it that is not FHIR's is refused."""
    code = record.coded("code")
    asked = code.asked if code is not None else ()
    if code is not None and not asked:
        return unasked(code.stated)
    verified = record.element("verificationStatus", fhir.CONCEPT)
    verification = None if verified is None else _among(verified, _VERIFICATION)
    if code is None and verification != "entered-in-error":
        return unasked()
    if verified is not None and verification is None:
        path = record.path("verificationStatus")
        form = f"expected one of {', '.join(sorted(_VERIFICATION))}"
        raise Unreadable(Reason.UNKNOWN_CODE, path, form)
    condition = record.whole(_CONDITION)
    if verification == "entered-in-error":
        return record.retracted(condition.subject)
    record.subject(condition.subject)
    start, end = record.span(condition.onset_period, "onsetPeriod")
    onset = record.date(condition.onset_date_time, "onsetDateTime") or start or end
    occurred = onset or record.date(condition.recorded_date, "recordedDate")
    if occurred is None:
        record.note(IssueCode.UNDATED, "onset[x]", "expected an onset or a recordedDate")
    evidence = _evidence_keys(record, condition)
    coded = [stated for each in condition.evidence for stated in (*each.code, each.concept)]
    by_pathology = any(each.id in _EVIDENCE_OF_PATHOLOGY for each in record.meaning.concepts(*coded))
    return tuple(
        Diagnosis(
            source=record.source,
            occurred=occurred,
            concept=concept.id,
            verification=cast("_Verification | None", verification),
            clinical=_clinical(record, condition),
            onset_stated=onset is not None,
            pathology_stated=True if by_pathology else None,
            evidence_keys=evidence,
        )
        for concept in asked
        if concept.kind is Kind.DIAGNOSIS
    )


def read_report(record: Record) -> Stated:
    """A DiagnosticReport of pathology; a report of another kind answers no question of a protocol."""
    category = record.element("category", fhir.CONCEPTS) or ()
    if "pathology" not in {concept.id for concept in record.meaning.concepts(*category)}:
        return unasked(*category)
    report = record.whole(_REPORT)
    status = record.code(report.status, "status", _REPORT_STATUS)
    if status in ("entered-in-error", "cancelled"):
        return record.retracted(report.subject)
    record.subject(report.subject)
    if status not in _REPORT_SETTLED:
        record.note(IssueCode.NOT_FINAL, "status", "a report that is not final settles nothing")
        return ()
    start, end = record.span(report.effective_period, "effectivePeriod")
    effective = record.date(report.effective_date_time, "effectiveDateTime") or end or start
    occurred = effective or record.date(report.issued, "issued")
    if occurred is None:
        record.note(IssueCode.UNDATED, "effective[x]", "expected a date")
    concluded = record.meaning.concepts(*report.conclusion_code)
    concludes = tuple(sorted(each.id for each in concluded if each.kind is Kind.DIAGNOSIS))
    key = record.source.key
    return (PathologyReport(source=record.source, occurred=occurred, report_key=key, concludes=concludes),)


def _among(stated: CodeableConcept, known: frozenset[str]) -> str | None:
    """The first coding whose code is one of FHIR's, whatever system it names."""
    return next((coding.code for coding in stated.coding if coding.code in known), None)


def _clinical(record: Record, condition: Condition) -> _Clinical | None:
    if condition.clinical_status is None:
        return None
    found = _among(condition.clinical_status, _CLINICAL)
    if found is None and _among(condition.clinical_status, _NOT_KNOWN) is None:
        record.note(IssueCode.UNKNOWN_CODE, "clinicalStatus", f"expected one of {', '.join(sorted(_CLINICAL))}")
    return cast("_Clinical | None", found)


def _evidence_keys(record: Record, condition: Condition) -> tuple[str, ...]:
    details = (detail for each in condition.evidence for detail in (*each.detail, each.reference))
    keys = (record.target_key(detail, "DiagnosticReport") for detail in details)
    return tuple(sorted({key for key in keys if key is not None}))
