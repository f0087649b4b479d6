"""Shapes a patient's timeline for the chart: drugs, troughs, liver tests, tumour, what was told. Pure; decides nothing clinical.

Every point names the record that states it. Liver tests are multiples of the upper limit of normal that came with them; grades
are those that the safety service decided. Instants are UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel

from services.console.fact_words import name, says
from shared.facts import BiopsyScore, DrugExposure, EncounterStay, Fact, Laboratory, ProcedurePerformed, VitalStatus
from shared.protocol.model import Protocol
from shared.rules.treatment import course
from shared.timeline import Timeline
from shared.wording import measured

LIVER: Final = ("alt", "ast", "alp", "ggt", "bilirubin-total")
_TROUGH: Final = "-trough"
Current = Mapping[tuple[str, str, str], Mapping[str, Any]]
"""Contents of the outcomes shown, by (service, kind, subject)."""


class Mark(BaseModel):
    """Something of one moment: when, what in words, and the record that states it."""

    at: datetime
    says: str
    record: str


class Span(BaseModel):
    """Something that lasts: from when, until when (None: no end is recorded), in words, and its record."""

    row: str
    start: datetime
    end: datetime | None
    says: str
    record: str
    trust: Literal["administration", "statement", "dispense", "request"]


class Value(BaseModel):
    """A laboratory value: the number to draw, what it is in words, and its record."""

    at: datetime
    value: float
    says: str
    record: str


class Series(BaseModel):
    """Values of one kind in order of time; the band is the protocol's, in the same unit."""

    name: str
    unit: str
    values: list[Value]
    band: tuple[float, float] | None = None


class Graded(BaseModel):
    """A span of days in which a laboratory term had a CTCAE grade; `resolved_on` None: it has not resolved."""

    term: str
    worst_grade: int
    onset_on: date
    resolved_on: date | None
    attributable: bool | None


class Sum(BaseModel):
    """The sum of diameters of one visit, with the overall response."""

    on: date
    sum_mm: float | None
    response: str
    percent_from_baseline: str | None
    says: str


class Told(BaseModel):
    """An event that was published: when it was decided, when it was clinically so, in its own sentence."""

    at: datetime
    occurred: datetime | None
    service: str
    type: str
    sentence: str


class PatientChart(BaseModel):
    """Everything that the chart of a patient draws, as known at one version of the timeline."""

    version: int
    until: datetime
    first_dose_at: datetime | None
    drugs: list[Span]
    troughs: list[Series]
    liver: list[Series]
    grades: list[Graded]
    tumour: list[Sum]
    marks: list[Mark]
    told: list[Told]


def chart(timeline: Timeline, protocol: Protocol, current: Current, told: Sequence[Told], at: datetime) -> PatientChart:
    """The chart of a timeline with the outcomes that were current then."""
    first = course(timeline, protocol.treatment.drug.value).first_at
    return PatientChart(
        version=timeline.version,
        until=at,
        first_dose_at=first,
        drugs=[span for e in timeline.of(DrugExposure) if (span := _span(e)) is not None],
        troughs=list(_troughs(timeline, protocol)),
        liver=[s for c in LIVER if (s := _liver(timeline, c)).values],
        grades=sorted(_grades(current), key=lambda g: (g.term, g.onset_on)),
        tumour=sorted(_sums(current), key=lambda s: s.on),
        marks=sorted(_marks(timeline), key=lambda m: m.at),
        told=list(told),
    )


def _span(e: DrugExposure) -> Span | None:
    if e.occurred is None or e.taken is False:
        return None
    return Span(
        row=name(e.drug),
        start=e.occurred.first,
        end=e.until.last if e.until is not None else None,
        says=says(e),
        record=e.source.reference,
        trust=e.record,
    )


def _troughs(timeline: Timeline, protocol: Protocol) -> Iterable[Series]:
    bands = {i.drug: i for i in protocol.safety.immunosuppression}
    for concept in sorted({lab.concept for lab in timeline.of(Laboratory) if lab.concept.endswith(_TROUGH)}):
        drug = concept.removesuffix(_TROUGH)
        band = bands.get(drug)
        values = [_value(lab, float(lab.value.value)) for lab in timeline.about(Laboratory, concept) if lab.value]
        yield Series(
            name=name(drug),
            unit=band.unit if band else "ng/mL",
            values=[v for v in values if v is not None],
            band=(float(band.trough_low.value), float(band.trough_high.value)) if band else None,
        )


def _liver(timeline: Timeline, concept: str) -> Series:
    """Multiples of the limit that came with each value; a value without a limit cannot be drawn so, and is in the table."""
    drawn = [
        _value(lab, float(lab.value.value / lab.high.value))
        for lab in timeline.about(Laboratory, concept)
        if lab.value is not None and lab.high is not None and lab.high.value > 0 and lab.high.unit == lab.value.unit
    ]
    return Series(name=name(concept), unit="× ULN", values=[v for v in drawn if v is not None])


def _value(lab: Laboratory, drawn: float) -> Value | None:
    if lab.occurred is None or lab.value is None:
        return None
    limit = f", limit {measured(lab.high)}" if lab.high is not None else ""
    return Value(at=lab.occurred.first, value=drawn, says=f"{measured(lab.value)}{limit}", record=lab.source.reference)


def _grades(current: Current) -> Iterable[Graded]:
    for (_, kind, _), content in current.items():
        if kind == "toxicity":
            for span in content["course"]:
                yield Graded(
                    term=content["term"],
                    worst_grade=span["worst_grade"],
                    onset_on=span["onset_on"],
                    resolved_on=span["resolved_on"],
                    attributable=span["attributable"],
                )


def _sums(current: Current) -> Iterable[Sum]:
    for (_, kind, _), content in current.items():
        if kind == "baseline" and content["baseline_on"] is not None:
            size = content["sum_mm"]
            yield Sum(
                on=content["baseline_on"],
                sum_mm=float(size) if size is not None else None,
                response="baseline",
                percent_from_baseline=None,
                says=f"baseline, sum {size or 'unknown'} mm",
            )
        elif kind == "assessment":
            yield Sum(
                on=content["visit_on"],
                sum_mm=float(content["sum_mm"]) if content["sum_mm"] is not None else None,
                response=content["response"],
                percent_from_baseline=content["percent_from_baseline"],
                says=content["says"],
            )


def _marks(timeline: Timeline) -> Iterable[Mark]:
    noted: tuple[type[Fact], ...] = (ProcedurePerformed, BiopsyScore, VitalStatus)
    for kind in noted:
        for fact in timeline.of(kind):
            yield from _mark(fact)
    for stay in timeline.of(EncounterStay):
        if stay.stay in ("inpatient", "emergency"):
            yield from _mark(stay)


def _mark(fact: Any) -> Iterable[Mark]:
    if fact.occurred is not None:
        yield Mark(at=fact.occurred.first, says=says(fact), record=fact.source.reference)
