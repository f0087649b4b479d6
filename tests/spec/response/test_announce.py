"""Which change of a response outcome is told, and as which event."""

from __future__ import annotations

from typing import Any, Final

from services.response.evaluate import announce
from shared.events import BestResponseChanged, EndpointReached, ProgressionDated, VisitResponseAssessed
from shared.outcomes import Evaluation, Outcome
from tests.spec.response.courses import VISITS, scans
from tests.spec.response.treated import evaluated, outcome, protocol
from tests.support import build


def told(before: Evaluation, after: Evaluation, kind: str, subject: str = "") -> Any:
    """The one event that the change of this outcome is worth, or None."""
    old, new_ = (next((o for o in e.outcomes if (o.kind, o.subject) == (kind, subject)), None) for e in (before, after))
    events = announce(build.PATIENT, protocol(), old, new_)
    assert len(events) <= 1
    return next(iter(events), None)


NOTHING: Final = Evaluation(())


def test_a_new_visit_response_is_announced() -> None:
    """With its sentence, its date and the facts that made it."""
    after = evaluated(*scans("66", "41"))
    event = told(NOTHING, after, "assessment", VISITS[0])

    assert isinstance(event, VisitResponseAssessed)
    assert (event.visit_on, event.before, event.response) == (VISITS[0], None, "PR")
    assert event.sentence == "partial response: sum 41 mm on 26 June 2024, 37.8 % below baseline 66 mm"
    assert event.evidence == outcome(after, "assessment", VISITS[0]).evidence


def test_a_corrected_visit_response_names_the_one_before() -> None:
    """The evidence is the facts that came and those that went."""
    before, after = evaluated(*scans("66", "41")), evaluated(*scans("66", "60"))
    event = told(before, after, "assessment", VISITS[0])

    assert (event.before, event.response) == ("PR", "SD")
    assert event.sentence.endswith("; was PR")
    assert {e.fact_id for e in event.evidence} == {f.fact_id for f in (*scans("66", "41")[1:], *scans("66", "60")[1:])}


def test_a_withdrawn_visit_is_announced() -> None:
    """When its records are gone the response is withdrawn."""
    event = told(evaluated(*scans("66", "41")), evaluated(*scans("66")), "assessment", VISITS[0])

    assert (event.before, event.response) == ("PR", None)


def test_a_changed_sum_alone_is_no_news() -> None:
    """A correction that leaves the response as it was is stored, not told."""
    before, after = evaluated(*scans("66", "41")), evaluated(*scans("66", "40"))

    assert told(before, after, "assessment", VISITS[0]) is None
    assert told(before, after, "baseline") is None
    assert told(before, after, "best-response") is None


def test_best_response_is_announced_when_found_confirmed_and_withdrawn() -> None:
    """Unconfirmed first, then confirmed; "not evaluable" is what a patient begins with, and no news."""
    start, unconfirmed, confirmed = (evaluated(*scans(*s)) for s in (("66",), ("66", "41"), ("66", "41", "40")))
    first, second = told(start, unconfirmed, "best-response"), told(unconfirmed, confirmed, "best-response")

    assert told(NOTHING, start, "best-response") is None
    assert isinstance(first, BestResponseChanged)
    assert (first.before, first.response, first.confirmed) == ("NE", "PR", "SD")
    assert (second.before, second.response, second.confirmed) == ("PR", "PR", "PR")
    assert told(confirmed, NOTHING, "best-response").response is None


def test_progression_is_announced_when_found_moved_and_withdrawn() -> None:
    """With the date before, so that whoever acted on it can be told."""
    stable, late, early = (evaluated(*scans(*s)) for s in (("50", "50"), ("50", "50", "60"), ("50", "60", "70")))
    found, moved = told(stable, late, "progression"), told(late, early, "progression")

    assert isinstance(found, ProgressionDated)
    assert (found.before, found.progression_on) == (None, VISITS[1])
    assert found.sentence == "first progression on 21 August 2024"
    assert (moved.before, moved.progression_on) == (VISITS[1], VISITS[0])
    assert (told(early, stable, "progression").before, told(early, stable, "progression").progression_on) == (
        VISITS[0],
        None,
    )
    assert told(NOTHING, stable, "progression") is None


def test_an_outcome_of_another_kind_is_not_announced() -> None:
    """Nothing to nothing, and kinds of other services, make no event."""
    assert announce(build.PATIENT, protocol(), None, None) == ()
    assert announce(build.PATIENT, protocol(), None, Outcome("screening", "", {})) == ()


def test_an_endpoint_that_is_reached_moved_or_withdrawn_is_told() -> None:
    """Progression-free survival that ends with an event, on another day, and none any more."""
    open_, reached = _endpoint("PFS", "2024-06-26", False), _endpoint("PFS", "2024-08-21", True)
    moved = _endpoint("PFS", "2024-08-10", True)

    assert _told(open_, reached) == [(None, "2024-08-21")]
    assert _told(reached, moved) == [("2024-08-21", "2024-08-10")]
    assert _told(moved, open_) == [("2024-08-10", None)]
    assert _told(reached, None) == [("2024-08-21", None)]


def test_a_later_day_without_event_is_not_told() -> None:
    """Every visit moves the day of censoring: no news."""
    assert not _told(_endpoint("PFS", "2024-06-26", False), _endpoint("PFS", "2024-08-21", False))
    assert not _told(None, _endpoint("TTP", "2024-08-21", True))


def _endpoint(name: str, on: str, event: bool) -> Outcome:
    return Outcome("endpoint", name, {"on": on, "event": event, "says": "as it is"})


def _told(before: Outcome | None, after: Outcome | None) -> list[tuple[str | None, str | None]]:
    told = announce(build.PATIENT, protocol(), before, after)
    return [(e.before, e.reached_on) for e in told if isinstance(e, EndpointReached)]
