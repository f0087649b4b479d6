"""Decides which FHIR R4 resource states an entry of a chart; it does not decide what the chart states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.cli.simulate.entries import (
    AnyEntry,
    Attestation,
    BiopsyPanel,
    BiopsyPart,
    Diagnosis,
    Drug,
    Entry,
    Finding,
    Flag,
    Irrelevant,
    Lab,
    Lesion,
    LocalTreatment,
    PdL1,
    Person,
    Product,
    Report,
    Score,
    Stay,
    Structure,
    Tissue,
    Transplant,
)
from services.cli.simulate.writers import administrative, clinical, drugs, observations, tumour
from services.cli.simulate.writers.chart import Chart

__all__ = ["Chart", "write"]

_WRITERS: Final[Mapping[type[Entry], Callable[[Any, Chart], dict[str, Any]]]] = {
    Person: administrative.patient,
    Stay: administrative.encounter,
    Irrelevant: administrative.irrelevant,
    Lab: observations.laboratory,
    Finding: observations.finding,
    Flag: observations.flag,
    Score: observations.score,
    Attestation: observations.attestation,
    BiopsyPart: observations.rejection_activity,
    BiopsyPanel: observations.rejection_activity,
    PdL1: tumour.pd_l1,
    Tissue: tumour.specimen,
    Lesion: tumour.measurement,
    Structure: tumour.body_structure,
    LocalTreatment: tumour.local_treatment,
    Diagnosis: clinical.condition,
    Report: clinical.pathology_report,
    Transplant: clinical.transplantation,
    Drug: drugs.exposure,
    Product: drugs.medication,
}
_ADMINISTRATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/medication-admin-category"


def write(entry: AnyEntry, chart: Chart) -> dict[str, Any]:
    """The resource of an entry, with its id and, unless the site forgot it, its `meta`."""
    resource = _WRITERS[type(entry)](entry, chart)
    head = {"resourceType": resource.pop("resourceType"), **_named(entry, chart)}
    if entry.stamped:
        updated = chart.calendar.stamp(entry.day, entry.version)
        head["meta"] = {"versionId": str(entry.version), "lastUpdated": updated}
    if "subject" in resource:
        resource["subject"] = chart.subject_by(entry.subject_by)
    return {**head, **resource, **_broken_by(entry)}


def _named(entry: AnyEntry, chart: Chart) -> dict[str, Any]:
    if entry.named_by == "id":
        return {"id": chart.record_id(entry)}
    system = f"https://{chart.hospital.site}.example/fhir/record"
    return {"identifier": [{"system": system, "value": chart.record_id(entry)}]}


def _broken_by(entry: AnyEntry) -> dict[str, Any]:
    match entry.quirk:
        case "category-array":
            # R4 allows one category of an administration; hospitals that moved on to R5 send a list.
            return {"category": [{"coding": [{"system": _ADMINISTRATION_CATEGORY, "code": "inpatient"}]}]}
        case "unknown-element":
            return {"exportedBy": "interface-7"}
        case None:
            return {}
