"""Specification of the reporting clocks: due, overdue and met at each deadline, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from services.safety.adverse_events import case_id
from services.safety.clocks import Awareness, Kind, State, clocks, end_of_day
from services.safety.evaluate import announce, evaluate
from shared.dates import FhirDate, parse
from shared.events import ReportDue, ReportOverdue
from shared.facts import AnyFact
from shared.outcomes import Outcome
from shared.protocol.model import Clocks
from shared.protocol.sourced import Sourced
from shared.timeline import Timeline
from tests.spec.safety.trial import PROTOCOL, find, first_dose
from tests.support import build

TICK = timedelta(microseconds=1)
NEW_YORK = ZoneInfo("America/New_York")
STAY_ID = str(case_id(build.PATIENT, PROTOCOL.id, "stay/stay-1"))


def _set(value: Any) -> Sourced[Any]:
    return Sourced(value=value, source="site")


def rules(zone: str = "Asia/Shanghai") -> Clocks:
    """The published deadlines in a time zone of the sponsor."""
    return Clocks(
        sponsor_time_zone=_set(zone),
        site_hours=_set(24),
        fatal_days=_set(7),
        follow_up_days=_set(8),
        other_days=_set(15),
        remind_hours=_set(6),
        expedite_progression=_set(False),
    )


def on(text: str, zone: str = "UTC") -> FhirDate:
    """A recorded date."""
    return parse(text, ZoneInfo(zone))


def instant(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def known(**more: Any) -> Awareness:
    """A serious case that the site has known since noon of 3 May."""
    site = {"site_at": instant("2024-05-03T12:00:00+00:00"), "death_at": None, "is_urgent": False, "is_expedited": True}
    return Awareness(**(site | more))


def due(awareness: Awareness, zone: str = "Asia/Shanghai") -> dict[Kind, datetime]:
    """When each report is due."""
    return {c.kind: c.due_at for c in clocks(awareness, rules(zone))}


CASES: list[tuple[str, Awareness, str, dict[Kind, str]]] = [
    (
        "The investigator reports within 24 hours of the site's awareness",
        known(),
        "Asia/Shanghai",
        {Kind.SITE: "2024-05-04T12:00:00+00:00"},
    ),
    (
        "Without the sponsor's awareness no clock of the sponsor runs",
        known(is_urgent=True),
        "Asia/Shanghai",
        {Kind.SITE: "2024-05-04T12:00:00+00:00"},
    ),
    (
        "15 days, due at the end of that day where the sponsor is; day 0 is the day of its awareness there",
        known(notified=(on("2024-05-03T17:00:00Z"),)),
        "Asia/Shanghai",
        {Kind.SITE: "2024-05-04T12:00:00+00:00", Kind.OTHER: "2024-05-19T15:59:59.999999+00:00"},
    ),
    (
        "An hour earlier it is still the day before there",
        known(notified=(on("2024-05-03T15:59:59Z"),)),
        "Asia/Shanghai",
        {Kind.SITE: "2024-05-04T12:00:00+00:00", Kind.OTHER: "2024-05-18T15:59:59.999999+00:00"},
    ),
    (
        "Fatal or life-threatening: 7 days, and 8 more for the follow-up",
        known(is_urgent=True, notified=(on("2024-05-03T15:00:00Z"),)),
        "Asia/Shanghai",
        {
            Kind.SITE: "2024-05-04T12:00:00+00:00",
            Kind.FATAL: "2024-05-10T15:59:59.999999+00:00",
            Kind.FOLLOW_UP: "2024-05-18T15:59:59.999999+00:00",
        },
    ),
    (
        "A case that becomes fatal: 7 days from the sponsor's awareness of the death, beside the 15 of the case",
        known(
            is_urgent=True,
            death_at=instant("2024-05-08T08:00:00+00:00"),
            notified=(on("2024-05-03T15:00:00Z"), on("2024-05-08T10:00:00Z")),
        ),
        "Asia/Shanghai",
        {
            Kind.SITE: "2024-05-04T12:00:00+00:00",
            Kind.SITE_DEATH: "2024-05-09T08:00:00+00:00",
            Kind.OTHER: "2024-05-18T15:59:59.999999+00:00",
            Kind.FATAL: "2024-05-15T15:59:59.999999+00:00",
            Kind.FOLLOW_UP: "2024-05-23T15:59:59.999999+00:00",
        },
    ),
    (
        "An expected or unrelated case has no clock of the sponsor",
        known(is_expedited=False, notified=(on("2024-05-03T15:00:00Z"),)),
        "Asia/Shanghai",
        {Kind.SITE: "2024-05-04T12:00:00+00:00"},
    ),
    (
        "24 hours are elapsed hours over the change to summer time, 7 days are calendar days",
        known(
            site_at=instant("2024-03-09T20:00:00-05:00"),
            is_urgent=True,
            notified=(on("2024-03-09T20:30:00-05:00"),),
        ),
        "America/New_York",
        {
            Kind.SITE: "2024-03-10T21:00:00-04:00",
            Kind.FATAL: "2024-03-16T23:59:59.999999-04:00",
            Kind.FOLLOW_UP: "2024-03-24T23:59:59.999999-04:00",
        },
    ),
    (
        "And over the change back",
        known(
            site_at=instant("2024-11-02T20:00:00-04:00"),
            is_urgent=True,
            notified=(on("2024-11-02T20:30:00-04:00"),),
        ),
        "America/New_York",
        {
            Kind.SITE: "2024-11-03T19:00:00-05:00",
            Kind.FATAL: "2024-11-09T23:59:59.999999-05:00",
            Kind.FOLLOW_UP: "2024-11-17T23:59:59.999999-05:00",
        },
    ),
    (
        "A report of which only the day is recorded reached the sponsor on that day",
        known(notified=(on("2024-05-03", "Asia/Shanghai"),)),
        "Asia/Shanghai",
        {Kind.SITE: "2024-05-04T12:00:00+00:00", Kind.OTHER: "2024-05-18T15:59:59.999999+00:00"},
    ),
]


@pytest.mark.parametrize(("clause", "awareness", "zone", "expected"), CASES, ids=[c[0] for c in CASES])
def test_each_report_is_due_when_the_rule_says(
    clause: str, awareness: Awareness, zone: str, expected: dict[Kind, str]
) -> None:
    """ICH E2A, III.B and 21 CFR 312.32(c), clause by clause."""
    assert due(awareness, zone) == {kind: instant(text) for kind, text in expected.items()}


@pytest.mark.parametrize(
    ("after_due", "state"),
    [
        (-timedelta(hours=6) - TICK, State.DUE),
        (-timedelta(hours=6), State.DUE_SOON),
        (timedelta(0), State.DUE_SOON),
        (TICK, State.OVERDUE),
    ],
)
def test_a_deadline_passes_after_its_last_instant(after_due: timedelta, state: State) -> None:
    """The last instant is in time; the reminder comes 6 hours before."""
    (clock,) = clocks(known(), rules())
    assert clock.state(clock.due_at + after_due, timedelta(hours=6)) is state
    assert clock.changes_at(timedelta(hours=6)) == (clock.due_at - timedelta(hours=6), clock.due_at + TICK)


@pytest.mark.parametrize(
    ("reported", "state"),
    [
        ("2024-05-04T12:00:00Z", State.MET),
        ("2024-05-04T12:00:01Z", State.MET_LATE),
        ("2024-05-04", State.MET),
        ("2024-05-05", State.MET_LATE),
    ],
)
def test_a_report_in_time_meets_the_deadline_a_later_one_meets_it_late(reported: str, state: State) -> None:
    """Of a report of which only the day is known the benefit of the doubt is the site's."""
    clock = clocks(known(notified=(on(reported),)), rules())[0]
    assert clock.state(clock.due_at + timedelta(days=30), timedelta(hours=6)) is state
    assert clock.changes_at(timedelta(hours=6)) == ()


