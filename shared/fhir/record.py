"""One resource being read: its elements, identity, version, references, dates, and the path to blame.

Decides how a record is identified and what its references mean; not what it states.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw

from shared import dates
from shared.dates import FhirDate
from shared.facts import AnyFact, Source
from shared.fhir import elements as fhir
from shared.fhir import versions
from shared.fhir.coded import Coded
from shared.fhir.context import Named, Place, Several
from shared.fhir.decoding import decode
from shared.fhir.element_tables import FhirVersion
from shared.fhir.elements import CodeableConcept, Identifier, Period, Reference
from shared.fhir.meaning import Meaning
from shared.fhir.reading import (
    Issue,
    IssueCode,
    Reason,
    RecordIdentity,
    Unreadable,
    VersionOrder,
)
from shared.fhir.resource_types import RESOURCE_TYPES
from shared.terminology import Concept

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unasked:
    """No protocol asks for what this record says; the coding that decided it, for counting."""

    system: str | None = None
    code: str | None = None


Stated = tuple[AnyFact, ...] | Unasked
"""What a reader finds in a record."""


_UTC: Final = ZoneInfo("UTC")
_USUAL_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?(?:Z|[+-]\d\d:\d\d)")
_LONGEST_ID: Final = 256
_OF_ONE: Final = "expected an identifier of one Patient known here: several state it"
_BIGGEST_VERSION_DIGITS: Final = 18


class Record:
    """A resource of a known type with its top-level elements still raw."""

    __slots__ = (
        "_fhir_version",
        "_source",
        "codes",
        "elements",
        "identity",
        "issues",
        "meaning",
        "named_by",
        "order",
        "patient",
        "pending",
        "place",
        "raw",
        "site",
        "type",
    )

    def __init__(self, type_: str, raw: bytes, elements: Mapping[str, Raw], place: Place) -> None:
        self.type = type_
        self.raw = raw
        self.elements = elements
        self.place = place
        self.site = place.site
        self.codes = place.context.codes(place.site)
        self.meaning: Meaning = self.codes.meaning
        self.issues: list[Issue] = []
        self.pending: list[str] = []
        self.patient: str | None = None
        self.named_by: list[str] = []
        self.identity = RecordIdentity(self.site.site, type_, identify(type_, elements, raw, place.full_url))
        self.order = self._versioned()
        self._source: Source | None = None
        self._fhir_version: FhirVersion | None = None

    @property
    def source(self) -> Source:
        """What its facts cite; most records state none, and need no key.

        No version of the record: two that state the same state one fact, whichever comes first.
        """
        if self._source is None:
            self._source = Source(self.type, self.key(self.type, self.identity.id))
        return self._source

    @property
    def fhir_version(self) -> FhirVersion:
        """The version of FHIR that it is written in."""
        if self._fhir_version is None:
            stated, usual = self.place.context.fhir_version, versions.of_site(self.site)
            self._fhir_version = versions.detect(self.type, self.elements, stated, usual)
        return self._fhir_version

    # --- elements ---------------------------------------------------------------------------------------

    def path(self, element: str) -> str:
        """The element as FHIRPath names it."""
        return f"{self.type}.{element}"

    def element(self, name: str, decoder: msgspec.json.Decoder[T]) -> T | None:
        """One top-level element; None where absent."""
        raw = self.elements.get(name)
        return None if raw is None else decode(decoder, raw, self.path(name))

    def coded(self, name: str) -> Coded | None:
        """A top-level CodeableConcept with the concepts that it stands for; None where absent."""
        raw = self.elements.get(name)
        return None if raw is None else self.codes.read(raw, self.path(name))

    def whole(self, decoder: msgspec.json.Decoder[T]) -> T:
        """The elements of the type that are read."""
        return decode(decoder, self.raw, self.type)

    def missing(self, element: str, says: str) -> Unreadable:
        """The refusal of a record without an element that must be read."""
        return Unreadable(Reason.MISSING, self.path(element), says)

    def retracted(self, subject: Reference | None, element: str = "subject") -> tuple[()]:
        """The facts of a record that says nothing any more: none. Whom it spoke of is welcome, not needed."""
        with suppress(Unreadable):
            self.subject(subject, element)
        return ()

    def asked(self, *stated: CodeableConcept | None) -> tuple[Concept, ...]:
        """The concepts in scope that the codings stand for."""
        return self.codes.asked(*stated)

    def code(self, text: str | None, element: str, known: frozenset[str]) -> str:
        """A code of a required binding; raises `Unreadable` for none or one outside of it."""
        if text is None:
            raise self.missing(element, f"expected one of {', '.join(sorted(known))}")
        if text not in known:
            raise Unreadable(Reason.UNKNOWN_CODE, self.path(element), f"expected one of {', '.join(sorted(known))}")
        return text

    def note(self, code: IssueCode, element: str, says: str) -> None:
        """Note an oddity that leaves the facts sound."""
        self.issues.append(Issue(code, self.path(element), says))

    # --- identity and version ---------------------------------------------------------------------------

    def key(self, type_: str, id_: str) -> str:
        """The key of a record of this site."""
        return self.place.context.keys.record(self.site.site, type_, id_)

    def _versioned(self) -> VersionOrder:
        meta = self.element("meta", fhir.META)
        if meta is None:
            return VersionOrder()
        order = VersionOrder(instant(meta.last_updated), version_number(meta.version_id))
        if meta.last_updated is not None and order.last_updated is None:
            self.note(IssueCode.UNVERSIONED, "meta.lastUpdated", "expected an instant that exists")
        return order

    # --- references -------------------------------------------------------------------------------------

    def subject(self, reference: Reference | None, element: str = "subject") -> str:
        """The raw id of the patient that it is about; raises `Unreadable` if there is none."""
        path = self.path(element)
        if reference is None or (reference.reference is None and reference.identifier is None):
            raise Unreadable(Reason.SUBJECT_MISSING, path, "expected a reference to a Patient")
        if reference.reference is None:
            self.patient = self._identified_patient(reference.identifier, path)
            return self.patient
        if reference.reference.startswith("#"):
            self.patient = self._contained_patient(reference.reference[1:], path)
            return self.patient
        target = self.target(reference)
        if target is None:
            raise Unreadable(
                Reason.SUBJECT_UNRESOLVED, f"{path}.reference", "expected a Patient known here: Patient/<id>"
            )
        if target[0] != "Patient":
            raise Unreadable(Reason.SUBJECT_MISSING, f"{path}.reference", "expected a Patient")
        self.patient = usable_id(target[1], f"{path}.reference")
        return self.patient

    def target(self, reference: Reference | None) -> tuple[str, str] | None:
        """(type, id) that a literal reference names, Bundle-internal ones resolved; None if unknown."""
        if reference is None or reference.reference is None:
            return None
        link = self.place.links.get(reference.reference)
        if link is not None:
            return link.type, link.id
        parts = reference.reference.partition("/_history/")[0].split("/")
        if len(parts) < 2 or parts[-2] not in RESOURCE_TYPES or not parts[-1]:
            return None
        return parts[-2], parts[-1]

    def target_key(self, reference: Reference | None, type_: str) -> str | None:
        """The key of the record of that type that a reference names."""
        target = self.target(reference)
        return self.key(*target) if target is not None and target[0] == type_ else None

    def performer_key(self, performer: Reference | None) -> str | None:
        """The key of whoever performed it; an identifier serves where there is no reference."""
        if performer is None:
            return None
        target = self.target(performer)
        if target is None and performer.identifier is not None and performer.identifier.value:
            target = "identifier", business_id(performer.identifier)
        return self.key(*target) if target is not None else None

    def contained(self, reference: Reference | None, type_: str) -> Raw | None:
        """The contained resource of that type that a reference such as `#med` names."""
        if reference is None or reference.reference is None or not reference.reference.startswith("#"):
            return None
        for raw in self.element("contained", fhir.ARRAY) or ():
            inner = decode(fhir.OBJECT, raw, self.path("contained"))
            named = inner.get("id"), inner.get("resourceType")
            wanted = msgspec.json.encode(reference.reference[1:]), msgspec.json.encode(type_)
            if tuple(bytes(part) if part is not None else b"" for part in named) == wanted:
                return raw
        return None

    def _identified_patient(self, identifier: Identifier | None, path: str) -> str:
        known = self._named(identifier) if identifier is not None and identifier.value else None
        if known is Several.PATIENTS:
            raise Unreadable(Reason.SUBJECT_AMBIGUOUS, path, _OF_ONE)
        if known is None:
            form = "expected a literal reference (Patient/<id>), or the identifier of a Patient known here"
            raise Unreadable(Reason.SUBJECT_BY_IDENTIFIER, path, form)
        return usable_id(known, path)

    def _named(self, identifier: Identifier) -> Named:
        stated = business_id(identifier)
        self.named_by.append(stated)
        return self.place.context.patient(self.site.site, stated)

    def _contained_patient(self, name: str, path: str) -> str:
        raw = self.contained(Reference(reference=f"#{name}"), "Patient")
        inner = decode(fhir.OBJECT, raw, f"{path}.reference") if raw is not None else {}
        stated = inner.get("identifier")
        identifiers = decode(fhir.IDENTIFIERS, stated, self.path("contained.identifier")) if stated else ()
        found = [self._named(identifier) for identifier in identifiers if identifier.value]
        for known in found:
            if isinstance(known, str):
                return usable_id(known, path)
        if Several.PATIENTS in found:
            raise Unreadable(Reason.SUBJECT_AMBIGUOUS, f"{path}.reference", _OF_ONE)
        if identifiers:
            form = "expected a contained Patient with the identifier of a Patient known here"
            raise Unreadable(Reason.SUBJECT_BY_IDENTIFIER, f"{path}.reference", form)
        raise Unreadable(Reason.SUBJECT_UNRESOLVED, f"{path}.reference", "expected a contained Patient")

    # --- dates ------------------------------------------------------------------------------------------

    def date(self, text: str | None, element: str) -> FhirDate | None:
        """A date of the record, in the site's time zone; raises `Unreadable` for one that cannot be."""
        return None if text is None else read_date(text, self.site.zone, self.path(element))

    def span(self, period: Period | None, element: str) -> tuple[FhirDate | None, FhirDate | None]:
        """Start and end of a Period; raises `Unreadable` if it ends before it starts."""
        if period is None:
            return None, None
        start = self.date(period.start, f"{element}.start")
        end = self.date(period.end, f"{element}.end")
        if start is not None and end is not None and dates.before(end, start):
            raise Unreadable(
                Reason.IMPOSSIBLE_DATE, self.path(f"{element}.end"), "expected an end at or after the start"
            )
        return start, end

    def moment(self, text: str | None, period: Period | None, element: str) -> FhirDate | None:
        """When it was, by a choice of dateTime and Period: the start of a Period, else its end."""
        start, end = self.span(period, f"{element}Period")
        return self.date(text, f"{element}DateTime") or start or end


