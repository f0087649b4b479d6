"""Who is told, by which channel, when: the routing rules by example."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from services.notify import rules
from services.notify.notices import (
    ESCALATION,
    TOLD_BEFORE,
    Delivery,
    Escalation,
    Mode,
    Since,
    Sooner,
    Told,
    delivery_id,
)
from shared.events import AnyEvent, ResearchStudyPublished
from tests.support.notices import (
    AT,
    COORDINATOR,
    OFFICER,
    STUDY,
    criterion,
    graded,
    notice,
    read,
    retracted,
    rule,
    screened,
    suspected,
    system,
)

STUDY_PUBLISHED = ResearchStudyPublished(
    patient=UUID(int=9),
    protocol=STUDY,
    protocol_version="2",
    subject="",
    sentence="screening for a trial",
    protocol_hash="0",
    fhir={"resourceType": "Bundle"},
)
NIGHT = datetime(2024, 5, 3, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "event", "site", "is_told"),
    [
        ({}, suspected(), "north", True),
        ({"studies": [STUDY]}, suspected(), "north", True),
        ({"studies": ["another"]}, suspected(), "north", False),
        ({"sites": ["north", "south"]}, suspected(), "south", True),
        ({"sites": ["south"]}, suspected(), "north", False),
        ({"kinds": ["rejection-suspected"]}, suspected(), "north", True),
        ({"kinds": ["rejection-proven"]}, suspected(), "north", False),
        ({"urgency": "stat"}, suspected(), "north", True),
        ({"urgency": "stat"}, retracted(), "north", False),
        ({"urgency": "asap"}, retracted(), "north", True),
        ({"when": {"status": ["eligible"]}}, screened("eligible"), "north", True),
        ({"when": {"status": ["eligible"]}}, screened("ineligible", "eligible"), "north", False),
        ({"when": {"before": ["none"]}}, screened("eligible"), "north", True),
        ({"when": {"criteria_changed": ["I1", "I2"]}}, criterion(), "north", True),
        ({"when": {"criteria_changed": ["I2"]}}, criterion(), "north", False),
        ({}, STUDY_PUBLISHED, "", False),
        ({"kinds": ["research-study-published"]}, STUDY_PUBLISHED, "", True),
    ],
)
def test_a_rule_speaks_of_what_it_names(
    tmp_path: Path, given: dict[str, Any], event: AnyEvent, site: str, is_told: bool
) -> None:
    """Study, site, kind, least urgency and fields must all agree; what is left out does not restrict."""
    directory = read(tmp_path, COORDINATOR, rules=[rule("r", "coordinator", **given)])
    assert bool(rules.route(notice(event, site), directory, [], AT).deliveries) is is_told


def test_each_recipient_has_an_event_once_by_each_channel(tmp_path: Path) -> None:
    """Two rules choose the same people: one delivery for each channel, at the sooner time."""
    both = {"id": "both", "name": "B", "email": "b@x.example", "webhook": system("https://x.example")["webhook"]}
    directory = read(
        tmp_path,
        both,
        rules=[
            rule("digest", "both", send={"digest": ["08:00"]}),
            rule("at-once", "both", by=["email", "webhook"]),
        ],
    )
    routing = rules.route(notice(suspected()), directory, [], AT)
    assert [(d.channel, d.endpoint, d.mode, d.due_at, d.reason) for d in routing.deliveries] == [
        ("email", "email", "at-once", AT, "at-once"),
        ("webhook", "webhook:both", "at-once", AT, "at-once"),
    ]


def test_a_delivery_is_the_same_whoever_asks_and_when(tmp_path: Path) -> None:
    """Its id depends on recipient, channel and event alone."""
    directory = read(tmp_path, COORDINATOR, rules=[rule("r", "coordinator")])
    event = notice(suspected())
    (one,), (other,) = (rules.route(event, directory, [], at).deliveries for at in (AT, NIGHT))
    assert one.delivery_id == other.delivery_id == delivery_id("coordinator", "email", event.event_id)


def test_quiet_hours_hold_back_all_but_the_urgent(tmp_path: Path) -> None:
    """At half past midnight in Berlin: the routine waits until seven, the stat does not; the rule's hours replace one's own."""
    sleeper = {**COORDINATOR, "time_zone": "Europe/Berlin", "quiet_hours": {"from": "22:00", "to": "07:00"}}
    directory = read(tmp_path, sleeper, rules=[rule("r", "coordinator")])
    assert _due(rules.route(notice(screened("eligible")), directory, [], NIGHT)) == [
        datetime(2024, 5, 4, 5, tzinfo=UTC)
    ]
    assert _due(rules.route(notice(suspected()), directory, [], NIGHT)) == [NIGHT]
    never = {"from": "00:00", "to": "00:00"}
    directory = read(tmp_path, sleeper, rules=[rule("r", "coordinator", quiet_hours=never)])
    assert _due(rules.route(notice(screened("eligible")), directory, [], NIGHT)) == [NIGHT]


def test_a_digest_waits_for_its_time_in_the_recipients_zone(tmp_path: Path) -> None:
    """Friday noon in Berlin: Monday at eight."""
    weekdays = {"digest": ["08:00"], "days": ["mon", "tue", "wed", "thu", "fri"]}
    reader = {**COORDINATOR, "time_zone": "Europe/Berlin"}
    directory = read(tmp_path, reader, rules=[rule("r", "coordinator", send=weekdays)])
    (delivery,) = rules.route(notice(suspected()), directory, [], AT).deliveries
    assert (delivery.mode, delivery.due_at) == ("digest", datetime(2024, 5, 6, 6, tzinfo=UTC))


def test_escalation_counts_from_when_the_first_were_told(tmp_path: Path) -> None:
    """Not from a night in which nobody was: each step with its people, channels and time."""
    sleeper = {**COORDINATOR, "quiet_hours": {"from": "22:00", "to": "07:00"}}
    steps = [{"after_minutes": 30, "to": ["officer"]}, {"after_minutes": 90, "to": ["system"], "by": ["webhook"]}]
    people = (sleeper, OFFICER, system("https://x.example"))
    directory = read(tmp_path, *people, rules=[rule("r", "coordinator", escalate=steps)])
    morning = datetime(2024, 5, 4, 7, tzinfo=UTC)
    first, second = rules.route(notice(screened("eligible")), directory, [], NIGHT).escalations
    assert (first.recipients, first.channels, first.due_at) == (
        ("officer",),
        ("email",),
        morning + timedelta(minutes=30),
    )
    assert (second.recipients, second.channels, second.due_at) == (
        ("system",),
        ("webhook",),
        morning + timedelta(minutes=90),
    )
    (delivery,) = rules.escalate(first, (), directory, AT)
    assert (delivery.recipient, delivery.reason, delivery.due_at) == ("officer", ESCALATION, AT)


ME: Final = frozenset({("officer", "email")})
NOBODY: Final = frozenset[tuple[str, str]]()
OTHER_WAYS: Final = frozenset({("officer", "webhook"), ("coordinator", "email")})
BEGAN, ENDED = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("began", "ended", "are_told"),
    [
        ({}, {}, [BEGAN, ENDED]),
        ({"held": ME}, {}, [BEGAN, ENDED]),
        ({}, {"held": ME}, [BEGAN, ENDED]),
        ({"sent": ME}, {}, []),
        ({}, {"sent": ME}, []),
        ({"sent": OTHER_WAYS}, {"sent": OTHER_WAYS}, [BEGAN, ENDED]),
        ({}, {"corrected": True}, [BEGAN]),
        ({}, {"kind": "criterion-changed"}, [BEGAN]),
        ({}, {"kind": "criterion-changed", "sent": ME}, [BEGAN]),
        ({}, {"kind": "criterion-changed", "held": ME}, [BEGAN, ENDED]),
        ({"kind": "criterion-changed", "sent": ME}, {}, []),
        ({}, {"kind": "patient-merged"}, [BEGAN, ENDED]),
        ({}, {"kind": "patient-merged", "sent": ME}, [BEGAN, ENDED]),
    ],
    ids=[
        "nobody-knew",
        "beginning-held",
        "end-held",
        "knew-the-beginning",
        "knows-the-end",
        "others-know",
        "corrected-since",
        "status-stands",
        "status-stands-and-sent",
        "status-stands-and-held",
        "knew-that-it-stands",
        "merged-since",
        "knows-of-the-merge",
    ],
)
def test_an_escalation_tells_what_came_of_it_too(
    tmp_path: Path, began: dict[str, Any], ended: dict[str, Any], are_told: list[UUID]
) -> None:
    """In order, the first as an escalation; nothing to whom it, or what came of it, was sent."""
    usual: dict[str, Any] = {"kind": "rejection-retracted", "corrected": False, "sent": NOBODY, "held": NOBODY}
    since = [Since(**{"event_id": e, **usual, **more}) for e, more in ((BEGAN, began), (ENDED, ended))]
    step = Escalation(BEGAN, "r", 1, ("officer",), ("email",), AT)
    told = rules.escalate(step, since, read(tmp_path, OFFICER), AT)
    assert [d.event_id for d in told] == are_told
    assert [d.reason for d in told] == [ESCALATION, TOLD_BEFORE][: len(told)]
    assert [d.due_at for d in told] == [AT, AT + timedelta.resolution][: len(told)]


def test_what_two_steps_tell_is_told_once_after_what_comes_first() -> None:
    """The second event's own step would tell it at once; it stays behind the first, and is an escalation."""
    first = Delivery(BEGAN, "officer", "email", "email", ESCALATION, "at-once", AT)
    after = Delivery(ENDED, "officer", "email", "email", TOLD_BEFORE, "at-once", AT + timedelta.resolution)
    own = replace(after, reason=ESCALATION, due_at=AT)
    for steps in ([first, after, own], [own, first, after]):
        assert rules.in_order(steps) == (first, replace(after, reason=ESCALATION))


