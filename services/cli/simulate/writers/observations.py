"""Decides how laboratory results, findings, attestations and biopsy scores are written as Observations."""

from __future__ import annotations

from typing import Any, Final

from services.cli.simulate.entries import (
    Attestation,
    BiopsyPanel,
    BiopsyPart,
    Entry,
    Finding,
    Flag,
    Lab,
    Score,
)
from services.cli.simulate.hospitals import local
from services.cli.simulate.writers.chart import Chart, narrative

_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_METHODS: Final = {
    "ct": ("77477000", "Computed tomography"),
    "mri": ("113091000", "Magnetic resonance imaging"),
    "ultrasound": ("16310003", "Ultrasonography"),
}


def observation(entry: Entry, chart: Chart, code: dict[str, Any], status: str, hour: int = 8) -> dict[str, Any]:
    """What every Observation of a chart has."""
    return {
        "resourceType": "Observation",
        "status": status,
        "code": code,
        "subject": chart.subject,
        "effectiveDateTime": chart.calendar.text(entry.day, entry.precision, hour),
    }


def laboratory(entry: Lab, chart: Chart) -> dict[str, Any]:
    """A laboratory result in the site's code and unit, with limits of normal where the site sends them."""
    resource = observation(entry, chart, chart.code(entry.concept), entry.status)
    resource["category"] = [{"coding": [{"system": _CATEGORY, "code": "laboratory"}]}]
    if entry.padding:
        resource["text"] = narrative(entry.padding)
    if entry.value is None:
        return {**resource, "dataAbsentReason": {"coding": [{"system": _ABSENT, "code": "error"}]}}
    resource["valueQuantity"] = chart.hospital.quantity(entry.concept, entry.value)
    if limits := _limits(entry, chart):
        resource["referenceRange"] = [limits]
    return resource


def _limits(entry: Lab, chart: Chart) -> dict[str, Any]:
    limits = chart.hospital.limits.get(entry.concept)
    if limits is None or not _ranged(entry, chart):
        return {}
    bounds = (("low", limits.low), ("high", limits.high))
    return {name: chart.hospital.quantity(entry.concept, value) for name, value in bounds if value is not None}


def _ranged(entry: Lab, chart: Chart) -> bool:
    if entry.ranged is not None:
        return entry.ranged
    return chart.hospital.ranged or entry.concept in chart.hospital.always_ranged


def finding(entry: Finding, chart: Chart) -> dict[str, Any]:
    """An answer by a local code."""
    resource = observation(entry, chart, local(entry.concept), entry.status, 9)
    return {**resource, "valueCodeableConcept": local(entry.answer)}


def flag(entry: Flag, chart: Chart) -> dict[str, Any]:
    """An answer by yes or no, with the imaging method where there is one."""
    resource = observation(entry, chart, local(entry.concept), entry.status, 10)
    resource["valueBoolean"] = entry.value
    if entry.method is not None:
        code, display = _METHODS[entry.method]
        coding = {"system": "http://snomed.info/sct", "code": code, "display": display}
        resource["method"] = {"coding": [coding]}
    return resource


def score(entry: Score, chart: Chart) -> dict[str, Any]:
    """A performance score."""
    resource = observation(entry, chart, chart.code(entry.concept), "final", 9)
    return {**resource, "valueInteger": entry.value}


def attestation(entry: Attestation, chart: Chart) -> dict[str, Any]:
    """A named practitioner's statement, for good or until it expires."""
    resource = observation(entry, chart, local(entry.code), entry.status, 11)
    resource["category"] = [local("attestation")]
    resource["performer"] = [{"reference": f"Practitioner/{entry.by}"}]
    resource["valueBoolean"] = entry.value
    if entry.about_reader is not None:
        resource["focus"] = [{"reference": f"Practitioner/{entry.about_reader}"}]
    if entry.until is not None:
        start = resource.pop("effectiveDateTime")
        resource["effectivePeriod"] = {"start": start, "end": chart.calendar.text(entry.until, hour=11)}
    return resource


def rejection_activity(entry: BiopsyPart | BiopsyPanel, chart: Chart) -> dict[str, Any]:
    """The rejection activity index of a biopsy: one part, or all three as components."""
    if isinstance(entry, BiopsyPart):
        resource = observation(entry, chart, local(entry.concept), "final", 12)
        return {**resource, "valueInteger": entry.points}
    resource = observation(entry, chart, {"text": "Rejection activity index (Banff)"}, "final", 12)
    parts = {"rai-portal": entry.portal, "rai-bile-duct": entry.bile_duct, "rai-venous": entry.venous}
    resource["component"] = [{"code": local(part), "valueInteger": points} for part, points in parts.items()]
    return resource
