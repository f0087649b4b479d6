"""Builds facts and timelines for tests, one function per type of fact, with defaults that need no attention.

Dates are FHIR texts (`2024-05-03`, `2024-05-03T08:00:00+02:00`, `2024-05`), numbers are texts, never
floats. A fact's key follows from its content, so equal calls build the equal fact; give `key` where two
records must state the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from shared import dates
from shared.facts import (
    AnyFact,
    Attestation,
    BiomarkerResult,
    BiopsyScore,
    BodySite,
    ClinicalFinding,
    Demographics,
    Diagnosis,
    DrugExposure,
    EncounterStay,
    ImagingVerdict,
    Laboratory,
    LesionMeasurement,
    PathologyConfirmation,
    PathologyReport,
    ProcedurePerformed,
    ResponseStatement,
    ScaleScore,
    Source,
    SpecimenCollected,
    VitalStatus,
    stamp,
)
from shared.quantities import Comparator, Quantity, to_canonical
from shared.terminology import concept as concept_of
from shared.timeline import Timeline, offline

PATIENT: Final = UUID("00000000-0000-5000-8000-000000000001")
ZONE: Final = ZoneInfo("UTC")
RECORDED_AT: Final = datetime(2024, 1, 1, tzinfo=UTC)
PRACTITIONER: Final = "practitioner-1"
_COMPARATORS: Final[tuple[Comparator, ...]] = ("<=", ">=", "<", ">")


def on_date(text: str | None) -> dates.FhirDate | None:
    """A FHIR date in UTC; None stays None (undated)."""
    return None if text is None else dates.parse(text, ZONE)


def at(text: str) -> datetime:
    """The evaluation time: noon (UTC) of a day, or the instant given."""
    if "T" in text:
        return datetime.fromisoformat(text)
    return datetime.combine(datetime.fromisoformat(text).date(), time(12), tzinfo=UTC)


def timeline(*facts: AnyFact, patient: UUID = PATIENT, recorded_at: datetime = RECORDED_AT) -> Timeline:
    """The timeline of these facts."""
    return offline(patient, facts, recorded_at)


def quantity(value: str, unit: str) -> Quantity:
    """A quantity from a text such as `42` or `<50`."""
    for comparator in _COMPARATORS:
        if value.startswith(comparator):
            return Quantity(Decimal(value.removeprefix(comparator)), unit, comparator)
    return Quantity(Decimal(value), unit)


def record(fact: AnyFact, key: str | None = None, version: str | None = None) -> AnyFact:
    """Give a fact its record's key (from its content unless given), version and deterministic id."""
    stated = key or str(stamp(fact).fact_id)[:8]
    return stamp(msgspec.structs.replace(fact, source=Source(fact.source.type, stated, version)))


def demographics(born: str | None = "1970-06-15", sex: Literal["male", "female"] = "male", **record_: str) -> AnyFact:
    """Birth date and sex."""
    return record(Demographics(source=Source("Patient", ""), birth_date=on_date(born), sex=sex), **record_)


def died(on: str | None = "2024-05-03", deceased: bool = True, **record_: str) -> AnyFact:
    """A death (or, with `deceased=False`, the statement that the patient lives)."""
    return record(VitalStatus(source=Source("Patient", ""), occurred=on_date(on), deceased=deceased), **record_)


def lab(
    concept: str,
    value: str | None,
    unit: str | None = None,
    *,
    on: str | None = "2024-05-03",
    high: str | None = None,
    low: str | None = None,
    text: str | None = None,
    absent_reason: str | None = None,
    final: bool = True,
    **record_: str,
) -> AnyFact:
    """A laboratory result; limits of normal are in the unit of the value, and count as the resource's own."""
    limits = [_canonical(concept, bound, unit) if bound is not None else None for bound in (low, high)]
    fact = Laboratory(
        source=Source("Observation", ""),
        occurred=on_date(on),
        concept=concept,
        value=_canonical(concept, value, unit) if value is not None else None,
        text=text,
        low=limits[0],
        high=limits[1],
        limits_from="resource" if low is not None or high is not None else None,
        absent_reason=absent_reason,
        final=final,
        stated_by=_stated_by(concept, unit) if value is not None else None,
    )
    return record(fact, **record_)


def _stated_by(concept: str, unit: str | None) -> Literal["mass", "mol"] | None:
    """As the reader says it: by mass or by mol, where the canonical unit is of the other kind."""
    canonical = concept_of(concept)
    if unit is None or canonical.molar_mass is None or canonical.unit is None:
        return None
    by_mol = "mol" in unit
    return None if by_mol is ("mol" in canonical.unit) else "mol" if by_mol else "mass"


