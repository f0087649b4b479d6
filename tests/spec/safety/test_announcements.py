"""Specification of what safety tells: each event, and the changes that are worth none."""

from __future__ import annotations

import msgspec

from services.safety.adverse_events import case_id
from services.safety.evaluate import announce
from shared.events import (
    AdverseEventFound,
    AdverseEventRetracted,
    AnyEvent,
    RejectionProven,
    RejectionRetracted,
    RejectionSuspected,
    RejectionWatched,
    ToxicityGraded,
    decode,
)
from shared.facts import AnyFact
from tests.spec.safety.trial import PROTOCOL, evaluated, find, first_dose, liver, normal_baseline
from tests.support import build

Facts = list[AnyFact]
WATCHED = [first_dose(), normal_baseline(), liver("alt", "46", "2024-05-03")]
SUSPECTED = [*WATCHED, liver("alt", "412", "2024-05-06")]
PROVEN = [*SUSPECTED, build.diagnosis("liver-transplant-rejection", on="2024-05-10")]
DEAD = [first_dose(), build.died("2024-05-03")]


def told(before: Facts, after: Facts, kind: str, subject: str = "", at: str = "2024-06-01") -> tuple[AnyEvent, ...]:
    """What is announced when the patient's facts change from one list to another."""
    old, new = (find(evaluated(*facts, at=at), kind, subject) for facts in (before, after))
    events = announce(build.PATIENT, PROTOCOL, old, new)
    assert all(decode(msgspec.json.encode(event)) == event for event in events)
    return events


def graded(value: str) -> Facts:
    """A patient with one ALT after the first dose."""
    return [first_dose(), normal_baseline(), liver("alt", value, "2024-05-03")]


def test_a_worst_grade_of_3_is_told() -> None:
    """From none or from grade 2, with the value in words and the fact that caused it."""
    (event,) = told(graded("150"), graded("412"), "toxicity", "alt")
    assert isinstance(event, ToxicityGraded)
    assert (event.before, event.grade, event.occurred) == (2, 3, "2024-05-03")
    assert "ALT 412 U/L (grade 3) on 3 May 2024" in event.sentence
    assert {e.says for e in event.evidence} == {"ALT 150 U/L (grade 2)", "ALT 412 U/L (grade 3)"}
    assert len(told([], graded("412"), "toxicity", "alt")) == 1


def test_a_change_among_severe_grades_and_its_withdrawal_are_told() -> None:
    """3 to 4, 4 to 2 after a correction, and 3 to nothing when the result is withdrawn."""
    changes = [
        (graded("412"), graded("900")),
        (graded("900"), graded("150")),
        (graded("412"), [first_dose()]),
    ]
    events = [told(old, new, "toxicity", "alt")[0] for old, new in changes]
    assert [e.grade for e in events if isinstance(e, ToxicityGraded)] == [4, 2, None]


def test_mild_grades_are_not_told() -> None:
    """Grades 1 and 2 are shown, not announced; nor is the same grade by another value."""
    assert told([], graded("150"), "toxicity", "alt") == ()
    assert told(graded("50"), graded("150"), "toxicity", "alt") == ()
    assert told(graded("412"), graded("500"), "toxicity", "alt") == ()


def test_each_rise_of_the_level_is_told() -> None:
    """Watched, suspected, proven: one event each, with what it was before."""
    (watched,) = told([], WATCHED, "rejection")
    (suspected,) = told(WATCHED, SUSPECTED, "rejection")
    (proven,) = told(SUSPECTED, PROVEN, "rejection")
    assert isinstance(watched, RejectionWatched)
    assert isinstance(suspected, RejectionSuspected)
    assert isinstance(proven, RejectionProven)
    assert [watched.before, suspected.before, proven.before] == ["none", "watch", "suspected"]
    assert suspected.speaks_for == ("ALT 412 U/L (grade 3) on 6 May 2024, 22 days after the first dose",)
    assert suspected.sentence.startswith("graft rejection suspected: ALT 412 U/L (grade 3) on 6 May 2024")
    assert proven.is_endpoint


