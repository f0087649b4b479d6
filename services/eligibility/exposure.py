"""Whether a drug was taken long enough, and whether its daily dose lies within a band.

Decides from first and last days on record; what is not recorded as ended or as ongoing is left open, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

import msgspec

from services.eligibility import wording
from services.eligibility.answers import Answer, agreed, earliest, from_bool, silent
from services.eligibility.case import TICK, Case, first_close, within
from shared.facts import DrugExposure
from shared.outcomes import Evidence, Verdict, any_of, cite, collect
from shared.protocol.criteria import DailyDoseCriterion, DrugExposureCriterion
from shared.timeline import latest

_TRUST: Final = ("administration", "statement", "dispense", "request")
_ONGOING: Final = ("active", "in-progress")
_DAY: Final = timedelta(days=1)


class Span(msgspec.Struct, frozen=True, order=True):
    """Days on which a drug was taken, first and last included."""

    first: date
    last: date


def taken_for(criterion: DrugExposureCriterion, case: Case) -> Answer:
    """One course of one of the drugs lasted long enough, and reached into the window.

    Met by what is certain; not met if even what is possible is too short; else unknown.
    """
    recorded = [e for e in case.of(DrugExposure) if e.drug in criterion.drugs.value]
    spoken = [e for e in recorded if e.taken is not False]
    names = wording.names(criterion.drugs.value)
    if not spoken:
        if recorded:
            return Answer(Verdict.NOT_MET, f"{names} recorded as not taken", _cited(recorded))
        return silent(criterion, f"no record of {names}", f"intake of {names} with start and end")
    by_drug = groupby(sorted(spoken, key=lambda e: e.drug), key=lambda e: e.drug)
    answers = [_of_one_drug(criterion, case, list(found)) for _, found in by_drug]
    verdict = any_of([a.verdict for a in answers])
    deciding = [a for a in answers if a.verdict is verdict]
    return Answer(
        verdict,
        "; ".join(a.says for a in deciding),
        collect(*(a.evidence for a in deciding)),
        tuple(m for a in deciding for m in a.missing),
        earliest(*(a.valid_until for a in answers)),
    )


def _of_one_drug(criterion: DrugExposureCriterion, case: Case, spoken: list[DrugExposure]) -> Answer:
    today, name = case.at.astimezone(UTC).date(), wording.name(spoken[0].drug)
    needed, pause = criterion.at_least_days.value, criterion.longest_pause_days.value
    opens = date.min if criterion.window_days.value is None else _before(today, criterion.window_days.value)
    certain = _courses([s for e in spoken if (s := _certain(e, today))], pause, opens)
    possible = _courses([s for e in spoken if (s := _possible(e, today))], pause, opens)
    enough = [c for c in certain if _days(c) >= needed]
    evidence, until = _cited(spoken), _next_change(criterion, spoken, today)
    if enough:
        says = f"{name} taken for at least {needed} days, since {wording.on_day(enough[-1].first)}"
        return Answer(Verdict.MET, says, evidence, valid_until=until)
    within_ = "" if criterion.window_days.value is None else f" within {criterion.window_days.value} days"
    if any(_days(c) >= needed for c in possible):
        says = f"the records do not tell whether {name} was taken for {needed} days{within_}"
        return Answer(Verdict.UNKNOWN, says, evidence, (f"start and end of {name}",), until)
    return Answer(Verdict.NOT_MET, f"{name} not taken for {needed} days{within_}", evidence, valid_until=until)


def _certain(exposure: DrugExposure, today: date) -> Span | None:
    """The days on which it certainly was taken: an ongoing record reaches to today, others to their recorded end."""
    if not exposure.taken or exposure.occurred is None:
        return None
    first = exposure.occurred.last_day
    ongoing = today if exposure.status in _ONGOING else first
    last = ongoing if exposure.until is None else min(exposure.until.day, today)
    return Span(first, last) if first <= last else None


def _possible(exposure: DrugExposure, today: date) -> Span | None:
    """All days on which it may have been taken: without a recorded end up to today, but for a single dose given."""
    first = date.min if exposure.occurred is None else exposure.occurred.day
    if exposure.until is not None:
        last = min(exposure.until.last_day, today)
    elif exposure.record == "administration" and exposure.status not in _ONGOING and exposure.occurred is not None:
        last = exposure.occurred.last_day
    else:
        last = today
    return Span(first, last) if first <= last else None


def _courses(spans: Iterable[Span], pause: int, opens: date) -> list[Span]:
    """Spans joined over pauses; only courses that reach into the window."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and (span.first - joined[-1].last).days - 1 <= pause:
            joined[-1] = Span(joined[-1].first, max(joined[-1].last, span.last))
        else:
            joined.append(span)
    return [course for course in joined if course.last >= opens]