def diagnosis(
    concept: str = "hcc",
    *,
    on: str | None = "2021-03-01",
    verification: str | None = "confirmed",
    clinical: str | None = None,
    onset_stated: bool = True,
    pathology: bool | None = None,
    evidence: Sequence[str] = (),
    **record_: str,
) -> AnyFact:
    """A Condition; `evidence` are the keys of the reports that it cites."""
    fact = Diagnosis(
        source=Source("Condition", ""),
        occurred=on_date(on),
        concept=concept,
        verification=verification,  # type: ignore[arg-type]
        clinical=clinical,  # type: ignore[arg-type]
        onset_stated=onset_stated,
        pathology_stated=pathology,
        evidence_keys=tuple(evidence),
    )
    return record(fact, **record_)


def pathology_report(
    report_key: str = "report-1",
    *,
    on: str | None = "2021-03-02",
    concludes: Sequence[str] = (),
    **record_: str,
) -> AnyFact:
    """A final pathology report."""
    fact = PathologyReport(
        source=Source("DiagnosticReport", ""),
        occurred=on_date(on),
        report_key=report_key,
        concludes=tuple(concludes),
    )
    return record(fact, **record_)


def pathology(confirmed: bool = True, *, on: str | None = "2021-03-02", **record_: str) -> AnyFact:
    """The local Observation that pathology confirms, or does not confirm, the carcinoma."""
    return record(_observed(PathologyConfirmation, on, confirmed=confirmed), **record_)


def procedure(
    concept: str = "liver-transplantation",
    *,
    on: str | None = "2021-06-01",
    performed: bool = True,
    lesions: tuple[str, ...] = (),
    organs: tuple[str, ...] = (),
    **record_: str,
) -> AnyFact:
    """A Procedure, by default the liver transplantation."""
    fact = ProcedurePerformed(
        source=Source("Procedure", ""),
        occurred=on_date(on),
        concept=concept,
        performed=performed,
        lesions=lesions,
        organs=organs,
    )
    return record(fact, **record_)


def drug(
    name: str = "sorafenib",
    *,
    on: str | None = "2023-10-01",
    until: str | None = None,
    by: Literal["administration", "statement", "dispense", "request"] = "statement",
    status: str = "active",
    taken: bool | None = True,
    dose: str | None = None,
    unit: str = "mg",
    doses_per_day: str | None = None,
    route: str | None = None,
    **record_: str,
) -> AnyFact:
    """A drug taken, dispensed or prescribed; `dose` is a single dose."""
    resource = {"administration": "MedicationAdministration", "statement": "MedicationStatement"}
    fact = DrugExposure(
        source=Source(resource.get(by, f"Medication{by.title()}"), ""),
        occurred=on_date(on),
        drug=name,
        record=by,
        status=status,
        taken=taken,
        until=on_date(until),
        dose=quantity(dose, unit) if dose is not None else None,
        doses_per_day=Decimal(doses_per_day) if doses_per_day is not None else None,
        route=route,
    )
    return record(fact, **record_)


def dose(
    name: str = "camrelizumab",
    *,
    on: str | None = "2024-05-10",
    dose: str | None = "200",
    status: str = "completed",
    taken: bool | None = True,
    **record_: str,
) -> AnyFact:
    """One administration, by default of camrelizumab 200 mg."""
    return drug(name, on=on, by="administration", status=status, taken=taken, dose=dose, **record_)


def lesion(
    name: str = "lesion-1",
    *,
    on: str | None = "2024-05-01",
    organ: str | None = "liver",
    role: Literal["target", "non-target", "new"] | None = "target",
    state: str | None = "present",
    longest: str | None = None,
    viable: str | None = None,
    short_axis: str | None = None,
    hyperenhancement: bool | None = None,
    washout: bool | None = None,
    reader: str | None = "reader-1",
    body_structure: str | None = None,
    visit: int | None = None,
    merged_with: tuple[str, ...] = (),
    split_from: str | None = None,
    accepted: bool | None = None,
    **record_: str,
) -> AnyFact:
    """One lesion measured on one date by one reader, sizes in mm."""
    fact = LesionMeasurement(
        source=Source("Observation", ""),
        occurred=on_date(on),
        lesion=name,
        body_structure=body_structure,
        reader=reader,
        role=role,
        state=state,  # type: ignore[arg-type]
        longest_mm=_decimal(longest),
        viable_mm=_decimal(viable),
        short_axis_mm=_decimal(short_axis),
        arterial_hyperenhancement=hyperenhancement,
        washout=washout,
        organ=organ,
        visit=visit,
        merged_with=merged_with,
        split_from=split_from,
        accepted=accepted,
    )
    return record(fact, **record_)