def test_each_fall_of_the_level_is_told() -> None:
    """With the level it fell back to, and why; to none also when the dose itself is withdrawn."""
    adjudicated = build.attestation("rejection-adjudicated", False, on="2024-05-20")
    (retracted,) = told(SUSPECTED, [*SUSPECTED, adjudicated], "rejection")
    assert isinstance(retracted, RejectionRetracted)
    assert (retracted.before, retracted.level) == ("suspected", "none")
    assert "adjudicated as none on 20 May 2024" in retracted.sentence
    (back,) = told(PROVEN, SUSPECTED, "rejection")
    assert isinstance(back, RejectionRetracted)
    assert (back.before, back.level) == ("proven", "suspected")
    (withdrawn,) = told(SUSPECTED, [], "rejection")
    assert isinstance(withdrawn, RejectionRetracted)
    assert withdrawn.level == "none"


def test_a_level_that_stays_is_told_only_if_a_proof_changed() -> None:
    """More evidence of a suspicion is shown, not announced; a proof that moves or gets a severity is."""
    more = liver("ast", "412", "2024-05-06")
    assert told(SUSPECTED, [*SUSPECTED, normal_baseline("ast"), more], "rejection") == ()
    assert told([], [first_dose()], "rejection") == ()
    biopsies = [build.biopsy(c, 2, on="2024-05-09") for c in ("portal", "bile-duct", "venous")]
    (event,) = told(PROVEN, [*PROVEN, *biopsies], "rejection")
    assert isinstance(event, RejectionProven)
    assert event.severity == "moderate"


def test_a_case_is_told_when_found_and_when_it_changes() -> None:
    """Found; then confirmed by an investigator; nothing when nothing that matters changed."""
    (found,) = told([], DEAD, "adverse-event", "death")
    assert isinstance(found, AdverseEventFound)
    assert (found.before, found.criteria, found.status) == (None, ("death",), "candidate")
    focus = str(case_id(build.PATIENT, PROTOCOL.id, "death"))
    confirmed = [*DEAD, build.attestation("sae-confirmed", on="2024-05-10", focus=focus)]
    (changed,) = told(DEAD, confirmed, "adverse-event", "death")
    assert isinstance(changed, AdverseEventFound)
    assert (changed.before, changed.status) == ("candidate", "confirmed")
    assert told(DEAD, [*DEAD, liver("alt", "30", "2024-05-02")], "adverse-event", "death") == ()


def test_a_case_refuted_before_it_was_told_concerns_nobody() -> None:
    """The records and the investigator's word came together."""
    focus = str(case_id(build.PATIENT, PROTOCOL.id, "death"))
    refuted = [*DEAD, build.attestation("sae-refuted", on="2024-05-10", focus=focus)]
    assert told([], refuted, "adverse-event", "death") == ()
    assert len(told(DEAD, refuted, "adverse-event", "death")) == 1


def test_a_withdrawn_case_is_told() -> None:
    """Because its record is gone, or because it now lies outside its window."""
    late = [first_dose(), build.died("2024-05-20")]
    for after in ([first_dose()], late):
        (event,) = told(DEAD, after, "adverse-event", "death")
        assert isinstance(event, AdverseEventRetracted)
        assert event.before == "candidate"


def test_a_case_outside_its_window_is_kept_and_not_told() -> None:
    """Told only when a later dose brings it back into the window."""
    late = [first_dose(), build.died("2024-05-20")]
    assert told([], late, "adverse-event", "death") == ()
    (event,) = told(late, [*late, build.dose(on="2024-05-05")], "adverse-event", "death")
    assert isinstance(event, AdverseEventFound)


def test_a_death_of_unknown_date_is_told() -> None:
    """It cannot be said to lie outside the window."""
    assert len(told([], [first_dose(), build.died(None)], "adverse-event", "death")) == 1


def test_no_outcome_is_no_event() -> None:
    """Neither before nor after: nothing to say."""
    assert announce(build.PATIENT, PROTOCOL, None, None) == ()
