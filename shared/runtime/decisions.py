"""What to append when an evaluation differs from the current outcomes. Pure: the shell executes the plan.

Decides ids, order and withdrawal; an outcome equal to the current one is not appended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from shared import events
from shared.events import AnyEvent
from shared.outcomes import Evidence, Outcome

OUTCOME_NAMESPACE: Final = UUID("3b0e3f0c-53d4-5a0a-9b55-8a3c4b9f1d57")
Announce = Callable[[Outcome | None, Outcome | None], Iterable[AnyEvent]]


class Current(msgspec.Struct, frozen=True):
    """The current outcome of one (kind, subject) as stored."""

    outcome_id: UUID
    ordinal: int
    withdrawn: bool
    content_hash: str
    outcome: Outcome


class Appended(msgspec.Struct, frozen=True):
    """An outcome to append, and the events that announce it, each with its stable id."""

    outcome_id: UUID
    ordinal: int
    supersedes: UUID | None
    withdrawn: bool
    content_hash: str
    outcome: Outcome
    events: tuple[tuple[UUID, AnyEvent], ...]


def plan(  # noqa: PLR0913, PLR0917 - all that the current outcomes follow from
    patient: UUID,
    protocol: str,
    current: Mapping[tuple[str, str], Current],
    decided: Iterable[Outcome],
    announce: Announce,
    closing: Mapping[str, Any] = MappingProxyType({}),
) -> list[Appended]:
    """What to append so that the current outcomes become those decided; empty if they are already.

    `closing` is what an outcome that ends says of the reason; nothing where its evidence is gone.
    """
    by_name = {(o.kind, o.subject): o for o in decided}
    gone = [name for name, c in current.items() if name not in by_name and not c.withdrawn]
    news = [_append(patient, protocol, current.get(name), o, announce) for name, o in sorted(by_name.items())]
    withdrawals = [_append(patient, protocol, current[name], None, announce, closing) for name in sorted(gone)]
    return [a for a in (*news, *withdrawals) if a is not None]


def marked(outcomes: Iterable[Outcome], open_dead_letters: int) -> tuple[Outcome, ...]:
    """The outcomes, each of which says how many records of the patient could not be read; unchanged where all could."""
    if not open_dead_letters:
        return tuple(outcomes)
    mark = {"open_dead_letters": open_dead_letters}
    return tuple(msgspec.structs.replace(o, content=o.content | mark) for o in outcomes)


def content_hash(outcome: Outcome | None) -> str:
    """SHA-256 of content and evidence as canonical JSON; of nothing, for a withdrawn outcome."""
    raw = b"" if outcome is None else msgspec.json.encode((outcome.content, outcome.evidence), order="deterministic")
    return hashlib.sha256(raw).hexdigest()


def outcome_id(  # noqa: PLR0913, PLR0917 - the parts of an id
    patient: UUID, protocol: str, kind: str, subject: str, supersedes: UUID | None, content: str
) -> UUID:
    """uuid5 of what is decided and of the outcome it supersedes: a second "eligible" after an "ineligible" is news."""
    return uuid5(OUTCOME_NAMESPACE, f"{patient}|{protocol}|{kind}|{subject}|{supersedes}|{content}")


def evidence_changed(before: Outcome | None, after: Outcome | None) -> tuple[Evidence, ...]:
    """What caused the change: the evidence of either outcome that the other does not have."""
    old = set(before.evidence) if before else set()
    new = set(after.evidence) if after else set()
    return tuple(sorted(old ^ new))


def _append(  # noqa: PLR0913, PLR0917 - what one outcome follows from
    patient: UUID,
    protocol: str,
    current: Current | None,
    decided: Outcome | None,
    announce: Announce,
    closing: Mapping[str, Any] = MappingProxyType({}),
) -> Appended | None:
    digest = content_hash(decided)
    if current is not None and current.content_hash == digest:
        return None
    named = decided or (current.outcome if current else None)
    assert named is not None
    supersedes = current.outcome_id if current is not None else None
    new_id = outcome_id(patient, protocol, named.kind, named.subject, supersedes, digest)
    before = current.outcome if current is not None and not current.withdrawn else None
    told = tuple((events.event_id(new_id, e), e) for e in announce(before, decided))
    ordinal = current.ordinal + 1 if current is not None else 1
    outcome = decided or Outcome(named.kind, named.subject, dict(closing))
    return Appended(new_id, ordinal, supersedes, decided is None, digest, outcome, told)
