"""Hy's law and the pattern of liver injury: decides whether values point to hepatocellular injury.

Does not decide the cause: another explanation may exist, and graft rejection can look the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from services.safety.laboratory import Graded, LaboratoryTest, baseline_of, results_of
from shared.outcomes import Evidence, Verdict, all_of, any_of, cite, negate
from shared.quantities import Quantity
from shared.rules.ctcae import reaches

SOURCE: Final = "FDA guidance Drug-Induced Liver Injury: Premarketing Clinical Evaluation (2009)"
AMINOTRANSFERASE_MULTIPLE: Final = Decimal(3)
BILIRUBIN_MULTIPLE: Final = Decimal(2)
ALP_MULTIPLE: Final = Decimal(2)
WITHIN_DAYS: Final = 14
HEPATOCELLULAR_R: Final = Decimal(5)
CHOLESTATIC_R: Final = Decimal(2)


@dataclass(frozen=True)
class HysLaw:
    """Whether Hy's law is met; the values that meet it first, or leave it open."""

    verdict: Verdict
    enzyme: Graded | None = None
    bilirubin: Graded | None = None
    alp: tuple[Graded, ...] = ()
    is_met_but_for_alp: bool = False
    """Whether ALT or AST and bilirubin meet it for certain, and only ALP leaves it open."""

    @property
    def onset(self) -> Graded | None:
        """The later of the two values: only then was the law met."""
        if self.enzyme is None or self.bilirubin is None:
            return None
        return max(self.enzyme, self.bilirubin, key=_in_time)

    @property
    def used(self) -> tuple[Graded, ...]:
        """Every value it rests on."""
        return tuple(g for g in (self.enzyme, self.bilirubin, *self.alp) if g is not None)

    @property
    def says(self) -> str:
        """The values in words."""
        values = ", ".join(g.says_when for g in self.used)
        if self.verdict is Verdict.MET:
            return f"Hy's law met: {values}"
        missing = "" if self.alp else ", no ALP within 14 days"
        if self.is_met_but_for_alp and self.alp:
            missing = ", and ALP cannot be held against its limit"
        return f"Hy's law cannot be settled: {values}{missing}"

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The values as evidence."""
        return tuple(cite(g.fact, g.says) for g in self.used)


class Pattern(StrEnum):
    """The pattern of liver injury by its R value."""

    HEPATOCELLULAR = "hepatocellular"
    MIXED = "mixed"
    CHOLESTATIC = "cholestatic"


@dataclass(frozen=True)
class Injury:
    """The pattern of injury of one day, its R value for display, and the two values it rests on."""

    pattern: Pattern
    r_value: str
    alt: Graded
    alp: Graded


def hys_law(tests: Sequence[LaboratoryTest]) -> HysLaw:
    """ALT or AST >= 3 x ULN and bilirubin >= 2 x ULN within 14 days, ALP < 2 x ULN (FDA 2009).

    Multiples of the baseline where that is above its limit. Of ALP the values nearest to the ALT or AST
    count, if within 14 days too; without any, the law is not settled. Everything after the first dose is
    looked at.
    """
    enzymes = _may_reach(tests, AMINOTRANSFERASE_MULTIPLE, "alt", "ast")
    bilirubins = _may_reach(tests, BILIRUBIN_MULTIPLE, "bilirubin-total")
    if not enzymes or not bilirubins:
        return HysLaw(Verdict.NOT_MET)
    reached_alp = {id(g): _reaches(tests, ALP_MULTIPLE, g) for g in results_of(tests, "alp")}
    near = _by_day(results_of(tests, "alp"))
    days = [g.occurred.day.toordinal() for g, _ in bilirubins]
    pairs = []
    for enzyme, enzyme_reached in enzymes:
        on, alp = enzyme.occurred.day.toordinal(), _nearest(near, enzyme)
        cholestasis = any_of([reached_alp[id(g)] for g in alp]) if alp else Verdict.UNKNOWN
        of_enzyme = all_of([enzyme_reached, negate(cholestasis)])
        if of_enzyme is Verdict.NOT_MET:
            continue
        for (bilirubin, reached), day in zip(bilirubins, days, strict=True):
            if abs(day - on) <= WITHIN_DAYS:
                verdict = all_of([of_enzyme, reached])
                by_alp = verdict is Verdict.UNKNOWN and enzyme_reached is reached is Verdict.MET
                pairs.append(HysLaw(verdict, enzyme, bilirubin, alp, by_alp))
    verdict = any_of([pair.verdict for pair in pairs])
    deciding = [pair for pair in pairs if pair.verdict is verdict]
    if verdict is Verdict.NOT_MET or not deciding:
        return HysLaw(Verdict.NOT_MET)
    return min(deciding, key=_first_met)


def injury(tests: Sequence[LaboratoryTest], of: Graded) -> Injury | None:
    """The pattern on a day: R = (ALT/ULN) / (ALP/ULN), >= 5 hepatocellular, <= 2 cholestatic.

    ALT and ALP nearest to that day, within 14 days; None where one is missing, open-ended or has no limit.
    """
    alt, alp = (_nearest(_by_day(results_of(tests, concept)), of) for concept in ("alt", "alp"))
    if not alt or not alp:
        return None
    above, below = _r_fraction(alt[0], alp[0])
    if above is None or below is None:
        return None
    return Injury(_pattern(above, below), f"{above / below:.1f}", alt[0], alp[0])


def _may_reach(tests: Sequence[LaboratoryTest], factor: Decimal, *concepts: str) -> list[tuple[Graded, Verdict]]:
    """The results that reach the multiple, or may, each asked once."""
    asked = ((g, _reaches(tests, factor, g)) for g in results_of(tests, *concepts))
    return [(g, verdict) for g, verdict in asked if verdict is not Verdict.NOT_MET]


def _reaches(tests: Sequence[LaboratoryTest], factor: Decimal, result: Graded) -> Verdict:
    match reaches(factor, result.reading, baseline_of(tests, result.term.concept)):
        case True:
            return Verdict.MET
        case False:
            return Verdict.NOT_MET
        case None:
            return Verdict.UNKNOWN


def _by_day(results: Sequence[Graded]) -> dict[int, list[Graded]]:
    days: dict[int, list[Graded]] = {}
    for result in results:
        days.setdefault(result.occurred.day.toordinal(), []).append(result)
    return days


def _nearest(by_day: Mapping[int, Sequence[Graded]], to: Graded) -> tuple[Graded, ...]:
    """The results on the nearest day within 14 days: one, or all of that distance, in clinical order."""
    on = to.occurred.day.toordinal()
    for distance in range(WITHIN_DAYS + 1):
        days = (on - distance, on + distance) if distance else (on,)
        found = tuple(g for day in days for g in by_day.get(day, ()))
        if found:
            return found
    return ()


def _r_fraction(alt: Graded, alp: Graded) -> tuple[Decimal | None, Decimal | None]:
    values = [_exact(q) for q in (alt.reading.value, alt.reading.high, alp.reading.value, alp.reading.high)]
    alt_value, alt_limit, alp_value, alp_limit = values
    if alt_value is None or alt_limit is None or alp_value is None or alp_limit is None:
        return None, None
    return alt_value * alp_limit, alt_limit * alp_value


def _exact(quantity: Quantity | None) -> Decimal | None:
    known = quantity is not None and quantity.comparator is None and quantity.value > 0
    return quantity.value if quantity is not None and known else None


def _pattern(above: Decimal, below: Decimal) -> Pattern:
    if above >= HEPATOCELLULAR_R * below:
        return Pattern.HEPATOCELLULAR
    return Pattern.CHOLESTATIC if above <= CHOLESTATIC_R * below else Pattern.MIXED


def _in_time(result: Graded) -> tuple[str, str]:
    return result.occurred.first.isoformat(), str(result.fact.fact_id)


def _first_met(pair: HysLaw) -> tuple[bool, tuple[str, ...]]:
    """What is open but for one thing before what is open altogether; then the first in time."""
    onset = pair.onset
    order = [_in_time(g) for g in (onset, *pair.used) if g is not None]
    return not pair.is_met_but_for_alp, tuple(part for key in order for part in key)
