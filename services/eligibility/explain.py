"""How a past decision came about, and what today's rules say of the facts it was taken from.

Decides nothing anew: the stored decision is what was decided. A difference is named, never corrected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.eligibility import evaluate as rules
from shared.facts import AnyFact
from shared.outcomes import Evidence
from shared.protocol.model import Protocol
from shared.timeline import Entry, fold


class Decision(msgspec.Struct, frozen=True):
    """One screening decision as stored."""

    ordinal: int
    withdrawn: bool
    content: dict[str, Any]
    evidence: tuple[Evidence, ...]
    timeline_version: int
    protocol_version: str
    protocol_hash: str
    rules_version: str
    evaluated_at: datetime
    recorded_at: datetime


class Changed(msgspec.Struct, frozen=True):
    """A fact that was learned or ended after a decision, and in which timeline version."""

    what: str
    """`learned` or `ended`."""
    version: int
    fact: AnyFact
    was_evidence: bool
    """Whether the decision rested on it."""


class Explained(msgspec.Struct, frozen=True):
    """A decision with what was known then, what has changed since, and whether today's rules agree."""

    decision: Decision
    known: tuple[Entry, ...]
    changed: tuple[Changed, ...]
    later: tuple[Decision, ...]
    differences: tuple[str, ...] | None
    """What today's rules would say otherwise from the same facts at the same time; None: it could not be tried."""


def in_force(decisions: Sequence[Decision], at: datetime | None) -> Decision | None:
    """The last decision taken at or before that time; None: there was none."""
    taken = [d for d in decisions if at is None or d.evaluated_at <= at]
    return max(taken, key=lambda d: d.ordinal, default=None)


def explain(
    patient: UUID, decision: Decision, decisions: Sequence[Decision], entries: Sequence[Entry], by: Protocol | None
) -> Explained:
    """Replay the timeline at the version that the decision was taken from, by the protocol that it cites."""
    version = decision.timeline_version
    known = tuple(e for e in entries if e.added_in <= version and (e.ended_in is None or e.ended_in > version))
    return Explained(
        decision,
        known,
        tuple(_since(entries, version, {e.fact_id for e in decision.evidence})),
        tuple(d for d in decisions if d.ordinal > decision.ordinal),
        None if by is None else tuple(_differences(patient, decision, entries, by)),
    )


def _since(entries: Sequence[Entry], version: int, cited: set[UUID]) -> list[Changed]:
    learned = [Changed("learned", e.added_in, e.fact, False) for e in entries if e.added_in > version]
    ended = [
        Changed("ended", e.ended_in, e.fact, e.fact.fact_id in cited)
        for e in entries
        if e.ended_in is not None and e.added_in <= version < e.ended_in
    ]
    return sorted(learned + ended, key=lambda c: (c.version, c.what, str(c.fact.fact_id)))


def _differences(patient: UUID, decision: Decision, entries: Sequence[Entry], by: Protocol) -> Iterator[str]:
    timeline = fold(patient, entries, decision.timeline_version)
    (today,) = rules.evaluate(timeline, by, decision.evaluated_at).outcomes
    if decision.content.get("status") != today.content["status"]:
        yield f"status {today.content['status']} instead of {decision.content.get('status')}"
    stored = {entry["id"]: entry for entry in decision.content.get("criteria", [])}
    for entry in today.content["criteria"]:
        yield from _otherwise(stored.get(entry["id"]), entry)


def _otherwise(stored: Mapping[str, Any] | None, entry: Mapping[str, Any]) -> Iterator[str]:
    if stored is None:
        yield f"{entry['id']} {entry['verdict']}, which was not asked then"
    elif stored["verdict"] != entry["verdict"]:
        yield f"{entry['id']} {entry['verdict']} instead of {stored['verdict']}: {entry['says']}"
    elif stored["says"] != entry["says"]:
        yield f"{entry['id']} in other words: {entry['says']}"
