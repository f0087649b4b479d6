"""Decides whether a tumour marker fell far enough from baseline, and shows its course. Decides nothing else:

no response, no progression and no endpoint rests on a marker.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from shared.facts import Laboratory
from shared.outcomes import Evidence, cite, collect
from shared.quantities import Quantity
from shared.timeline import Timeline

LARGEST_POSSIBLE: Final = Decimal("1e12")


class Value(msgspec.Struct, frozen=True):
    """One result of the marker; `bound` is `<` or `>` where the laboratory gave only a bound."""

    on: date
    value: Decimal
    bound: str
    evidence: Evidence


class MarkerRule(msgspec.Struct, frozen=True):
    """When a fall counts: the marker, the least fall in percent, the least baseline, days before the first dose."""

    concept: str
    fall_percent: Decimal
    least_baseline: Decimal
    baseline_days: int


class MarkerCourse(msgspec.Struct, frozen=True, kw_only=True):
    """The marker from baseline on. `response` is None where it cannot be told, with the reason in `says`."""

    unit: str
    baseline: Value | None
    values: tuple[Value, ...]
    lowest: Value | None
    fall_percent: Decimal | None
    """From baseline to the lowest value: at least so much, where either is a bound."""
    response: bool | None
    response_on: date | None
    says: str

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every result that was used."""
        return collect([v.evidence for v in self.values], [self.baseline.evidence] if self.baseline else [])


def marker_course(known: Timeline, start: date, rule: MarkerRule) -> MarkerCourse | None:
    """The marker's course; None where no dated result is recorded.

    Baseline is the last result in the days before the first dose, that day included. Some count a fall of at least
    50 % as AFP response, from a baseline that is raised at all.
    """
    results = [r for r in known.of(Laboratory) if r.concept == rule.concept and r.final]
    values = [
        _value(r, r.value) for r in results if r.value is not None and r.occurred is not None and _possible(r.value)
    ]
    if not values:
        return None
    unit = next(r.value.unit for r in results if r.value is not None)
    window = [v for v in values if 0 <= (start - v.on).days <= rule.baseline_days]
    baseline = window[-1] if window else None
    after = tuple(v for v in values if v.on > start)
    proven = [v for v in after if not v.bound.startswith(">")]
    lowest = min(proven, key=lambda v: (v.value, v.on), default=None)
    fallen = next((v for v in proven if _fall(baseline, v, rule) >= rule.fall_percent), None)
    unknown = _why_unknown(baseline, lowest, rule)
    return MarkerCourse(
        unit=unit,
        baseline=baseline,
        values=after,
        lowest=lowest,
        fall_percent=_fall(baseline, lowest, rule) if lowest is not None and not unknown else None,
        response=None if unknown else fallen is not None,
        response_on=fallen.on if fallen is not None else None,
        says=unknown or _says(fallen is not None, rule),
    )


def _possible(quantity: Quantity) -> bool:
    """Whether a number can be a concentration at all: a slip of the keyboard is no course."""
    return 0 <= quantity.value <= LARGEST_POSSIBLE


def _value(result: Laboratory, quantity: Quantity) -> Value:
    assert result.occurred is not None, "only dated results are asked for"
    says = f"{quantity.comparator or ''}{quantity.value} {quantity.unit}"
    return Value(result.occurred.day, quantity.value, quantity.comparator or "", cite(result, says))


def _fall(baseline: Value | None, later: Value, rule: MarkerRule) -> Decimal:
    """Percent from baseline; 0 where the baseline allows none to be told."""
    if baseline is None or not _usable(baseline, rule):
        return Decimal(0)
    return (baseline.value - later.value) * 100 / baseline.value


def _usable(baseline: Value, rule: MarkerRule) -> bool:
    return not baseline.bound.startswith("<") and baseline.value >= max(rule.least_baseline, Decimal("0.001"))


def _why_unknown(baseline: Value | None, lowest: Value | None, rule: MarkerRule) -> str:
    if baseline is None:
        return "no result before the first dose to compare with"
    if not _usable(baseline, rule):
        return "not raised at baseline, so a fall says nothing"
    return "" if lowest is not None else "no result after the first dose"


def _says(fallen: bool, rule: MarkerRule) -> str:
    return (
        f"fell by at least {rule.fall_percent} % from baseline" if fallen else f"did not fall by {rule.fall_percent} %"
    )


def shown(values: Sequence[Value]) -> list[dict[str, str]]:
    """The course as plain JSON."""
    return [{"on": v.on.isoformat(), "value": f"{v.bound}{v.value}"} for v in values]
