"""Decides each criterion of a protocol for one patient, and the screening status that follows from them.

Decides nothing about who is told (`announce`), and reads no clock: the time of evaluation is an argument.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from services.eligibility import wording
from services.eligibility.announce import announce, introduce
from services.eligibility.answers import Answer, earliest
from services.eligibility.case import Case
from services.eligibility.criteria import answer
from services.eligibility.status import Exit, Screened, Situation, decide, frozen_at, left_study, sentence
from shared.facts import DrugExposure, ProcedurePerformed
from shared.outcomes import Evaluation, Evidence, Outcome, cite, collect
from shared.protocol.criteria import Criterion
from shared.protocol.model import CandidateGroup, Protocol
from shared.rules.treatment import course
from shared.timeline import Timeline

__all__ = ["KIND", "RULES_VERSION", "announce", "evaluate", "introduce", "screen"]

RULES_VERSION: Final = "2"
KIND: Final = "screening"


def evaluate(timeline: Timeline, protocol: Protocol, at: datetime) -> Evaluation:
    """The patient's screening outcome at `at`, and until when it stands if nothing new is recorded.

    Criteria are frozen at the first dose, and at a dated death or exit: what is measured later is no matter
    of screening. For a patient who was never a candidate none is evaluated (`screen` does it on request).
    """
    known = timeline.until(at)
    case = Case(known, protocol, at)
    left, first_dose = left_study(case, protocol), course(known, protocol.treatment.drug.value).first
    hints = {group.name: _hints(group, case) for group in protocol.screening.candidate_when.value}
    lacking = tuple(name for name, found in hints.items() if not found)
    frozen = frozen_at(first_dose, left)
    screened = () if lacking and first_dose is None else _screen(_as_of(case, protocol, frozen), protocol)
    situation = Situation(left, first_dose, lacking, screened)
    content = _content(situation, [name for name in hints if name not in lacking], frozen)
    evidence = collect(*hints.values(), *(s.answer.evidence for s in screened), _course(left, first_dose))
    until = earliest(
        timeline.next_dated_after(at),
        left.valid_until if left is not None else None,
        *(s.answer.valid_until for s in screened if frozen is None),
    )
    return Evaluation((Outcome(KIND, "", content, evidence),), until)


def screen(timeline: Timeline, protocol: Protocol, at: datetime) -> tuple[Screened, ...]:
    """Every criterion answered at `at`, in the order of the protocol, whatever the patient's status."""
    return _screen(Case(timeline.until(at), protocol, at), protocol)


def _as_of(case: Case, protocol: Protocol, frozen: datetime | None) -> Case:
    return case if frozen is None else Case(case.timeline.until(frozen), protocol, frozen)


def _screen(case: Case, protocol: Protocol) -> tuple[Screened, ...]:
    included = (Screened(c, "inclusion", answer(c, case)) for c in protocol.screening.inclusion)
    excluded = (Screened(c, "exclusion", answer(c, case)) for c in protocol.screening.exclusion)
    return (*included, *excluded)


def _hints(group: CandidateGroup, case: Case) -> tuple[Evidence, ...]:
    """Any record of the group's concepts that is not refuted or recorded as not done."""
    diagnoses = [d for c in group.concepts for d in case.diagnoses(c) if d.verification != "refuted"]
    procedures = [p for p in case.of(ProcedurePerformed) if p.concept in group.concepts and p.performed]
    recorded = [(f, f.concept) for f in diagnoses] + [(f, f.concept) for f in procedures]
    return tuple(cite(f, f"{wording.name(concept)} recorded") for f, concept in recorded)


def _course(left: Exit | None, first_dose: DrugExposure | None) -> list[Evidence]:
    exits = [left.evidence] if left is not None else []
    doses = [cite(first_dose, f"first dose of {wording.name(first_dose.drug)}")] if first_dose is not None else []
    return exits + doses


def _content(situation: Situation, hinted: list[str], frozen: datetime | None) -> dict[str, Any]:
    status = decide(situation)
    return {
        "status": status,
        "says": sentence(status, situation),
        "candidate": not situation.lacking,
        "candidate_evidence": hinted,
        "frozen_at": _iso(frozen),
        "criteria": [{"role": s.role, **_entry(s.criterion, s.answer, frozen is None)} for s in situation.screened],
    }


def _entry(criterion: Criterion, given: Answer, is_open: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": criterion.id,
        "title": criterion.title,
        "verdict": str(given.verdict),
        "says": given.says,
        "missing": list(given.missing),
        "valid_until": _iso(given.valid_until) if is_open else None,
        "evidence": sorted({str(e.fact_id) for e in given.evidence}),
    }
    if given.parts:
        parts = zip(criterion.nested(), given.parts, strict=True)
        entry["criteria"] = [_entry(part, answered, is_open) for part, answered in parts]
    return entry


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant is not None else None
