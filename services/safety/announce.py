"""Which changes of a safety outcome are worth telling, and in which words. Decides no outcome.

Told: a worst grade of 3 or more that begins, changes, comes again after it had resolved, or is withdrawn; every
rise and fall of the level of rejection, its episodes, and a proof that changes; a case that appears, changes in
what matters, or is withdrawn. Cases outside their window are kept, not told.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from shared.events import (
    AdverseEventFound,
    AdverseEventRetracted,
    AnyEvent,
    RejectionProven,
    RejectionResolved,
    RejectionRetracted,
    RejectionSuspected,
    RejectionWatched,
    ReportDue,
    ReportOverdue,
    SurveillanceGapClosed,
    SurveillanceGapFound,
    ToxicityGraded,
)
from shared.outcomes import Evidence, Outcome
from shared.protocol.model import Protocol

TOLD_FROM_GRADE: Final = 3
"""Lower grades are frequent and expected on treatment: telling each would bury the severe ones."""
_LEVELS: Final = ("none", "watch", "suspected", "proven")
_AGAIN: Final = {"watch": "to be watched again", "suspected": "suspected again"}
_OF_A_PROOF: Final = ("severity", "is_endpoint", "onset_on")
_OF_A_CASE: Final = (
    "status",
    "seriousness",
    "onset_on",
    "in_window",
    "grade",
    "result",
    "title",
    "is_related",
    "closed",
    "parts",
)

_NAMES: Final = {key: key.removesuffix("_on").replace("_", " ") for key in _OF_A_CASE} | {
    "is_related": "relation",
    "closed": "closure",
    "result": "outcome",
}

_Content = dict[str, Any]


def announce(patient: UUID, protocol: Protocol, before: Outcome | None, after: Outcome | None) -> tuple[AnyEvent, ...]:
    """The events that the change of one outcome is worth; none for a change that concerns nobody."""
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
        case "toxicity":
            return _toxicity(about, old, new)
        case "rejection":
            return _rejection(about, old, new)
        case "adverse-event":
            return _adverse_event(about, old, new)
        case "clock":
            return _clock(about, old, new)
        case "surveillance":
            return _surveillance(about, old, new)
        case _:
            return ()


def _toxicity(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    before, grade = old.get("worst_grade"), new.get("worst_grade")
    term = (new or old)["term"]
    about = {**about, "term": term}
    if before == grade:
        return _severe_again(about, old, new)
    if max(before or 0, grade or 0) < TOLD_FROM_GRADE:
        return ()
    sentence = f"{term}: worst grade {grade} ({new['worst_says']})" if grade is not None else f"{term}: no grade now"
    if before is not None:
        sentence += f", was grade {before}"
    if (grade or 0) < (before or 0):
        sentence += f" by {old['worst_says']}, which was corrected or withdrawn"
    return (ToxicityGraded(**about, sentence=sentence, occurred=new.get("worst_on"), before=before, grade=grade),)


def _severe_again(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    """A severe grade after an earlier one had resolved: the worst grade may stay, the event is another."""
    was, now = _severe_spans(old), _severe_spans(new)
    if not was or len(now) <= len(was):
        return ()
    last = now[-1]
    sentence = f"{about['term']}: grade {last['worst_grade']} again ({last['worst_says']}), after it had resolved"
    told = {"sentence": sentence, "occurred": last["onset_on"], "before": 0, "grade": last["worst_grade"]}
    return (ToxicityGraded(**about, **told),)


def _severe_spans(content: _Content) -> list[_Content]:
    return [span for span in content.get("course", ()) if span["worst_grade"] >= TOLD_FROM_GRADE]


def _rejection(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    before, level = old.get("level", "none"), new.get("level", "none")
    change = _LEVELS.index(level) - _LEVELS.index(before)
    if change < 0:
        why = new.get("says", "no dose of treatment stands")
        sentence = f"graft rejection no longer {before}, now {level}: {why}"
        return (RejectionRetracted(**about, sentence=sentence, before=before, level=level),)
    told = {**about, "sentence": new.get("says", ""), "occurred": new.get("onset_on"), "before": before}
    if level == "proven" and (change or _differ(old, new, _OF_A_PROOF)):
        return (RejectionProven(**told, severity=new["severity"], is_endpoint=new["is_endpoint"] is True),)
    return (_raised(told, level, new),) if change else _episode(about, old, new)


def _raised(told: _Content, level: str, new: _Content) -> AnyEvent:
    if level == "watch":
        return RejectionWatched(**told)
    speaks_for, speaks_against = tuple(new["speaks_for"]), tuple(new["speaks_against"])
    return RejectionSuspected(**told, speaks_for=speaks_for, speaks_against=speaks_against)


def _episode(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    """What happened while the highest level stayed: an episode over, a further one that opens or worsens, or is gone."""
    was, now = old.get("episode"), new.get("episode")
    if was is None or now is None or was == now:
        return ()
    number, level = now["number"], now["level"]
    if number < was["number"]:
        sentence = f"episode {was['number']} of graft rejection does not stand any more: {new['says']}"
        return (RejectionRetracted(**about, sentence=sentence, before=was["level"], level=level),)
    is_raised = number > was["number"] or (number > 1 and _LEVELS.index(level) > _LEVELS.index(was["level"]))
    if is_raised and level != "proven":
        why = now["steps"][-1]["says"]
        sentence = f"graft rejection {_AGAIN[level]}, episode {number}, opened on {now['opened_on']}: {why}"
        before = was["state"] if number > was["number"] else was["level"]
        return (_raised({**about, "sentence": sentence, "occurred": now["opened_on"], "before": before}, level, new),)
    if now["state"] == "resolved" and was["state"] != "resolved":
        on = now["steps"][-1]["on"]
        sentence = f"episode of graft rejection ({level}) resolved on {on}: {now['steps'][-1]['says']}"
        return (RejectionResolved(**about, sentence=sentence, occurred=on, before=level, resolved_on=on),)
    return ()


def _adverse_event(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    was_told, is_told = _concerns(old), _concerns(new)
    if was_told and not is_told:
        why = _why_withdrawn(new)
        sentence = f"serious adverse event candidate withdrawn: {old['title']} ({why})"
        return (AdverseEventRetracted(**about, sentence=sentence, before=old["status"]),)
    if not is_told or (was_told and not _differ(old, new, _OF_A_CASE)):
        return ()
    if not was_told and new["status"] == "refuted":
        return ()
    criteria = tuple(new["seriousness"])
    sentence = f"serious adverse event {new['status']}: {new['title']}, {new['says']} ({', '.join(criteria)})"
    if was_told:
        sentence += f"; changed: {', '.join(_NAMES[key] for key in _OF_A_CASE if old.get(key) != new.get(key))}"
    found = AdverseEventFound(
        **about,
        sentence=sentence,
        occurred=new["onset_on"],
        before=old["status"] if was_told else None,
        criteria=criteria,
        status=new["status"],
    )
    return (found,)


def _why_withdrawn(new: _Content) -> str:
    if not new:
        return "its records were withdrawn"
    merged = new.get("merged_into")
    return f"now part of another case, {merged.partition('/')[0]}" if merged else "now outside its window"


def _clock(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    """A reminder when a deadline comes near, and word when it has passed; a moved deadline begins anew.

    A report that was late is told too where nobody was told while it was overdue: no deadline passes unseen.
    """
    before = old.get("state") if old.get("due_at") == new.get("due_at") else None
    state = new.get("state")
    if state is None or state == before or state not in ("due-soon", "overdue", "met-late"):
        return ()
    if state == "met-late" and old.get("state") in ("overdue", "met-late"):
        return ()
    told = {**about, "sentence": new["says"], "clock": new["clock"], "due_at": new["due_at"]}
    return (ReportDue(**told),) if state == "due-soon" else (ReportOverdue(**told),)


def _surveillance(about: _Content, old: _Content, new: _Content) -> tuple[AnyEvent, ...]:
    """When a gap begins, and when it is over; a late record that only shortens one that lasts is no news."""
    if bool(new.get("is_gap")) == bool(old.get("is_gap")):
        return ()
    if not new.get("is_gap"):
        return (_gap_closed(about, old, new),)
    told = {**about, "sentence": new["says"], "occurred": new["last_on"]}
    return (SurveillanceGapFound(**told, last_on=new["last_on"], days=new["allowed_days"]),)


def _gap_closed(about: _Content, old: _Content, new: _Content) -> AnyEvent:
    """By a test, by the end of surveillance, or because what asked for tests is gone; nothing else says that one came."""
    last, ended = new.get("last_on"), new.get("ended")
    if not new:
        sentence = "no liver test is overdue any more: the treatment that asks for it was corrected or withdrawn"
    elif ended:
        sentence = new["says"]
    elif last != old["last_on"]:
        sentence = f"no liver test is overdue any more: {new['says']}"
    else:
        sentence = f"no liver test is overdue by what the protocol asks for now: {new['says']}"
    occurred = ended["on"] if ended else last
    return SurveillanceGapClosed(**about, sentence=sentence, occurred=occurred, last_on=last)


def _concerns(case: _Content) -> bool:
    """A case is told unless it certainly lies outside its window, or is part of another; a death always is."""
    is_part = bool(case) and case.get("merged_into") is not None and case["event"] != "death"
    return bool(case) and case["in_window"] is not False and not is_part


def _differ(old: _Content, new: _Content, keys: tuple[str, ...]) -> bool:
    return any(old.get(key) != new.get(key) for key in keys)


def _cause(before: Outcome | None, after: Outcome | None) -> tuple[Evidence, ...]:
    """What the two outcomes do not share: the facts that came, and those that went."""
    old, new = set(before.evidence if before else ()), set(after.evidence if after else ())
    return tuple(sorted(old ^ new, key=lambda e: (e.reference, str(e.fact_id), e.says)))
