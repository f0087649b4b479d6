"""Invariants of the endpoints, and agreement of progression-free survival with a literal transcription."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Final
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import given, settings

from shared.outcomes import Evidence
from shared.rules.endpoints import Endpoints, FollowUp, derive
from shared.rules.endpoints.follow_up import Dated
from shared.rules.mrecist.best import best_response
from shared.rules.mrecist.model import Baseline, Course
from tests.property.endpoints_in_words import Followed, pfs
from tests.spec.response.courses import answered, response

START: Final = date(2024, 5, 1)
CUT_ON: Final = date(2026, 5, 1)
DOSE: Final = Evidence(UUID(int=0), "MedicationAdministration/1", None, None, "first dose")
EXAMPLES: Final = 400
_ANSWERS: Final = ("SD", "SD", "PR", "CR", "NE", "PD", "NON-CR/NON-PD")


@st.composite
def patients(draw: st.DrawFn) -> Followed:
    """Up to 8 visits over three years, some far apart; death and new therapy anywhere or not at all."""
    gaps = draw(st.lists(st.sampled_from((28, 56, 56, 70, 126, 127, 200, 364)), max_size=8))
    answers = draw(st.lists(st.sampled_from(_ANSWERS), min_size=len(gaps), max_size=len(gaps)))
    sometime = st.none() | st.integers(1, 1100) | st.sampled_from((56, 112, 126, 127, 730, 731))
    has_baseline = draw(st.integers(0, 9)) > 0
    told = answers if has_baseline else ["NE"] * len(gaps)  # without baseline no visit can be told
    return Followed(has_baseline, tuple(zip(accumulate(gaps), told, strict=True)), draw(sometime), draw(sometime))


def on(day: int) -> date:
    """The date of a day counted from the start."""
    return START + timedelta(days=day)


def endpoints(patient: Followed, today: date = date(2028, 1, 1)) -> Endpoints:
    """The endpoints as the product derives them."""
    visits = tuple(answered(answer, on(day)) for day, answer in patient.visits)  # type: ignore[arg-type] # plain texts
    therapy = on(patient.therapy) if patient.therapy is not None else None
    baseline = Baseline(START, None, (), (), ()) if patient.has_baseline else None
    best = best_response(visits, START, response(), therapy)
    return derive(
        FollowUp(
            course=Course(start=START, reader=None, baseline=baseline, visits=visits, best=best),
            start=Dated(START, (DOSE,)),
            death=Dated(on(patient.died)) if patient.died is not None else None,
            last_contact=Dated(max([START, *(v.on for v in visits)])),
            new_therapy=Dated(therapy) if therapy is not None else None,
            today=today,
            cut_on=CUT_ON,
            interval_days=56,
            window_days=14,
            missed_visits=2,
        ),
        response(),
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(patients())
def test_a_literal_transcription_agrees(patient: Followed) -> None:
    """Date and event of progression-free survival and of time to progression are those that the words give."""
    found = endpoints(patient)

    assert ((found.pfs.on - START).days, found.pfs.event) == pfs(patient)
    assert ((found.ttp.on - START).days, found.ttp.event) == pfs(patient, death_counts=False)


@settings(max_examples=EXAMPLES, deadline=None)
@given(patients())
def test_every_endpoint_lies_within_the_trial_s_observation(patient: Followed) -> None:
    """None begins before the first dose or ends after 24 months; a duration of response begins within the other."""
    found = endpoints(patient)

    assert all(START <= t.start_on <= t.on <= CUT_ON and t.days >= 1 for t in found.durations)
    if found.dor is not None:
        assert found.orr.met
        assert (found.dor.on, found.dor.event) == (found.pfs.on, found.pfs.event)
        assert found.ttr is not None
        assert found.dor.start_on == found.ttr.on


@settings(max_examples=EXAMPLES, deadline=None)
@given(patients())
def test_the_endpoints_do_not_contradict_each_other(patient: Followed) -> None:
    """Who progressed in time to progression has an event of progression-free survival on that day or before, unless hidden."""
    found = endpoints(patient)

    assert found.dcr.met or not found.orr.met
    assert found.orr.met or not found.orr.confirmed_met
    assert (found.dor is None) == (not found.orr.met)
    if found.pfs.event and found.ttp.event:
        assert found.pfs.on <= found.ttp.on
    if found.pfs.event and found.os.event:
        assert found.pfs.on <= found.os.on


@settings(max_examples=EXAMPLES, deadline=None)
@given(patients(), st.integers(0, 900))
def test_nothing_changes_before_the_instant_that_is_named(patient: Followed, day: int) -> None:
    """From an evaluation until its `valid_until` time alone changes no endpoint, and at that instant it may."""
    now = endpoints(patient, on(day))
    if now.valid_until is None:
        assert endpoints(patient, on(day + 5000)) == now
        return
    last = (now.valid_until - timedelta(microseconds=1)).date()

    assert now.valid_until > datetime.combine(on(day), datetime.min.time(), UTC)
    assert endpoints(patient, last) == now
    assert endpoints(patient, now.valid_until.date()) != now
