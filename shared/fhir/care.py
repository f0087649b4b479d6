"""Patient, Procedure and Encounter: decides who, what was done, and which stay, as recorded.

Does not decide what a stay or a procedure means for a trial.
"""

from __future__ import annotations

from typing import Final, Literal, cast

import msgspec

from shared.facts import AnyFact, Demographics, EncounterStay, ProcedurePerformed, VitalStatus
from shared.fhir import elements as fhir
from shared.fhir.elements import CodeableConcept, Coding, Encounter, Patient, Procedure, code_set
from shared.fhir.lesion import lesion_key
from shared.fhir.patient_link import patient_links
from shared.fhir.reading import IssueCode
from shared.fhir.record import Record, Stated, unasked
from shared.terminology import Kind

_Sex = Literal["male", "female", "other"]
_Stay = Literal["inpatient", "emergency", "ambulatory", "other"]

_PATIENT: Final = msgspec.json.Decoder(Patient)
_PROCEDURE: Final = msgspec.json.Decoder(Procedure)
_ENCOUNTER: Final = msgspec.json.Decoder(Encounter)
_GENDERS: Final = code_set("male female other unknown")
_PROCEDURE_STATUS: Final = code_set(
    "preparation in-progress not-done on-hold stopped completed entered-in-error unknown"
)
_DONE: Final = {"completed": True, "in-progress": True, "stopped": True, "not-done": False}
_TREATED_LESION: Final = "http://hl7.org/fhir/StructureDefinition/procedure-targetBodyStructure"
_ENCOUNTER_STATUS: Final = code_set(
    """
    planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown
    on-hold discharged completed discontinued
    """
)
# The words of R5 in those of R4.
_IN_R4: Final = {"on-hold": "onleave", "discharged": "finished", "completed": "finished", "discontinued": "finished"}


def read_patient(record: Record) -> Stated:
    """Birth date and sex; whether the patient lives, where the record says so; and with whom it is one person."""
    person = record.whole(_PATIENT)
    record.patient = record.identity.id
    if person.gender is not None and person.gender not in _GENDERS:
        record.note(IssueCode.UNKNOWN_CODE, "gender", f"expected one of {', '.join(sorted(_GENDERS))}")
    sex = person.gender if person.gender in ("male", "female", "other") else None
    born = record.date(person.birth_date, "birthDate")
    facts: list[AnyFact] = []
    if born is not None or sex is not None:
        facts.append(Demographics(source=record.source, birth_date=born, sex=cast("_Sex | None", sex)))
    died = record.date(person.deceased_date_time, "deceasedDateTime")
    if died is not None or person.deceased_boolean is not None:
        dead = died is not None or bool(person.deceased_boolean)
        facts.append(VitalStatus(source=record.source, occurred=died, deceased=dead))
    return (*facts, *patient_links(record, person.link))


def read_procedure(record: Record) -> Stated:
    """A Procedure that took place, or was not done; one prepared or on hold states nothing."""
    code = record.element("code", fhir.CONCEPT)
    asked = tuple(each for each in record.asked(code) if each.kind is Kind.PROCEDURE)
    if not asked and (code is not None or record.element("status", fhir.TEXT) != "entered-in-error"):
        return unasked(code)
    procedure = record.whole(_PROCEDURE)
    if record.code(procedure.status, "status", _PROCEDURE_STATUS) == "entered-in-error":
        return record.retracted(procedure.subject)
    record.subject(procedure.subject)
    if procedure.status == "unknown":
        record.note(IssueCode.STATUS_UNKNOWN, "status", "whether it took place is not recorded")
    if procedure.status not in _DONE:
        return ()
    performed = record.moment(procedure.performed_date_time, procedure.performed_period, "performed") or record.moment(
        procedure.occurrence_date_time, procedure.occurrence_period, "occurrence"
    )
    if performed is None:
        record.note(IssueCode.UNDATED, "performed[x]", "expected a dateTime or a Period")
    done, lesions, organs = _DONE[procedure.status], _treated(record, procedure), _organs(record, procedure)
    return tuple(
        ProcedurePerformed(
            source=record.source, occurred=performed, concept=each.id, performed=done, lesions=lesions, organs=organs
        )
        for each in asked
    )


def _treated(record: Record, procedure: Procedure) -> tuple[str, ...]:
    """The lesions that it was done on: the standard extension names each by identifier or by BodyStructure."""
    stated = (e.value_reference for e in procedure.extension if e.url == _TREATED_LESION)
    return tuple(sorted({key for each in stated if (key := lesion_key(record, each)) is not None}))


def _organs(record: Record, procedure: Procedure) -> tuple[str, ...]:
    found = (record.meaning.of_kind(Kind.ORGAN, each) for each in procedure.body_site)
    return tuple(sorted({each.id for each in found if each is not None}))


def read_encounter(record: Record) -> Stated:
    """An Encounter that took or takes place; a planned one is no stay yet."""
    encounter = record.whole(_ENCOUNTER)
    status = record.code(encounter.status, "status", _ENCOUNTER_STATUS)
    if status in ("cancelled", "entered-in-error"):
        return record.retracted(encounter.subject)
    record.subject(encounter.subject)
    if not encounter.class_:
        raise record.missing("class", "expected a code of v3-ActCode, such as IMP")
    if status == "planned":
        return ()
    start, until = record.span(encounter.period, "period")
    if encounter.actual_period is not None:
        start, until = record.span(encounter.actual_period, "actualPeriod")
    if start is None:
        record.note(IssueCode.UNDATED, "period.start", "expected the start of the stay")
    return (
        EncounterStay(
            source=record.source,
            occurred=start,
            stay=_stay(record, encounter),
            status=_IN_R4.get(status, status),
            until=until,
            planned=_planned(record, encounter),
        ),
    )


def _stay(record: Record, encounter: Encounter) -> _Stay:
    stated = encounter.class_ or ()
    classes = (CodeableConcept(coding=(stated,)),) if isinstance(stated, Coding) else stated
    found = record.meaning.of_kind(Kind.ENCOUNTER_CLASS, *classes)
    if found is None:
        record.note(IssueCode.UNMAPPED_CODE, "class", "expected a code of v3-ActCode, such as IMP")
    return cast("_Stay", found.id) if found and found.id != "other-encounter" else "other"


def _planned(record: Record, encounter: Encounter) -> bool | None:
    admission = encounter.hospitalization or encounter.admission
    source = admission.admit_source if admission else None
    found = {each.id for each in record.meaning.concepts(encounter.priority, source)}
    if "planned-admission" in found:
        return True
    return False if "unplanned-admission" in found else None
