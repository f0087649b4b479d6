"""Decides which change of a response outcome is worth telling, and as which event. Decides no outcome.

Told: a visit response that is new, changes or is withdrawn; a change of the best response, confirmed or not;
a date of first progression that is found, moved or withdrawn; progression-free and overall survival that end
with an event, and an event that moved or is none any more. A change of the baseline, of sums, of evidence alone or
of the day until which a patient is known to be without event is not: every visit moves it.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from shared.events import AnyEvent, BestResponseChanged, EndpointReached, ProgressionDated, VisitResponseAssessed
from shared.outcomes import Evidence, Outcome
from shared.protocol.model import Protocol

TOLD: Final = ("PFS", "OS")
"""The other endpoints change with the best response, the first progression or these."""

_Content = dict[str, Any]


def announce(patient: UUID, protocol: Protocol, before: Outcome | None, after: Outcome | None) -> tuple[AnyEvent, ...]:
    """The event that the change of one outcome is worth; none for a change that concerns nobody."""
    outcome = after or before
    if outcome is None:
        return ()
    about = {
        "patient": patient,
        "protocol": protocol.id,
        "protocol_version": protocol.version,
        "subject": outcome.subject,
        "evidence": _cause(before, after),
    }
    old, new = before.content if before else {}, after.content if after else {}
    match outcome.kind:
        case "assessment":
            return _visit(about, old, new)
        case "best-response":
            return _best(about, old, new)
        case "progression":
            return _progression(about, old, new)
        case "endpoint" if outcome.subject in TOLD:
            return _endpoint(about, outcome.subject, old, new)
        case _:
            return ()


def _visit(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    before, response = old.get("response"), new.get("response")
    if before == response:
        return ()
    visit_on = (new or old)["visit_on"]
    sentence = new["says"] if new else f"the visit response of {visit_on} was withdrawn, was {before}"
    if before is not None and new:
        sentence += f"; was {before}"
    event = VisitResponseAssessed(
        **about, sentence=sentence, occurred=visit_on, visit_on=visit_on, before=before, response=response
    )
    return (event,)


def _best(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    """Not evaluable is what a patient begins with: no news until something else was seen."""
    before, response = old.get("unconfirmed", "NE"), new.get("unconfirmed", "NE")
    confirmed = new.get("confirmed", "NE")
    if (before, old.get("confirmed", "NE")) == (response, confirmed):
        return ()
    event = BestResponseChanged(
        **about,
        sentence=new.get("says", "the best response was withdrawn"),
        occurred=new.get("on"),
        before=old.get("unconfirmed"),
        response=new.get("unconfirmed"),
        confirmed=new.get("confirmed"),
    )
    return (event,)


def _progression(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    before, on = old.get("progression_on"), new.get("progression_on")
    if before == on:
        return ()
    sentence = new.get("says", "the date of first progression was withdrawn")
    if before is not None:
        sentence += f"; was {before}"
    return (ProgressionDated(**about, sentence=sentence, occurred=on, before=before, progression_on=on),)


def _endpoint(about: _Content, endpoint: str, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    before, on = (content["on"] if content.get("event") else None for content in (old, new))
    if before == on:
        return ()
    sentence = new.get("says", f"the {endpoint} was withdrawn")
    if before is not None:
        sentence += f"; was reached on {before}"
    event = EndpointReached(**about, sentence=sentence, occurred=on, endpoint=endpoint, before=before, reached_on=on)
    return (event,)


def _cause(before: Outcome | None, after: Outcome | None) -> tuple[Evidence, ...]:
    """What the two outcomes do not share: the facts that came, and those that went."""
    old, new = set(before.evidence if before else ()), set(after.evidence if after else ())
    return tuple(sorted(old ^ new, key=lambda e: (e.reference, e.fact_id.int, e.says)))
