"""Decides what cannot be read, and why each such message must be refused.

Each speaks of nobody, or of a patient whose expectation would break if it were read after all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from services.cli.simulate.delivery import ACCEPTED, REJECTED, message
from services.cli.simulate.hospitals import Calendar
from services.cli.simulate.model import ExpectedFeed, FeedMessage

_SITE: Final = "north"
_UNITS: Final = "http://unitsofmeasure.org"


def faults(patient: str, calendar: Calendar) -> tuple[FeedMessage, ...]:
    """All faulty messages; `patient` is an eligible one of the northern site."""
    return (*_unreadable(patient, calendar), *_invalid(patient, calendar), *_misaddressed(patient, calendar))


def _unreadable(patient: str, calendar: Calendar) -> tuple[FeedMessage, ...]:
    count = _platelets(patient, calendar)
    truncated = message(_SITE, "Observation", None, count, REJECTED).value
    assert truncated is not None, "the message has a value"
    return (
        _refused("not JSON", "Observation", b"MSH|^~\\&|LAB|NORTH"),
        _refused("not text in UTF-8", "Observation", b"\xff\xfe\x00{"),
        _refused("truncated JSON", "Observation", truncated[:-40]),
        _refused("empty message", "Condition", b""),
        _refused("JSON, but no object", "Observation", b"[1, 2, 3]"),
        _refused("no resourceType", "Patient", {"id": patient, "active": True}),
        _refused("unknown resourceType", "Observatoin", {**count, "resourceType": "Observatoin"}),
    )


def _invalid(patient: str, calendar: Calendar) -> tuple[FeedMessage, ...]:
    count = _platelets(patient, calendar)
    subjectless = {name: value for name, value in count.items() if name != "subject"}
    strange = {"value": 12, "unit": "blobs", "system": _UNITS, "code": "blobs"}
    in_words = {**count["valueQuantity"], "value": "twelve"}
    return (
        _refused("missing subject", "Observation", subjectless),
        _refused("impossible date", "Observation", {**count, "effectiveDateTime": "2024-02-30"}),
        _refused("unknown unit", "Observation", {**count, "valueQuantity": strange}),
        _refused("number expected, text found", "Observation", {**count, "valueQuantity": in_words}),
        _refused("object expected, text found", "Observation", {**count, "code": "platelets"}),
        _refused("impossible onset", "Condition", _carcinoma(patient, "2023-13-01")),
        _refused("missing subject", "Condition", {**_carcinoma("", "2023-01-01"), "subject": {}}),
        _half_readable(patient, calendar),
    )


def _misaddressed(patient: str, calendar: Calendar) -> tuple[FeedMessage, ...]:
    count = _platelets(patient, calendar)
    good = message(_SITE, "Observation", None, count, REJECTED)
    return (
        replace(_refused("null value without Type/id as key", "Observation", None), key=b"row-17"),
        replace(good, headers=(), rejected_because="no header `site`"),
        replace(good, headers=(("site", b"east"),), rejected_because="unknown site"),
    )


def _half_readable(patient: str, calendar: Calendar) -> FeedMessage:
    """A collection with one entry that cannot be read between two that can."""
    count = _platelets(patient, calendar)
    good = [
        {
            **_platelets(patient, calendar),
            "id": f"{patient}-platelets-{n}",
            "valueQuantity": _per_litre("130"),
        }
        for n in (1, 2)
    ]
    entries = [good[0], {**count, "effectiveDateTime": "2024-02-30"}, good[1]]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in entries]}
    sent = message(_SITE, "Bundle", None, bundle, ACCEPTED + REJECTED + ACCEPTED)
    return replace(sent, rejected_because="impossible date in the second entry")


def _refused(because: str, resource_type: str, value: dict[str, Any] | bytes | None) -> FeedMessage:
    sent = message(_SITE, resource_type, None, value, ExpectedFeed(rejected=1))
    return replace(sent, rejected_because=because)


def _platelets(patient: str, calendar: Calendar) -> dict[str, Any]:
    """A count far below the bound, of yesterday: read by mistake it would end the patient's eligibility."""
    return {
        "resourceType": "Observation",
        "id": f"{patient}-faulty",
        "meta": {"versionId": "1", "lastUpdated": calendar.stamp(-2, 1)},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": calendar.text(-2),
        "valueQuantity": _per_litre("12"),
    }


def _per_litre(value: str) -> dict[str, Any]:
    return {"value": int(value), "unit": "10*9/L", "system": _UNITS, "code": "10*9/L"}


def _carcinoma(patient: str, onset: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"{patient}-faulty-carcinoma",
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C22.0"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "onsetDateTime": onset,
    }
