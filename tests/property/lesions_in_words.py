"""A slow, literal transcription of what becomes of targets that merge, split or are treated, on plain numbers.

Written apart from the product's rules. Targets in the lung, by RECIST 1.1; every visit is computed anew from the whole past.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Fate(NamedTuple):
    """One target: its size at baseline, and at each visit what was recorded of it.

    `own`: its size, None if not recorded. `parts`: of each part its size at each visit (None: not recorded). `ablated`:
    the visit from which on it was destroyed. `joined`: at each visit whether the first target's record measures it too.
    """

    baseline: int
    own: tuple[int | None, ...]
    parts: tuple[tuple[int | None, ...], ...] = ()
    ablated: int | None = None
    joined: tuple[bool, ...] = ()


def sizes(fates: list[Fate], visit: int) -> list[int | None]:
    """What each target contributes to the sum of that visit; None where it cannot be known."""
    found = [_alone(fate, visit) for fate in fates]
    for place, fate in enumerate(fates):
        if place and fate.joined and fate.joined[visit] and fates[0].own[visit] is not None:
            # Measured with the first: once. Measured alone too: a contradiction.
            found[place] = None if fate.own[visit] else 0
        if fate.ablated is not None and visit >= fate.ablated:
            found[place] = None
    return found


def _alone(fate: Fate, visit: int) -> int | None:
    seen = [part for part in fate.parts if any(size is not None for size in part[: visit + 1])]
    if not seen:
        return fate.own[visit]
    now = [part[visit] for part in seen]
    if fate.own[visit] is not None:
        now.append(fate.own[visit])
    return None if None in now else sum(size for size in now if size is not None)


def responses(fates: list[Fate], visits: int) -> list[tuple[str, int | None]]:
    """Target response by RECIST 1.1 and complete sum of each visit."""
    baseline, complete, had_cr = sum(f.baseline for f in fates), [sum(f.baseline for f in fates)], False
    found: list[tuple[str, int | None]] = []
    for visit in range(visits):
        now = sizes(fates, visit)
        total = None if None in now else sum(size for size in now if size is not None)
        measured = [size for size in now if size is not None]
        answer = _answer(now, measured, baseline, min(complete), had_cr)
        found.append((answer, total))
        complete += [total] if total is not None else []
        had_cr = had_cr or answer == "CR"
    return found


def _answer(now: list[int | None], measured: list[int], baseline: int, nadir: int, had_cr: bool) -> str:
    if had_cr and any(measured):
        return "PD"
    if all(size == 0 for size in now):
        return "CR"
    rise = sum(measured) - nadir
    if measured and rise >= 5 and (nadir == 0 or Fraction(rise, nadir) >= Fraction(20, 100)):
        return "PD"
    if None in now:
        return "NE"
    return "PR" if Fraction(baseline - sum(measured), baseline) >= Fraction(30, 100) else "SD"
