"""Liver biopsies with the rejection activity index: decides the index of a biopsy and its band.

Does not decide whether rejection is proven: that needs the pathologist's diagnosis too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, cast

from services.safety import phrasing
from shared.dates import FhirDate
from shared.facts import BiopsyScore
from shared.outcomes import Evidence, cite
from shared.timeline import Timeline

COMPONENTS: Final = ("portal", "bile-duct", "venous")
HIGHEST_POINTS: Final = 3
REJECTION_FROM: Final = 3
INDETERMINATE_FROM: Final = 1


@dataclass(frozen=True)
class Band:
    """A range of the index and the severity it stands for."""

    lowest: int
    highest: int
    severity: str


BANFF: Final = "Banff schema for grading liver allograft rejection (1997), bands as used since"
BANFF_BANDS: Final = (
    Band(0, 0, "none"),
    Band(1, 2, "indeterminate"),
    Band(3, 4, "mild"),
    Band(5, 6, "moderate"),
    Band(7, 9, "severe"),
)


@dataclass(frozen=True)
class Biopsy:
    """The scores of one day; a missing component leaves the index open from `lowest` to `highest`."""

    occurred: FhirDate
    scores: tuple[BiopsyScore, ...]

    @property
    def lowest(self) -> int:
        """The index if every missing component were 0."""
        return sum(self._points(component) or 0 for component in COMPONENTS)

    @property
    def highest(self) -> int:
        """The index if every missing component were 3."""
        points = [self._points(component) for component in COMPONENTS]
        return sum(HIGHEST_POINTS if p is None else p for p in points)

    @property
    def severity(self) -> str | None:
        """The band, where the missing components cannot change it."""
        lowest, highest = band(self.lowest), band(self.highest)
        return lowest if lowest == highest else None

    @property
    def says(self) -> str:
        """`biopsy with RAI 5 (moderate) on 20 May 2024`."""
        stated = f"RAI {self.lowest}" if self.lowest == self.highest else f"RAI at least {self.lowest}"
        shown = f" ({self.severity})" if self.severity else " (a component is missing)"
        return f"biopsy with {stated}{shown} on {phrasing.day(self.occurred)}"

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every score of that day."""
        return tuple(cite(s, f"RAI {s.component} {s.points}") for s in self.scores)

    def _points(self, component: str) -> int | None:
        """The score of a component; of several of the same day the highest, so that none is overlooked."""
        return max((s.points for s in self.scores if s.component == component), default=None)


def biopsies(timeline: Timeline) -> tuple[Biopsy, ...]:
    """The biopsies whose day is known, in order; a score outside 0-3 is no score."""
    days: dict[date, list[BiopsyScore]] = {}
    for score in timeline.of(BiopsyScore):
        if is_valid(score) and score.occurred is not None and score.occurred.has_day:
            days.setdefault(score.occurred.day, []).append(score)
    return tuple(Biopsy(cast(FhirDate, scores[0].occurred), tuple(scores)) for _, scores in sorted(days.items()))


def unreadable_scores(timeline: Timeline) -> Sequence[BiopsyScore]:
    """Scores that belong to no biopsy: without a day, or outside 0-3."""
    return [s for s in timeline.of(BiopsyScore) if not is_valid(s) or s.occurred is None or not s.occurred.has_day]


def is_valid(score: BiopsyScore) -> bool:
    """Whether the points are possible."""
    return 0 <= score.points <= HIGHEST_POINTS


def band(index: int) -> str:
    """The severity of a rejection activity index, 0-9 (Banff)."""
    return next(b.severity for b in BANFF_BANDS if b.lowest <= index <= b.highest)
