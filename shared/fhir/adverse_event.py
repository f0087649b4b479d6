"""AdverseEvent: decides which event is stated, since when, how serious and severe, how it ended, and who suspects what.

Does not decide whether it is a serious adverse event of the trial: safety does, and investigators.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, TypeVar

import msgspec

from shared.dates import FhirDate
from shared.facts import AdverseEventRecord
from shared.fhir.elements import AdverseEvent, CodeableConcept, Extension, SuspectEntity, code_set
from shared.fhir.meaning import drug_in_words
from shared.fhir.reading import IssueCode
from shared.fhir.record import Record, Stated
from shared.terminology import Concept, DrugClass, Kind

T = TypeVar("T")
_Result = Literal["resolved", "resolving", "ongoing", "resolved-with-sequelae", "fatal"]

_EVENT: Final = msgspec.json.Decoder(AdverseEvent)
_STATUS: Final = code_set("in-progress completed entered-in-error unknown")  # of R5; R4 has none
_ACTUALITY: Final = code_set("actual potential")

# The tables below are by code, in lower case, whatever the system: HL7's adverse-event code systems, NCIt (C…) and,
# for seriousness, ICH E2B (R3) (numbers), as the Adverse Event Clinical Research guide and mCODE's CTCAE
# extensions carry them. No code is in two of these systems with two meanings.
_SERIOUSNESS: Final[Mapping[str, str]] = {
    "c48275": "death",
    "34": "death",
    "seriousresultsindeath": "death",
    "c84266": "life-threatening",
    "21": "life-threatening",
    "seriousislifethreatening": "life-threatening",
    "c83052": "hospitalisation",
    "33": "hospitalisation",
    "seriousresultsinhospitalization": "hospitalisation",
    "c11338": "disability",
    "c113380": "disability",
    "35": "disability",
    "seriousresultsindisability": "disability",
    "c83117": "congenital-anomaly",
    "12": "congenital-anomaly",
    "seriousisbirthdefect": "congenital-anomaly",
    "c82521": "medically-important",
    "26": "medically-important",
    "requirespreventimpairment": "medically-important",
    "seriousrequirespreventimpairment": "medically-important",
}
_GRADES: Final[Mapping[str, int]] = {str(grade): grade for grade in range(1, 6)} | {
    "c41338": 1,
    "c41339": 2,
    "c41340": 3,
    "c41337": 4,
    "c48275": 5,
}
_RESULTS: Final[Mapping[str, _Result]] = {
    "resolved": "resolved",
    "c49498": "resolved",
    "recovering": "resolving",
    "recoveringorresolving": "resolving",
    "c49496": "resolving",
    "ongoing": "ongoing",
    "c49494": "ongoing",
    "resolvedwithsequelae": "resolved-with-sequelae",
    "c49495": "resolved-with-sequelae",
    "fatal": "fatal",
    "c48275": "fatal",
}
# Possible or stronger is related (clinical rules, section 1); what was not assessed stays open.
_RELATED: Final[Mapping[str, bool]] = {
    "certain": True,
    "probably-likely": True,
    "probably": True,
    "possible": True,
    "possibly": True,
    "related": True,
    "c53258": True,
    "c53259": True,
    "c53260": True,
    "unlikely": False,
    "not-related": False,
    "c53256": False,
    "c53257": False,
}
_GRADE_EXTENSIONS: Final = frozenset(("ctcae-grade", "severity-or-grade"))
_SERIOUSNESS_EXTENSIONS: Final = frozenset(("seriousness-criteria", "adverse-event-seriousness-outcome"))
_RESOLVED_EXTENSIONS: Final = frozenset(("adverse-event-resolved-date",))


def read_adverse_event(record: Record) -> Stated:
    """An AdverseEvent that happened; a potential one (a near miss) states nothing."""
    event = record.whole(_EVENT)
    if event.status is not None and record.code(event.status, "status", _STATUS) == "entered-in-error":
        return record.retracted(event.subject)
    record.subject(event.subject)
    if event.actuality is not None and record.code(event.actuality, "actuality", _ACTUALITY) == "potential":
        return ()
    coded = event.code or event.event
    concept = record.meaning.of_kind(Kind.DIAGNOSIS, coded)
    if concept is None:
        record.note(IssueCode.UNMAPPED_CODE, "event" if event.code is None else "code", "expected a known diagnosis")
    grade = _grade(record, event)
    result = _first(_RESULTS, _outcomes(event))
    onset, ended = _when(record, event)
    return (
        AdverseEventRecord(
            source=record.source,
            occurred=onset,
            concept=concept.id if concept is not None else None,
            seriousness=_seriousness(record, event, is_fatal=result == "fatal" or grade == 5),
            grade=grade,
            related=_related(record, event.suspect_entity),
            result=result,
            ended=ended,
            recorded=_aware(record, event),
        ),
    )


def _when(record: Record, event: AdverseEvent) -> tuple[FhirDate | None, FhirDate | None]:
    """Onset and end; without an onset the detection, which is later but bounds it."""
    start, until = record.span(event.occurrence_period, "occurrencePeriod")
    onset = record.date(event.date, "date") or record.date(event.occurrence_date_time, "occurrenceDateTime") or start
    if onset is None and event.detected is not None:
        record.note(IssueCode.DATE_FALLBACK, "detected", "taken for the onset, as none is recorded")
        onset = record.date(event.detected, "detected")
    if onset is None:
        record.note(IssueCode.UNDATED, "date", "expected the date of the event")
    resolved = (each.value_date_time for each in _extensions(event.extension, _RESOLVED_EXTENSIONS))
    return onset, until or record.date(next(resolved, None), "extension.valueDateTime")


def _aware(record: Record, event: AdverseEvent) -> FhirDate | None:
    """When the site knew of it: the detection starts its clock, however late it was written down."""
    return record.date(event.detected, "detected") or record.date(event.recorded_date, "recordedDate")


def _grade(record: Record, event: AdverseEvent) -> int | None:
    stated = [each.value_codeable_concept for each in _extensions(event.extension, _GRADE_EXTENSIONS)]
    found = _first(_GRADES, (*stated, event.severity))
    if found is None and stated:
        record.note(IssueCode.UNMAPPED_CODE, "extension", "expected a CTCAE grade from 1 to 5")
    return found


def _seriousness(record: Record, event: AdverseEvent, *, is_fatal: bool) -> tuple[str, ...] | None:
    """The criteria that are stated as present; () where it is stated not to be serious, None where nothing is said."""
    criteria = [_criterion(each) for each in _extensions(event.extension, _SERIOUSNESS_EXTENSIONS)]
    found = {_SERIOUSNESS[code] for code in _codes((*criteria, event.seriousness)) if code in _SERIOUSNESS}
    if is_fatal:  # death is a criterion by itself (ICH E2A), as CTCAE grade 5 is death
        found.add("death")
    if found:
        return tuple(sorted(found))
    stated = set(_codes((event.seriousness,)))
    if "non-serious" in stated:
        return ()
    if "serious" in stated:
        record.note(IssueCode.MISSING_ELEMENT, "seriousness", "expected a criterion of seriousness beside `serious`")
    return None


def _criterion(stated: Extension) -> CodeableConcept | None:
    """The criterion of a simple extension, or of one of parts (criterionCode) unless criterionPresent denies it."""
    parts = {part.url: part for part in stated.extension}
    if "criterionCode" not in parts:
        return stated.value_codeable_concept
    present = parts.get("criterionPresent")
    if present is not None and present.value_boolean is False:
        return None
    return parts["criterionCode"].value_codeable_concept


def _outcomes(event: AdverseEvent) -> tuple[CodeableConcept, ...]:
    """One in R4, several in R5."""
    if event.outcome is None:
        return ()
    return (event.outcome,) if isinstance(event.outcome, CodeableConcept) else event.outcome


def _related(record: Record, suspects: Iterable[SuspectEntity]) -> bool | None:
    """Whether the trial's drug is suspected: an entity that names another drug says nothing of it.

    An entity that names no drug may be the trial's: a suspicion counts, its denial does not.
    """
    opinions: set[bool] = set()
    for entity in suspects:
        drugs = _suspected(record, entity)
        is_trial_drug = any(drug.drug_class is DrugClass.CHECKPOINT_INHIBITOR for drug in drugs)
        opinion = _first(_RELATED, (each for cause in entity.causes for each in cause.opinions))
        if opinion is not None and (is_trial_drug or (opinion and not drugs)):
            opinions.add(opinion)
    return max(opinions, default=None)


def _suspected(record: Record, entity: SuspectEntity) -> tuple[Concept, ...]:
    if entity.instance_codeable_concept is not None:
        return record.meaning.drugs(entity.instance_codeable_concept)
    reference = entity.instance or entity.instance_reference
    named = drug_in_words(reference.display if reference is not None else None)
    return (named,) if named is not None else ()


def _extensions(stated: Iterable[Extension], names: frozenset[str]) -> Iterator[Extension]:
    return (each for each in stated if (each.url or "").rpartition("/")[2] in names)


def _codes(stated: Iterable[CodeableConcept | None]) -> Iterator[str]:
    return ((coding.code or "").lower() for each in stated if each is not None for coding in each.coding)


def _first(table: Mapping[str, T], stated: Iterable[CodeableConcept | None]) -> T | None:
    return next((table[code] for code in _codes(stated) if code in table), None)
