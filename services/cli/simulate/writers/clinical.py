"""Decides how diagnoses, pathology reports and the transplantation are written."""

from __future__ import annotations

from typing import Any, Final

from services.cli.simulate.entries import Diagnosis, Report, Transplant
from services.cli.simulate.hospitals import standard
from services.cli.simulate.writers.chart import Chart
from shared.codes import ICD_10_CM, SNOMED_CT

_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_SERVICE: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
_SYSTEMS: Final = {"icd-10-cm": ICD_10_CM, "snomed": SNOMED_CT}


def condition(entry: Diagnosis, chart: Chart) -> dict[str, Any]:
    """The Condition; one entered in error or refuted has no clinical status (FHIR R4, con-5)."""
    resource: dict[str, Any] = {"resourceType": "Condition"}
    if entry.verification not in ("entered-in-error", "refuted"):
        resource["clinicalStatus"] = {"coding": [{"system": _CLINICAL, "code": "active"}]}
    resource["verificationStatus"] = {"coding": [{"system": _VERIFICATION, "code": entry.verification}]}
    resource["code"] = _diagnosis_code(entry, chart)
    resource["subject"] = chart.subject
    resource["onsetDateTime"] = chart.calendar.text(entry.day, entry.precision)
    if entry.report is not None:
        resource["evidence"] = [{"detail": [chart.reference("DiagnosticReport", entry.report)]}]
    return resource


def pathology_report(entry: Report, chart: Chart) -> dict[str, Any]:
    """The final report of pathology, with the pathologist's diagnosis where there is one."""
    resource = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "category": [{"coding": [{"system": _SERVICE, "code": "PAT", "display": "Pathology"}]}],
        "code": {"text": "Surgical pathology report"},
        "subject": chart.subject,
        "effectiveDateTime": chart.calendar.text(entry.day, entry.precision, 15),
    }
    if entry.concludes is not None:
        resource["conclusionCode"] = [{"coding": [standard(entry.concludes, ICD_10_CM)]}]
    return resource


def transplantation(entry: Transplant, chart: Chart) -> dict[str, Any]:
    """The completed liver transplantation."""
    resource = {
        "resourceType": "Procedure",
        "status": "completed",
        "code": {"coding": [standard("liver-transplantation", SNOMED_CT)]},
        "subject": chart.subject,
    }
    performed = chart.calendar.text(entry.day, entry.precision, 9)
    if entry.as_period:
        end = chart.calendar.text(entry.day, entry.precision, 18)
        return {**resource, "performedPeriod": {"start": performed, "end": end}}
    return {**resource, "performedDateTime": performed}


def _diagnosis_code(entry: Diagnosis, chart: Chart) -> dict[str, Any]:
    if entry.coding == "site":
        return chart.code(entry.concept)
    return {"coding": [standard(entry.concept, _SYSTEMS[entry.coding])]}