def test_a_day_of_23_or_25_hours_ends_at_its_own_midnight() -> None:
    """The end of a calendar day does not lie 24 hours after its beginning where the clocks change."""
    spring, autumn = datetime(2024, 3, 10, tzinfo=NEW_YORK), datetime(2024, 11, 3, tzinfo=NEW_YORK)
    assert end_of_day(spring.date(), NEW_YORK) + TICK - spring.astimezone(UTC) == timedelta(hours=23)
    assert end_of_day(autumn.date(), NEW_YORK) + TICK - autumn.astimezone(UTC) == timedelta(hours=25)


RECORDED = instant("2024-05-03T12:00:00+00:00")


def _clock(at: datetime, *more: AnyFact, kind: str = "site-report") -> tuple[Outcome, datetime | None]:
    facts = [first_dose(), build.stay(on="2024-05-03", until="2024-05-20", key="stay-1"), *more]
    timeline = Timeline(build.PATIENT, 1, facts, {f.fact_id: RECORDED for f in facts})
    evaluation = evaluate(timeline, PROTOCOL, at)
    found = find(evaluation, "clock", f"{kind}/stay/stay-1")
    assert found is not None
    return found, evaluation.valid_until


def attested(code: str, when: str, value: bool = True) -> AnyFact:
    """A statement about the stay."""
    return build.attestation(code, value, on=when, focus=STAY_ID)


