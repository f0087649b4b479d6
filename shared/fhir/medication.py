"""A drug's use: decides drug, start, end, dose and whether it was taken, with the kind of record (its trust).

Does not decide what counts as treatment. A Medication not known yet leaves the record pending; a drug is
never lost for want of a readable dose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

import msgspec

from shared.dates import FhirDate
from shared.facts import DrugExposure
from shared.fhir import elements as fhir
from shared.fhir import values
from shared.fhir.coded import Coded
from shared.fhir.decoding import decode
from shared.fhir.elements import Dosage, FhirQuantity, Reference, Timing, code_set
from shared.fhir.meaning import Meaning, drug_in_words
from shared.fhir.reading import IssueCode, Reason, Unreadable
from shared.fhir.record import Record, Stated, Unasked, unasked
from shared.quantities import Quantity
from shared.terminology import Concept, Kind

MEDICATION: Final = msgspec.json.Decoder(fhir.Medication)
_ADMINISTRATION: Final = msgspec.json.Decoder(fhir.MedicationAdministration)
_STATEMENT: Final = msgspec.json.Decoder(fhir.MedicationStatement)
_REQUEST: Final = msgspec.json.Decoder(fhir.MedicationRequest)
_DISPENSE: Final = msgspec.json.Decoder(fhir.MedicationDispense)

# Status of each record and what it says of the taking: True, False, or None where it does not say.
_ADMINISTERED: Final[Mapping[str, bool | None]] = {
    "in-progress": True,
    "on-hold": True,
    "completed": True,
    "stopped": True,
    "not-done": False,
    "unknown": None,
}
_STATED: Final[Mapping[str, bool | None]] = {
    "active": True,
    "completed": True,
    "on-hold": True,
    "stopped": True,
    "not-taken": False,
    "intended": None,
    "unknown": None,
    "recorded": True,
}
# MedicationStatement.adherence of R5, in the words of R4's status: R5's own says only that it was recorded.
_ADHERENCE: Final[Mapping[str, str]] = {
    "taking": "active",
    "taking-as-directed": "active",
    "taking-not-as-directed": "active",
    "on-hold": "on-hold",
    "on-hold-as-directed": "on-hold",
    "on-hold-not-as-directed": "on-hold",
    "stopped": "stopped",
    "stopped-as-directed": "stopped",
    "stopped-not-as-directed": "stopped",
    "not-taking": "not-taken",
    "unknown": "unknown",
}
_DISPENSED: Final[Mapping[str, bool | None]] = {
    "completed": None,
    "stopped": None,
    "unknown": None,
    "declined": False,
}
_REQUESTED: Final[Mapping[str, bool | None]] = {
    "active": None,
    "on-hold": None,
    "completed": None,
    "ended": None,
    "stopped": None,
    "unknown": None,
}
# States in which nothing was handed over or ordered yet, or any more.
_SILENT: Final = {
    "administration": code_set("entered-in-error"),
    "statement": code_set("entered-in-error draft"),
    "dispense": code_set("entered-in-error cancelled preparation in-progress on-hold"),
    "request": code_set("entered-in-error cancelled draft"),
}
_INTENTS: Final = code_set("proposal plan order original-order reflex-order filler-order instance-order option")
_ORDERS: Final = code_set("order original-order reflex-order filler-order instance-order")
_DAYS: Final = {
    "min": Decimal(1) / 1440,
    "h": Decimal(1) / 24,
    "d": Decimal(1),
    "wk": Decimal(7),
}

_Kind = Literal["administration", "statement", "dispense", "request"]


@dataclass(frozen=True, slots=True)
class _Use:
    """What the four records have in common."""

    kind: _Kind
    status: str | None
    subject: Reference | None
    taken: Mapping[str, bool | None]
    start: FhirDate | None = None
    until: FhirDate | None = None
    dosage: tuple[Dosage, ...] = ()
    refused: bool = False
    ordered: bool = True


def read_administration(record: Record) -> Stated:
    """A MedicationAdministration; without effective[x] it could not start a treatment, and is refused."""
    drugs = _drugs(record)
    if isinstance(drugs, Unasked):
        return drugs
    given = record.whole(_ADMINISTRATION)
    start, until = _first_of(
        _effective(record, given.effective_date_time, given.effective_period, "effective"),
        _effective(record, given.occurence_date_time, given.occurence_period, "occurence"),
        _effective(record, given.occurrence_date_time, given.occurrence_period, "occurrence"),
    )
    if start is None and until is None and given.status != "entered-in-error":
        raise record.missing("effective[x]", "expected a dateTime or a Period")
    dosage = (given.dosage,) if given.dosage else ()
    use = _Use("administration", given.status, given.subject, _ADMINISTERED, start, until, dosage)
    return _expose(record, drugs, use)


def read_statement(record: Record) -> Stated:
    """A MedicationStatement; its start may be unknown."""
    drugs = _drugs(record)
    if isinstance(drugs, Unasked):
        return drugs
    said = record.whole(_STATEMENT)
    start, until = _effective(record, said.effective_date_time, said.effective_period, "effective")
    use = _Use("statement", _status_of(record, said), said.subject, _STATED, start, until, said.dosage)
    return _expose(record, drugs, use)


def read_dispense(record: Record) -> Stated:
    """A MedicationDispense, dated by the hand-over; how long the supply lasts is not guessed."""
    drugs = _drugs(record)
    if isinstance(drugs, Unasked):
        return drugs
    handed = record.whole(_DISPENSE)
    start = record.date(handed.when_handed_over, "whenHandedOver") or record.date(handed.when_prepared, "whenPrepared")
    use = _Use("dispense", handed.status, handed.subject, _DISPENSED, start, dosage=handed.dosage_instruction)
    return _expose(record, drugs, use)


def read_request(record: Record) -> Stated:
    """A MedicationRequest that orders (a proposal or plan does not), dated by its authoring."""
    drugs = _drugs(record)
    if isinstance(drugs, Unasked):
        return drugs
    asked = record.whole(_REQUEST)
    authored = record.date(asked.authored_on, "authoredOn")
    from_, until = record.span(asked.effective_dose_period, "effectiveDosePeriod")
    if asked.effective_dose_period is None and len(asked.dosage_instruction) == 1:
        bounds = _bounds(asked.dosage_instruction[0].timing)
        from_, until = record.span(bounds, "dosageInstruction[0].timing.repeat.boundsPeriod")
    start = from_ or authored
    use = _Use(
        "request",
        asked.status,
        asked.subject,
        _REQUESTED,
        start,
        until,
        asked.dosage_instruction,
        refused=bool(asked.do_not_perform),
        ordered=asked.status in _SILENT["request"] or record.code(asked.intent, "intent", _INTENTS) in _ORDERS,
    )
    return _expose(record, drugs, use)


def read_medication(record: Record) -> Stated:
    """A Medication states no fact of a patient; it is kept if it names a drug in scope."""
    medication = record.whole(MEDICATION)
    wanted = record.place.context.scope.concepts
    if any(drug.id in wanted for drug in drugs_of(medication, record.meaning)):
        return ()
    return unasked(medication.code)


def drugs_of(medication: fhir.Medication, meaning: Meaning) -> tuple[Concept, ...]:
    """The drugs of a Medication: by its code, else by its ingredients."""
    if medication.code is not None and (named := meaning.drugs(medication.code)):
        return named
    parts = ((part.item_codeable_concept, part.item.concept if part.item else None) for part in medication.ingredient)
    coded = (code for part in parts for code in part)
    found = (drug for code in coded if code is not None for drug in meaning.drugs(code))
    return tuple(dict.fromkeys(found))


def _drugs(record: Record) -> tuple[Concept, ...] | Unasked:
    """The drugs in scope; none of them while the Medication is not known."""
    coded, cited, path = _medication(record)
    if coded is not None:
        named: tuple[Concept, ...] | None = coded.drugs
    elif cited is not None:
        named = _cited(record, cited, path)
    elif record.element("status", fhir.TEXT) == "entered-in-error":
        return ()
    else:
        raise record.missing("medication[x]", "expected a CodeableConcept or a Reference")
    if named is None:
        return ()
    wanted = tuple(drug for drug in named if drug.id in record.place.context.scope.concepts)
    return wanted or unasked(coded.stated if coded is not None else None)


def _medication(record: Record) -> tuple[Coded | None, Reference | None, str]:
    """The CodeableConcept, the Reference and where it stands: two elements in R4, one CodeableReference in R5."""
    stated = record.element("medication", fhir.CODEABLE_REFERENCE)
    if stated is not None and (stated.concept or stated.reference):
        coded = Coded(stated.concept, record.codes) if stated.concept is not None else None
        return coded, stated.reference, "medication.reference"
    coded = record.coded("medicationCodeableConcept")
    return coded, record.element("medicationReference", fhir.REFERENCE), "medicationReference"


def _cited(record: Record, cited: Reference, path: str) -> tuple[Concept, ...] | None:
    """The drugs of the Medication that is cited; None while it is not known and nothing names the drug."""
    raw: bytes | msgspec.Raw | None = record.contained(cited, "Medication")
    target = record.target(cited)
    if raw is None and target is not None and target[0] == "Medication":
        raw = record.place.medication(target[1])
        if raw is None:
            record.pending.append(f"Medication/{target[1]}")
    if raw is not None:
        return drugs_of(decode(MEDICATION, raw, record.path(path)), record.meaning)
    named = drug_in_words(cited.display)
    if named is None and not record.pending:
        raise Unreadable(
            Reason.REFERENCE_UNRESOLVED,
            record.path(path),
            "expected a Medication that is contained, in the same Bundle, or Medication/<id>",
        )
    return (named,) if named is not None else None


def _effective(
    record: Record, moment: str | None, period: fhir.Period | None, element: str
) -> tuple[FhirDate | None, FhirDate | None]:
    start, until = record.span(period, f"{element}Period")
    return record.date(moment, f"{element}DateTime") or start, until


def _first_of(*spans: tuple[FhirDate | None, FhirDate | None]) -> tuple[FhirDate | None, FhirDate | None]:
    return next((span for span in spans if any(span)), (None, None))


def _status_of(record: Record, said: fhir.MedicationStatement) -> str | None:
    """The status in R4's words: one that is merely `recorded` (R5) is as its adherence says, where it says."""
    if said.status != "recorded" or said.adherence is None or said.adherence.code is None:
        return said.status
    codes = (coding.code or "" for coding in said.adherence.code.coding)
    found = next((_ADHERENCE[code] for code in codes if code in _ADHERENCE), None)
    if found is None:
        record.note(IssueCode.UNMAPPED_CODE, "adherence.code", "expected a code of medication-statement-adherence")
    return found or "unknown"


