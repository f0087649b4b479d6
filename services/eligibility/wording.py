"""How concepts, bounds and windows read in the sentences of this service, with the words that all services share.

Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from shared.protocol.criteria import BoundedCriterion, DailyDoseCriterion
from shared.wording import amount, dated, listed, measured, number, on_day, plain, unit, when

__all__ = [
    "amount",
    "bounds",
    "dated",
    "listed",
    "measured",
    "name",
    "names",
    "number",
    "on_day",
    "plain",
    "when",
    "window",
]

_NAMES: Final = {
    "hcc": "hepatocellular carcinoma",
    "tsh": "TSH",
    "inr": "INR",
    "alt": "ALT",
    "ast": "AST",
    "alp": "ALP",
    "ggt": "GGT",
    "afp": "AFP",
    "hbv-dna": "HBV DNA",
    "bilirubin-total": "bilirubin",
    "pd-l1": "PD-L1",
    "ecog": "ECOG",
    "karnofsky": "Karnofsky",
    "child-pugh": "Child-Pugh",
    "ct": "CT",
    "mri": "MRI",
    "graft-liver": "graft liver",
    "mrecist": "mRECIST",
    "recist11": "RECIST 1.1",
    "transplanted-liver-present": "transplanted liver",
}


def name(concept_id: str) -> str:
    """A concept as staff call it."""
    return _NAMES.get(concept_id, concept_id.replace("-", " "))


def names(concept_ids: tuple[str, ...], joined_by: str = "or") -> str:
    """Several concepts: `sorafenib or lenvatinib`."""
    return f" {joined_by} ".join(name(c) for c in concept_ids)


def bounds(criterion: BoundedCriterion | DailyDoseCriterion, symbol: str) -> str:
    """What a criterion asks for: `≥ 50 × 10⁹/L`, `≥ 5 and ≤ 8 ng/mL`."""
    stated = (("≥", criterion.at_least), ("≤", criterion.at_most))
    signed = [f"{sign} {plain(bound.value)}" for sign, bound in stated if bound is not None]
    return f"{' and '.join(signed)} {unit(symbol)}".rstrip()


def stated(criterion: BoundedCriterion | DailyDoseCriterion) -> Iterable[Decimal]:
    """The numbers of its bounds, beside which a value is shown."""
    return [bound.value for bound in (criterion.at_least, criterion.at_most) if bound is not None]


def window(days: int | None) -> str:
    """How recent something must be: ` within 14 days`, or nothing."""
    return "" if days is None else f" within {days} days"
