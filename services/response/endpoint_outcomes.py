"""How a patient's endpoints and tumour marker become outcomes: contents and sentences. Decides no endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

from shared.outcomes import Outcome, collect
from shared.rules.endpoints import Endpoints, ResponseStatus, TimeToEvent
from shared.rules.endpoints.marker import MarkerCourse, Value, shown
from shared.rules.endpoints.model import TimeToResponse
from shared.wording import on_day, plain, tenths

DAYS_PER_MONTH: Final = Decimal("30.4375")
"""A twelfth of a mean year, the usual divisor of trial statistics."""
_NAME: Final = {
    "ORR": "objective response",
    "DCR": "disease control",
    "DOR": "duration of response",
    "PFS": "progression-free survival",
    "TTP": "time to progression",
    "OS": "overall survival",
}


def of_endpoints(endpoints: Endpoints, *, primary_confirmed: bool) -> Iterator[Outcome]:
    """One outcome of kind `endpoint` for each endpoint that the patient has, subject its abbreviation."""
    yield from (_status(status, primary_confirmed) for status in (endpoints.orr, endpoints.dcr))
    if endpoints.ttr is not None:
        yield _time_to_response(endpoints.ttr, endpoints.ttr_confirmed)
    if endpoints.dor is not None:
        yield _timed(endpoints.dor, {"confirmed": _brief(endpoints.dor_confirmed)})
    missed = {"missed_visits": endpoints.missed_visits}
    yield _timed(endpoints.pfs, missed)
    yield _timed(endpoints.ttp, missed)
    yield _timed(endpoints.os, {"problems": list(endpoints.problems)})


def of_marker(course: MarkerCourse, concept: str) -> Outcome:
    """The outcome of kind `marker`, subject the marker."""
    content = {
        "unit": course.unit,
        "baseline": _value(course.baseline),
        "lowest": _value(course.lowest),
        "fall_percent": tenths(course.fall_percent) if course.fall_percent is not None else None,
        "response": course.response,
        "response_on": _iso(course.response_on),
        "course": shown(course.values),
        "says": f"{course.says}; shown beside the response, decides nothing",
    }
    return Outcome("marker", concept, content, course.evidence)


def months(days: int) -> str:
    """Days as months to one decimal, cut."""
    return tenths(days / DAYS_PER_MONTH)


def _status(status: ResponseStatus, primary_confirmed: bool) -> Outcome:
    content = {
        "unconfirmed": status.met,
        "confirmed": status.confirmed_met,
        "primary": status.confirmed_met if primary_confirmed else status.met,
        "rule": status.rule,
        "confirmed_rule": status.confirmed_rule,
        "source": status.source,
        "says": f"{_NAME[status.endpoint]}: {_yes(status.met)}; confirmed: {_yes(status.confirmed_met)}. {status.says}",
    }
    return Outcome("endpoint", status.endpoint, content, status.evidence)


def _time_to_response(first: TimeToResponse, confirmed: TimeToResponse | None) -> Outcome:
    content = {
        "start_on": first.start_on.isoformat(),
        "on": first.on.isoformat(),
        "days": first.days,
        "confirmed_on": _iso(confirmed.on if confirmed else None),
        "says": f"first response on {on_day(first.on)}, day {first.days}",
    }
    return Outcome("endpoint", "TTR", content, collect(first.evidence, confirmed.evidence if confirmed else ()))


def _timed(time: TimeToEvent, more: dict[str, Any]) -> Outcome:
    content = {
        "start_on": time.start_on.isoformat(),
        **_end(time),
        "rule": time.rule,
        "source": time.source,
        "says": of_time(time),
        **more,
    }
    return Outcome("endpoint", time.endpoint, content, time.evidence)


def _end(time: TimeToEvent) -> dict[str, Any]:
    return {"on": time.on.isoformat(), "event": time.event, "what": time.what, "days": time.days}


def _brief(time: TimeToEvent | None) -> dict[str, Any] | None:
    return {"start_on": time.start_on.isoformat(), **_end(time)} if time is not None else None


def of_time(time: TimeToEvent) -> str:
    """`progression-free survival: disease progression on 3 May 2024, after 123 days (4 months)`."""
    length = f"{time.days} {'day' if time.days == 1 else 'days'} ({months(time.days)} months)"
    if time.event:
        return f"{_NAME[time.endpoint]}: {time.what} on {on_day(time.on)}, after {length}"
    return f"{_NAME[time.endpoint]}: censored on {on_day(time.on)} ({time.what}), after {length}. {time.says}"


def _value(value: Value | None) -> dict[str, str] | None:
    return {"on": value.on.isoformat(), "value": f"{value.bound}{plain(value.value)}"} if value is not None else None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _yes(met: bool) -> str:
    return "yes" if met else "no"