def _expose(record: Record, drugs: tuple[Concept, ...], use: _Use) -> Stated:
    silent = _SILENT[use.kind]
    status = record.code(use.status, "status", silent | use.taken.keys())
    if status in ("entered-in-error", "cancelled"):
        return record.retracted(use.subject)
    record.subject(use.subject)
    if status in silent or not use.ordered:
        return ()
    if use.start is None:
        record.note(IssueCode.UNDATED, "effective[x]", "expected the date from which the drug was used")
    return tuple(_exposure(record, drug, use, status) for drug in drugs)


def _exposure(record: Record, drug: Concept, use: _Use, status: str) -> DrugExposure:
    dosage = use.dosage[0] if len(use.dosage) == 1 else None
    if len(use.dosage) > 1:
        record.note(IssueCode.DOSE, "dosage", "several dosages are not summed: the dose stays unknown")
    route = record.meaning.of_kind(Kind.ROUTE, dosage.route) if dosage else None
    return DrugExposure(
        source=record.source,
        occurred=use.start,
        drug=drug.id,
        record=use.kind,
        status=status,
        taken=False if use.refused else use.taken[status],
        until=use.until,
        dose=_dose(record, dosage, drug) if dosage else None,
        doses_per_day=_per_day(dosage.timing) if dosage else None,
        route=route.id if route else None,
    )