def identify(type_: str, elements: Mapping[str, Raw], raw: bytes, full_url: str | None) -> str:
    """A resource's id; without one its first identifier, else its fullUrl, else a hash of its content."""
    if (stated := elements.get("id")) is not None:
        return usable_id(decode(fhir.TEXT, stated, f"{type_}.id"), f"{type_}.id")
    if (stated := elements.get("identifier")) is not None:
        for identifier in decode(fhir.IDENTIFIERS, stated, f"{type_}.identifier"):
            if identifier.value:
                return usable_id(business_id(identifier), f"{type_}.identifier")
    if full_url:
        return usable_id(full_url, "Bundle.entry.fullUrl")
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def read_date(text: str, zone: ZoneInfo, path: str) -> FhirDate:
    """A FHIR date; raises `Unreadable` in the words of `ImpossibleDate`."""
    try:
        return dates.parse(text, zone)
    except dates.ImpossibleDate as error:
        raise Unreadable(Reason.IMPOSSIBLE_DATE, path, str(error)) from None


def usable_id(text: str, path: str) -> str:
    """An id that can be stored and told apart: printable, not empty, not endless."""
    if not text or len(text) > _LONGEST_ID or not text.isprintable():
        raise Unreadable(Reason.UNUSABLE_ID, path, f"expected 1 to {_LONGEST_ID} printable characters")
    return text


def version_number(version: str | None) -> int | None:
    """The integer of a versionId, where it is one."""
    if version is None or not (version.isascii() and version.isdecimal()) or len(version) > _BIGGEST_VERSION_DIGITS:
        return None
    return int(version)


def instant(text: str | None) -> datetime | None:
    """The first instant that a date may mean; None for one that cannot be."""
    if text is None:
        return None
    try:
        if _USUAL_INSTANT.fullmatch(text) is not None:  # many times faster than a date of unknown precision
            return datetime.fromisoformat(text).astimezone(UTC)
        return dates.parse(text, _UTC).first
    except (ValueError, OverflowError):  # ImpossibleDate is a ValueError
        return None


def business_id(identifier: Identifier) -> str:
    """An identifier as one text: `system|value`."""
    return f"{identifier.system or ''}|{identifier.value}"


def unasked(*stated: CodeableConcept | None) -> Unasked:
    """Out of scope, by the first coding there is."""
    for concept in stated:
        for coding in concept.coding if concept else ():
            return Unasked(coding.system, coding.code)
    return Unasked()
