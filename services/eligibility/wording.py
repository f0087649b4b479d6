"""How dates, quantities and concepts read in a sentence for trial staff. Decides nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from shared.dates import FhirDate, Precision
from shared.facts import Fact
from shared.protocol.criteria import BoundedCriterion, DailyDoseCriterion
from shared.quantities import Quantity

_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_UNITS: Final = {"1": "", "10*9/L": "× 10⁹/L", "m[IU]/L": "mIU/L", "[IU]/mL": "IU/mL", "%": "%"}
_NAMES: Final = {
    "hcc": "hepatocellular carcinoma",
    "tsh": "TSH",
    "inr": "INR",
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
_COMPARATORS: Final = {"<=": "≤", ">=": "≥"}


def name(concept_id: str) -> str:
    """A concept as staff call it."""
    return _NAMES.get(concept_id, concept_id.replace("-", " "))


def names(concept_ids: tuple[str, ...], joined_by: str = "or") -> str:
    """Several concepts: `sorafenib or lenvatinib`."""
    return f" {joined_by} ".join(name(c) for c in concept_ids)


def day(on: date) -> str:
    """A calendar day: `3 May 2024`."""
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


def dated(on: FhirDate | None) -> str:
    """A recorded date at its precision: `3 May 2024`, `May 2024`, `2024`; an absent one is named as such."""
    if on is None:
        return "an unknown date"
    match on.precision:
        case Precision.YEAR:
            return str(on.day.year)
        case Precision.MONTH:
            return f"{_MONTHS[on.day.month - 1]} {on.day.year}"
        case _:
            return day(on.day)


def when(fact: Fact) -> str:
    """When a fact was so: `on 3 May 2024`, `in May 2024`, `undated`."""
    if fact.occurred is None:
        return "undated"
    return f"{'on' if fact.occurred.has_day else 'in'} {dated(fact.occurred)}"


def amount(value: Decimal, unit: str) -> str:
    """A number with its unit: `42 × 10⁹/L`."""
    return f"{value:f} {_UNITS.get(unit, unit)}".rstrip()


def measured(quantity: Quantity) -> str:
    """A quantity with comparator and unit: `< 50 × 10⁹/L`."""
    shown = amount(quantity.value, quantity.unit)
    if quantity.comparator is None:
        return shown
    return f"{_COMPARATORS.get(quantity.comparator, quantity.comparator)} {shown}"


def bounds(criterion: BoundedCriterion | DailyDoseCriterion, unit: str) -> str:
    """What a criterion asks for: `≥ 50 × 10⁹/L`, `≥ 5 and ≤ 8 ng/mL`."""
    stated = (("≥", criterion.at_least), ("≤", criterion.at_most))
    signed = [f"{sign} {bound.value:f}" for sign, bound in stated if bound is not None]
    return f"{' and '.join(signed)} {_UNITS.get(unit, unit)}".rstrip()


def window(days: int | None) -> str:
    """How recent something must be: ` within 14 days`, or nothing."""
    return "" if days is None else f" within {days} days"


def listed(phrases: list[str]) -> str:
    """Each phrase once, in order: `a, b and c`."""
    unique = list(dict.fromkeys(phrases))
    return unique[0] if len(unique) == 1 else " and ".join([", ".join(unique[:-1]), unique[-1]]) if unique else ""
