"""Specimen and BodyStructure: decides which tissue a specimen is, and in which organ a lesion lies."""

from __future__ import annotations

from typing import Final, Literal, cast

import msgspec

from shared.facts import BodySite, SpecimenCollected
from shared.fhir.elements import BodyStructure, Specimen, code_set
from shared.fhir.meaning import Meaning
from shared.fhir.reading import IssueCode
from shared.fhir.record import Record, Stated, unasked
from shared.terminology import Kind

Tissue = Literal["graft-liver", "tumour"]

SPECIMEN: Final = msgspec.json.Decoder(Specimen)
_BODY_STRUCTURE: Final = msgspec.json.Decoder(BodyStructure)
_STATUS: Final = code_set("available unavailable unsatisfactory entered-in-error")


def tissue_of(specimen: Specimen, meaning: Meaning) -> Tissue | None:
    """The tissue by type, else by the site of collection."""
    site = specimen.collection.body_site if specimen.collection else None
    found = meaning.of_kind(Kind.SPECIMEN_SITE, specimen.type, site, site.concept if site else None)
    return cast("Tissue | None", found.id if found is not None else None)


def read_specimen(record: Record) -> Stated:
    """A Specimen of graft or tumour; any other (blood, urine) answers no question of a protocol."""
    specimen = record.whole(SPECIMEN)
    tissue = tissue_of(specimen, record.meaning)
    if specimen.status is not None and record.code(specimen.status, "status", _STATUS) == "entered-in-error":
        return record.retracted(specimen.subject)
    if tissue is None:
        return unasked(specimen.type)
    record.subject(specimen.subject)
    collected = None
    if specimen.collection is not None:
        start, end = record.span(specimen.collection.collected_period, "collection.collectedPeriod")
        stated = specimen.collection.collected_date_time
        collected = record.date(stated, "collection.collectedDateTime") or start or end
    key = record.source.key
    return (SpecimenCollected(source=record.source, occurred=collected, specimen=key, tissue=tissue),)


def read_body_structure(record: Record) -> Stated:
    """A BodyStructure and its organ, None where its location names none that we know, or several."""
    structure = record.whole(_BODY_STRUCTURE)
    record.subject(structure.patient, "patient")
    stated = (structure.location, *(part.structure for part in structure.included_structure))
    found = (record.meaning.of_kind(Kind.ORGAN, each) for each in stated)
    organs = {each.id for each in found if each is not None}
    if len(organs) != 1 and any(stated):
        element = "includedStructure" if structure.included_structure else "location"
        record.note(IssueCode.UNMAPPED_CODE, element, "expected a location that names one known organ")
    organ = min(organs) if len(organs) == 1 else None
    return (BodySite(source=record.source, body_structure=record.source.key, organ=organ),)