def _told(old: Outcome | None, new: Outcome) -> list[str]:
    return [type(e).__name__ for e in announce(build.PATIENT, PROTOCOL, old, new)]


def test_a_report_that_was_late_is_told_where_its_deadline_passed_unseen() -> None:
    """The service was down over the deadline, or the report was recorded first: told once, as what it is."""
    late = RECORDED + timedelta(hours=30)
    before, _ = _clock(RECORDED)
    overdue, _ = _clock(late)
    made, _ = _clock(late, attested("sae-notified", "2024-05-04T13:00:00Z"))
    assert made.content["says"] == (
        "report of the site to the sponsor on inpatient stay: made late, on 4 May 2024; it was due by 4 May 2024, 12:00 UTC"
    )
    assert overdue.content["says"].endswith(": overdue since 4 May 2024, 12:00 UTC")
    assert (_told(None, made), _told(before, made), _told(overdue, made), _told(made, made)) == (
        ["ReportOverdue"],
        ["ReportOverdue"],
        [],
        [],
    )
    in_time, _ = _clock(late, attested("sae-notified", "2024-05-04T12:00:00Z"))
    assert _told(before, in_time) == []


def test_a_deadline_that_passed_while_nobody_looked_is_told_at_once() -> None:
    """Neither reminder nor deadline had been seen: the first evaluation afterwards says overdue, once."""
    before, _ = _clock(RECORDED)
    overdue, until = _clock(RECORDED + timedelta(days=3))
    assert _told(before, overdue) == ["ReportOverdue"]
    assert until is None or until > RECORDED + timedelta(days=3)


