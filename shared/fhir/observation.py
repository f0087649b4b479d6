"""Observation: decides which facts it states, by the concepts of its code and of its components' codes.

Does not decide what a result means. A panel is read component by component; a lesion is one fact of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from shared.dates import FhirDate
from shared.facts import AnyFact
from shared.fhir import elements as fhir
from shared.fhir import findings
from shared.fhir.attestation import attestation
from shared.fhir.coded import Coded
from shared.fhir.decoding import decode
from shared.fhir.elements import CodeableConcept, Element, Observation, Value, code_set
from shared.fhir.laboratory import laboratory
from shared.fhir.lesion import lesion
from shared.fhir.reading import IssueCode
from shared.fhir.record import Record, Stated, unasked
from shared.fhir.statement import Statement
from shared.terminology import Concept, Kind

_STATUS: Final = code_set("registered preliminary final amended corrected cancelled entered-in-error unknown")
_SETTLED: Final = frozenset(("final", "amended", "corrected"))
_RETRACTED: Final = frozenset(("cancelled", "entered-in-error"))


class _Coded(Element):
    """A component's code: enough to tell whether a panel is asked for."""

    code: CodeableConcept | None = None


_OBSERVATION: Final = msgspec.json.Decoder(Observation)
_COMPONENTS: Final = msgspec.json.Decoder(tuple[_Coded, ...])
_READERS: Final[Mapping[Kind, Callable[[Statement], AnyFact | None]]] = {
    Kind.LABORATORY: laboratory,
    Kind.DRUG_LEVEL: laboratory,
    Kind.TROUGH: laboratory,
    Kind.LESION: lesion,
    Kind.SCALE: findings.score,
    Kind.BIOPSY: findings.biopsy,
    Kind.BIOMARKER: findings.biomarker,
    Kind.IMAGING_VERDICT: findings.imaging,
    Kind.FINDING: findings.finding,
    Kind.RESPONSE_STATEMENT: findings.response,
    Kind.ATTESTATION: attestation,
}


def read_observation(record: Record) -> Stated:
    """The facts of an Observation; one without a date is kept, though no rule can place it."""
    code = record.coded("code")
    if code is None and (record.element("status", fhir.TEXT) or "") not in _RETRACTED:
        raise record.missing("code", "expected a coded observation")
    if code is not None and not code.asked and not _components_asked(record):
        return unasked(code.stated)
    whole = record.whole(_OBSERVATION)
    if record.code(whole.status, "status", _STATUS) in _RETRACTED:
        return record.retracted(whole.subject)
    record.subject(whole.subject)
    final = whole.status in _SETTLED
    if not final:
        record.note(IssueCode.NOT_FINAL, "status", "a result that is not final settles nothing")
    occurred = _occurred(record, whole)
    facts: list[AnyFact] = []
    for at, value, concepts in _valued(record, whole, code):
        for concept in concepts:
            facts += _state(Statement(record, whole, value, concept, occurred, final, at))
    return tuple(facts)


def _components_asked(record: Record) -> bool:
    stated = record.elements.get("component")
    if stated is None:
        return False
    return bool(record.asked(*(part.code for part in decode(_COMPONENTS, stated, record.path("component")))))


def _valued(record: Record, whole: Observation, code: Coded | None) -> Iterator[tuple[str, Value, tuple[Concept, ...]]]:
    if code is not None:
        yield "", whole, code.asked
    for place, component in enumerate(whole.component):
        yield f"component[{place}].", component, record.asked(component.code)


def _occurred(record: Record, whole: Observation) -> FhirDate | None:
    """effective[x]; else `issued`, which is later than the finding but bounds it."""
    stated = record.date(whole.effective_date_time, "effectiveDateTime") or record.date(
        whole.effective_instant, "effectiveInstant"
    )
    start, end = record.span(whole.effective_period, "effectivePeriod")
    found = stated or start or end
    if found is None and whole.issued is not None:
        record.note(IssueCode.DATE_FALLBACK, "issued", "taken for the date, as effective[x] is absent")
        found = record.date(whole.issued, "issued")
    if found is None:
        record.note(IssueCode.UNDATED, "effective[x]", "expected a date")
    return found


def _state(said: Statement) -> Iterator[AnyFact]:
    """The fact of one statement; only a laboratory result can say that it is not final."""
    reads = _READERS.get(said.concept.kind)
    if reads is None or not (said.final or reads is laboratory):
        return
    fact = reads(said)
    if fact is not None:
        yield fact
