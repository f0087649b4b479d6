"""A timeline brought to a later version is the one that would be built anew from all its facts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.facts import AnyFact, Diagnosis, Laboratory, ProcedurePerformed
from shared.timeline import Entry, Timeline, fold
from tests.support import build

EARLIER: Final = datetime(2024, 1, 1, tzinfo=UTC)
LATER: Final = EARLIER + timedelta(days=1)
KINDS: Final = (Laboratory, Diagnosis, ProcedurePerformed)
_DAYS: Final = st.dates(date(2024, 1, 1), date(2024, 1, 6))
_ON: Final = st.one_of(st.none(), st.just("2024"), _DAYS.map(str), _DAYS.map(lambda d: f"{d}T10:00:00Z"))
FACTS: Final = st.lists(
    st.one_of(
        st.builds(build.lab, st.sampled_from(["alt", "ast"]), st.sampled_from(["1", "2"]), on=_ON),
        st.builds(build.diagnosis, st.sampled_from(["hcc", "liver-transplant-rejection"]), on=_ON),
        st.builds(build.procedure, on=_ON),
    ),
    max_size=8,
    unique_by=lambda fact: fact.fact_id,
)


def _seen(timeline: Timeline) -> list[object]:
    """Everything that a rule can ask of a timeline."""
    at = datetime(2024, 1, 3, 12, tzinfo=UTC)
    asked: list[object] = [timeline.version, timeline.facts, dict(timeline.recorded), timeline.next_dated_after(at)]
    asked += [timeline.of(kind) for kind in KINDS]
    asked += [timeline.about(Laboratory, c) for c in ("alt", "ast")] + [timeline.about(Diagnosis, "hcc")]
    until = timeline.until(at)
    return [*asked, until.facts, until.of(Laboratory), until.about(Laboratory, "alt"), until.next_dated_after(at)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(before=FACTS, added=FACTS, ended=st.sets(st.integers(0, 7)), asked_before=st.booleans())
def test_a_change_makes_what_would_be_built_anew(
    before: list[AnyFact], added: list[AnyFact], ended: set[int], asked_before: bool
) -> None:
    """Whatever is added (again), ended, or had been asked before: same facts, groups, times and order."""
    held = fold(build.PATIENT, [Entry(f, EARLIER, 1) for f in before], 1)
    if asked_before:
        _seen(held)
    gone = {f.fact_id for place, f in enumerate(before) if place in ended}
    new = [Entry(f, LATER, 2) for f in added]
    changed = held.changed(2, new, gone)
    named = gone | {f.fact_id for f in added}
    anew = fold(build.PATIENT, [*(Entry(f, EARLIER, 1) for f in before if f.fact_id not in named), *new], 2)
    assert _seen(changed) == _seen(anew)
    assert held.version == 1
    assert set(held.facts) == set(before)
