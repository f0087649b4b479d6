"""What is told when a hospital merges two patients, or takes that back. Pure; who is merged is decided by ingest.

Nobody is told twice for the same thing: what closes is told in one event, and what the survivor takes over as it was
already told of the absorbed patient is not told again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from shared.events import AnyEvent, PatientMerged, PatientUnmerged
from shared.outcomes import Outcome
from shared.protocol.model import Protocol
from shared.runtime.decisions import Announce

KIND: Final = "merged"
"""The kind of the one outcome that a merged patient has; all others are closed."""
INTO: Final = "merged_into"
"""What an outcome says that was closed by a merge."""
Stood = Mapping[tuple[str, str], Outcome]
"""The outcomes of a patient that stand, or stood until a merge closed them, by kind and subject."""


def outcome(into: UUID) -> Outcome:
    """The outcome of a patient that is merged into another."""
    says = f"one person with patient {into}, by the site's word (Patient.link): all that is known and decided is there"
    return Outcome(KIND, "", {INTO: str(into), "says": says})


def of_merged(announce: Announce, patient: UUID, protocol: Protocol, stood: Stood) -> Announce:
    """One event for all that closes, where anything of it was worth telling."""

    def tell(before: Outcome | None, after: Outcome | None) -> Iterable[AnyEvent]:
        if after is None or after.kind != KIND or not _any_told(announce, stood.values()):
            return ()
        was = None if before is None else UUID(before.content[INTO])
        sentence = after.content["says"] + (f"; was one with {was}" if was is not None else "")
        return (
            PatientMerged(
                patient=patient,
                protocol=protocol.id,
                protocol_version=protocol.version,
                subject="",
                sentence=sentence,
                before=was,
                into=UUID(after.content[INTO]),
            ),
        )

    return tell


def of_survivor(announce: Announce, joined: Sequence[Stood]) -> Announce:
    """What is news against all records that are one now: not what was told of one that has just joined.

    Unless something else had been told of the survivor itself: then the change is news to whoever follows it.
    """

    def tell(before: Outcome | None, after: Outcome | None) -> Iterable[AnyEvent]:
        told = tuple(announce(before, after))
        if not told or after is None or (before is not None and tuple(announce(None, before))):
            return told
        known = [stood[name] for stood in joined if (name := (after.kind, after.subject)) in stood]
        return () if any(not tuple(announce(each, after)) for each in known) else told

    return tell


def of_unmerged(announce: Announce, patient: UUID, protocol: Protocol, stood: Stood) -> Announce:
    """That it is a patient of its own again, and what differs from what was last told of it."""

    def tell(before: Outcome | None, after: Outcome | None) -> Iterable[AnyEvent]:
        if before is None or before.kind != KIND:
            name = (after or before or _NOTHING).kind, (after or before or _NOTHING).subject
            return announce(before or stood.get(name), after)
        if not _any_told(announce, stood.values()):
            return ()
        was = UUID(before.content[INTO])
        return (
            PatientUnmerged(
                patient=patient,
                protocol=protocol.id,
                protocol_version=protocol.version,
                subject="",
                sentence=f"a patient of its own again, not one with patient {was} any more (Patient.link)",
                before=was,
            ),
        )

    return tell


_NOTHING: Final = Outcome("", "", {})


def _any_told(announce: Announce, outcomes: Iterable[Outcome]) -> bool:
    return any(tuple(announce(None, o)) for o in outcomes)
