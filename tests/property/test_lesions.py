"""Targets that merge, split or are treated: the product agrees with a literal transcription, and invents no size."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import hypothesis.strategies as st
from hypothesis import given, settings

from shared.facts import AnyFact
from shared.rules.mrecist import RECIST11, Course, derive
from tests.property.lesions_in_words import Fate, responses, sizes
from tests.property.test_response import BASELINE, END, PARAMETERS, START
from tests.support import build

EXAMPLES: Final = 400
GAP: Final = 56


@st.composite
def fates(draw: st.DrawFn) -> list[Fate]:
    """One to three targets at up to four visits."""
    visits = draw(st.integers(1, 4))
    size = st.sampled_from((None, 0, 4, 10, 12, 20, 24, 30, 36))
    found = []
    for place in range(draw(st.integers(1, 3))):
        row = st.tuples(*[size] * visits)
        parts = draw(st.lists(row, max_size=2)) if draw(st.booleans()) else []
        joins = place > 0 and not parts and draw(st.booleans())
        joined = draw(st.tuples(*[st.booleans()] * visits)) if joins else ()
        ablated = draw(st.none() | st.none() | st.integers(0, visits - 1))
        found.append(Fate(draw(st.sampled_from((10, 20, 30, 50))), draw(row), tuple(parts), ablated, joined))
    # The first is the one whose record measures others too: it is whole, and stays.
    return [found[0]._replace(parts=(), ablated=None), *found[1:]]


def facts_of(course: list[Fate]) -> list[AnyFact]:
    """The records and procedures of these targets."""
    facts: list[AnyFact] = [_measured(f"t{i}", BASELINE, fate.baseline) for i, fate in enumerate(course)]
    for visit in range(len(course[0].own)):
        on = GAP * (visit + 1)
        with_first = tuple(f"t{i}" for i, fate in enumerate(course) if fate.joined and fate.joined[visit])
        for i, fate in enumerate(course):
            if (own := fate.own[visit]) is not None:
                facts.append(_measured(f"t{i}", on, own, merged_with=with_first if i == 0 else ()))
            for n, part in enumerate(fate.parts):
                if (of_part := part[visit]) is not None:
                    facts.append(_measured(f"t{i}.{n}", on, of_part, split_from=f"t{i}"))
    facts += [
        build.procedure("tumour-ablation", on=_day(GAP * (fate.ablated + 1) - 3), lesions=(f"t{i}",))
        for i, fate in enumerate(course)
        if fate.ablated is not None
    ]
    return facts


def _day(day: int) -> str:
    return (START + timedelta(days=day)).isoformat()


def _measured(name: str, day: int, size: int, **links: object) -> AnyFact:
    state = "present" if size else "absent"
    return build.lesion(name, on=_day(day), organ="lung", longest=str(size), state=state, **links)  # type: ignore[arg-type]


def derived(course: list[Fate], facts: list[AnyFact] | None = None) -> Course:
    """The course as the product derives it."""
    timeline = build.timeline(*(facts if facts is not None else facts_of(course)))
    return derive(timeline, START, PARAMETERS, RECIST11, END)


def recorded(course: list[Fate]) -> list[int]:
    """The visits at which anything was recorded: the others leave no visit."""
    days = {f.occurred.day for f in facts_of(course) if f.occurred is not None and not hasattr(f, "performed")}
    return [v for v in range(len(course[0].own)) if START + timedelta(days=GAP * (v + 1)) in days]


@settings(max_examples=EXAMPLES, deadline=None)
@given(fates())
def test_a_literal_transcription_agrees(course: list[Fate]) -> None:
    """Response and sum of every visit are those that the words give."""
    kept = recorded(course)
    told = [
        fate._replace(
            own=tuple(fate.own[v] for v in kept),
            parts=tuple(tuple(part[v] for v in kept) for part in fate.parts),
            joined=tuple(fate.joined[v] for v in kept) if fate.joined else (),
            ablated=next((n for n, v in enumerate(kept) if fate.ablated is not None and v >= fate.ablated), None),
        )
        for fate in course
    ]
    expected = responses(told, len(kept))

    assert [(v.target, v.sum_mm) for v in derived(course).visits] == [
        (answer, Decimal(total) if total is not None else None) for answer, total in expected
    ]


@settings(max_examples=100, deadline=None)
@given(fates(), st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(course: list[Fate], random: object) -> None:
    """Links, parts and procedures may come before or after what they speak of."""
    facts = facts_of(course)
    random.shuffle(facts)  # type: ignore[attr-defined]

    assert derived(course, facts) == derived(course)


def test_the_transcription_counts_a_joint_diameter_once() -> None:
    """By hand: 36 mm for both, then each alone, then only the first."""
    course = [Fate(30, (36, 20, 20)), Fate(20, (None, 10, None), joined=(True, False, False))]

    assert [sizes(course, v) for v in range(3)] == [[36, 0], [20, 10], [20, None]]
    assert date.fromisoformat(_day(0)) == START
