"""Decides what becomes of one resource: accepted, with or without issues, out of scope, or rejected.

Never raises, whatever the bytes. What a type states is decided by its reader; one without is out of scope.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Raw

from shared.facts import AnyFact, stamp
from shared.fhir import elements as fhir
from shared.fhir.adverse_event import read_adverse_event
from shared.fhir.care import read_encounter, read_patient, read_procedure
from shared.fhir.context import Context, Place
from shared.fhir.decoding import decode
from shared.fhir.diagnosis import read_condition, read_report
from shared.fhir.medication import (
    read_administration,
    read_dispense,
    read_medication,
    read_request,
    read_statement,
)
from shared.fhir.observation import read_observation
from shared.fhir.oddities import find_oddities
from shared.fhir.reading import (
    Accepted,
    Link,
    OutOfScope,
    Reading,
    Reason,
    RecordIdentity,
    Rejected,
    Unreadable,
)
from shared.fhir.record import Record, Stated, Unasked, business_id
from shared.fhir.resource_types import RESOURCE_TYPES
from shared.fhir.specimen import read_body_structure, read_specimen
from shared.sites import Site

READERS: Final[Mapping[str, Callable[[Record], Stated]]] = {
    "AdverseEvent": read_adverse_event,
    "BodyStructure": read_body_structure,
    "Condition": read_condition,
    "DiagnosticReport": read_report,
    "Encounter": read_encounter,
    "Medication": read_medication,
    "MedicationAdministration": read_administration,
    "MedicationDispense": read_dispense,
    "MedicationRequest": read_request,
    "MedicationStatement": read_statement,
    "Observation": read_observation,
    "Patient": read_patient,
    "Procedure": read_procedure,
    "Specimen": read_specimen,
}
_BUNDLE_INTERNAL: Final = re.compile(rb"urn:(?:uuid|oid):[^\"\\\s]+")


def open_resource(raw: bytes, path: str = "") -> tuple[str, dict[str, Raw]]:
    """The type of a resource and its top-level elements; raises `Unreadable`."""
    elements = decode(fhir.OBJECT, raw, path or "$")
    stated = elements.get("resourceType")
    at = f"{path}.resourceType" if path else "resourceType"
    if stated is None:
        raise Unreadable(Reason.NOT_A_RESOURCE, at, "expected the type of a FHIR resource")
    type_ = decode(fhir.TEXT, stated, at)
    if type_ not in RESOURCE_TYPES:
        raise Unreadable(Reason.UNKNOWN_TYPE, at, "expected a resource type of FHIR R4 or R5")
    return type_, elements


def read_resource(raw: bytes, place: Place) -> Reading:
    """Read one resource that is not a Bundle."""
    try:
        type_, elements = open_resource(raw)
        return read_opened(type_, elements, raw, place)
    except Unreadable as error:
        return Rejected(error.reason, error.path, error.says, raw, links=_links_of(raw, place))
    except RecursionError:
        return Rejected(Reason.TOO_DEEP, "$", "expected JSON of fewer levels", raw)


def read_again(raw: bytes, record: RecordIdentity, links: tuple[Link, ...], site: Site, context: Context) -> Reading:
    """Read a stored resource anew: after a change of reader or terminology, or when a Medication came."""
    # A record without an id of its own keeps the identity that it was stored under.
    return read_resource(raw, Place(site, context, {link.url: link for link in links}, full_url=record.id))


def read_opened(type_: str, elements: Mapping[str, Raw], raw: bytes, place: Place) -> Reading:
    """Read a resource whose type is known."""
    record = None
    try:
        record = Record(type_, raw, elements, place)
        reads = READERS.get(type_)
        stated = reads(record) if reads is not None else Unasked()
        if isinstance(stated, Unasked):
            return OutOfScope(record.identity, record.order, stated.system, stated.code)
        return _accept(record, stated)
    except Unreadable as error:
        reason, path, says = error.reason, error.path, error.says
    except RecursionError:
        reason, path, says = Reason.TOO_DEEP, type_, "expected JSON of fewer levels"
    except Exception as error:  # a fault of ours must not stop the partition behind this record
        reason, path = Reason.READER_FAULT, type_
        says = f"the reader failed with {type(error).__name__}: report it, then replay"
    links = _links_of(raw, place)
    if record is None:
        return Rejected(reason, path, says, raw, links=links)
    return Rejected(reason, path, says, raw, record.identity, record.patient, links, tuple(record.named_by))


def _accept(record: Record, facts: tuple[AnyFact, ...]) -> Accepted:
    stamped = {fact.fact_id: fact for fact in map(stamp, facts)}
    return Accepted(
        record=record.identity,
        order=record.order,
        patient=record.patient,
        facts=tuple(stamped.values()),
        issues=(*dict.fromkeys(record.issues), *find_oddities(record)),
        raw=record.raw,
        pending=tuple(record.pending),
        links=_links_of(record.raw, record.place),
        identifiers=_identifiers(record) if record.type == "Patient" else (),
        fhir_version=record.fhir_version,
        named_by=tuple(record.named_by),
        elements=tuple(record.elements),
    )


def _identifiers(record: Record) -> tuple[str, ...]:
    stated = record.element("identifier", fhir.IDENTIFIERS) or ()
    return tuple(sorted({text for each in stated if each.value and (text := business_id(each)).isprintable()}))


def _links_of(raw: bytes, place: Place) -> tuple[Link, ...]:
    """The Bundle-internal references that this resource uses."""
    if not place.links or b"urn:" not in raw:
        return ()
    used = {found.decode("utf-8", "replace") for found in _BUNDLE_INTERNAL.findall(raw)}
    return tuple(place.links[url] for url in sorted(used & place.links.keys()))
