"""Decides how a mail reads, in plain text and HTML. The sentence is the event's own; no identifier unless it is handed one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from services.notify.messages import Outgoing
from services.notify.notices import ESCALATION, TOLD_BEFORE
from services.notify.urgency import Urgency
from shared.events import PatientMerged, PatientUnmerged

_MOST_EVIDENCE = 12
_STYLE = "font-family:sans-serif;font-size:15px;line-height:1.45;color:#1a1a1a;background:#ffffff"


@dataclass(frozen=True)
class Mail:
    """Subject and both bodies."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class _Lines:
    """One notice in a mail: its heading, sentences, and facts as name and value."""

    heading: str
    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    link: str


def one(outgoing: Outgoing, zone: ZoneInfo, console_url: str) -> Mail:
    """The mail of one notice."""
    lines = _lines(outgoing, zone, console_url)
    urgent = "" if outgoing.notice.urgency is Urgency.ROUTINE else f"[{outgoing.notice.urgency}] "
    subject = f"{urgent}{_subject(outgoing)}"
    foot = f"Delivery {outgoing.delivery_id}; sent by Graftwatch because of {_because(outgoing.reason)}."
    return Mail(subject, _text([lines], foot), _html([lines], foot))


def digest(message: Sequence[Outgoing], zone: ZoneInfo, console_url: str) -> Mail:
    """The mail of several notices, in the order in which they were committed."""
    ordered = sorted(message, key=lambda o: (o.notice.created_at, str(o.delivery_id)))
    lines = [_lines(o, zone, console_url, delivery=True) for o in ordered]
    patients = len({o.notice.patient for o in message})
    noun = "notice" if len(message) == 1 else "notices"
    of = "patient" if patients == 1 else "patients"
    subject = f"Digest: {len(message)} {noun} about {patients} {of}"
    foot = "This is a digest by Graftwatch: what came together since the last one."
    return Mail(subject, _text(lines, foot), _html(lines, foot))


def _subject(outgoing: Outgoing) -> str:
    notice = outgoing.notice
    what = notice.kind.replace("-", " ")
    correction = "Correction: " if outgoing.corrected else ""
    escalated = "Not acknowledged: " if outgoing.reason == ESCALATION else ""
    return f"{correction}{escalated}{what}, site {notice.site or 'unknown'} ({notice.study})"


def _because(reason: str) -> str:
    match reason:
        case "told-before":
            return "what you were told before"
        case "escalation":
            return "an escalation: nobody has acknowledged it"
        case _:
            return f"the rule {reason}"


def _lines(outgoing: Outgoing, zone: ZoneInfo, console_url: str, *, delivery: bool = False) -> _Lines:
    notice, event = outgoing.notice, outgoing.notice.event
    paragraphs = [f"{event.sentence[:1].upper()}{event.sentence[1:]}."]
    if outgoing.corrected is not None:
        c = outgoing.corrected
        paragraphs.append(
            f"This corrects what you were told on {_moment(c.created_at, zone)} ({c.delivery_id}): “{c.sentence}”."
            " A record that it rested on has been corrected or withdrawn."
        )
    elif isinstance(event, PatientMerged | PatientUnmerged):
        paragraphs.append("What you were told of this patient before is to be read with that.")
    elif outgoing.reason == TOLD_BEFORE:
        paragraphs.append("You were told otherwise before; that does not stand any more.")
    facts = [
        ("patient", outgoing.hospital_patient or f"pseudonym {notice.patient}"),
        ("site", notice.site or "unknown"),
        ("study", f"{notice.study}, protocol version {event.protocol_version}"),
        ("urgency", notice.urgency.value),
    ]
    if event.occurred is not None:
        facts.append(("clinical date", event.occurred))
    facts.append(("decided", _moment(notice.created_at, zone)))
    if delivery:
        facts.append(("delivery", str(outgoing.delivery_id)))
    facts += [("evidence", f"{e.says} ({e.occurred or 'no date'})") for e in event.evidence[:_MOST_EVIDENCE]]
    left = len(event.evidence) - _MOST_EVIDENCE
    if left > 0:
        facts.append(("evidence", f"and {left} more"))
    link = f"{console_url.rstrip('/')}/events/{notice.event_id}" if console_url else ""
    return _Lines(_subject(outgoing), tuple(paragraphs), tuple(facts), link)


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def _text(parts: Sequence[_Lines], foot: str) -> str:
    blocks = []
    for lines in parts:
        facts = "\n".join(f"  {name}: {value}" for name, value in lines.facts)
        link = f"\n\nLook at it and acknowledge: {lines.link}" if lines.link else ""
        heading = f"{lines.heading}\n\n" if len(parts) > 1 else ""
        blocks.append(heading + "\n\n".join(lines.paragraphs) + f"\n\n{facts}{link}")
    return "\n\n----\n\n".join(blocks) + f"\n\n-- \n{foot}\n"


def _html(parts: Sequence[_Lines], foot: str) -> str:
    blocks = "".join(_html_block(lines, with_heading=len(parts) > 1) for lines in parts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Graftwatch</title></head>'
        f'<body style="{_STYLE}">{blocks}<hr><p style="font-size:13px">{escape(foot)}</p></body></html>'
    )


def _html_block(lines: _Lines, *, with_heading: bool) -> str:
    heading = f"<h2>{escape(lines.heading)}</h2>" if with_heading else ""
    paragraphs = "".join(f"<p>{escape(p)}</p>" for p in lines.paragraphs)
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;padding-right:1em">{escape(n)}</th><td>{escape(v)}</td></tr>'
        for n, v in lines.facts
    )
    link = f'<p><a href="{escape(lines.link)}">Look at it and acknowledge</a></p>' if lines.link else ""
    return f"{heading}{paragraphs}<table>{rows}</table>{link}"
