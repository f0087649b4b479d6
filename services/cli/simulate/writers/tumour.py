"""Decides how lesions, their places, specimens and PD-L1 are written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from services.cli.simulate.entries import Lesion, LocalTreatment, PdL1, Structure, Tissue
from services.cli.simulate.hospitals import local, standard, ucum
from services.cli.simulate.writers.chart import Chart
from services.cli.simulate.writers.observations import observation

_PD_L1_INTERPRETED: Final = {
    "coding": [{"system": "http://loinc.org", "code": "83052-1"}],
    "text": "PD-L1 by IHC",
}
_PD_L1_PERCENT: Final = {
    "coding": [{"system": "http://loinc.org", "code": "83053-9"}],
    "text": "PD-L1 by IHC, %",
}


def measurement(entry: Lesion, chart: Chart) -> dict[str, Any]:
    """One lesion at one scan by one reader."""
    code = {"coding": [{"system": "http://loinc.org", "code": "21889-1"}], "text": "Size of tumour"}
    resource = observation(entry, chart, code, entry.status, 10)
    resource["performer"] = [{"reference": f"Practitioner/{entry.reader}"}]
    if entry.by_structure:
        resource["focus"] = [chart.reference("BodyStructure", f"structure-{entry.lesion}")]
    else:
        resource["focus"] = [_tracked(lesion, chart) for lesion in (entry.lesion, *entry.merged_with)]
        resource["bodySite"] = {"coding": [standard(entry.organ)]}
    resource["component"] = _components(entry)
    if entry.split_from is not None:
        part_of = {"code": local("split-from"), "valueString": chart.id_of(entry.split_from)}
        resource["component"].append(part_of)
    return resource


def local_treatment(entry: LocalTreatment, chart: Chart) -> dict[str, Any]:
    """A completed procedure that names its lesion by the standard extension."""
    url = "http://hl7.org/fhir/StructureDefinition/procedure-targetBodyStructure"
    return {
        "resourceType": "Procedure",
        "extension": [{"url": url, "valueReference": _tracked(entry.lesion, chart)}],
        "status": "completed",
        "code": {"coding": [standard(entry.concept)]},
        "subject": chart.subject,
        "performedDateTime": chart.calendar.text(entry.day, entry.precision, 9),
    }


def _tracked(lesion: str, chart: Chart) -> dict[str, Any]:
    """A reference to a lesion by its tracking identifier."""
    system = f"https://{chart.hospital.site}.example/fhir/lesion"
    return {"identifier": {"system": system, "value": chart.id_of(lesion)}}


def body_structure(entry: Structure, chart: Chart) -> dict[str, Any]:
    """Where a lesion lies."""
    return {
        "resourceType": "BodyStructure",
        "location": {"coding": [standard(entry.organ)]},
        "patient": chart.subject,
    }


def specimen(entry: Tissue, chart: Chart) -> dict[str, Any]:
    """A piece of tissue and whose it is, graft or tumour."""
    collection: dict[str, Any] = {"collectedDateTime": chart.calendar.text(entry.day, entry.precision, 9)}
    resource: dict[str, Any] = {
        "resourceType": "Specimen",
        "subject": chart.subject,
        "collection": collection,
    }
    if entry.stated_as == "type":
        return {**resource, "type": local(entry.tissue)}
    return {**resource, "collection": {**collection, "bodySite": local(entry.tissue)}}


def pd_l1(entry: PdL1, chart: Chart) -> dict[str, Any]:
    """The stain's result on a specimen: negative, positive, or the share of stained cells."""
    code = _PD_L1_INTERPRETED if entry.percent is None else _PD_L1_PERCENT
    resource = observation(entry, chart, dict(code), "final", 13)
    resource["specimen"] = chart.reference("Specimen", entry.specimen)
    if entry.percent is not None:
        return {**resource, "valueQuantity": ucum(Decimal(entry.percent), "%")}
    return {**resource, "valueCodeableConcept": {"coding": [standard(entry.result or "negative")]}}


def _components(entry: Lesion) -> list[dict[str, Any]]:
    longest = {"coding": [{"system": "http://loinc.org", "code": "33728-7"}]}
    sizes = (
        (longest, entry.longest),
        (local("viable-diameter"), entry.viable),
        (local("short-axis"), entry.short_axis),
    )
    codes = (("lesion-role", entry.role), ("lesion-state", entry.state))
    flags = (("arterial-hyperenhancement", entry.enhancing), ("washout", entry.washout))
    numbers = (("visit-number", entry.visit),)
    return [
        *({"code": code, "valueQuantity": _size(value, entry.unit)} for code, value in sizes if value is not None),
        *({"code": local(code), "valueCodeableConcept": local(answer)} for code, answer in codes if answer),
        *({"code": local(code), "valueBoolean": value} for code, value in flags if value is not None),
        *({"code": local(code), "valueInteger": value} for code, value in numbers if value is not None),
    ]


def _size(millimetres: str, unit: str) -> dict[str, Any]:
    value = Decimal(millimetres)
    return ucum(value / 10 if unit == "cm" else value, unit)
