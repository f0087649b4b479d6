"""Decides who is told of an event, by which channel, when, and who is told besides if nobody acknowledges it.

Pure: an event, the recipients file, what was told before and a time give the deliveries. Does not send, and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from services.notify.directory import Directory, Recipient, Rule
from services.notify.hours import next_digest, not_before
from services.notify.notices import (
    ESCALATION,
    MERGES,
    TOLD_BEFORE,
    Channel,
    Delivery,
    Escalation,
    Mode,
    Notice,
    Routing,
    Since,
    Sooner,
    Told,
    endpoint,
)
from shared.events import CriterionChanged, ResearchStudyPublished, ToxicityGraded

_Chosen = dict[tuple[str, str], Delivery]
_STANDS: Final = str(CriterionChanged.__struct_config__.tag)
"""The kind of event after which the status that was told still stands."""


def route(notice: Notice, directory: Directory, told: Sequence[Told], at: datetime) -> Routing:
    """Everybody whom a rule names, once by each channel, and whoever was told what this event corrects or ends.

    Of two rules that choose the same recipient and channel the one that tells sooner counts.
    """
    chosen: _Chosen = {}
    escalations: list[Escalation] = []
    for rule in directory.rules:
        if not matches(rule, notice):
            continue
        by_rule = list(_by_rule(rule, notice, directory, at))
        for delivery in by_rule:
            _choose(chosen, delivery)
        begins_at = min((d.due_at for d in by_rule), default=at)
        escalations += _escalations(rule, notice, begins_at)
    _add_told_before(chosen, notice, directory, told, at)
    return Routing(tuple(d for _, d in sorted(chosen.items())), tuple(escalations))


def matches(rule: Rule, notice: Notice) -> bool:
    """Whether a rule speaks of this event."""
    return (
        (rule.studies is None or notice.study in rule.studies)
        and (rule.sites is None or notice.site in rule.sites)
        and (notice.kind in rule.kinds if rule.kinds is not None else concerns_somebody(notice))
        and notice.urgency.reaches(rule.urgency)
        and all(_has(notice, field, values) for field, values in rule.when.items())
    )


def concerns_somebody(notice: Notice) -> bool:
    """Whether it is about a patient: a protocol that came into force is told to whoever asks for that kind by name."""
    return not isinstance(notice.event, ResearchStudyPublished)


def escalate(
    escalation: Escalation, since: Sequence[Since], directory: Directory, at: datetime
) -> tuple[Delivery, ...]:
    """The deliveries of a step whose time has come: at once, whatever the hour, and right after it what came of it since.

    `since`: the event, and what was decided about the same since, in order. Who was sent any of that knows of it already.
    """
    return tuple(
        delivery
        for recipient in _active(escalation.recipients, directory, at)
        for channel in escalation.channels
        if recipient.has(channel)
        for delivery in _with_what_came_of_it(escalation.event_id, since, recipient, channel, at)
    )


def in_order(deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """Each once, after what several steps tell before it; that it is an escalation counts."""
    found: dict[UUID, Delivery] = {}
    for d in deliveries:
        other = found.get(d.delivery_id, d)
        reason = ESCALATION if ESCALATION in (d.reason, other.reason) else d.reason
        found[d.delivery_id] = replace(d, due_at=max(d.due_at, other.due_at), reason=reason)
    return tuple(sorted(found.values(), key=lambda d: d.due_at))


def soonest(found: Iterable[Sooner]) -> tuple[Sooner, ...]:
    """Of each delivery that several events bring forward the soonest; at the same time the one that is an escalation."""
    by_delivery: dict[UUID, Sooner] = {}
    for s in sorted(found, key=lambda s: (s.due_at, s.mode, s.reason is None)):
        by_delivery.setdefault(s.delivery_id, s)
    return tuple(by_delivery.values())


def told_first(deliveries: Iterable[Delivery], told: Iterable[Told]) -> tuple[Sooner, ...]:
    """What quiet hours or a digest still hold back, of what one of these would overtake: told just before it, in its way.

    `told`: everything that was told, or waits to be told, about the same.
    """
    following = {(d.recipient, d.channel): d for d in deliveries}
    return tuple(
        Sooner(earlier.delivery_id, after.mode, after.due_at)
        for earlier in told
        if earlier.held_until is not None
        and (after := following.get((earlier.recipient, earlier.channel))) is not None
        and after.delivery_id != earlier.delivery_id
        and (after.due_at < earlier.held_until or after.mode != earlier.mode)
        and after.due_at <= earlier.held_until
    )


def _with_what_came_of_it(
    event_id: UUID, since: Sequence[Since], recipient: Recipient, channel: Channel, at: datetime
) -> Iterable[Delivery]:
    """Each a microsecond after the one before, so that they are sent in this order."""
    key = (recipient.id, channel)
    later = [s for s in since if s.event_id != event_id]
    tells_of_it = {event_id, *(s.event_id for s in later if s.kind != _STANDS and s.kind not in MERGES)}
    if any(key in s.sent for s in since if s.event_id in tells_of_it):
        return
    yield _at_once(event_id, recipient, channel, ESCALATION, at)
    for place, s in enumerate(later, start=1):
        if key in s.held or (s.kind != _STANDS and not s.corrected):
            yield _at_once(s.event_id, recipient, channel, TOLD_BEFORE, at + place * timedelta.resolution)


def _has(notice: Notice, field: str, values: tuple[str, ...]) -> bool:
    found: Any = msgspec.to_builtins(notice.event).get(field)
    held = found if isinstance(found, list | tuple) else [found]
    return any(_text(value) in values for value in held)


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _by_rule(rule: Rule, notice: Notice, directory: Directory, at: datetime) -> Iterable[Delivery]:
    for recipient in _active(rule.to, directory, at):
        mode, due_at = _when(rule, recipient, notice, at)
        for channel in rule.by:
            where = endpoint(recipient.id, channel)
            yield Delivery(notice.event_id, recipient.id, channel, where, rule.name, mode, due_at)


def _when(rule: Rule, recipient: Recipient, notice: Notice, at: datetime) -> tuple[Mode, datetime]:
    if rule.send != "at-once":
        return "digest", next_digest(at, rule.send.times, recipient.zone)
    return "at-once", not_before(at, notice.urgency, _quiet(recipient, rule), recipient.zone)


def _quiet(recipient: Recipient, rule: Rule | None) -> Any:
    quiet = (rule.quiet_hours if rule else None) or recipient.quiet_hours
    return quiet.hours if quiet else None


def _choose(chosen: _Chosen, delivery: Delivery) -> None:
    key = (delivery.recipient, delivery.channel)
    if key not in chosen or delivery.due_at < chosen[key].due_at:
        chosen[key] = delivery


def _escalations(rule: Rule, notice: Notice, begins_at: datetime) -> Iterable[Escalation]:
    for number, step in enumerate(rule.escalate, start=1):
        due_at = begins_at + timedelta(minutes=step.after_minutes)
        yield Escalation(notice.event_id, rule.name, number, step.to, step.by, due_at)


def _add_told_before(chosen: _Chosen, notice: Notice, directory: Directory, told: Iterable[Told], at: datetime) -> None:
    """Whoever was told what does not stand any more; of what still waits to be told, after it and in the same way.

    Of a grade that moves with each sample only whom a rule had chosen: once it is below what they asked for, that is over.
    """
    ends_it = not isinstance(notice.event, CriterionChanged)  # the status that was told still stands
    moves = isinstance(notice.event, ToxicityGraded)
    for earlier in told:
        recipient = directory.recipients.get(earlier.recipient)
        concerned = earlier.corrected or (ends_it and (earlier.selected or not moves))
        if recipient is None or not concerned or not recipient.is_active(at) or not recipient.has(earlier.channel):
            continue
        key = (recipient.id, earlier.channel)
        if key not in chosen:
            due_at = not_before(at, notice.urgency, _quiet(recipient, None), recipient.zone)
            mode = earlier.mode if earlier.held_until else "at-once"
            due_at = max(due_at, earlier.held_until or due_at)
            after = _at_once(notice.event_id, recipient, earlier.channel, TOLD_BEFORE, at)
            chosen[key] = replace(after, due_at=due_at, mode=mode)
        if earlier.corrected:
            chosen[key] = replace(chosen[key], corrects=earlier.delivery_id)


def _active(names: Iterable[str], directory: Directory, at: datetime) -> Iterable[Recipient]:
    found = (directory.recipients.get(name) for name in dict.fromkeys(names))
    return (r for r in found if r is not None and r.is_active(at))


def _at_once(event_id: Any, recipient: Recipient, channel: Channel, reason: str, at: datetime) -> Delivery:
    return Delivery(event_id, recipient.id, channel, endpoint(recipient.id, channel), reason, "at-once", at)
