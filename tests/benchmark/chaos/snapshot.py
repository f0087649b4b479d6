"""What is read of a run that has ended: the rows to compare, the events, whom they reached, what became of every message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from shared.runtime import status
from shared.runtime.postgres import Connection
from tests.benchmark.chaos.acts import Acts
from tests.benchmark.chaos.comparison import Event, Told, state, told
from tests.benchmark.chaos.publishing import Lying

_VERSIONS: Final = """
SELECT record || ' ' || coalesce(CASE WHEN record = ANY($1) THEN version_id::text END, encode(content_sha256, 'hex')) AS name,
    CASE WHEN record = ANY($1) THEN NULL ELSE last_updated END AS last_updated, version_id
FROM identity.resource_version
"""
"""Of what people stated ($1) the number of the version in place of the content, which says when they did."""
_RECORDS: Final = """
SELECT record AS name, site, resource_type, deleted, unread,
    CASE WHEN record = ANY($1) THEN NULL ELSE last_updated END AS last_updated, version_id,
    CASE WHEN deleted THEN NULL ELSE patient END AS patient,
    CASE WHEN deleted OR record = ANY($1) THEN NULL ELSE encode(content_sha256, 'hex') END AS content, issues::text, derivation
FROM identity.resource
"""
"""Of a deleted record neither patient nor content: whoever hears of the deletion first never knows them."""
_PATIENTS: Final = (
    "SELECT patient::text AS name, site, merged_into, link_issue, open_dead_letters FROM timeline.patient"
)
_FACTS: Final = """
SELECT patient || ' ' || fact_id AS name, record, kind, occurred_at, fact::text FROM timeline.fact WHERE ended_in IS NULL
"""
_OUTCOMES: Final = """
SELECT patient, protocol, kind, subject, content::text AS content, evidence::text AS evidence FROM {}.current_outcome
WHERE NOT withdrawn
"""
_LETTERS: Final = """
SELECT topic, partition, feed_offset, entry, site, record, patient, reason, path, says FROM identity.dead_letter
WHERE status = 'open'
"""
_EVENTS: Final = """
SELECT b.event_id::text AS id, b.patient, p.site, b.event::text AS event, b.sequence
FROM {}.outbox b LEFT JOIN timeline.patient p USING (patient)
"""
_COUNTS: Final = "SELECT outcome, sum(resources)::int AS n FROM timeline.feed_count GROUP BY outcome"
_REACHED: Final = "SELECT topic, partition, max(next_offset) AS next_offset FROM timeline.feed_position GROUP BY 1, 2"
_SUPERSEDED: Final = "SELECT recipient, event_id::text AS event FROM notify.delivery WHERE state = 'superseded'"
_TIMES_OF_A_CASE: Final = ("aware_from", "aware_at", "due_investigator_at")
_TIMES_OF_A_CLOCK: Final = ("starts_at", "due_at", "says")
"""Awareness, where no record states it, is when Graftwatch learned of the proof; what is due follows from it."""


class Accounted(msgspec.Struct, frozen=True):
    """What became of the resources that lie on the feed topics."""

    positions: int
    delivered: int
    accepted: int
    accepted_with_issues: int
    rejected: int
    out_of_scope: int
    held: int
    unread_positions: int

    @property
    def unaccounted(self) -> int:
        """Delivered and not counted, counted and not delivered, or not read at all."""
        counted = self.accepted + self.accepted_with_issues + self.rejected + self.out_of_scope + self.held
        return abs(self.delivered - counted) + self.unread_positions


async def rows(connection: Connection, lying: Lying, acts: Acts) -> dict[str, dict[str, str]]:
    """All rows that must be the same in both runs."""
    found = {
        "act of somebody": dict(acts.rows),
        "resource version": await _rows(connection, _VERSIONS, acts.records),
        "record": await _rows(connection, _RECORDS, acts.records),
        "patient": await _rows(connection, _PATIENTS),
        "fact": await _rows(connection, _FACTS),
        "dead letter": await _letters(connection, lying),
    }
    for service in status.DECIDING:
        found[f"outcome of {service}"] = await _outcomes(connection, service, acts)
    return {kind: {acts.rename(n): acts.rename(v) for n, v in found[kind].items()} for kind in found}


async def what_was_told(
    connection: Connection, taken: Mapping[str, Mapping[str, int]], first_at: Mapping[str, float]
) -> Told:
    """The committed events beside what the receivers took."""
    committed = {e.id: e for s in status.DECIDING async for e in _events(connection, s)}
    superseded = {(r["recipient"], r["event"]) for r in await connection.fetch(_SUPERSEDED)}
    return Told(
        committed,
        {_key(name): {id_: first_at[id_] for id_ in ids} for name, ids in taken.items()},
        frozenset(superseded),
    )


async def accounted(connection: Connection, lying: Lying, delivers: Mapping[str, int]) -> Accounted:
    """What became of every position of the feed topics."""
    counts: dict[str, int] = {r["outcome"]: r["n"] for r in await connection.fetch(_COUNTS)}
    reached = {(r["topic"], r["partition"]): r["next_offset"] for r in await connection.fetch(_REACHED)}
    return Accounted(
        positions=len(lying.messages),
        delivered=sum(delivers[m] for m in lying.messages.values()),
        accepted=counts.get("accepted", 0),
        accepted_with_issues=counts.get("accepted_with_issues", 0),
        rejected=counts.get("rejected", 0),
        out_of_scope=counts.get("out_of_scope", 0),
        held=await connection.fetchval("SELECT count(*) FROM identity.held_message"),
        unread_positions=sum(max(0, end - reached.get(place, 0)) for place, end in lying.ends.items()),
    )


def _key(name: str) -> tuple[str, str]:
    recipient, _, event = name.partition(" ")
    return recipient, event


async def _rows(connection: Connection, query: str, *values: Sequence[str]) -> dict[str, str]:
    return {r["name"]: told(list(r.values())[1:]) for r in await connection.fetch(query, *values)}


async def _letters(connection: Connection, lying: Lying) -> dict[str, str]:
    """By message and entry, not by position: the same message again is the same letter here."""
    return {
        f"{lying.messages.get((r['topic'], r['partition'], r['feed_offset']), 'of no message')[:16]} {r['entry']}": told(
            list(r.values())[4:]
        )
        for r in await connection.fetch(_LETTERS)
    }


async def _outcomes(connection: Connection, service: str, acts: Acts) -> dict[str, str]:
    return {
        told((r["patient"], r["protocol"], r["kind"], r["subject"])): told(
            (
                _timeless(r["kind"], acts.rename(r["content"])),
                _encoded(_ordered(msgspec.json.decode(acts.rename(r["evidence"])), "evidence")).decode(),
            )
        )
        for r in await connection.fetch(_OUTCOMES.format(service))
    }


def _ordered(value: Any, name: str = "") -> Any:
    """The same with evidence in an order that no id decides: the ids of what people stated differ between two runs."""
    if isinstance(value, dict):
        return {key: _ordered(v, key) for key, v in value.items()}
    if not isinstance(value, list):
        return value
    found = [_ordered(v) for v in value]
    return sorted(found, key=_encoded) if name == "evidence" else found


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _timeless(kind: str, content: str) -> str:
    """Content without what derives from when something was recorded."""
    left: dict[str, Any] = _ordered(msgspec.json.decode(content))
    for name in {"adverse-event": _TIMES_OF_A_CASE, "clock": _TIMES_OF_A_CLOCK}.get(kind, ()):
        left.pop(name, None)
    return _encoded(left).decode()


async def _events(connection: Connection, service: str) -> AsyncIterator[Event]:
    for r in await connection.fetch(_EVENTS.format(service)):
        event = msgspec.json.decode(r["event"])
        about = state(event)
        named = f"{r['patient']} {event['protocol']} {about[0] if about else event['type']}"
        yield Event(
            *(r["id"], event["type"], named, about[1] if about else None),
            *(r["site"] or "", event.get("status", ""), r["sequence"]),
        )
