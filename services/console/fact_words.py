"""What a fact says, as a line for trial staff: the group it is listed under, and one phrase. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from shared import facts as f
from shared.facts import AnyFact
from shared.terminology import UnknownConcept, concept
from shared.wording import dated, measured, number, plain

GROUPS: Final[Mapping[type, str]] = {
    f.Demographics: "Person",
    f.VitalStatus: "Person",
    f.PatientLink: "Person",
    f.Diagnosis: "Diagnoses and procedures",
    f.ProcedurePerformed: "Diagnoses and procedures",
    f.PathologyReport: "Diagnoses and procedures",
    f.PathologyConfirmation: "Diagnoses and procedures",
    f.DrugExposure: "Drugs",
    f.Laboratory: "Laboratory",
    f.LesionMeasurement: "Tumour",
    f.BodySite: "Tumour",
    f.ImagingVerdict: "Tumour",
    f.ResponseStatement: "Tumour",
    f.BiomarkerResult: "Tumour",
    f.SpecimenCollected: "Tumour",
    f.BiopsyScore: "Graft biopsies",
    f.ScaleScore: "Findings and scores",
    f.ClinicalFinding: "Findings and scores",
    f.EncounterStay: "Stays and events",
    f.AdverseEventRecord: "Stays and events",
    f.Attestation: "Attestations",
}
ORDER: Final = tuple(dict.fromkeys(GROUPS.values()))
_COMPONENTS: Final = {"portal": "portal", "bile-duct": "bile duct", "venous": "venous endothelial"}
_SHOWN_BY_OTHER_MEANS: Final = {"fact", "fact_id", "source", "occurred"}


def group(fact: AnyFact) -> str:
    """The heading that a fact is listed under."""
    return GROUPS.get(type(fact), "Other")


def name(concept_id: str | None) -> str:
    """What a concept is called; its id where the table of codes has it no more."""
    if concept_id is None:
        return "not coded"
    try:
        return concept(concept_id).display
    except UnknownConcept:
        return concept_id


def says(fact: AnyFact) -> str:  # noqa: PLR0912 - a line for each kind of fact
    """One phrase that says what the record states."""
    match fact:
        case f.Demographics():
            born = f"born {dated(fact.birth_date)}" if fact.birth_date else "birth date not stated"
            return f"{fact.sex or 'sex not stated'}, {born}"
        case f.VitalStatus():
            return "died" if fact.deceased else "alive"
        case f.PatientLink():
            return f"{fact.link.replace('-', ' ')} patient {str(fact.other)[:8]}"
        case f.Laboratory():
            return _laboratory(fact)
        case f.Diagnosis():
            return _joined(name(fact.concept), fact.verification, fact.clinical)
        case f.ProcedurePerformed():
            return name(fact.concept) if fact.performed else f"{name(fact.concept)}: not done"
        case f.DrugExposure():
            return _drug(fact)
        case f.LesionMeasurement():
            return _lesion(fact)
        case f.ImagingVerdict():
            seen = "recurrence seen" if fact.present else "no recurrence seen"
            return f"{seen} on {fact.method.upper() if fact.method else 'imaging'}"
        case f.BiomarkerResult():
            percent = f"{measured(fact.percent)}" if fact.percent else None
            return _joined("PD-L1", fact.result, percent, fact.tissue and f"specimen: {fact.tissue.replace('-', ' ')}")
        case f.BiopsyScore():
            return f"Banff {_COMPONENTS[fact.component]} {fact.points} of 3"
        case f.ScaleScore():
            return f"{fact.scale.upper() if fact.scale == 'ecog' else fact.scale.capitalize()} {plain(fact.score)}"
        case f.EncounterStay():
            planned = {True: "planned", False: "not planned", None: None}[fact.planned]
            until = f"until {dated(fact.until)}" if fact.until else None
            return _joined(f"{fact.stay} stay", fact.status, planned, until)
        case f.Attestation():
            expires = f"valid until {dated(fact.expires)}" if fact.expires else None
            about = f"of {fact.focus[:8]}" if fact.focus else None
            return _joined(f"{name(fact.code)}: {'yes' if fact.value else 'no'}", about, expires, fact.note)
        case _:
            return _fields(fact)


def _laboratory(fact: f.Laboratory) -> str:
    shown = measured(fact.value) if fact.value else fact.text or f"no value: {fact.absent_reason or 'not stated'}"
    limits = [number(q.value) if q else "" for q in (fact.low, fact.high)]
    normal = None if limits == ["", ""] else f"normal {limits[0] or 'up'} to {limits[1]}".replace("up to ", "up to ")
    if limits[0] and not limits[1]:
        normal = f"normal from {limits[0]}"
    source = "site's limits" if fact.limits_from == "site" else None
    return _joined(f"{name(fact.concept)} {shown}", normal, source, None if fact.final else "preliminary")


def _drug(fact: f.DrugExposure) -> str:
    dose = measured(fact.dose) if fact.dose else None
    if dose and fact.doses_per_day:
        dose = f"{plain(fact.doses_per_day)} × {dose} a day"
    taken = {True: None, False: "not taken", None: "not stated whether taken"}[fact.taken]
    until = f"until {dated(fact.until)}" if fact.until else None
    return _joined(f"{name(fact.drug)}, {fact.record}", dose, fact.route, fact.status, taken, until)


def _lesion(fact: f.LesionMeasurement) -> str:
    sizes = [
        f"{word} {plain(size)} mm"
        for word, size in (("viable", fact.viable_mm), ("longest", fact.longest_mm), ("short axis", fact.short_axis_mm))
        if isinstance(size, Decimal)
    ]
    state = fact.state.replace("-", " ") if fact.state and fact.state != "present" else None
    pattern = "arterial hyperenhancement" if fact.arterial_hyperenhancement else None
    washout = "washout" if fact.washout else None
    return _joined(f"{fact.role or 'lesion'} {fact.lesion[:6]}", fact.organ, *sizes, state, pattern, washout)


def _fields(fact: AnyFact) -> str:
    stated: dict[str, Any] = msgspec.to_builtins(fact)
    shown = {k: v for k, v in stated.items() if k not in _SHOWN_BY_OTHER_MEANS and v not in (None, [], ())}
    parts = (
        f"{k.replace('_', ' ')} {v['text'] if isinstance(v, dict) and 'text' in v else v}" for k, v in shown.items()
    )
    return ", ".join(parts) or str(fact.__struct_config__.tag).replace("-", " ")


def _joined(*parts: str | None) -> str:
    return ", ".join(p for p in parts if p)
