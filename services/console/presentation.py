"""How dates, numbers, names and states are written on every page. Decides wording only; a state is never told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

UNKNOWN: Final = "unknown"

STATUS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "eligible": ("●", "eligible", "good"),
        "potentially_eligible": ("◐", "potentially eligible", "open"),
        "ineligible": ("✕", "ineligible", "bad"),
        "not_candidate": ("○", "not a candidate", "quiet"),
        "on_treatment": ("▶", "on treatment", "plain"),
        "off_study": ("■", "off study", "quiet"),
        "withdrawn": ("–", "withdrawn", "quiet"),
        "met": ("✓", "met", "good"),
        "not met": ("✕", "not met", "bad"),
        "unknown": ("?", "unknown", "open"),
        "conflict": ("!", "conflict", "alarm"),
        "watch": ("△", "watch", "open"),
        "suspected": ("▲", "suspected", "alarm"),
        "proven": ("◆", "proven", "alarm"),
        "none": ("○", "none", "quiet"),
        "candidate": ("?", "candidate", "open"),
        "confirmed": ("✓", "confirmed", "alarm"),
        "refuted": ("✕", "refuted", "quiet"),
        "due": ("◔", "due", "open"),
        "overdue": ("!", "overdue", "alarm"),
        "due-soon": ("◕", "due soon", "alarm"),
        "met-late": ("✓", "made late", "bad"),
        "closed": ("■", "closed", "quiet"),
        "done": ("✓", "done", "quiet"),
        "refused": ("✕", "refused", "alarm"),
        "whole": ("✓", "whole", "good"),
        "broken": ("!", "broken", "alarm"),
        "passing": ("✓", "passing", "good"),
        "paused": ("!", "paused", "alarm"),
        "up to date": ("✓", "up to date", "good"),
        "behind": ("◔", "behind", "open"),
        "failed": ("!", "failed", "alarm"),
        "open": ("!", "open", "open"),
        "replayed": ("✓", "replayed", "good"),
        "dropped": ("–", "dropped", "quiet"),
        "waiting": ("◔", "waiting", "open"),
        "CR": ("●", "CR", "good"),
        "PR": ("◕", "PR", "good"),
        "SD": ("◑", "SD", "plain"),
        "NON-CR/NON-PD": ("◑", "non-CR/non-PD", "plain"),
        "PD": ("▼", "PD", "bad"),
        "NE": ("–", "NE", "quiet"),
    }
)
"""Shape, words and tone of every state; the tone only repeats what shape and words say."""

EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "screening-status-changed": "screening",
        "criterion-changed": "criterion",
        "research-study-published": "study",
        "visit-response-assessed": "response",
        "best-response-changed": "best response",
        "progression-dated": "progression",
        "endpoint-reached": "endpoint",
        "toxicity-graded": "toxicity",
        "rejection-watched": "rejection: watch",
        "rejection-suspected": "rejection: suspected",
        "rejection-proven": "rejection: proven",
        "rejection-retracted": "rejection: retracted",
        "rejection-resolved": "rejection: resolved",
        "adverse-event-found": "serious adverse event",
        "adverse-event-retracted": "serious adverse event: retracted",
        "report-due": "report due",
        "report-overdue": "report overdue",
        "surveillance-gap-found": "surveillance gap",
        "surveillance-gap-closed": "surveillance gap: over",
        "patient-merged": "merged with another patient",
        "patient-unmerged": "no longer merged",
    }
)
"""What an event is about, by the tag of its type; an unlisted one is called by its tag."""


def status(code: str) -> dict[str, str]:
    """Shape, words and tone of a state."""
    shape, words, tone = STATUS.get(code, ("·", code.replace("_", " "), "plain"))
    return {"shape": shape, "words": words, "tone": tone}


def event_name(type_: str) -> str:
    """What an event is about: of the CloudEvents type `graftwatch.<event>.v1`, or the bare tag."""
    tag = type_.removeprefix("graftwatch.").rpartition(".v")[0] or type_
    return EVENTS.get(tag, tag.replace("-", " "))


def short(patient: UUID | str) -> str:
    """The beginning of a pseudonym, enough to tell patients of a list apart."""
    return str(patient)[:8]


def day(value: date | datetime | str | None) -> str:
    """A date as 3 May 2024, to the precision that it has; a time of day is left out."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, str):
        if len(value) < len("2024-05-03"):
            return value
        value = date.fromisoformat(value[:10])
    return f"{value.day} {value:%b %Y}"


def moment(value: datetime | str | None) -> str:
    """An instant as 3 May 2024, 14:05 UTC; a stated offset is kept as it was stated."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, str):
        if len(value) <= len("2024-05-03"):
            return day(value)
        value = datetime.fromisoformat(value)
    offset = value.utcoffset()
    zone = f"UTC{value.isoformat()[-6:]}" if offset else "UTC"
    return f"{day(value)}, {value:%H:%M} {zone}"


def span(length: timedelta) -> str:
    """A length of time in its two largest units: 2 d 4 h, 35 min."""
    minutes = max(int(abs(length).total_seconds() // 60), 0)
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if days < 10 and hours else f"{days} d"
    return f"{hours} h {left} min" if hours else f"{left} min"


def left(due: datetime | str, now: datetime) -> str:
    """How long until a deadline, or since it passed."""
    at = datetime.fromisoformat(due) if isinstance(due, str) else due
    return f"{span(at - now)} left" if at >= now else f"{span(now - at)} overdue"


def ago(then: datetime, now: datetime) -> str:
    """How long ago."""
    return "just now" if now - then < timedelta(minutes=1) else f"{span(now - then)} ago"


def number(value: Any) -> str:
    """A count with a thin space between thousands, as ISO 80000 writes it."""
    return f"{value:,}".replace(",", "\u2009")


def percent(value: float | None) -> str:
    """A part in percent to one decimal."""
    return "–" if value is None else f"{value:.1f} %"


def change(value: float | None) -> str:
    """A change in percent with its sign, the minus a true one."""
    return "–" if value is None else f"{value:+.1f} %".replace("-", "\u2212")


def as_change(stated: str | None) -> str:
    """The same for a change that an outcome states as text."""
    return change(float(stated)) if stated is not None else "–"


def tenth(value: float | None) -> str:
    """A number to one decimal; a bound that is not reached is said to be so."""
    return "not reached" if value is None else f"{value:.1f}"


def criteria_name(code: str) -> str:
    """Response criteria by the name that their authors gave them."""
    return {"mrecist": "mRECIST", "recist11": "RECIST 1.1", "irecist": "iRECIST"}.get(code, code)


FILTERS: Final = {
    "percent": percent,
    "change": change,
    "as_change": as_change,
    "tenth": tenth,
    "criteria_name": criteria_name,
    "status": status,
    "event_name": event_name,
    "short": short,
    "day": day,
    "moment": moment,
    "left": left,
    "ago": ago,
    "number": number,
}
