"""Invariants of tumour response, and agreement with a slow, literal transcription of the published rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any, Final

import hypothesis.strategies as st
from hypothesis import given, settings

from services.response.evaluate import evaluate
from shared.facts import AnyFact
from shared.outcomes import Evaluation
from shared.protocol.load import load
from shared.rules.mrecist import BY_NAME, Course, derive
from shared.rules.mrecist.best import best_response
from tests.property.response_in_words import (
    Expected,
    NewLesion,
    Patient,
    Target,
    followed,
    transcribed,
    transcribed_best,
)
from tests.spec.response.courses import answered, response
from tests.support import build

START: Final = date(2024, 5, 1)
END: Final = datetime(2030, 1, 1, tzinfo=UTC)
BASELINE: Final = -7
ORGANS: Final = ("liver", "lung", "node")
SIZES: Final = (0, 3, 5, 7, 9, 10, 12, 14, 15, 18, 20, 24, 25, 28, 30, 35, 36, 42, 50, 60)
STATES: Final = ("present", "absent", "unequivocal-progression", "not-evaluable", None)

EXAMPLES: Final = 300
PARAMETERS: Final = response()


@st.composite
def patients(draw: st.DrawFn) -> Patient:
    """Patients with up to 5 visits, 3 targets, 2 non-target and 2 new lesions; some lesions come and go."""
    gaps = draw(st.lists(st.sampled_from((14, 20, 27, 28, 30, 56)), min_size=1, max_size=5))
    days = tuple(sum(gaps[: i + 1]) for i in range(len(gaps)))
    visits = len(days)
    size = st.sampled_from((*SIZES, *SIZES, None))
    sizes = st.tuples(*[size] * (visits + 1))
    vanishing = st.tuples(st.sampled_from(SIZES[5:]), *[st.sampled_from((0, 0, 0, 5, 12, None))] * visits)
    states = st.tuples(st.just("present"), *[st.sampled_from((*STATES, "absent", "absent"))] * visits)
    sighting = st.none() | st.tuples(st.sampled_from((4, 8, 10, 14, 18)), st.booleans())
    organs = st.sampled_from(ORGANS)
    return Patient(
        draw(st.sampled_from(("mrecist", "recist11"))),
        days,
        tuple(draw(st.lists(st.builds(Target, organs, sizes | vanishing), max_size=3))),
        tuple(draw(st.lists(states, max_size=2))),
        tuple(draw(st.lists(st.builds(NewLesion, organs, st.tuples(*[sighting] * visits)), max_size=2))),
    )


# --- the same patient as facts -------------------------------------------------------------------------------------


def on(day: int) -> str:
    """The date of a day counted from the start."""
    return (START + timedelta(days=day)).isoformat()


def sized(organ: str, size: int) -> dict[str, Any]:
    """The diameter that counts in that organ; the longest one is larger, as it is in a real lesion."""
    if organ == "node":
        return {"organ": organ, "short_axis": str(size), "longest": str(size + 8)}
    return {"organ": organ, "viable": str(size), "longest": str(size)}


def facts_of(patient: Patient) -> list[AnyFact]:
    """The lesion records of that patient."""
    days = (BASELINE, *patient.days)
    facts = [
        build.lesion(f"target-{i}", on=on(day), state=None, **sized(target.organ, size))
        for i, target in enumerate(patient.targets)
        for day, size in zip(days, target.sizes, strict=True)
        if size is not None
    ]
    facts += [
        build.lesion(f"non-target-{i}", on=on(day), role="non-target", organ="bone", state=state)
        for i, found in enumerate(patient.non_targets)
        for day, state in zip(days, found, strict=True)
        if state is not None
    ]
    facts += [
        build.lesion(
            f"new-{i}",
            on=on(day),
            role="new",
            hyperenhancement=seen[1],
            washout=seen[1],
            **sized(lesion.organ, seen[0]),
        )
        for i, lesion in enumerate(patient.new)
        for day, seen in zip(patient.days, lesion.seen, strict=True)
        if seen is not None
    ]
    return facts


def derived(patient: Patient, facts: list[AnyFact] | None = None) -> Course:
    """The course as the product derives it."""
    timeline = build.timeline(*(facts if facts is not None else facts_of(patient)))
    return derive(timeline, START, PARAMETERS, BY_NAME[patient.criteria], END)


def visits_of(patient: Patient) -> list[tuple[int, Expected]]:
    """The transcribed answers of those visits at which anything was recorded: the others leave no visit."""
    recorded = {f.occurred.day for f in facts_of(patient) if f.occurred is not None}
    return [
        (d, e) for d, e in zip(patient.days, transcribed(patient), strict=True) if START + timedelta(days=d) in recorded
    ]


@settings(max_examples=EXAMPLES, deadline=None)
@given(patients())
def test_a_literal_transcription_agrees(patient: Patient) -> None:
    """Visit responses, best response and progression are those that the published words give."""
    course, expected = derived(patient), visits_of(patient)

    assert [(v.last_scan_on, Expected(v.target, v.non_target, v.new_lesion, v.response)) for v in course.visits] == [
        (START + timedelta(days=d), e) for d, e in expected
    ]
    overall = [e.overall for _, e in expected]
    best = transcribed_best(overall, tuple(d for d, _ in expected), bool(followed(patient)))
    assert (course.best.unconfirmed, course.best.confirmed) == best
    first = next((START + timedelta(days=d) for d, e in expected if e.overall == "PD"), None)
    assert course.progression_on == first


POOLS: Final = (("PR", "NE"), ("CR", "PR", "NE"), ("SD", "NE", "PD"), ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE"))
_answers = st.sampled_from(POOLS).flatmap(
    lambda pool: st.lists(st.tuples(st.sampled_from(pool), st.sampled_from((7, 14, 21, 28))), max_size=8)
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(_answers, st.booleans())
def test_best_response_agrees_on_any_sequence(answers: list[tuple[Any, int]], with_targets: bool) -> None:
    """Long sequences, with the interruptions that whole courses of scans seldom show."""
    days = tuple(accumulate(gap for _, gap in answers))
    visits = [
        answered(answer, START + timedelta(days=day), with_targets=with_targets)
        for (answer, _), day in zip(answers, days, strict=True)
    ]
    best = best_response(visits, START, response(), None)

    assert (best.unconfirmed, best.confirmed) == transcribed_best([a for a, _ in answers], days, with_targets)


@settings(deadline=None)
@given(patients(), st.randoms(use_true_random=False))
def test_order_and_duplicates_of_records_do_not_matter(patient: Patient, random: Any) -> None:
    """Any order of arrival, each record as often as it likes, gives the same course."""
    facts = facts_of(patient)
    shuffled = [*facts, *random.sample(facts, k=len(facts) // 2)]
    random.shuffle(shuffled)

    assert derived(patient, shuffled) == derived(patient, facts)


@settings(deadline=None)
@given(patients())
def test_the_same_values_recorded_twice_change_no_answer(patient: Patient) -> None:
    """A second record with the same content is no contradiction."""
    facts = facts_of(patient)
    again = [build.record(fact, f"again-{i}") for i, fact in enumerate(facts)]

    once, twice = derived(patient, facts), derived(patient, [*facts, *again])
    assert [(v.response, v.sum_mm, v.on) for v in twice.visits] == [(v.response, v.sum_mm, v.on) for v in once.visits]


@settings(deadline=None)
@given(patients())
def test_the_nadir_is_at_most_the_baseline(patient: Patient) -> None:
    """And it never rises from visit to visit."""
    nadirs = [v.nadir_mm for v in derived(patient).visits]
    known = [n for n in nadirs if n is not None]

    assert known == sorted(known, reverse=True)
    assert all(v.nadir_mm <= v.baseline_sum_mm for v in derived(patient).visits if v.baseline_sum_mm and v.nadir_mm)


@settings(deadline=None)
@given(patients())
def test_best_response_never_improves_after_first_progression(patient: Patient) -> None:
    """What follows the first progression leaves the best response as it was."""
    course = derived(patient)
    if course.progression is None:
        return
    # Later records of a new lesion may date progression back, so the same course is judged as if it ended there.
    until = course.progression.last_scan_on
    before = [f for f in facts_of(patient) if f.occurred is not None and f.occurred.day <= until]
    shorter = derived(patient, before)

    if shorter.progression_on == course.progression_on:
        assert (shorter.best.unconfirmed, shorter.best.confirmed) == (course.best.unconfirmed, course.best.confirmed)


@settings(deadline=None)
@given(patients(), st.integers(-10, 200))
def test_records_dated_later_change_nothing_now(patient: Patient, day: int) -> None:
    """The course as of a day is that of the records up to that day."""
    at = datetime(2024, 5, 1, 12, tzinfo=UTC) + timedelta(days=day)
    facts = facts_of(patient)
    known = [f for f in facts if f.occurred is not None and f.occurred.first <= at]
    criteria = BY_NAME[patient.criteria]

    whole, part = build.timeline(*facts), build.timeline(*known)
    assert derive(whole, START, response(), criteria, at) == derive(part, START, response(), criteria, at)


# --- whatever the records say ----------------------------------------------------------------------------------------

DATES: Final = (
    None,
    "2024",
    "2024-05",
    "2024-06",
    "2024-04-20",
    "2024-05-01",
    "2024-05-01T08:00:00Z",
    "2024-06-20",
    "2024-06-20T23:59:00-11:00",
    "2024-07-30",
    "0001-01-02",
    "9999-12-01",
)
NUMBERS: Final = (
    None,
    "0",
    "-0",
    "4",
    "10",
    "25.5",
    "-3",
    "1E+30",
    "1E-30",
    "NaN",
    "sNaN",
    "Infinity",
    "0." + "3" * 60,
)

_choice = st.sampled_from
_lesions = st.builds(
    build.lesion,
    _choice(("a", "b", "c")),
    on=_choice(DATES),
    organ=_choice((None, "liver", "lung", "node", "node-porta-hepatis", "elsewhere")),
    role=_choice((None, "target", "non-target", "new")),
    state=_choice((None, "present", "absent", "unequivocal-progression", "too-small-to-measure", "not-evaluable")),
    longest=_choice(NUMBERS),
    viable=_choice(NUMBERS),
    short_axis=_choice(NUMBERS),
    hyperenhancement=_choice((None, True, False)),
    washout=_choice((None, True, False)),
    reader=_choice((None, "reader-1", "reader-2")),
    body_structure=_choice((None, "s1", "s2")),
    visit=_choice((None, None, 1, 2, -3)),
)
_drugs = st.builds(
    build.drug,
    _choice(("camrelizumab", "sorafenib", "lenvatinib")),
    on=_choice(DATES),
    until=_choice(DATES),
    by=_choice(("administration", "statement", "request")),
    taken=_choice((None, True, False)),
    dose=_choice((None, "0", "200")),
)
_others = (
    st.builds(build.body_site, _choice(("s1", "s2")), _choice((None, "liver", "lung")))
    | st.builds(build.response_statement, _choice(("CR", "PD")), on=_choice(DATES))
    | st.builds(build.died, _choice(DATES), _choice((True, False)))
    | st.builds(build.stay, on=_choice(DATES), until=_choice(DATES))
    | st.builds(
        build.lab,
        st.just("afp"),
        _choice((None, "0", "<3", "400", ">1000", "-5", "1E+13", "1E-9", "0." + "3" * 60)),
        on=_choice(DATES),
    )
)
TRIAL: Final = next(iter(load().values()))


def _evaluated(facts: list[AnyFact], accepted: str | None, at: datetime) -> Evaluation:
    protocol = TRIAL.model_copy(update={"response": response(accepted_reader=accepted)})
    return evaluate(build.timeline(*facts), protocol, at)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(_lesions, max_size=12),
    st.lists(_drugs | _others, max_size=6),
    _choice((None, "reader-1")),
    _choice(("2024-05-01", "2024-05", "0001-01-02", "9999-12-01")),
)
def test_evaluation_never_fails(
    lesions: list[AnyFact], others: list[AnyFact], accepted: str | None, first_dose: str
) -> None:
    """Any combination of facts has an evaluation, whose evidence is among them, and the same in any order."""
    facts = [*lesions, *others, build.dose(on=first_dose)]
    at = datetime(9999, 12, 30, tzinfo=UTC)
    evaluation = _evaluated(facts, accepted, at)

    assert evaluation == _evaluated(facts[::-1], accepted, at)
    cited = {e.fact_id for o in evaluation.outcomes for e in o.evidence}
    assert cited <= {f.fact_id for f in facts}
    subjects = [(o.kind, o.subject) for o in evaluation.outcomes]
    assert len(set(subjects)) == len(subjects)
