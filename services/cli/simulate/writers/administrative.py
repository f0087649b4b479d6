"""Decides how Patient, Encounter and records of no interest to a trial are written."""

from __future__ import annotations

from typing import Any, Final

from services.cli.simulate.entries import Irrelevant, Person, Stay
from services.cli.simulate.writers.chart import Chart

_ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_PRIORITY: Final = "http://terminology.hl7.org/CodeSystem/v3-ActPriority"
_CLASS_NAMES: Final = {
    "IMP": "inpatient encounter",
    "ACUTE": "inpatient acute",
    "EMER": "emergency",
    "AMB": "ambulatory",
}


def patient(entry: Person, chart: Chart) -> dict[str, Any]:
    """The Patient, with as much of the birth date as the record has."""
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [chart.medical_record_number],
        "active": True,
        "gender": entry.sex,
    }
    if entry.age is not None:
        born = chart.calendar.birthday(entry.age, entry.days_past_birthday).isoformat()
        resource["birthDate"] = born[: {"year": 4, "month": 7}.get(entry.birth_precision, 10)]
    if entry.died_day is not None:
        resource["deceasedDateTime"] = chart.calendar.text(entry.died_day, "instant", 4)
    if entry.is_replaced:
        other = {"reference": f"Patient/{chart.first}"}
        resource |= {"active": False, "link": [{"other": other, "type": "replaced-by"}]}
    return resource


def encounter(entry: Stay, chart: Chart) -> dict[str, Any]:
    """The Encounter; a planned stay has the priority elective."""
    period = {"start": chart.calendar.text(entry.day, entry.precision, 7)}
    if entry.until is not None:
        period["end"] = chart.calendar.text(entry.until, entry.precision, 16)
    resource: dict[str, Any] = {
        "resourceType": "Encounter",
        "status": "in-progress" if entry.until is None else "finished",
        "class": {"system": _ACT_CODE, "code": entry.kind, "display": _CLASS_NAMES[entry.kind]},
        "subject": chart.subject,
        "period": period,
    }
    if entry.planned:
        resource["priority"] = {"coding": [{"system": _PRIORITY, "code": "EL", "display": "elective"}]}
    return resource


def irrelevant(entry: Irrelevant, chart: Chart) -> dict[str, Any]:
    """A record of a type or a code that no protocol asks for."""
    when = chart.calendar.text(entry.day)
    match entry.kind:
        case "blood-pressure":
            return {
                "resourceType": "Observation",
                "status": "final",
                "code": {
                    "coding": [{"system": "http://loinc.org", "code": "85354-9"}],
                    "text": "Blood pressure",
                },
                "subject": chart.subject,
                "effectiveDateTime": when,
            }
        case "hypertension":
            return {
                "resourceType": "Condition",
                "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}]},
                "subject": chart.subject,
                "onsetDateTime": when,
            }
        case "immunization":
            return {
                "resourceType": "Immunization",
                "status": "completed",
                "vaccineCode": {"text": "Influenza vaccine"},
                "patient": chart.subject,
                "occurrenceDateTime": when,
            }
        case "allergy":
            return {
                "resourceType": "AllergyIntolerance",
                "code": {"text": "Penicillin"},
                "patient": chart.subject,
                "recordedDate": when,
            }
