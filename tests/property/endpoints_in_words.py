"""A literal transcription of the rules of progression-free survival and time to progression, on plain day numbers.

Written apart from the product's rules, as nested questions in the order of the trial's definitions.
"""

from __future__ import annotations

from typing import NamedTuple

GAP_DAYS = 2 * 56 + 14
CUT = 730
"""Days from the first dose to the same day two years later."""


class Followed(NamedTuple):
    """One patient: visits by day with their response, and what else happened on which day; day 0 is the first dose."""

    has_baseline: bool
    visits: tuple[tuple[int, str], ...]
    died: int | None
    therapy: int | None


def pfs(patient: Followed, *, death_counts: bool = True) -> tuple[int, bool]:
    """Day of event or censoring, and whether it is an event."""
    if not patient.has_baseline:
        return 0, False
    happened = [day for day, answer in patient.visits if answer == "PD" and day <= CUT][:1]
    if death_counts and patient.died is not None and patient.died <= CUT:
        happened.append(patient.died)
    event = min(happened) if happened else None
    told = [day for day, answer in patient.visits if answer in ("CR", "PR", "SD", "NON-CR/NON-PD") and day <= CUT]
    if patient.therapy is not None and patient.therapy <= CUT and (event is None or patient.therapy < event):
        return max([d for d in told if d < patient.therapy and (event is None or d <= event)], default=0), False
    if event is None:
        return max(told, default=0), False
    last = max([d for d in told if d <= event], default=0)
    return (last, False) if event - last > GAP_DAYS else (event, True)
