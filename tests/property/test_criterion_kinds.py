"""Invariants of each kind of criterion that the first trial does not need, for any facts whatever."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.eligibility.answers import Answer
from services.eligibility.case import Case
from services.eligibility.criteria import answer
from shared.facts import AnyFact
from shared.outcomes import Verdict
from shared.protocol.criteria import Criterion
from shared.protocol.load import load
from tests.spec.eligibility.cases_kinds import CRITERIA
from tests.support import build

PROTOCOL: Final = load()["camrelizumab-hcc-transplant"]
AT: Final = datetime(2024, 5, 5, 12, tzinfo=UTC)
STATED: Final[dict[str, Any]] = {
    name: TypeAdapter(Criterion).validate_python(stated) for name, stated in sorted(CRITERIA.items())
}
EXAMPLES: Final = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
_DAYS = st.dates(date(2024, 3, 1), date(2024, 5, 20))
_ON: Final = st.one_of(
    st.none(),
    st.just("2024"),
    _DAYS.map(lambda day: f"{day:%Y-%m}"),
    _DAYS.map(str),
    _DAYS.map(lambda d: f"{d}T09:00:00Z"),
)
_ENDS: Final = st.one_of(st.none(), _DAYS.map(str), st.just("2024-06"))


def _any(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


FACTS: Final[st.SearchStrategy[AnyFact]] = st.one_of(
    st.builds(build.demographics, _any(None, "1930", "2006", "2006-05-06", "2006-05-05")),
    st.builds(
        build.lab,
        _any("haemoglobin", "creatinine", "tacrolimus-trough", "bilirubin-total", "albumin"),
        _any(None, "1", "1.5", "3", "8", "9", "18.1", "<3", ">8"),
        on=_ON,
        final=st.booleans(),
    ),
    st.builds(build.scale, _any("ecog", "karnofsky"), _any("0", "1", "2", "70", "60"), on=_ON),
    st.builds(build.procedure, on=_ON, performed=st.booleans()),
    st.builds(
        build.diagnosis,
        _any("hcc", "transplanted-liver-present"),
        on=_ON,
        verification=_any(None, "confirmed", "provisional", "refuted"),
        onset_stated=st.booleans(),
    ),
    st.builds(
        build.drug,
        _any("sorafenib", "lenvatinib", "prednisone", "tacrolimus"),
        on=_ON,
        until=_ENDS,
        by=_any("administration", "statement", "dispense", "request"),
        status=_any("active", "completed", "in-progress", "stopped"),
        taken=_any(None, True, True, False),
        dose=_any(None, "1", "1.5"),
        doses_per_day=_any(None, "1", "2"),
    ),
)
KINDS: Final = pytest.mark.parametrize("name", sorted(STATED))
PATIENTS: Final = st.lists(FACTS, max_size=8)


def _answer(name: str, facts: list[AnyFact], at: datetime = AT) -> Answer:
    return answer(STATED[name], Case(build.timeline(*facts).until(at), PROTOCOL, at))


@KINDS
@EXAMPLES
@given(facts=PATIENTS, random=st.randoms())
def test_order_and_duplicates_never_matter(name: str, facts: list[AnyFact], random: Any) -> None:
    """The same facts in any order, some of them twice, make the same answer."""
    shuffled = facts + random.sample(facts, len(facts) // 2)
    random.shuffle(shuffled)
    assert _answer(name, shuffled) == _answer(name, facts)


@KINDS
@EXAMPLES
@given(facts=PATIENTS, share=st.floats(0, 1))
def test_an_answer_stands_until_its_validity_ends(name: str, facts: list[AnyFact], share: float) -> None:
    """With nothing new recorded, and nothing dated later, the answer at any time before `valid_until` is the same."""
    known = [f for f in facts if f.occurred is None or f.occurred.first <= AT]
    given_now = _answer(name, known)
    end = given_now.valid_until or AT + timedelta(days=40_000)
    assert end > AT
    at = min(AT + (end - AT) * share, end - timedelta(microseconds=1))
    assert _answer(name, known, at) == given_now


@KINDS
@EXAMPLES
@given(facts=PATIENTS)
def test_without_the_facts_that_it_cites_nothing_is_known(name: str, facts: list[AnyFact]) -> None:
    """Take away what an answer rests on: in the end it is unknown, or what the protocol takes silence for."""
    left = list(facts)
    while cited := {e.fact_id for e in _answer(name, left).evidence}:
        left = [f for f in left if f.fact_id not in cited]
    silent = Verdict.NOT_MET if getattr(STATED[name], "takes_silence_as_absence", False) else Verdict.UNKNOWN
    assert _answer(name, left).verdict is silent


@KINDS
@EXAMPLES
@given(facts=PATIENTS)
def test_an_open_answer_says_what_would_settle_it(name: str, facts: list[AnyFact]) -> None:
    """Unknown and conflict name something missing; met and not met name nothing."""
    given_now = _answer(name, facts)
    assert bool(given_now.missing) == (given_now.verdict in (Verdict.UNKNOWN, Verdict.CONFLICT))
