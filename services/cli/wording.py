"""Facts and outcomes as lines of plain English for the terminal. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from shared.facts import AnyFact, Laboratory
from shared.outcomes import Verdict
from shared.quantities import Quantity
from shared.timeline import Entry, clinical_order
from shared.wording import measured, plain

_MARKS = {Verdict.MET: "✓", Verdict.NOT_MET: "✗", Verdict.UNKNOWN: "?", Verdict.CONFLICT: "!"}
_HIDDEN = {"fact", "fact_id", "source", "occurred", "limits_from", "other_record"}
_UNREAD = "open_dead_letters"


def fact(stated: AnyFact) -> str:
    """A fact as `kind: field value, …`, without what is empty or internal."""
    fields = {k: v for k, v in msgspec.to_builtins(stated).items() if k not in _HIDDEN and v not in (None, (), [])}
    if isinstance(stated, Laboratory):
        limits = "-".join(plain(q.value) if q else "" for q in (stated.low, stated.high))
        shown = _value(fields["value"]) if stated.value else stated.text or stated.absent_reason or "no value"
        return f"{stated.concept} {shown}" + (f" (normal {limits})" if limits != "-" else "")
    name = stated.__struct_config__.tag
    return f"{name}: " + ", ".join(f"{k.replace('_', ' ')} {_value(v)}" for k, v in fields.items())


def brief(entries: list[Entry]) -> list[Entry]:
    """What stands now, and of laboratory results the last of each kind."""
    live = [e for e in entries if e.ended_in is None]
    last = {
        e.fact.concept: e for e in sorted(live, key=lambda e: clinical_order(e.fact)) if isinstance(e.fact, Laboratory)
    }
    return [e for e in live if not isinstance(e.fact, Laboratory)] + list(last.values())


def outcome(kind: str, subject: str, content: Mapping[str, Any]) -> Iterator[str]:
    """An outcome as a heading and what it says."""
    match kind:
        case "screening":
            yield f"\nScreening: {content['status'].replace('_', ' ')}"
            yield from criteria(content["criteria"])
        case "toxicity":
            yield f"\n{content['term']}: {_toxicity(content)}"
        case "baseline":
            yield f"\nBaseline of {content['baseline_on'] or 'no date'}: sum {content['sum_mm'] or 'unknown'} mm"
            yield from (f"  ! {problem}" for problem in content.get("problems", ()))
        case "merged":
            yield f"\nMerged: {content['says']}"
        case _:
            title = f"{kind.replace('-', ' ')} {subject}".strip()
            yield f"\n{title[0].upper()}{title[1:]}: {content.get('says') or headline(content)}"


def _toxicity(content: Mapping[str, Any]) -> str:
    grade = content["worst_grade"]
    worst = "not gradable" if grade is None else f"worst grade {grade} on {content['worst_on']}"
    latest = (
        "" if content["latest_grade"] is None else f", latest grade {content['latest_grade']} on {content['latest_on']}"
    )
    return f"CTCAE {content['ctcae']}: {worst}{latest}"


def headline(content: Mapping[str, Any]) -> str:
    """The short fields of an outcome that has no sentence of its own."""
    return ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in content.items() if isinstance(v, str | int) and v != "")


def criteria(listed: Any, depth: int = 1) -> Iterator[str]:
    """Each criterion with its answer, why, and what is missing."""
    for c in listed:
        missing = f"; missing: {', '.join(c['missing'])}" if c.get("missing") else ""
        yield f"{'  ' * depth}{_MARKS[Verdict(c['verdict'])]} {c['id']:<5} {c['title']}: {c['verdict']}. {c['says']}{missing}"
        yield from criteria(c.get("criteria") or (), depth + 1)


def _value(value: Any) -> str:
    if isinstance(value, dict) and "value" in value:
        return measured(msgspec.convert(value, Quantity, strict=False))
    if isinstance(value, dict) and "text" in value:
        return str(value["text"])
    return str(value)
