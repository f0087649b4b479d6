"""Decides how drugs given, taken, prescribed and dispensed are written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.cli.simulate.entries import Drug, Product
from services.cli.simulate.hospitals import standard, ucum
from services.cli.simulate.writers.chart import Chart
from shared.terminology import concept


def exposure(entry: Drug, chart: Chart) -> dict[str, Any]:
    """The record of a drug, by its kind."""
    match entry.record:
        case "administration":
            return _administration(entry, chart)
        case "statement":
            return _statement(entry, chart)
        case "request":
            return _request(entry, chart)
        case "dispense":
            return _dispense(entry, chart)


def medication(entry: Product, chart: Chart) -> dict[str, Any]:
    """The Medication that other records point to."""
    return {"resourceType": "Medication", "code": _named(entry.drug, "code", chart)}


def _administration(entry: Drug, chart: Chart) -> dict[str, Any]:
    resource = {**_head("MedicationAdministration", entry, chart), "subject": chart.subject}
    resource["effectiveDateTime"] = chart.calendar.text(entry.day, entry.precision, 14)
    if entry.dose is not None:
        resource["dosage"] = {"dose": ucum(Decimal(entry.dose), "mg")}
    return resource


def _statement(entry: Drug, chart: Chart) -> dict[str, Any]:
    resource = {**_head("MedicationStatement", entry, chart), "subject": chart.subject}
    resource["effectivePeriod"] = {"start": chart.calendar.text(entry.day, entry.precision)}
    if entry.until is not None:
        resource["effectivePeriod"]["end"] = chart.calendar.text(entry.until, entry.precision)
    return _with_dosage(resource, "dosage", entry)


def _request(entry: Drug, chart: Chart) -> dict[str, Any]:
    resource = {**_head("MedicationRequest", entry, chart), "intent": "order", "subject": chart.subject}
    resource["authoredOn"] = chart.calendar.text(entry.day, entry.precision)
    return _with_dosage(resource, "dosageInstruction", entry)


def _dispense(entry: Drug, chart: Chart) -> dict[str, Any]:
    resource = {**_head("MedicationDispense", entry, chart), "subject": chart.subject}
    resource["whenHandedOver"] = chart.calendar.text(entry.day, entry.precision)
    return _with_dosage(resource, "dosageInstruction", entry)


def _head(resource_type: str, entry: Drug, chart: Chart) -> dict[str, Any]:
    head: dict[str, Any] = {"resourceType": resource_type, "status": entry.status}
    if entry.form == "reference":
        return {**head, "medicationReference": chart.reference("Medication", f"product-{entry.drug}")}
    return {**head, "medicationCodeableConcept": _named(entry.drug, entry.form, chart)}


def _named(drug: str, form: str, chart: Chart) -> dict[str, Any]:
    if form == "code":
        return {"coding": [standard(drug)]}
    if form == "text":
        return {"text": f"{concept(drug).names[0]} 200 mg"}
    name = chart.hospital.own_names.get(drug)
    return chart.code(drug) if name is None else {"text": name}


def _with_dosage(resource: dict[str, Any], element: str, entry: Drug) -> dict[str, Any]:
    if entry.dose is None:
        return resource
    dosage: dict[str, Any] = {"doseAndRate": [{"doseQuantity": ucum(Decimal(entry.dose), "mg")}]}
    if entry.per_day is not None:
        dosage["timing"] = {"repeat": {"frequency": entry.per_day, "period": 1, "periodUnit": "d"}}
    return {**resource, element: [dosage]}