def _dose(record: Record, dosage: Dosage, drug: Concept) -> Quantity | None:
    stated = dosage.dose or next((each.dose_quantity for each in dosage.dose_and_rate), None)
    if stated is None or not bytes(stated.value):
        return None
    try:
        return values.quantity(stated, drug, record.path("dosage.dose"))
    except Unreadable as error:
        if _is_nothing(stated):
            return Quantity(Decimal(0), drug.unit or "mg")
        record.note(IssueCode.DOSE, "dosage.dose", error.says)
        return None


def _is_nothing(stated: FhirQuantity) -> bool:
    """Zero of anything is no dose: it must not start a treatment."""
    try:
        return values.number(stated.value, "") == 0
    except Unreadable:
        return False


def _bounds(timing: Timing | None) -> fhir.Period | None:
    return timing.repeat.bounds_period if timing and timing.repeat else None


def _per_day(timing: Timing | None) -> Decimal | None:
    """How often a day, where the timing says it; months and years are no schedule of doses."""
    repeat = timing.repeat if timing else None
    if repeat is None or repeat.frequency is None or repeat.period_unit not in _DAYS:
        return None
    try:
        period = values.number(repeat.period, "") * _DAYS[repeat.period_unit]
        return Decimal(repeat.frequency) / period if period > 0 else None
    except (Unreadable, ArithmeticError):
        return None
