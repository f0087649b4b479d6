"""Which cases are one: decides what is part of what, and what a case takes over from its parts.

Does not find the cases (`cases`). What people attested (merged, or not merged) goes before what is found here; a
refuted case is no part and leads nothing, so that it can hide no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final, cast

from services.safety.cases import Case, Seriousness
from services.safety.laboratory import LIVER_TESTS
from services.safety.treated import Treated
from shared.dates import FhirDate

_LIVER: Final = frozenset({"hys-law", "rejection", "immune/immune-hepatitis", *(f"grade-4/{t}" for t in LIVER_TESTS)})
"""Manifestations of one injury of the graft."""


def leads(patient: Treated, found: Sequence[Case], attested: Mapping[str, str | None]) -> dict[str, str]:
    """Each case that is part of another, and that other: never itself a part, whatever was attested in a circle.

    `attested`: the case that a person merged it into; None where a person said that it stands alone.
    """
    direct = {**_transfers(found), **_deaths(found), **_liver(patient, found)}
    direct |= _admissions(patient, found, direct)
    known = {c.subject for c in found}
    said: dict[str, str | None] = {**direct, **attested}
    direct = {s: lead for s, lead in said.items() if lead is not None and lead in known and s in known}
    roots = {subject: _root(subject, direct) for subject in direct}
    return {subject: root for subject, root in roots.items() if subject != root}


def combined(lead: Case, parts: Sequence[Case]) -> Case:
    """The case with every criterion of its parts; fatal if one of them is; in its window if one of them is."""
    if not parts:
        return lead
    members = (lead, *parts)
    fatal = any(c.event == "death" or c.result == "fatal" for c in members)
    windows = {c.in_window for c in members}
    return replace(
        lead,
        parts=tuple(sorted(c.subject for c in parts)),
        seriousness=tuple(s for s in Seriousness if any(s in c.seriousness for c in members)),
        result="fatal" if fatal else lead.result,
        grade=max((c.grade for c in members if c.grade is not None), default=None),
        in_window=True if True in windows else None if None in windows else False,
    )


def _root(subject: str, direct: Mapping[str, str]) -> str:
    """The case at the end of the chain; of a circle the first by name."""
    chain = [subject]
    while (following := direct.get(chain[-1])) is not None:
        if following in chain:
            return min(chain[chain.index(following) :])
        chain.append(following)
    return chain[-1]


def _transfers(found: Sequence[Case]) -> dict[str, str]:
    """Each stay that begins on or before the day the one before it ended is part of the stay that it continues."""
    part_of: dict[str, str] = {}
    lead: Case | None = None
    for stay in sorted(_dated(c for c in found if c.event == "stay"), key=_by_onset):
        if lead is not None and lead.ended is not None and _day(stay) <= lead.ended.day:
            part_of[stay.subject] = part_of.get(lead.subject, lead.subject)
        lead = stay if lead is None or _ends_later(stay, lead) else lead
    return part_of


def _deaths(found: Sequence[Case]) -> dict[str, str]:
    """A death between admission and discharge is the outcome of that stay."""
    death = next((c for c in found if c.event == "death"), None)
    within = [c for c in found if c.event == "stay" and death is not None and _died_in(c, death)]
    return {death.subject: within[0].subject} if death is not None and within else {}


def _liver(patient: Treated, found: Sequence[Case]) -> dict[str, str]:
    """Manifestations of liver injury within `liver_case_days` of the first are one case, led by the first."""
    span = patient.protocol.safety.assessment.liver_case_days.value
    part_of: dict[str, str] = {}
    lead: Case | None = None
    for case in sorted(_dated(c for c in found if _is_liver(c)), key=_by_onset):
        if lead is not None and (_day(case) - _day(lead)).days <= span:
            part_of[case.subject] = lead.subject
        else:
            lead = case
    return part_of


def _admissions(patient: Treated, found: Sequence[Case], part_of: Mapping[str, str]) -> dict[str, str]:
    """An event and the stay for it are one: admitted at most `same_case_days` after it began, or on the day before.

    Whichever is first leads, and of one day the event: it says what happened.
    """
    span = patient.protocol.safety.assessment.same_case_days.value
    events = [c for c in _dated(found) if c.event not in ("stay", "death")]
    joins: dict[str, str] = {}
    for stay in sorted(_dated(c for c in found if c.event == "stay" and c.subject not in part_of), key=_by_onset):
        near = [e for e in events if -1 <= (_day(stay) - _day(e)).days <= span and e.subject not in joins]
        if not near:
            continue
        first = min(near, key=_by_onset)
        if _day(first) <= _day(stay):
            joins[stay.subject] = first.subject
        else:
            joins |= {e.subject: stay.subject for e in near if e.subject not in part_of}
    return joins


def _is_liver(case: Case) -> bool:
    return case.subject in _LIVER or case.subject.rpartition("/")[0] in _LIVER


def _dated(found: Iterator[Case] | Sequence[Case]) -> list[Case]:
    return [c for c in found if c.onset is not None and c.onset.has_day]


def _day(case: Case) -> date:
    return cast(FhirDate, case.onset).day


def _by_onset(case: Case) -> tuple[date, str, str]:
    onset = cast(FhirDate, case.onset)
    return onset.day, onset.first.isoformat() if case.event == "stay" else "", case.subject


def _ends_later(stay: Case, other: Case) -> bool:
    return other.ended is not None and (stay.ended is None or stay.ended.day >= other.ended.day)


def _died_in(stay: Case, death: Case) -> bool:
    """Whether the patient certainly died between admission and the day of discharge."""
    died, admitted = death.onset, stay.onset
    if died is None or admitted is None or not died.has_day or not admitted.has_day or died.day < admitted.day:
        return False
    return stay.ended is not None and died.day <= stay.ended.day
