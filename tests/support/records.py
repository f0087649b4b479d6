"""Builds FHIR resources as hospitals send them, and reads them with literal keys, for tests of the reader."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from shared import dates, terminology
from shared.dates import FhirDate
from shared.facts import UNSTAMPED, AnyFact, Source
from shared.fhir.context import Context
from shared.fhir.keys import PlainKeys
from shared.fhir.message import read_message
from shared.fhir.reading import Accepted, OutOfScope, Reading, Rejected
from shared.fhir.scope import Scope
from shared.sites import CodeMapping, NormalLimits, Site

Resource = dict[str, Any]

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
ICD: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ATC: Final = "http://www.whocc.no/atc"
LOCAL: Final = "https://graftwatch.example/fhir/CodeSystem/clinical"
UCUM: Final = "http://unitsofmeasure.org"
HL7: Final = "http://terminology.hl7.org/CodeSystem/"

_JSON: Final = msgspec.json.Encoder(decimal_format="number")
EVERYTHING: Final = Scope(frozenset(row.id for row in terminology.CONCEPTS), "everything")
SITE: Final = Site.model_validate(
    {
        "site": "north",
        "time_zone": "Europe/Berlin",
        "codes": [CodeMapping(system="urn:north:lab", code="GPT", concept="alt")],
        "limits": [
            NormalLimits(concept="ast", unit="U/L", low=Decimal(5), high=Decimal(34)),
            NormalLimits(concept="ggt", unit="U/L", high=Decimal(60), sex="male"),
        ],
    }
)


def context(
    scope: Scope = EVERYTHING,
    medication: Callable[[str, str], bytes | None] = lambda _site, _id: None,
    patient: Callable[[str, str], str | None] = lambda _site, _identifier: None,
) -> Context:
    """A reading context with literal keys that asks for everything."""
    return Context(scope, PlainKeys(), medication, patient)


def coded(system: str, code: str, text: str | None = None) -> Resource:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def amount(value: str, unit: str | None, comparator: str | None = None) -> Resource:
    """A Quantity in a UCUM unit; the value is written to JSON digit by digit."""
    stated: Resource = {"value": Decimal(value)}
    if unit is not None:
        stated |= {"unit": unit, "system": UCUM, "code": unit}
    return stated | ({"comparator": comparator} if comparator else {})


def resource(type_: str, id_: str = "r1", **elements: Any) -> Resource:
    """A resource of Patient/p1 (Patient itself has no subject)."""
    subject = {} if type_ in ("Patient", "Medication") else {"subject": {"reference": "Patient/p1"}}
    return {"resourceType": type_, "id": id_} | subject | elements


def observation(code: Resource, id_: str = "r1", **elements: Any) -> Resource:
    """A final Observation of 3 May 2024."""
    usual = {"status": "final", "effectiveDateTime": "2024-05-03"}
    return resource("Observation", id_, code=code, **(usual | elements))


def lab(code: str = "1742-6", value: str = "42", unit: str | None = "U/L", **elements: Any) -> Resource:
    """A laboratory Observation with a LOINC code."""
    return observation(coded(LOINC, code), **({"valueQuantity": amount(value, unit)} | elements))


def without(of: Resource, *elements: str) -> Resource:
    """The resource without some elements."""
    return {name: stated for name, stated in of.items() if name not in elements}


def as_json(of: Resource) -> bytes:
    """The resource as it travels."""
    return _JSON.encode(of)


def read_all(of: Resource | bytes, site: Site = SITE, using: Context | None = None) -> tuple[Reading, ...]:
    """All readings of a message."""
    raw = of if isinstance(of, bytes) else as_json(of)
    return read_message(raw, None, site, using or context())


def read(of: Resource | bytes, site: Site = SITE, using: Context | None = None) -> Reading:
    """The reading of a message that holds one resource."""
    (reading,) = read_all(of, site, using)
    return reading


def accept(of: Resource | bytes, site: Site = SITE, using: Context | None = None) -> Accepted:
    """The reading of a resource that must be accepted."""
    reading = read(of, site, using)
    assert isinstance(reading, Accepted), reading
    return reading


def reject(of: Resource | bytes, site: Site = SITE, using: Context | None = None) -> Rejected:
    """The reading of a resource that must be rejected."""
    reading = read(of, site, using)
    assert isinstance(reading, Rejected), reading
    return reading


def leave(of: Resource | bytes, site: Site = SITE, using: Context | None = None) -> OutOfScope:
    """The reading of a resource that no protocol asks for."""
    reading = read(of, site, using)
    assert isinstance(reading, OutOfScope), reading
    return reading


def facts_of(of: Resource | bytes, site: Site = SITE, using: Context | None = None) -> list[AnyFact]:
    """The facts of an accepted resource, without their ids."""
    return [msgspec.structs.replace(fact, fact_id=UNSTAMPED) for fact in accept(of, site, using).facts]


def source(type_: str = "Observation", key: str = "r1", version: str | None = None) -> Source:
    """The source of a fact of the resource that `resource` builds."""
    return Source(type_, key, version)


def day(text: str = "2024-05-03") -> FhirDate:
    """A date at the site."""
    return dates.parse(text, SITE.zone)
