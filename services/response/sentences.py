"""How responses are put into one sentence for trial staff. Decides nothing; names no identifier."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from shared.rules.mrecist import BestResponse, Course, Visit
from shared.rules.mrecist.model import OverallResponse
from shared.wording import on_day, plain, tenths

_LABEL: Final[dict[OverallResponse, str]] = {
    "CR": "complete response",
    "PR": "partial response",
    "SD": "stable disease",
    "NON-CR/NON-PD": "neither complete response nor progression of non-target lesions",
    "PD": "progressive disease",
    "NE": "not evaluable",
}
_BY_SUM: Final = ("target-progression", "partial-response", "stable-disease")
_REAPPEARED: Final = "reappearance-after-complete-response"


def of_visit(visit: Visit) -> str:
    """`partial response: sum 41 mm on 3 May 2024, 37.8 % below baseline 66 mm`."""
    label, size = _LABEL[visit.response], visit.measured_mm
    if visit.rule not in _BY_SUM or size is None or visit.target_rule == _REAPPEARED:
        return f"{label} on {on_day(visit.on)}: {_clause(visit.says)}"
    measured = "sum" if visit.sum_mm is not None else "sum of the measured targets alone"
    return f"{label}: {measured} {plain(size)} mm on {on_day(visit.on)}, {_change(visit, size)}"


def of_best(best: BestResponse) -> str:
    """`best response: partial response on 3 May 2024, confirmed on 5 June 2024`."""
    if best.on is None:
        return "no assessment after the first dose counts yet"
    said = f"best response: {_LABEL[best.unconfirmed]} on {on_day(best.on)}"
    if best.unconfirmed not in ("CR", "PR"):
        return said
    if best.confirmed == best.unconfirmed and best.confirmed_on is not None:
        return f"{said}, confirmed on {on_day(best.confirmed_on)}"
    return f"{said}, not confirmed; confirmed best response: {_LABEL[best.confirmed]}"


def of_progression(course: Course) -> str:
    """`first progression on 3 May 2024`, or that there is none."""
    if course.progression_on is None:
        return "no progression so far"
    return f"first progression on {on_day(course.progression_on)}"


def _change(visit: Visit, size: Decimal) -> str:
    by_nadir = visit.response == "PD"
    name, reference = ("nadir", visit.nadir_mm) if by_nadir else ("baseline", visit.baseline_sum_mm)
    if reference is None:
        return "without a sum to compare with"
    if size == reference:
        return f"as at {name}"
    if reference == 0:
        return f"above {name} 0 mm"
    percent = abs(size - reference) * 100 / reference
    return f"{tenths(percent)} % {'below' if size < reference else 'above'} {name} {plain(reference)} mm"


def _clause(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")
