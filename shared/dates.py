"""FHIR dates with the precision they were recorded at, and comparisons that may answer "unknown".

Decides what a recorded date can prove about order; never guesses a missing month, day or time.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

_SHAPE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?")
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


class Precision(StrEnum):
    """How much of the date the record states (FHIR R4 dateTime)."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    INSTANT = "instant"


class ImpossibleDate(ValueError):  # noqa: N818 - named for what it says
    """The text is no FHIR date, dateTime or instant; the message names the expected form, never the value."""


class FhirDate(msgspec.Struct, frozen=True):
    """A recorded date: the span of instants (UTC) that it may mean, and its local calendar day.

    `first` and `last` are inclusive. `day` is the day in the site's time zone; for a year or a month it is the
    first day of that span, so use it only after asking `has_day`.
    """

    text: str
    precision: Precision
    first: datetime
    last: datetime
    day: date

    @property
    def has_day(self) -> bool:
        """Whether the calendar day is known."""
        return self.precision in (Precision.DAY, Precision.INSTANT)

    @property
    def last_day(self) -> date:
        """The last calendar day that the record may mean."""
        match self.precision:
            case Precision.YEAR:
                return date(self.day.year, 12, 31)
            case Precision.MONTH:
                return _last_of_month(self.day)
            case _:
                return self.day


@lru_cache(maxsize=8192)  # the results of a panel share their time
def parse(text: str, zone: ZoneInfo) -> FhirDate:
    """Read a FHIR date; one without an offset is local time of the site. Raises ImpossibleDate."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ImpossibleDate("expected a FHIR date (YYYY, YYYY-MM, YYYY-MM-DD or a dateTime with offset)")
    try:
        return _from_parts(text, shape, zone)
    except (ValueError, OverflowError) as error:
        raise ImpossibleDate("expected a date that exists in the calendar") from error


def from_day(day: date, zone: ZoneInfo) -> FhirDate:
    """The FHIR date that states exactly this local day."""
    return parse(day.isoformat(), zone)


def before(a: FhirDate, b: FhirDate) -> bool | None:
    """Whether `a` lies before `b`: None where the recorded precision cannot tell."""
    if a.last < b.first:
        return True
    return False if a.first >= b.last else None


def on_or_before_day(a: FhirDate, b: FhirDate) -> bool | None:
    """Whether the day of `a` is the day of `b` or an earlier one: None where the precision cannot tell."""
    if a.last_day <= b.day:
        return True
    return False if a.day > b.last_day else None


def later(a: FhirDate, b: FhirDate) -> bool:
    """Whether `a` certainly lies after `b` at the precision of both; a day never settles an instant of that day."""
    return before(b, a) is True


def age_in_years(birth: FhirDate, on: date) -> tuple[int, int]:
    """Youngest and oldest age in completed years on that day, given the precision of the birth date."""
    return _completed_years(birth.last_day, on), _completed_years(birth.day, on)


def _completed_years(birth: date, on: date) -> int:
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def _from_parts(text: str, shape: re.Match[str], zone: ZoneInfo) -> FhirDate:
    year, month, day, hour, minute, second, fraction, offset = shape.groups()
    first_day = date(int(year), int(month or 1), int(day or 1))
    if hour is not None:
        return _instant(text, first_day, (hour, minute, second, fraction, offset), zone)
    if day is not None:
        precision, last_day = Precision.DAY, first_day
    elif month is not None:
        precision, last_day = Precision.MONTH, _last_of_month(first_day)
    else:
        precision, last_day = Precision.YEAR, date(first_day.year, 12, 31)
    return FhirDate(text, precision, _midnight(first_day, zone), _end_of(last_day, zone), first_day)


def _instant(
    text: str, day: date, parts: tuple[str | None, str | None, str | None, str | None, str | None], zone: ZoneInfo
) -> FhirDate:
    hour, minute, second, fraction, offset = parts
    micros = int(((fraction or ".0")[1:] + "000000")[:6])
    local = datetime(day.year, day.month, day.day, int(hour or 0), int(minute or 0), int(second or 0), micros)  # noqa: DTZ001
    stated = local.replace(tzinfo=zone if offset is None else _offset(offset))
    instant = stated.astimezone(UTC)
    # A dateTime without seconds (FHIR forbids it, feeds send it) may mean any second of that minute.
    last = instant + timedelta(minutes=1) - _TICK if second is None else instant
    return FhirDate(text, Precision.INSTANT, instant, last, instant.astimezone(zone).date())


@lru_cache(maxsize=256)
def _offset(text: str) -> tzinfo:
    """`Z`, or hours and minutes of at most a day; raises ValueError."""
    if text == "Z":
        return UTC
    read = datetime.fromisoformat(f"2000-01-01T00:00:00{text}").tzinfo
    assert read is not None
    return read


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    # 31 December 9999 is what many systems write for "no end": it has no next day to count back from.
    return _LAST if day == date.max else _midnight(day + timedelta(days=1), zone) - _TICK


def _last_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
