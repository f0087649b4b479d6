"""Decides the best overall response, unconfirmed and confirmed, from the visits up to first progression.

Does not decide which of the two is the trial's endpoint; that is a parameter of the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from shared.outcomes import collect
from shared.protocol.model import Response
from shared.rules.mrecist.model import BestResponse, OverallResponse, Visit

ORDER: Final[tuple[OverallResponse, ...]] = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE")
"""From best to worst; not evaluable stands last because it says nothing (RECIST 1.1, Eisenhauer 2009)."""


def best_response(
    visits: Sequence[Visit], start: date, response: Response, new_therapy_on: date | None
) -> BestResponse:
    """The best of the visits up to first progression and before any new anticancer therapy.

    Stable disease counts from `sd_min_days` after the start; earlier it says nothing. Confirmed, a complete
    or partial response counts only if met again `confirmation_days` later, with at most one visit not
    evaluable between and no partial response after a complete one; unconfirmed it still shows that the
    disease did not progress, and counts as stable (RECIST 1.1, Eisenhauer 2009).
    """
    counted = _counted(visits, new_therapy_on)
    late = _late_enough(start, response.sd_min_days.value)
    unconfirmed, first = _best(counted, lambda v: late(v, v.response))
    pair = _confirmed(counted, response.confirmation_days.value)
    if pair is not None:
        confirmed: OverallResponse = "CR" if pair[0].response == "CR" else "PR"
    else:
        confirmed, _ = _best(counted, lambda v: late(v, _without_confirmation(v)))
    deciding = [v for v in (first, *(pair or ())) if v is not None]
    return BestResponse(
        unconfirmed=unconfirmed,
        confirmed=confirmed,
        on=first.on if first is not None else None,
        confirmed_on=pair[1].on if pair is not None else None,
        evidence=collect(*(v.evidence for v in deciding)),
    )


def first_response(
    visits: Sequence[Visit], new_therapy_on: date | None, *, confirmed_after_days: int | None = None
) -> Visit | None:
    """The first visit with a complete or partial response; with a delay, the first that was confirmed by then."""
    counted = _counted(visits, new_therapy_on)
    for place, visit in enumerate(counted):
        if visit.response not in ("CR", "PR"):
            continue
        delay = confirmed_after_days
        if delay is None or _confirming(visit, counted[place + 1 :], delay) is not None:
            return visit
    return None


def _counted(visits: Sequence[Visit], new_therapy_on: date | None) -> tuple[Visit, ...]:
    before = [v for v in visits if new_therapy_on is None or v.on < new_therapy_on]
    first_progression = next((i for i, v in enumerate(before) if v.response == "PD"), len(before))
    return tuple(before[: first_progression + 1])


def _best(
    visits: Sequence[Visit], counts_as: Callable[[Visit], OverallResponse]
) -> tuple[OverallResponse, Visit | None]:
    """The best answer, and the first visit that gave it."""
    if not visits:
        return "NE", None
    best = min(visits, key=lambda v: ORDER.index(counts_as(v)))
    return counts_as(best), best


def _late_enough(start: date, days: int) -> Callable[[Visit, OverallResponse], OverallResponse]:
    """Stable disease before that many days after the start is not evaluable; everything else stays."""
    return lambda visit, response: "NE" if response == "SD" and (visit.on - start).days < days else response


def _without_confirmation(visit: Visit) -> OverallResponse:
    if visit.response not in ("CR", "PR"):
        return visit.response
    # Without target lesions there is no stable disease: the table for non-targets only has no such answer.
    return "NON-CR/NON-PD" if visit.target is None else "SD"


def _confirmed(visits: Sequence[Visit], delay_days: int) -> tuple[Visit, Visit] | None:
    """The first confirmed complete response, else partial response, with the visit that confirmed it."""
    for sought in ("CR", "PR"):
        for place, first in enumerate(visits):
            confirming = _confirming(first, visits[place + 1 :], delay_days) if first.response == sought else None
            if confirming is not None:
                return first, confirming
    return None


def _confirming(first: Visit, later: Sequence[Visit], delay_days: int) -> Visit | None:
    complete, not_evaluable = first.response == "CR", 0
    for visit in later:
        match visit.response:
            case "NE" if not_evaluable == 0:
                not_evaluable = 1
            case "CR" | "PR" if visit.response == "CR" or not complete:
                complete = visit.response == "CR"
                if (visit.on - first.on).days >= delay_days:
                    return visit
            case _:
                return None
    return None
