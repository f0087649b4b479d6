"""How each of several readers' own derivation becomes an outcome, beside the accepted one. Decides no response."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from services.response.treated import Treated
from shared.facts import LesionMeasurement
from shared.outcomes import Outcome, collect
from shared.protocol.model import Protocol
from shared.rules.mrecist import BY_NAME, Course, derive
from shared.rules.mrecist.reader import readers


def of_readers(patient: Treated, protocol: Protocol, at: datetime) -> Iterator[Outcome]:
    """One outcome of kind `reading` for each reader, subject the reader's key; none where only one is named.

    A reader whose response of a visit differs from the accepted one's at the same scans is named: what an adjudicator
    is called for.
    """
    named = readers(patient.known.of(LesionMeasurement))
    if len(named) <= 1:
        return
    for reader in named:
        own = own_course(patient, protocol, at, reader)
        evidence = collect([patient.dose], *(v.evidence for v in own.visits))
        yield Outcome("reading", reader, _content(own, patient.course), evidence)


def own_course(patient: Treated, protocol: Protocol, at: datetime, reader: str) -> Course:
    """What that reader's own records give."""
    criteria, response = BY_NAME[protocol.response.criteria.value], protocol.response
    return derive(
        patient.known, patient.start, response, criteria, at, new_therapy_on=patient.therapy.on, reader=reader
    )


def _content(own: Course, accepted: Course) -> dict[str, Any]:
    differing = [] if own.reader == accepted.reader else list(_differing(own, accepted))
    best, progression = own.best, own.progression_on
    return {
        "reader": own.reader,
        "accepted": own.reader == accepted.reader,
        "visits": [{"visit_on": v.on.isoformat(), "response": v.response, "rule": v.rule} for v in own.visits],
        "best": best.unconfirmed,
        "best_confirmed": best.confirmed,
        "progression_on": progression.isoformat() if progression is not None else None,
        "differs": differing,
        "problems": [str(doubt) for doubt in own.doubts],
        "says": _says(own, accepted, differing),
    }


def _differing(own: Course, accepted: Course) -> Iterator[dict[str, str]]:
    """Visits of which some scan day is the same, and the response is not."""
    for visit in own.visits:
        for other in accepted.visits:
            same = visit.first_scan_on <= other.last_scan_on and other.first_scan_on <= visit.last_scan_on
            if same and visit.response != other.response:
                yield {"visit_on": other.on.isoformat(), "response": visit.response, "accepted": other.response}


def _says(own: Course, accepted: Course, differing: list[dict[str, str]]) -> str:
    if own.reader == accepted.reader:
        return f"the accepted reading: best response {own.best.unconfirmed}"
    if not differing:
        return f"another reader's own derivation, which agrees: best response {own.best.unconfirmed}"
    said = "; ".join(f"{d['visit_on']}: {d['response']}, accepted {d['accepted']}" for d in differing)
    return f"another reader's own derivation, which differs ({said}): adjudication may be needed"
