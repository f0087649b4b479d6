"""Whether the patient's age lies within the trial's bounds (I7). Decides nothing else about the person."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Final

from services.eligibility.answers import Answer, agreed, earliest
from services.eligibility.case import Case
from shared.dates import FhirDate, age_in_years
from shared.demographics import in_use
from shared.facts import Demographics, PatientLink
from shared.outcomes import Verdict, cite
from shared.protocol.criteria import AgeCriterion

_NO_AGE_REACHES: Final = 10_000


def aged(criterion: AgeCriterion, case: Case) -> Answer:
    """Age in completed years on the (UTC) day of evaluation; both bounds are inclusive.

    A birth date known to the year or month may leave it open. Records that disagree on which side it lies
    conflict.
    """
    known = in_use((d for d in case.of(Demographics) if d.birth_date is not None), case.of(PatientLink))
    if not known:
        return Answer(Verdict.UNKNOWN, "no birth date is recorded", missing=("birth date",))
    births = [d.birth_date for d in known if d.birth_date is not None]
    today = case.at.astimezone(UTC).date()
    verdict = agreed(_judge(criterion, birth, today) for birth in births)
    return Answer(
        verdict,
        _says(criterion, verdict, births[0], today),
        # Neither the birth date nor the age goes into a sentence: the one identifies, the other changes every year.
        tuple(cite(d, "birth date") for d in known),
        ("exact birth date",) if verdict in (Verdict.UNKNOWN, Verdict.CONFLICT) else (),
        earliest(*(_next_change(criterion, birth, case.at) for birth in births)),
    )


def _judge(criterion: AgeCriterion, birth: FhirDate, today: date) -> Verdict:
    youngest, oldest = age_in_years(birth, today)
    low, high = criterion.at_least.value, _highest(criterion)
    if low <= youngest and oldest <= high:
        return Verdict.MET
    return Verdict.NOT_MET if oldest < low or youngest > high else Verdict.UNKNOWN


def _says(criterion: AgeCriterion, verdict: Verdict, birth: FhirDate, today: date) -> str:
    low, high = criterion.at_least.value, criterion.at_most
    bounds = f"{low} to {high.value} years" if high is not None else f"{low} years or more"
    match verdict:
        case Verdict.MET:
            return f"age is within {bounds}"
        case Verdict.NOT_MET:
            youngest, _ = age_in_years(birth, today)
            side = "above" if youngest > _highest(criterion) else "below"
            return f"age is {side} {bounds}"
        case Verdict.CONFLICT:
            return f"records disagree whether age is within {bounds}"
        case Verdict.UNKNOWN:
            return f"the birth date is not exact enough to tell whether age is within {bounds}"


def _next_change(criterion: AgeCriterion, birth: FhirDate, at: datetime) -> datetime | None:
    """The next birthday that can change the answer: the one that reaches the lower bound or passes the
    upper one.
    """
    years = (criterion.at_least.value, *(() if criterion.at_most is None else (criterion.at_most.value + 1,)))
    birthdays = [_birthday(born, n) for born in (birth.day, birth.last_day) for n in years]
    return earliest(*(b for b in birthdays if b is not None and b > at))


def _highest(criterion: AgeCriterion) -> int:
    return _NO_AGE_REACHES if criterion.at_most is None else criterion.at_most.value


def _birthday(born: date, years: int) -> datetime | None:
    if born.year + years > date.max.year:
        return None
    try:
        on = born.replace(year=born.year + years)
    except ValueError:  # born on 29 February: the year is completed on 1 March
        on = date(born.year + years, 3, 1)
    return datetime.combine(on, time(), tzinfo=UTC)
