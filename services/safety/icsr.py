"""A case as data elements of ICH E2B(R3): decides which element of the individual case safety report says what.

Does not transmit; the same elements as ICH ICSR XML are `icsr_xml`. An element
that nothing recorded speaks of is left out; nothing identifies the patient.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from services.safety.treated import Treated
from shared.dates import age_in_years
from shared.facts import Demographics
from shared.outcomes import Outcome
from shared.terminology import concept

GUIDE: Final = "ICH E2B(R3) Implementation Guide, 2016"
CRITERIA: Final = {
    "death": "E.i.3.2a",
    "life-threatening": "E.i.3.2b",
    "hospitalisation": "E.i.3.2c",
    "disability": "E.i.3.2d",
    "congenital-anomaly": "E.i.3.2e",
    "medically-important": "E.i.3.2f",
}
RESULTS: Final = {"resolved": "1", "resolving": "2", "ongoing": "3", "resolved-with-sequelae": "4", "fatal": "5"}
UNKNOWN_RESULT: Final = "0"
REPORT_FROM_STUDY: Final = "2"
CLINICAL_TRIAL: Final = "1"
SUSPECT: Final = "1"
NULLIFICATION: Final = "1"
SEXES: Final = {"male": "1", "female": "2"}


def case_file(case: Outcome, patient: Treated, at: datetime, died_on: str | None = None) -> dict[str, Any]:
    """The case as elements, in the order of the guide; `died_on` where the case ended in that death."""
    content, protocol = case.content, patient.protocol
    elements: dict[str, Any] = {
        "C.1.1": content["case_id"],
        "C.1.2": at.isoformat(timespec="seconds"),
        "C.1.3": REPORT_FROM_STUDY,
        "C.1.4": content["aware_at"],
        "C.1.5": content["aware_at"],
        "C.1.7": bool(content["is_related"] and not content["expectedness"].startswith("expected")),
        "C.1.8.1": content["case_id"],
        "C.1.11.1": NULLIFICATION if is_nullified(content) else None,
        "C.1.11.2": _reason(content) if is_nullified(content) else None,
        "C.5.1.r.1": protocol.registry,
        "C.5.2": protocol.title,
        "C.5.3": protocol.registry or protocol.id,
        "C.5.4": CLINICAL_TRIAL,
        "D.1.1.4": str(patient.timeline.patient),
        **_person(patient, content["onset_on"]),
        "D.9.1": died_on,
        "E.i.1.1a": content["title"],
        **{element: criterion in content["seriousness"] for criterion, element in CRITERIA.items()},
        "E.i.4": content["onset_on"],
        "E.i.5": content["ended_on"],
        "E.i.7": RESULTS.get(content["result"], UNKNOWN_RESULT),
        "G.k.1": SUSPECT,
        "G.k.2.2": concept(protocol.treatment.drug.value).display,
        "G.k.4.r.4": patient.first_on.isoformat(),
        "G.k.9.i.2.r": _opinions(content),
        "H.1": content["says"],
        "H.5.r": [_step(step) for step in content["steps"]],
    }
    return {"guide": GUIDE, "elements": {e: value for e, value in elements.items() if value not in (None, [])}}


def is_nullified(content: dict[str, Any]) -> bool:
    """Whether a report of the case went out and a person has refuted it since: the authority must be told."""
    went_out = any(s["step"] == "submitted" and s["value"] for s in content["steps"])
    return went_out and content["status"] == "refuted"


def _reason(content: dict[str, Any]) -> str:
    refuted = [s["reason"] for s in content["steps"] if s["step"] == "refuted" and s["value"] and s["reason"]]
    return refuted[-1] if refuted else "refuted without a stated reason"


def _person(patient: Treated, onset: str | None) -> dict[str, Any]:
    """Sex, and age in completed years at onset where both dates tell it; never the birth date, which identifies."""
    stated = patient.timeline.of(Demographics)
    sexes = {d.sex for d in stated if d.sex is not None}
    found: dict[str, Any] = {"D.5": SEXES.get(sexes.pop()) if len(sexes) == 1 else None}
    births = {d.birth_date for d in stated if d.birth_date is not None}
    if len(births) == 1 and onset is not None and len(onset) == len("2024-05-03"):
        youngest, oldest = age_in_years(births.pop(), date.fromisoformat(onset))
        if youngest == oldest:
            found |= {"D.2.2a": youngest, "D.2.2b": "a"}
    return found


def _opinions(content: dict[str, Any]) -> list[dict[str, str]]:
    """Both opinions, source and result (G.k.9.i.2.r.1 and .3), the result in the assessor's own degree where he gave one."""
    return [
        {"G.k.9.i.2.r.1": who, "G.k.9.i.2.r.3": content.get(f"degree_{who}") or ("related" if said else "not related")}
        for who in ("investigator", "sponsor")
        if (said := content[f"related_{who}"]) is not None
    ]


def _step(step: dict[str, Any]) -> str:
    reason = f": {step['reason']}" if step["reason"] else ""
    return f"{step['on'] or 'undated'} {step['step']}{'' if step['value'] else ' (denied)'}{reason}"
