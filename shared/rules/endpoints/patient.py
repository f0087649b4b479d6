"""Decides all endpoints of one treated patient from its follow-up, and until when time alone leaves them as they are."""

from __future__ import annotations

from shared.protocol.model import Response
from shared.rules.endpoints.disease import last_adequate_on, progression_free_survival, time_to_progression
from shared.rules.endpoints.follow_up import FollowUp
from shared.rules.endpoints.missed import missed_visits, next_change
from shared.rules.endpoints.model import Endpoints
from shared.rules.endpoints.response import answered, duration_of_response, status, time_to_response
from shared.rules.endpoints.survival import overall_survival


def derive(follow_up: FollowUp, response: Response) -> Endpoints:
    """Every endpoint of the patient; never raises, whatever the records say."""
    found, pfs = answered(follow_up, response), progression_free_survival(follow_up)
    awaited_since = last_adequate_on(follow_up)
    return Endpoints(
        orr=status("ORR", follow_up, found),
        dcr=status("DCR", follow_up, found),
        pfs=pfs,
        ttp=time_to_progression(follow_up),
        os=overall_survival(follow_up),
        ttr=time_to_response(follow_up, found.first),
        ttr_confirmed=time_to_response(follow_up, found.first_confirmed),
        dor=duration_of_response(pfs, found.first),
        dor_confirmed=duration_of_response(pfs, found.first_confirmed),
        missed_visits=missed_visits(follow_up, awaited_since) if awaited_since is not None else 0,
        valid_until=next_change(follow_up, awaited_since),
        problems=follow_up.problems,
    )