def body_site(body_structure: str = "structure-1", organ: str | None = "liver", **record_: str) -> AnyFact:
    """A BodyStructure: where a lesion lies."""
    fact = BodySite(source=Source("BodyStructure", ""), body_structure=body_structure, organ=organ)
    return record(fact, **record_)


def specimen(
    key_of_specimen: str = "specimen-1",
    tissue: Literal["graft-liver", "tumour"] | None = "graft-liver",
    *,
    on: str | None = "2024-04-01",
    **record_: str,
) -> AnyFact:
    """A Specimen."""
    fact = SpecimenCollected(
        source=Source("Specimen", ""), occurred=on_date(on), specimen=key_of_specimen, tissue=tissue
    )
    return record(fact, **record_)


def recurrence(
    present: bool = True,
    *,
    on: str | None = "2024-04-20",
    method: Literal["ct", "mri"] | None = "ct",
    **record_: str,
) -> AnyFact:
    """Recurrence seen, or not seen, on imaging."""
    return record(_observed(ImagingVerdict, on, present=present, method=method), **record_)


def response_statement(
    response: str = "PD", *, on: str | None = "2024-04-20", reader: str | None = "reader-1", **record_: str
) -> AnyFact:
    """A reader's own statement of the overall response by mRECIST."""
    return record(_observed(ResponseStatement, on, response=response, reader=reader), **record_)


def pd_l1(
    result: Literal["negative", "positive"] | None = "negative",
    *,
    on: str | None = "2024-04-02",
    percent: str | None = None,
    specimen: str | None = None,
    tissue: Literal["graft-liver", "tumour"] | None = "graft-liver",
    **record_: str,
) -> AnyFact:
    """PD-L1 by immunohistochemistry."""
    fact = _observed(
        BiomarkerResult,
        on,
        biomarker="pd-l1",
        result=result,
        percent=quantity(percent, "%") if percent is not None else None,
        specimen=specimen,
        tissue=tissue,
    )
    return record(fact, **record_)


def scale(name: str = "ecog", score: str = "1", *, on: str | None = "2024-05-01", **record_: str) -> AnyFact:
    """A performance score."""
    return record(_observed(ScaleScore, on, scale=name, score=Decimal(score)), **record_)


def finding(
    name: Literal["ascites", "encephalopathy"],
    grade: str = "none",
    *,
    on: str | None = "2024-05-01",
    **record_: str,
) -> AnyFact:
    """Ascites or encephalopathy."""
    return record(_observed(ClinicalFinding, on, finding=name, grade=grade), **record_)


def stay(
    kind: Literal["inpatient", "emergency", "ambulatory", "other"] = "inpatient",
    *,
    on: str | None = "2024-05-20",
    until: str | None = None,
    status: str = "finished",
    planned: bool | None = None,
    **record_: str,
) -> AnyFact:
    """A stay in hospital or a visit."""
    fact = EncounterStay(
        source=Source("Encounter", ""),
        occurred=on_date(on),
        stay=kind,
        status=status,
        until=on_date(until),
        planned=planned,
    )
    return record(fact, **record_)


def biopsy(
    component: Literal["portal", "bile-duct", "venous"],
    points: int,
    *,
    on: str | None = "2024-05-25",
    **record_: str,
) -> AnyFact:
    """One component of the rejection activity index."""
    return record(_observed(BiopsyScore, on, component=component, points=points), **record_)


def attestation(
    code: str,
    value: bool = True,
    *,
    on: str | None = "2024-05-01",
    expires: str | None = None,
    practitioner: str = PRACTITIONER,
    focus: str | None = None,
    **record_: str,
) -> AnyFact:
    """A practitioner's statement."""
    fact = _observed(
        Attestation,
        on,
        code=code,
        value=value,
        practitioner=practitioner,
        expires=on_date(expires),
        focus=focus,
    )
    return record(fact, **record_)


def _observed(kind: Any, on: str | None, **content: Any) -> Any:
    return kind(source=Source("Observation", ""), occurred=on_date(on), **content)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _canonical(concept: str, value: str, unit: str | None) -> Quantity:
    """The value as the reader states it: in the concept's canonical unit, which is also the default."""
    wanted = concept_of(concept)
    return to_canonical(quantity(value, unit or wanted.unit or "1"), wanted)
