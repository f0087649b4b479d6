"""Attestations: decides what a named practitioner states, of which event, with which reason and details.

Does not decide what follows from it. The records by which people act on a case are listed in `shared.reviews`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from shared.facts import Amendment, Attestation
from shared.fhir.elements import Annotation, Value
from shared.fhir.meaning import answer
from shared.fhir.reading import IssueCode, Reason, Unreadable
from shared.fhir.statement import Statement
from shared.reviews import ACTS, BY_CODE, CAUSALITY, DEGREE, MERGED_INTO, NOT_SERIOUS, RESULTS, SERIOUSNESS
from shared.terminology import Kind

_EVENT_ID: Final = re.compile(r"[A-Za-z0-9\-.:/]{1,128}")
_LONGEST_TERM: Final = 250
_OPINIONS: Final = frozenset(act.code for act in ACTS if any(d.code == DEGREE for d in act.details))
_NOTES: Final = msgspec.json.Decoder(tuple[Annotation, ...])


def attestation(said: Statement) -> Attestation | None:
    """A named practitioner's statement; `effectivePeriod.end` is its expiry, `focus` the event spoken of."""
    value = said.boolean()
    if value is None:
        return None
    whole, record = said.whole, said.record
    if record.meaning.of_kind(Kind.CATEGORY, *whole.category) is None:
        record.note(IssueCode.MISSING_ELEMENT, "category", "expected the category attestation")
    _, expires = record.span(whole.effective_period, "effectivePeriod")
    return Attestation(
        source=record.source,
        occurred=said.occurred,
        code=said.concept.id,
        value=value,
        practitioner=_practitioner(said),
        expires=expires,
        focus=_reader(said) if said.concept.id == "reader-accepted" else _event(said),
        note=_reason(said),
        into=_into(said),
        amends=_amends(said),
        degree=_degree(said, value),
    )


def _reason(said: Statement) -> str | None:
    """The first words of `note`, where a case is reviewed; a note of another shape is noted, and gives no reason.

    A reason is shown to whoever works on the case. Elsewhere a note is free text that nobody asks for, and may name the
    patient: it stays with the record.
    """
    if said.concept.id not in BY_CODE or not bytes(said.whole.note):
        return None
    try:
        notes = _NOTES.decode(said.whole.note)
    except (msgspec.DecodeError, msgspec.ValidationError):
        said.record.note(IssueCode.MISSING_ELEMENT, "note", "expected a list of notes with text")
        return None
    return next((text for each in notes if (text := (each.text or "").strip())), None)


def _practitioner(said: Statement) -> str:
    for performer in said.whole.performer:
        target = said.record.target(performer)
        if target is not None and target[0] in ("Practitioner", "PractitionerRole"):
            return said.record.key(*target)
    raise said.record.missing("performer", "expected a reference to a Practitioner")


def _reader(said: Statement) -> str:
    """The reader whose measurements are accepted: named as the measurements name their performer."""
    key = said.record.performer_key(next(iter(said.whole.focus), None))
    if key is None:
        raise said.record.missing("focus", "expected the reader whose measurements are accepted")
    return key


def _event(said: Statement) -> str | None:
    for place, focus in enumerate(said.whole.focus):
        if focus.identifier is not None and focus.identifier.value is not None:
            return _id(focus.identifier.value, said.record.path(f"focus[{place}].identifier.value"))
    return None


def _id(stated: str, path: str) -> str:
    if _EVENT_ID.fullmatch(stated) is None:
        raise Unreadable(Reason.UNUSABLE_ID, path, "expected the id of an event")
    return stated


def _into(said: Statement) -> str | None:
    if said.concept.id != "sae-merged":
        return None
    found = next(((value, path) for code, value, path in _details(said) if code == MERGED_INTO), None)
    if found is None or found[0].value_string is None:
        raise said.record.missing("component", f"expected {MERGED_INTO} with the id of the other case as valueString")
    return _id(found[0].value_string, f"{found[1]}.valueString")


def _degree(said: Statement, related: bool) -> str | None:
    """How strongly; one that says the contrary of the statement makes it unreadable, so that the case stays unassessed."""
    for code, value, path in _details(said):
        if code == DEGREE and said.concept.id in _OPINIONS:
            degree = _coded(value, tuple(CAUSALITY), path)
            if CAUSALITY[degree] is not related:
                form = "expected a degree that agrees with valueBoolean"
                raise Unreadable(Reason.IMPOSSIBLE_VALUE, f"{path}.valueCodeableConcept", form)
            return degree
    return None


def _amends(said: Statement) -> Amendment | None:
    """What is corrected; an amendment that names no field only leaves its step."""
    if said.concept.id != "sae-amended":
        return None
    amended = Amendment()
    for code, value, path in _details(said):
        match code:
            case "amended-term":
                amended = msgspec.structs.replace(amended, term=_term(value, path))
            case "amended-onset" | "amended-end":
                when = said.record.date(_date_time(value, f"{path}.valueDateTime"), f"component.{code}")
                field = "onset" if code == "amended-onset" else "ended"
                amended = msgspec.structs.replace(amended, **{field: when})
            case "amended-grade":
                amended = msgspec.structs.replace(amended, grade=_grade(value, path))
            case "amended-seriousness":
                criterion = _coded(value, (*SERIOUSNESS, NOT_SERIOUS), path)
                met = {*(amended.seriousness or ()), criterion} - {NOT_SERIOUS}
                amended = msgspec.structs.replace(amended, seriousness=tuple(s for s in SERIOUSNESS if s in met))
            case "amended-outcome":
                amended = msgspec.structs.replace(amended, result=_coded(value, RESULTS, path))
            case _:
                continue
    if amended == Amendment():
        said.record.note(IssueCode.MISSING_ELEMENT, "component", "expected what is amended, as a component of its own")
        return None
    return amended


def _details(said: Statement) -> Iterator[tuple[str, Value, str]]:
    """The components that are details of a review, each with its place."""
    for place, part in enumerate(said.whole.component):
        found = said.record.meaning.of_kind(Kind.REVIEW_DETAIL, part.code)
        if found is not None:
            yield found.id, part, said.record.path(f"component[{place}]")


def _date_time(value: Value, path: str) -> str:
    if not bytes(value.value_date_time):
        raise Unreadable(Reason.MISSING, path, "expected a date")
    try:
        return msgspec.json.decode(value.value_date_time, type=str)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Unreadable(Reason.WRONG_TYPE, path, "expected a date") from None


def _stated(value: str | None, path: str) -> str:
    if value is None:
        raise Unreadable(Reason.MISSING, path, "expected a value")
    return value


def _term(value: Value, path: str) -> str:
    term = " ".join(_stated(value.value_string, f"{path}.valueString").split())
    if not 0 < len(term) <= _LONGEST_TERM:
        raise Unreadable(Reason.IMPOSSIBLE_VALUE, f"{path}.valueString", f"expected 1 to {_LONGEST_TERM} characters")
    return term


def _grade(value: Value, path: str) -> int:
    grade = value.value_integer
    if grade is None or not 1 <= grade <= 5:
        raise Unreadable(Reason.IMPOSSIBLE_VALUE, f"{path}.valueInteger", "expected a grade from 1 to 5")
    return grade


def _coded(value: Value, allowed: tuple[str, ...], path: str) -> str:
    found = answer(value.value_codeable_concept, allowed)
    if found is None:
        raise Unreadable(Reason.UNKNOWN_CODE, f"{path}.valueCodeableConcept", f"expected one of {', '.join(allowed)}")
    return found
