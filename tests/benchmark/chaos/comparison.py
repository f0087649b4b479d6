"""Compares two runs row by row, and says of each whom an event did not reach. Pure.

What may differ between two runs is not in the rows: ids, sequence numbers, record times, and what derives from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Rows = Mapping[str, Mapping[str, str]]
"""By kind of row: what names it, and what it says."""
Key = tuple[str, str]
"""A recipient and an event."""
_SHOWN: Final = 5
_WIDTH: Final = 300
_CONTEXT: Final = 60
_UNTOLD: Final = ("not_candidate", "off_study", "merged")
"""Statuses that are no news of somebody who never concerned the trial: as if nothing had been told."""

_LEVELS: Final = {"none": None, "watch": "watched"}
"""Of a level to which something fell back, the word of the event that tells of it."""


@dataclass(frozen=True)
class Difference:
    """A row that the two runs state differently; None: it is not there."""

    kind: str
    name: str
    calm: str | None
    faults: str | None

    def __str__(self) -> str:
        begin = max(0, _alike(self.calm or "", self.faults or "") - _CONTEXT)
        calm, faults = (_short(t if t is None else t[begin:]) for t in (self.calm, self.faults))
        return f"{self.kind} {self.name}, from character {begin} on\n    calm:   {calm}\n    faults: {faults}"


@dataclass(frozen=True)
class Event:
    """A committed event: what it is about, and what stands after it (None: nothing any more)."""

    id: str
    kind: str
    about: str
    state: str | None
    site: str = ""
    status: str = ""
    sequence: int = 0
    """Of what is about the same the later one has the higher."""


@dataclass(frozen=True)
class Told:
    """What the receivers of one run took."""

    events: Mapping[str, Event]
    """All that were committed."""
    taken: Mapping[Key, Mapping[str, float]]
    """By recipient and event: the delivery ids that came, and when each came first."""
    superseded: frozenset[Key] = frozenset()
    """Deliveries that were corrected before they were ever sent."""


@dataclass
class Delivery:
    """What is wrong with what was told."""

    missing: list[Key] = field(default_factory=list)
    doubled: list[Key] = field(default_factory=list)
    unfounded: list[Key] = field(default_factory=list)
    """Told, but of no committed event."""


def compared(calm: Rows, faults: Rows) -> int:
    """How many rows there are in either."""
    return sum(len(calm.get(k, {}).keys() | faults.get(k, {}).keys()) for k in calm.keys() | faults.keys())


def differences(calm: Rows, faults: Rows) -> list[Difference]:
    """Every row that is not the same in both, in a fixed order."""
    return [
        Difference(kind, name, one.get(name), other.get(name))
        for kind in sorted(calm.keys() | faults.keys())
        for one, other in [(calm.get(kind, {}), faults.get(kind, {}))]
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]


def delivery(told: Told, recipients: Mapping[str, Any]) -> Delivery:
    """Whom an event did not reach that names them; who was told twice; what was told without an event."""
    wanted = {(r, e.id) for e in told.events.values() for r, names in recipients.items() if names(e)}
    return Delivery(
        missing=sorted(wanted - told.taken.keys() - told.superseded),
        doubled=sorted(key for key, ids in told.taken.items() if len(ids) > 1),
        unfounded=sorted(key for key in told.taken if key[1] not in told.events),
    )


def last_told(told: Told, recipients: Mapping[str, Any]) -> dict[str, str]:
    """By recipient and what it is about: what stands by what came last.

    Nothing where that is nothing, or where it only ends what they had asked for: told and taken back is as if never told.
    """
    return {
        f"{recipient} {about}": event.state
        for (recipient, about), event in _last(told).items()
        if event.state is not None and recipients[recipient](event)
    }


def stale(told: Told) -> list[str]:
    """Whose last statement about something holds no more, though an event says so: recipient, what, and both states."""
    now: dict[str, Event] = {}
    for event in told.events.values():
        if event.about not in now or event.sequence > now[event.about].sequence:
            now[event.about] = event
    return sorted(
        f"{recipient} {about}: told {event.state}, now {now[about].state}"
        for (recipient, about), event in _last(told).items()
        if event.state != now[about].state
    )


def _last(told: Told) -> dict[tuple[str, str], Event]:
    """By recipient and what it is about: the event that came last."""
    last: dict[tuple[str, str], tuple[float, Event]] = {}
    for (recipient, event_id), ids in told.taken.items():
        event = told.events.get(event_id)
        if event is None:
            continue
        key, came = (recipient, event.about), min(ids.values())
        if key not in last or came > last[key][0]:
            last[key] = came, event
    return {key: event for key, (_, event) in last.items()}


def history(told: Told, name: str) -> str:
    """What a recipient was told about something, in the order in which it came: the event, and what stood after it."""
    came = sorted(
        (
            (min(ids.values()), event)
            for (recipient, event_id), ids in told.taken.items()
            if (event := told.events.get(event_id)) is not None and f"{recipient} {event.about}" == name
        ),
        key=lambda c: c[0],
    )
    return ", ".join(event.status or event.state or event.kind for _, event in came) or "nothing"


def state(event: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """What an event is about, and what stands after it; None for one that tells of time or of nobody (a deadline, a protocol)."""
    subject = event["subject"]
    match event["type"]:
        case "screening-status-changed" | "criterion-changed":
            return "screening", None if event["status"] in _UNTOLD else event["status"]
        case "visit-response-assessed":
            return f"visit {subject}", event["response"]
        case "best-response-changed":
            return "best response", _unless_none(event["response"], event["confirmed"])
        case "progression-dated":
            return "progression", event["progression_on"]
        case "endpoint-reached":
            return f"endpoint {event['endpoint']}", event["reached_on"]
        case "toxicity-graded":
            return f"toxicity {event['term']}", str(event["grade"]) if event["grade"] else None
        case "rejection-watched" | "rejection-suspected" | "rejection-proven" | "rejection-resolved" as kind:
            return f"rejection {subject}", kind.removeprefix("rejection-")
        case "rejection-retracted":
            return f"rejection {subject}", _LEVELS.get(event["level"], event["level"])
        case "adverse-event-found":
            return f"adverse event {subject}", f"{event['status']} {','.join(event['criteria'])}"
        case "adverse-event-retracted":
            return f"adverse event {subject}", None
        case "surveillance-gap-found" | "surveillance-gap-closed" as kind:
            # A late record that only shortens a gap that lasts is no news (services/safety/announce.py): its date is history.
            return f"gap {subject}", "lasts" if kind.endswith("found") else None
        case _:
            return None


def told(texts: Iterable[Any]) -> str:
    """Several parts of a row as one text."""
    return " | ".join("-" if t is None else str(t) for t in texts)


def readable(found: Sequence[Difference]) -> str:
    """The first of them of each kind, and how many there are."""
    lines: list[str] = []
    for kind in sorted({d.kind for d in found}):
        of_kind = [d for d in found if d.kind == kind]
        lines.append(f"{len(of_kind)} of {kind} differ:")
        lines += [f"  {d}" for d in of_kind[:_SHOWN]]
    return "\n".join(lines)


def _unless_none(*parts: str | None) -> str | None:
    return None if all(p is None for p in parts) else told(parts)


def _alike(one: str, other: str) -> int:
    """How many characters are the same at the beginning."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _short(text: str | None) -> str:
    return "(not there)" if text is None else text if len(text) <= _WIDTH else text[:_WIDTH] + " …"