@pytest.mark.parametrize(
    ("zone", "due_at"),
    [
        ("Asia/Shanghai", "2024-05-19T15:59:59.999999+00:00"),
        ("America/New_York", "2024-05-19T03:59:59.999999+00:00"),
        ("Europe/Berlin", "2024-05-18T21:59:59.999999+00:00"),
    ],
)
def test_another_time_zone_of_the_sponsor_moves_the_deadline_and_begins_it_anew(zone: str, due_at: str) -> None:
    """The protocol is corrected while a report is due: day 0 and the end of the last day are counted there."""
    notified = attested("sae-notified", "2024-05-03T17:00:00Z")
    clock_rules = PROTOCOL.safety.clocks.model_copy(update={"sponsor_time_zone": _set(zone)})
    moved = PROTOCOL.model_copy(update={"safety": PROTOCOL.safety.model_copy(update={"clocks": clock_rules})})
    facts = [first_dose(), build.stay(on="2024-05-03", until="2024-05-20", key="stay-1"), notified]
    timeline = Timeline(build.PATIENT, 1, facts, {f.fact_id: RECORDED for f in facts})

    def stand(at: datetime) -> Outcome:
        found = find(evaluate(timeline, moved, at), "clock", "expedited/stay/stay-1")
        assert found is not None
        return found

    due_at_ = instant(due_at)
    assert datetime.fromisoformat(stand(due_at_).content["due_at"]) == due_at_
    assert (stand(due_at_).content["state"], stand(due_at_ + TICK).content["state"]) == ("due-soon", "overdue")
    elsewhere = msgspec.structs.replace(
        stand(due_at_), content=stand(due_at_).content | {"due_at": "2024-05-17T00:00:00"}
    )
    assert _told(elsewhere, stand(due_at_)) == ["ReportDue"]


def test_reconciliation_acts_at_the_reminder_and_at_the_deadline() -> None:
    """An evaluation stands until exactly the next instant at which a deadline changes: also after a restart."""
    due_at = RECORDED + timedelta(hours=24)
    first, until = _clock(RECORDED)
    assert (first.content["state"], until) == ("due", due_at - timedelta(hours=6))
    soon, until = _clock(due_at - timedelta(hours=6))
    assert (soon.content["state"], until) == ("due-soon", due_at + TICK)
    late, _ = _clock(due_at + TICK)
    assert late.content["state"] == "overdue"
    (reminder,) = announce(build.PATIENT, PROTOCOL, first, soon)
    (overdue,) = announce(build.PATIENT, PROTOCOL, soon, late)
    assert isinstance(reminder, ReportDue)
    assert isinstance(overdue, ReportOverdue)
    assert announce(build.PATIENT, PROTOCOL, late, late) == ()


def test_the_reports_that_people_attest_meet_the_clocks() -> None:
    """`sae-notified` meets the site's, and starts the sponsor's, which `sae-submitted` meets."""
    notified = attested("sae-notified", "2024-05-04T02:00:00Z")
    site, _ = _clock(instant("2024-06-01T00:00:00+00:00"), notified)
    sponsor, _ = _clock(instant("2024-05-10T00:00:00+00:00"), notified, kind="expedited")
    submitted = attested("sae-submitted", "2024-05-12T00:00:00Z")
    made, _ = _clock(instant("2024-06-01T00:00:00+00:00"), notified, submitted, kind="expedited")
    assert [o.content["state"] for o in (site, sponsor, made)] == ["met", "due", "met"]


@pytest.mark.parametrize(
    ("opinions", "runs"),
    [
        ([], True),
        ([("sae-related-investigator", False)], False),
        ([("sae-related-investigator", False), ("sae-related-sponsor", True)], True),
        ([("sae-related-investigator", True), ("sae-related-sponsor", False)], True),
        ([("sae-related-sponsor", False)], True),
        ([("sae-expected", True)], False),
        ([("sae-expected", False)], True),
        ([("sae-refuted", True)], False),
    ],
)
def test_only_a_suspected_unexpected_case_is_expedited(opinions: list[tuple[str, bool]], runs: bool) -> None:
    """Nobody downgrades the investigator's opinion; what is not assessed counts as related and unexpected."""
    facts = [
        first_dose(),
        build.stay(on="2024-05-03", until="2024-05-20", key="stay-1"),
        attested("sae-notified", "2024-05-04T02:00:00Z"),
        *(attested(code, "2024-05-05T00:00:00Z", value) for code, value in opinions),
    ]
    evaluation = evaluate(build.timeline(*facts), PROTOCOL, build.at("2024-05-10"))
    assert (find(evaluation, "clock", "expedited/stay/stay-1") is not None) is runs