def _days(span: Span) -> int:
    return (span.last - span.first).days + 1


def _next_change(criterion: DrugExposureCriterion, spoken: list[DrugExposure], today: date) -> datetime | None:
    """The next day on which a course may become long enough, or leave the window."""
    starts = [day for e in spoken if e.occurred for day in (e.occurred.day, e.occurred.last_day)]
    days = [_after(day, criterion.at_least_days.value - 1) for day in starts]
    if criterion.window_days.value is not None:
        ends = [d for e in spoken for on in (e.occurred, e.until) if on for d in (on.day, on.last_day)]
        days += [_after(day, criterion.window_days.value + 1) for day in ends]
    return earliest(*(datetime.combine(day, time(), tzinfo=UTC) for day in days if day is not None and day > today))


def _after(day: date, days: int) -> date | None:
    return day + timedelta(days=days) if (date.max - day).days >= days else None


def _before(day: date, days: int) -> date:
    return day - timedelta(days=days) if (day - date.min).days >= days else date.min


def daily_dose(criterion: DailyDoseCriterion, case: Case) -> Answer:
    """The newest daily dose of the most trusted kind of record that is in force decides."""
    name, days = wording.name(criterion.drug), criterion.window_days.value
    recorded = [e for e in case.of(DrugExposure) if e.drug == criterion.drug and e.taken is not False]
    in_force = [e for e in within(recorded, days, case.at) if not _ended(e, case.at)]
    dosed = next((of_kind for kind in _TRUST if (of_kind := _stating(in_force, kind))), [])
    missing = (f"daily dose of {name} in mg{wording.window(days)}",)
    if not dosed:
        says = f"no daily dose of {name} is recorded as in force"
        return Answer(Verdict.UNKNOWN, says, (), missing, _first_end(in_force, days))
    newest = latest(dosed)
    verdict = agreed(_judge(criterion, dose) for e in newest if (dose := _daily_mg(e)) is not None)
    doses = wording.listed([f"{wording.number(dose)} mg" for e in newest if (dose := _daily_mg(e)) is not None])
    joint = " contradict each other" if verdict is Verdict.CONFLICT else ""
    return Answer(
        verdict,
        f"{name} {doses} a day {wording.when(newest[0])}{joint}, needs {wording.bounds(criterion, 'mg')}",
        tuple(cite(e, f"{name} {wording.number(dose)} mg a day") for e in newest if (dose := _daily_mg(e)) is not None),
        (f"one daily dose of {name} that settles it",) if verdict is Verdict.CONFLICT else (),
        _first_end(in_force, days),
    )


def _stating(exposures: Sequence[DrugExposure], kind: str) -> list[DrugExposure]:
    return [e for e in exposures if e.record == kind and _daily_mg(e) is not None]


def _judge(criterion: DailyDoseCriterion, dose: Decimal) -> Verdict:
    low, high = criterion.at_least, criterion.at_most
    return from_bool((low is None or dose >= low.value) and (high is None or dose <= high.value))


def _daily_mg(exposure: DrugExposure) -> Decimal | None:
    """The daily dose, where the record states both the single dose in mg and how often it is taken."""
    dose, often = exposure.dose, exposure.doses_per_day
    if dose is None or dose.unit != "mg" or dose.comparator is not None or often is None:
        return None
    return dose.value * often


def _ended(exposure: DrugExposure, at: datetime) -> bool:
    return exposure.until is not None and exposure.until.last < at


def _first_end(in_force: Sequence[DrugExposure], days: int | None) -> datetime | None:
    ends = (e.until.last + TICK for e in in_force if e.until is not None and e.until.last.year < date.max.year)
    return earliest(first_close(in_force, days), *ends)


def _cited(exposures: Sequence[DrugExposure]) -> tuple[Evidence, ...]:
    return tuple(cite(e, f"{wording.name(e.drug)}, {e.record} {e.status}") for e in exposures)
