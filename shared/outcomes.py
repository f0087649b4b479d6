"""What a rule may answer, with the evidence for it: met, not met, unknown or conflict.

Decides how answers combine (Kleene's strong logic); it knows no criterion. Absent is unknown, never false.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from shared.facts import AnyFact, Fact


class Verdict(StrEnum):
    """The answer of one criterion."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"
    CONFLICT = "conflict"


class Evidence(msgspec.Struct, frozen=True, order=True):
    """A fact that was used: its id, the record that states it, its clinical date as recorded, and what it says.

    `version` is None: a fact is what the current version of its record states, whichever of several came first.
    """

    fact_id: UUID
    reference: str
    version: str | None
    occurred: str | None
    says: str


class Outcome(msgspec.Struct, frozen=True):
    """One thing a service decided about a patient under a protocol.

    `kind` and `subject` name it (`assessment`, `2024-05-03`); `content` is plain JSON, a function of timeline, protocol
    and time alone; `evidence` is sorted. Where records of the patient could not be read, what is stored has
    `open_dead_letters` besides, how many: no rule writes or reads it.
    """

    kind: str
    subject: str
    content: dict[str, Any]
    evidence: tuple[Evidence, ...] = ()


class Evaluation(msgspec.Struct, frozen=True):
    """All current outcomes of one patient, and until when they stand if nothing is recorded (None: for ever)."""

    outcomes: tuple[Outcome, ...]
    valid_until: datetime | None = None


def cite(fact: AnyFact | Fact, says: str) -> Evidence:
    """Cite a fact as evidence; `says` is one plain phrase with value and unit, without identifiers."""
    occurred = fact.occurred.text if fact.occurred is not None else None
    return Evidence(fact.fact_id, fact.source.reference, fact.source.version, occurred, says)


def collect(*groups: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """All evidence of several rules once, in a fixed order."""
    # By a key of plain values: hashing and comparing whole pieces of evidence is most of what an evaluation costs.
    found = {(e.reference, e.fact_id.int, e.says): e for group in groups for e in group}
    return tuple(found[key] for key in sorted(found))


def all_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Met if all are met, not met if any is not met; else conflict if any is in conflict, else unknown."""
    if Verdict.NOT_MET in verdicts:
        return Verdict.NOT_MET
    return _undecided(verdicts) or Verdict.MET


def any_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Met if any is met, not met if all are not met; else conflict if any is in conflict, else unknown."""
    if Verdict.MET in verdicts:
        return Verdict.MET
    return _undecided(verdicts) or Verdict.NOT_MET


def at_least(n: int, verdicts: Sequence[Verdict]) -> Verdict:
    """Met if at least n are met; not met if fewer could be, even were every undecided one met."""
    met = sum(v is Verdict.MET for v in verdicts)
    undecided = sum(v in (Verdict.UNKNOWN, Verdict.CONFLICT) for v in verdicts)
    if met >= n:
        return Verdict.MET
    return Verdict.NOT_MET if met + undecided < n else _undecided(verdicts) or Verdict.NOT_MET


def negate(verdict: Verdict) -> Verdict:
    """Not: unknown and conflict stay what they are."""
    return {Verdict.MET: Verdict.NOT_MET, Verdict.NOT_MET: Verdict.MET}.get(verdict, verdict)


def _undecided(verdicts: Sequence[Verdict]) -> Verdict | None:
    if Verdict.CONFLICT in verdicts:
        return Verdict.CONFLICT
    return Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts else None