def test_what_several_bring_forward_goes_with_the_soonest() -> None:
    """One for each delivery; at the same time the one that is an escalation counts."""
    noon, now = Sooner(BEGAN, "digest", AT + timedelta(hours=2)), Sooner(BEGAN, "at-once", AT)
    escalated = Sooner(BEGAN, "at-once", AT, ESCALATION)
    for found in ([noon, now, escalated], [escalated, now, noon]):
        assert rules.soonest(found) == (escalated,)
    other = replace(noon, delivery_id=ENDED)
    assert set(rules.soonest([noon, other, now])) == {now, other}


def test_who_has_ended_is_told_nothing(tmp_path: Path) -> None:
    """The last day counts in the recipient's own zone."""
    gone = {**COORDINATOR, "until": "2024-05-03", "time_zone": "Europe/Berlin"}
    directory = read(tmp_path, gone, rules=[rule("r", "coordinator")])
    assert len(rules.route(notice(suspected()), directory, [], AT).deliveries) == 1
    assert rules.route(notice(suspected()), directory, [], NIGHT).deliveries == ()


class TestToldBefore:
    """Whoever was told what an event corrects or ends."""

    @pytest.mark.parametrize(
        ("event", "corrected", "selected", "is_told"),
        [
            (retracted(), True, True, True),
            (retracted(), True, False, True),
            (retracted(), False, True, True),
            (retracted(), False, False, True),
            (graded(2, 3), False, True, True),
            (graded(1, 2), False, False, False),
            (graded(1, 2), True, False, True),
            (criterion(), False, True, False),
            (criterion(), True, True, True),
        ],
        ids=[
            "corrected",
            "corrected-follow-up",
            "ended",
            "ended-follow-up",
            "grade-lower",
            "grade-lower-still",
            "grade-corrected",
            "status-stands",
            "corrected-criterion",
        ],
    )
    def test_is_told(self, tmp_path: Path, event: AnyEvent, corrected: bool, selected: bool, is_told: bool) -> None:
        """A correction always, a change whenever what they were told last has ended; of a moving grade once."""
        directory = read(tmp_path, COORDINATOR)
        told = Told(uuid4(), uuid4(), "coordinator", "email", corrected, selected)
        deliveries = rules.route(notice(event), directory, [told], AT).deliveries
        assert bool(deliveries) is is_told
        for d in deliveries:
            assert (d.reason, d.corrects) == (TOLD_BEFORE, told.delivery_id if corrected else None)

    def test_whom_a_rule_chooses_too_is_told_once(self, tmp_path: Path) -> None:
        """By the rule, and of what it corrects."""
        directory = read(tmp_path, COORDINATOR, rules=[rule("r", "coordinator")])
        told = Told(uuid4(), uuid4(), "coordinator", "email", corrected=True, selected=True)
        (delivery,) = rules.route(notice(retracted()), directory, [told], AT).deliveries
        assert (delivery.reason, delivery.corrects) == ("r", told.delivery_id)

    def test_quiet_hours_hold_back_a_correction_too(self, tmp_path: Path) -> None:
        """It ignores rules, never the night of whom it reaches."""
        sleeper = {**COORDINATOR, "quiet_hours": {"from": "22:00", "to": "07:00"}}
        told = Told(uuid4(), uuid4(), "coordinator", "email", corrected=True, selected=True)
        routing = rules.route(notice(retracted()), read(tmp_path, sleeper), [told], NIGHT)
        assert _due(routing) == [datetime(2024, 5, 4, 7, tzinfo=UTC)]

    def test_what_still_waits_is_told_before_its_end(self, tmp_path: Path) -> None:
        """Both in the same digest: the end does not arrive hours before what it ends."""
        morning = AT + timedelta(hours=20)
        told = Told(uuid4(), uuid4(), "coordinator", "email", False, True, morning, "digest")
        (delivery,) = rules.route(notice(retracted()), read(tmp_path, COORDINATOR), [told], AT).deliveries
        assert (delivery.mode, delivery.due_at) == ("digest", morning)

    @pytest.mark.parametrize(
        ("mode", "held_until", "comes_first"),
        [
            ("at-once", AT + timedelta(hours=8), True),
            ("digest", AT + timedelta(hours=8), True),
            ("digest", AT, True),
            ("at-once", AT, False),
            ("digest", AT - timedelta(minutes=1), False),
            ("at-once", None, False),
        ],
        ids=["by-night", "digest", "digest-now", "same-way", "digest-before", "sent"],
    )
    def test_nothing_is_overtaken_that_still_waits(
        self, mode: Mode, held_until: datetime | None, comes_first: bool
    ) -> None:
        """What is held back goes out just before what follows it, in its way; what goes out before or was sent stays."""
        after = Delivery(uuid4(), "coordinator", "email", "email", "r", "at-once", AT)
        earlier = Told(uuid4(), uuid4(), "coordinator", "email", False, True, held_until, mode)
        others = [replace(earlier, recipient="officer"), replace(earlier, channel="webhook")]
        sooner = (Sooner(earlier.delivery_id, "at-once", AT),)
        assert rules.told_first([after], [earlier, *others]) == (sooner if comes_first else ())

    def test_who_is_not_there_any_more_is_not_told(self, tmp_path: Path) -> None:
        """Gone from the file, or without that address."""
        told = Told(uuid4(), uuid4(), "nobody", "email", corrected=True, selected=True)
        by_webhook = replace(told, recipient="coordinator", channel="webhook")
        assert rules.route(notice(retracted()), read(tmp_path, COORDINATOR), [told, by_webhook], AT).deliveries == ()


def _due(routing: Any) -> list[datetime]:
    deliveries: tuple[Delivery, ...] = routing.deliveries
    return [d.due_at for d in deliveries]
