"""Decides which other Patient of the same site a Patient says it is one person with (`Patient.link`).

Does not decide who survives a merge: that takes what all of them say.
"""

from __future__ import annotations

from typing import Final, Literal, cast

from shared.facts import PatientLink
from shared.fhir import elements as fhir
from shared.fhir.elements import Reference, code_set
from shared.fhir.reading import IssueCode, Unreadable
from shared.fhir.record import Record, usable_id

_TYPES: Final = code_set("replaced-by replaces refer seealso")
_MERGES: Final = ("replaced-by", "replaces")
_ABSOLUTE: Final = ("http://", "https://")


def patient_links(record: Record, stated: tuple[fhir.PatientLink, ...]) -> tuple[PatientLink, ...]:
    """The links that merge: `replaced-by` and `replaces`, each to another Patient of this site.

    What cannot be followed is noted, never guessed: a link to another server would otherwise merge two persons who
    happen to have the same id.
    """
    found = (_link(record, place, link) for place, link in enumerate(stated))
    return tuple(link for link in found if link is not None)


def _link(record: Record, place: int, stated: fhir.PatientLink) -> PatientLink | None:
    if stated.type not in _TYPES:
        record.note(IssueCode.UNKNOWN_CODE, f"link[{place}].type", f"expected one of {', '.join(sorted(_TYPES))}")
    if stated.type not in _MERGES:
        return None
    other = _other(record, stated.other, f"link[{place}].other")
    if other is None:
        return None
    return PatientLink(
        source=record.source,
        link=cast("Literal['replaced-by', 'replaces']", stated.type),
        other=record.place.context.keys.patient(record.site.site, other),
        other_record=record.key("Patient", other),
    )


def _other(record: Record, stated: Reference | None, element: str) -> str | None:
    reference = (stated.reference if stated is not None else None) or ""
    if reference.startswith(_ABSOLUTE) and not record.site.is_own(reference):
        form = "expected a Patient of this site, or its server among base_urls of the site's file: sites do not merge"
        record.note(IssueCode.REFERENCE, element, form)
        return None
    target = record.target(stated)
    if target is None or target[0] != "Patient":
        if not _is_related_person(record, stated):
            record.note(IssueCode.REFERENCE, element, "expected a literal reference to a Patient: Patient/<id>")
        return None
    try:
        other = usable_id(target[1], record.path(element))
    except Unreadable as error:
        record.note(IssueCode.REFERENCE, element, error.says)
        return None
    if other == record.identity.id:
        record.note(IssueCode.REFERENCE, element, "expected another Patient than itself")
        return None
    return other


def _is_related_person(record: Record, stated: Reference | None) -> bool:
    """Whether it names the same person in another role, which is no Patient."""
    target = record.target(stated)
    named = target[0] if target is not None else stated.type if stated is not None else None
    return named == "RelatedPerson"
