"""One lesion, one date, one reader: decides its identity, sizes (mm), role, state and organ as recorded.

Does not decide whether a lesion is measurable, target or progressing: mRECIST does.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, cast

from shared.facts import LesionMeasurement
from shared.fhir import values
from shared.fhir.elements import Reference
from shared.fhir.reading import IssueCode, Reason, Unreadable
from shared.fhir.record import Record
from shared.fhir.statement import Statement
from shared.terminology import Kind, concept

_SIZES: Final = ("longest-diameter", "viable-diameter", "short-axis")
_Role = Literal["target", "non-target", "new"]
_State = Literal["present", "absent", "unequivocal-progression", "too-small-to-measure", "not-evaluable"]


def lesion(said: Statement) -> LesionMeasurement | None:
    """A lesion measurement (mCODE tumour size, LOINC 21889-1, with our components); sizes in cm convert."""
    if said.concept.id != "lesion-measurement" or said.at:
        return None
    record, parts = said.record, _parts(said)
    identity, body_structure, merged_with = _identity(said)
    organ = record.meaning.of_kind(Kind.ORGAN, said.whole.body_site)
    if organ is None and said.whole.body_site is not None:
        record.note(IssueCode.UNMAPPED_CODE, "bodySite", "expected a body site that names a known organ")
    sizes = {name: _size(parts.get(name)) for name in _SIZES}
    if sizes["longest-diameter"] is None:
        sizes["longest-diameter"] = _size(said)
    return LesionMeasurement(
        source=record.source,
        occurred=said.occurred,
        lesion=identity,
        body_structure=body_structure,
        reader=record.performer_key(next(iter(said.whole.performer), None)),
        role=cast("_Role | None", _coded(parts.get("lesion-role"))),
        state=cast("_State | None", _coded(parts.get("lesion-state"))),
        longest_mm=sizes["longest-diameter"],
        viable_mm=sizes["viable-diameter"],
        short_axis_mm=sizes["short-axis"],
        arterial_hyperenhancement=_flag(parts.get("arterial-hyperenhancement")),
        washout=_flag(parts.get("washout")),
        organ=organ.id if organ is not None else None,
        visit=_visit(parts.get("visit-number")),
        merged_with=merged_with,
        split_from=_split_from(said, parts.get("split-from")),
        accepted=_flag(parts.get("accepted-reading")),
    )


def lesion_key(record: Record, named: Reference | None) -> str | None:
    """The key of the lesion that a reference names: by its identifier, else by its BodyStructure."""
    if named is not None and named.identifier is not None and named.identifier.value:
        return record.key("Lesion", f"{named.identifier.system or ''}|{named.identifier.value}")
    return record.target_key(named, "BodyStructure")


def _parts(said: Statement) -> Mapping[str, Statement]:
    """The components by concept; of two with one concept the first counts."""
    parts: dict[str, Statement] = {}
    for place, value in enumerate(said.whole.component):
        for found in said.record.meaning.concepts(value.code):
            at = f"component[{place}]."
            part = Statement(said.record, said.whole, value, found, said.occurred, said.final, at)
            parts.setdefault(found.id, part)
    return parts


def _identity(said: Statement) -> tuple[str, str | None, tuple[str, ...]]:
    """The lesion's key by `focus.identifier`, else by BodyStructure; the BodyStructure's key; lesions merged with it.

    An observation of two lesions measures them as one: they have grown together. An identifier and a BodyStructure
    side by side name one lesion in two ways.
    """
    record, named = said.record, [*said.whole.focus]
    if said.whole.body_structure is not None:
        named.append(said.whole.body_structure)
    identified = [key for each in named if each.identifier and (key := lesion_key(record, each))]
    structures = [key for each in named if (key := record.target_key(each, "BodyStructure"))]
    keys = tuple(dict.fromkeys(identified or structures))
    if not keys:
        raise record.missing("focus", "expected the identifier of the lesion, or its BodyStructure")
    return keys[0], next(iter(structures), None), keys[1:]


def _split_from(said: Statement, part: Statement | None) -> str | None:
    """The key of the lesion that this one was a part of, by its identifier in the system of this one's own."""
    if part is None or not part.value.value_string:
        return None
    systems = (each.identifier.system for each in said.whole.focus if each.identifier and each.identifier.value)
    return said.record.key("Lesion", f"{next(systems, None) or ''}|{part.value.value_string}")


def _size(part: Statement | None) -> Decimal | None:
    if part is None or part.value.value_quantity is None or part.lacks_number:
        return None
    # Read with the unit of a diameter, whatever the concept that carries the size.
    of = part.concept if part.concept.unit == "mm" else concept("longest-diameter")
    return values.exact(part.value.value_quantity, of, part.path("valueQuantity"))


def _coded(part: Statement | None) -> str | None:
    return None if part is None else part.answered()


def _flag(part: Statement | None) -> bool | None:
    return None if part is None else part.boolean()


def _visit(part: Statement | None) -> int | None:
    if part is None or part.value.value_integer is None:
        return None
    if not 0 <= part.value.value_integer <= 9999:
        raise Unreadable(Reason.IMPOSSIBLE_VALUE, part.path("valueInteger"), "expected a visit number")
    return part.value.value_integer
