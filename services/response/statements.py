"""Which visit a reader's own statement of response speaks of, and where it disagrees with what was derived.

A statement is kept and shown, never put in place of the derivation; one that speaks of no visit is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from shared.facts import ResponseStatement
from shared.rules.mrecist import Course, Visit
from shared.rules.mrecist.doubt import Doubt, about
from shared.wording import on_day


class Statements(msgspec.Struct, frozen=True):
    """The statements of each visit, by its place in the course, and what is odd about the others."""

    of_visit: tuple[tuple[ResponseStatement, ...], ...]
    doubts: tuple[Doubt, ...]


def place(stated: Sequence[ResponseStatement], course: Course, window_days: int) -> Statements:
    """Give each statement to the visit of whose scans it speaks: on their days, else within one window after the first.

    A report is often written some days after the scan. What is stated up to the first dose belongs to another treatment.
    """
    of_visit: list[list[ResponseStatement]] = [[] for _ in course.visits]
    doubts: list[Doubt] = []
    for statement in stated:
        if statement.occurred is None:
            doubts.append(about(f"a reader states {statement.response} without a date", [statement]))
            continue
        stated_on = statement.occurred.last_day
        if stated_on <= course.start:
            continue
        found = _visit(course.visits, statement.occurred.day, stated_on, window_days)
        if found is None:
            says = f"a reader states {statement.response} on {on_day(stated_on)}, when no lesion was measured"
            doubts.append(about(says, [statement]))
        else:
            of_visit[found].append(statement)
    return Statements(tuple(tuple(s) for s in of_visit), tuple(doubts))


def disagreements(stated: Sequence[ResponseStatement], visit: Visit) -> list[Doubt]:
    """What readers state otherwise than was derived, each with its record."""
    return [
        about(f"a reader states {response}; derived is {visit.response}", [s for s in stated if s.response == response])
        for response in sorted({s.response for s in stated})
        if response != visit.response
    ]


def _visit(visits: Sequence[Visit], first: date, last: date, window_days: int) -> int | None:
    """The place of the visit with a scan on that day, else of the last one that began within the window before it."""
    exact = [i for i, v in enumerate(visits) if v.first_scan_on <= first and last <= v.last_scan_on]
    after = [
        i for i, v in enumerate(visits) if v.first_scan_on <= first and (last - v.first_scan_on).days < window_days
    ]
    found = exact or after
    return found[-1] if found else None
