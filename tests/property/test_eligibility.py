"""Invariants of screening, for any facts whatever."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.eligibility.evaluate import announce, evaluate, screen
from shared.facts import AnyFact
from shared.outcomes import Evaluation, Outcome, Verdict
from shared.protocol.load import load
from shared.terminology import Kind, by_kind
from tests.support import build
from tests.support.patients import ELIGIBLE, eligible

PROTOCOL: Final = load()["camrelizumab-hcc-transplant"]
AT: Final = datetime(2024, 5, 5, 12, tzinfo=UTC)
EXAMPLES: Final = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

_DAYS = st.dates(date(2023, 11, 1), date(2024, 7, 1))
_ON: Final = st.one_of(
    st.none(),
    st.just("2024"),
    _DAYS.map(lambda day: f"{day:%Y-%m}"),
    _DAYS.map(str),
    _DAYS.map(str),
    st.tuples(_DAYS, st.integers(0, 23)).map(lambda t: f"{t[0]}T{t[1]:02d}:00:00+08:00"),
)
_SIZES: Final = st.sampled_from([None, "0", "5", "9.9", "10", "12", "15", "20", "30"])
_BOOLS: Final = st.booleans()
_ANALYTES: Final = ("neutrophils", "platelets", "haemoglobin", "albumin", "tsh", "bilirubin-total", "inr")
_VALUES: Final = st.sampled_from([None, "0", "1", "1.5", "1.69", "2.8", "3.5", "9", "50", "<2.8", ">=1.5", "<=50"])
_ATTESTED: Final = (
    "not-resectable",
    "survival-over-3-months",
    "targeted-therapy-intolerance",
    "thyroid-acceptable",
    "off-study",
)
_DIAGNOSES: Final = ("hcc", "transplanted-liver-present", "liver-transplant-rejection")
_VERIFICATIONS: Final = (None, "confirmed", "provisional", "differential", "unconfirmed", "refuted")


def _any(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


FACTS: Final[st.SearchStrategy[AnyFact]] = st.one_of(
    st.builds(build.demographics, _any(None, "1958", "1958-05-06", "1970-02-28", "2006-05-06")),
    st.builds(build.died, _ON, _BOOLS),
    st.builds(build.lab, _any(*_ANALYTES), _VALUES, on=_ON, high=_any(None, "1", "4.2"), final=_BOOLS),
    st.builds(
        build.diagnosis,
        _any(*_DIAGNOSES),
        on=_ON,
        verification=_any(*_VERIFICATIONS),
        clinical=_any(None, "active", "recurrence"),
        onset_stated=_BOOLS,
        pathology=_any(None, True),
        evidence=_any((), ("report-1",)),
    ),
    st.builds(build.pathology_report, on=_ON, concludes=_any((), ("hcc",), ("liver-transplant-rejection",))),
    st.builds(build.pathology, _BOOLS, on=_ON),
    st.builds(build.procedure, on=_ON, performed=_BOOLS),
    st.builds(build.recurrence, _BOOLS, on=_ON, method=_any(None, "ct", "mri")),
    st.builds(build.response_statement, _any("CR", "PR", "SD", "PD", "NE", "NON-CR/NON-PD"), on=_ON),
    st.builds(
        build.drug,
        _any("sorafenib", "lenvatinib", "regorafenib", "camrelizumab"),
        on=_ON,
        by=_any("administration", "statement", "dispense", "request"),
        taken=_any(None, True, False),
        dose=_any(None, "0", "200"),
    ),
    st.builds(
        build.pd_l1,
        _any(None, "negative", "positive"),
        on=_ON,
        percent=_any(None, "0", "1", "<1", "<5"),
        specimen=_any(None, "specimen-1"),
        tissue=_any(None, "graft-liver", "tumour"),
    ),
    st.builds(build.specimen, tissue=_any(None, "graft-liver", "tumour"), on=_ON),
    st.builds(
        build.lesion,
        _any("lesion-1", "lesion-2"),
        on=_ON,
        organ=_any(None, "liver", "lung", "node", "node-porta-hepatis"),
        role=_any(None, "target", "non-target", "new"),
        state=_any(None, "present", "absent", "unequivocal-progression", "not-evaluable"),
        longest=_SIZES,
        viable=_SIZES,
        short_axis=_SIZES,
        hyperenhancement=_any(None, True, False),
        body_structure=_any(None, "structure-1"),
    ),
    st.builds(build.body_site, organ=_any(None, "liver", "lung")),
    st.builds(build.finding, _any("ascites", "encephalopathy"), _any("none", "mild", "grade-3-4"), on=_ON),
    st.builds(
        build.attestation,
        _any(*_ATTESTED),
        _BOOLS,
        on=_ON,
        expires=_any(None, "2024-05-04", "2024-05-05", "2024-06-01"),
    ),
)
"""Facts that some criterion reads, near its bounds, dated before and after `AT`."""

# Whole patients with some facts left out and others added reach what random facts alone never would.
PATIENTS: Final = st.builds(
    lambda without, more: [*eligible(without=tuple(without)), *more],
    st.sets(st.sampled_from(sorted(ELIGIBLE)), max_size=3),
    st.lists(FACTS, max_size=6),
) | st.lists(FACTS, max_size=10)

_READ: Final = frozenset().union(*(c.concepts() for c in PROTOCOL.screening.inclusion))
_UNREAD_ANALYTES: Final = tuple(
    row.id for row in by_kind(Kind.LABORATORY) if row.id not in _READ and row.unit is not None
)
UNRELATED: Final[st.SearchStrategy[AnyFact]] = st.one_of(
    st.builds(build.lab, _any(*_UNREAD_ANALYTES), _any("1", "1000"), on=_ON),
    st.builds(build.stay, on=_ON),
    st.builds(build.scale, on=_ON),
    st.builds(build.biopsy, _any("portal", "venous"), st.integers(0, 3), on=_ON),
    st.builds(build.drug, _any("tacrolimus", "prednisone"), on=_ON),
    st.builds(build.attestation, _any("sae-confirmed", "enrolled"), _BOOLS, on=_ON),
)


def _evaluate(facts: list[AnyFact], at: datetime = AT) -> Evaluation:
    return evaluate(build.timeline(*facts), PROTOCOL, at)


def _outcome(facts: list[AnyFact], at: datetime = AT) -> Outcome:
    (outcome,) = _evaluate(facts, at).outcomes
    return outcome


@EXAMPLES
@given(PATIENTS, st.randoms())
def test_order_and_duplicates_never_matter(facts: list[AnyFact], random: Any) -> None:
    """The same facts in any order, some of them twice, make the same evaluation."""
    shuffled = facts + random.sample(facts, len(facts) // 2)
    random.shuffle(shuffled)
    assert _evaluate(shuffled) == _evaluate(facts)


@EXAMPLES
@given(PATIENTS, UNRELATED)
def test_unrelated_facts_change_nothing(facts: list[AnyFact], unrelated: AnyFact) -> None:
    """A fact that no criterion reads leaves the outcome as it is."""
    assert _outcome([*facts, unrelated]) == _outcome(facts)


@EXAMPLES
@given(PATIENTS, FACTS)
def test_a_fact_dated_later_never_changes_the_decision(facts: list[AnyFact], fact: AnyFact) -> None:
    """What is dated after the time of evaluation does not count, and is waited for."""
    if fact.occurred is None or fact.occurred.first <= AT:
        return
    assert _outcome([*facts, fact]) == _outcome(facts)
    waits_until = _evaluate([*facts, fact]).valid_until
    assert waits_until is not None
    assert waits_until <= fact.occurred.first


@EXAMPLES
@given(PATIENTS)
def test_without_the_facts_that_it_cites_a_criterion_is_unknown(facts: list[AnyFact]) -> None:
    """Take away what an answer rests on, and again what the next one rests on: in the end nothing is known."""
    for place in range(len(PROTOCOL.screening.inclusion)):
        left = list(facts)
        while cited := {e.fact_id for e in _answer(left, place).evidence}:
            left = [f for f in left if f.fact_id not in cited]
        assert _answer(left, place).verdict is Verdict.UNKNOWN


@EXAMPLES
@given(PATIENTS, st.floats(0, 1))
def test_an_evaluation_stands_until_its_validity_ends(facts: list[AnyFact], share: float) -> None:
    """With nothing new recorded, the outcome at any time before `valid_until` is the same."""
    evaluation = _evaluate(facts)
    end = evaluation.valid_until or AT + timedelta(days=40_000)
    assert end > AT
    later = AT + (end - AT) * share
    at = min(later, end - timedelta(microseconds=1))
    assert _outcome(facts, at) == evaluation.outcomes[0]


@EXAMPLES
@given(PATIENTS, PATIENTS)
def test_at_most_one_event_and_none_without_a_change(before: list[AnyFact], after: list[AnyFact]) -> None:
    """Whatever the two outcomes, announcing never fails; equal outcomes are no news."""
    old, new = _outcome(before), _outcome(after)
    assert len(announce(build.PATIENT, PROTOCOL, old, new)) <= 1
    assert announce(build.PATIENT, PROTOCOL, new, new) == ()


def _answer(facts: list[AnyFact], place: int) -> Any:
    return screen(build.timeline(*facts), PROTOCOL, AT)[place].answer
