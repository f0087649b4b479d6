"""A case as data elements of ICH E2B(R3): decides which element of the individual case safety report says what.

Does not transmit, nor write the ICSR XML: it is the case file from which a safety database is filled. An element
that nothing recorded speaks of is left out; nothing identifies the patient.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from shared.outcomes import Outcome
from shared.protocol.model import Protocol
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


def case_file(case: Outcome, pseudonym: str, first_dose_on: str, protocol: Protocol, at: datetime) -> dict[str, Any]:
    """The case as elements, in the order of the guide."""
    content = case.content
    elements: dict[str, Any] = {
        "C.1.1": content["case_id"],
        "C.1.2": at.isoformat(timespec="seconds"),
        "C.1.3": REPORT_FROM_STUDY,
        "C.1.4": content["aware_at"],
        "C.1.5": content["aware_at"],
        "C.1.7": bool(content["is_related"] and not content["expectedness"].startswith("expected")),
        "C.5.2": protocol.title,
        "C.5.3": protocol.registry or protocol.id,
        "C.5.4": CLINICAL_TRIAL,
        "D.1.1.4": pseudonym,
        "E.i.1.1a": content["title"],
        **{element: criterion in content["seriousness"] for criterion, element in CRITERIA.items()},
        "E.i.4": content["onset_on"],
        "E.i.5": content["ended_on"],
        "E.i.7": RESULTS.get(content["result"], UNKNOWN_RESULT),
        "G.k.1": SUSPECT,
        "G.k.2.2": concept(protocol.treatment.drug.value).display,
        "G.k.4.r.4": first_dose_on,
        "G.k.9.i.2.r": _opinions(content),
        "H.1": content["says"],
        "H.5.r": [_step(step) for step in content["steps"]],
    }
    return {"guide": GUIDE, "elements": {e: value for e, value in elements.items() if value not in (None, [])}}


def _opinions(content: dict[str, Any]) -> list[dict[str, str]]:
    """Both opinions, source and result (G.k.9.i.2.r.1 and .3)."""
    stated = (("investigator", content["related_investigator"]), ("sponsor", content["related_sponsor"]))
    return [
        {"G.k.9.i.2.r.1": who, "G.k.9.i.2.r.3": "related" if said else "not related"}
        for who, said in stated
        if said is not None
    ]


def _step(step: dict[str, Any]) -> str:
    reason = f": {step['reason']}" if step["reason"] else ""
    return f"{step['on'] or 'undated'} {step['step']}{'' if step['value'] else ' (denied)'}{reason}"
