"""Decides which limits of normal hold for a patient where they depend on sex and age.

Does not decide whether a value is normal. A range whose group the patient may or may not belong to settles nothing:
where it says otherwise than the others, the limit stays unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Literal

import msgspec

from shared.dates import FhirDate
from shared.demographics import in_use
from shared.facts import AgeBound, AnyFact, Demographics, Laboratory, LimitsOfGroup
from shared.quantities import Quantity

_DAYS_IN_WEEK = 7
_MONTHS_IN_YEAR = 12
_ROUGH_DAYS = {"a": 365, "mo": 30, "wk": 7, "d": 1}


class Person(msgspec.Struct, frozen=True):
    """What limits of normal may depend on; None where it is not known, or where records disagree."""

    sex: Literal["male", "female", "other"] | None = None
    born: FhirDate | None = None


def person_of(facts: Iterable[AnyFact]) -> Person:
    """Sex and birth date that the records of a patient agree on."""
    known = tuple(facts)
    stated = [f for f in known if isinstance(f, Demographics)]
    sexes = {f.sex for f in in_use((d for d in stated if d.sex is not None), known)}
    births = {f.birth_date for f in in_use((d for d in stated if d.birth_date is not None), known)}
    return Person(sexes.pop() if len(sexes) == 1 else None, births.pop() if len(births) == 1 else None)


def for_person(fact: AnyFact, person: Person) -> AnyFact:
    """A laboratory result whose limits depend on the patient, with the patient's; any other fact as it is."""
    if not isinstance(fact, Laboratory) or not fact.ranges:
        return fact
    holding = [(row, _holds(row, person, fact.occurred)) for row in fact.ranges]
    possible = [(row, certain is True) for row, certain in holding if certain is not False]
    low, high = (_settled(possible, side) for side in ("low", "high"))
    return msgspec.structs.replace(fact, low=low, high=high)


def overlap(a: LimitsOfGroup, b: LimitsOfGroup) -> bool:
    """Whether two ranges, neither narrower than the other, may hold for one patient at one age (completed years)."""
    if _narrowness(a) != _narrowness(b) or (a.sex and b.sex and a.sex != b.sex):
        return False
    starts = max(row.age_from.count if row.age_from else 0 for row in (a, b))
    ends = [row.age_to.count for row in (a, b) if row.age_to]
    return not ends or starts <= min(ends)


def _settled(possible: Collection[tuple[LimitsOfGroup, bool]], side: Literal["low", "high"]) -> Quantity | None:
    """The limit on which all ranges agree that may be the patient's, wider ones than a certain one left out."""
    certain = [row for row, is_certain in possible if is_certain]
    if not certain:
        return None
    narrowest = max(map(_narrowness, certain))
    rows = [row for row, _ in possible if _narrowness(row) >= narrowest and not _outdone(row, certain)]
    bounds: set[Quantity | None] = {getattr(row, side) for row in rows}
    return bounds.pop() if len(bounds) == 1 else None


def _narrowness(row: LimitsOfGroup) -> int:
    return (row.sex is not None) + _has_age(row)


def _outdone(row: LimitsOfGroup, certain: Collection[LimitsOfGroup]) -> bool:
    """Of two ranges that meet at an age (to 18, from 18) the one that begins there counts."""
    return _has_age(row) and any(c.sex == row.sex and _start(c) > _start(row) for c in certain)


def _has_age(row: LimitsOfGroup) -> bool:
    return row.age_from is not None or row.age_to is not None


def _start(row: LimitsOfGroup) -> int:
    """In days, roughly, to tell which of two ranges begins later."""
    return row.age_from.count * _ROUGH_DAYS[row.age_from.unit] if row.age_from else 0


def _holds(row: LimitsOfGroup, person: Person, on: FhirDate | None) -> bool | None:
    answers = [_of_sex(row, person), _old_enough(row.age_from, person, on), _young_enough(row.age_to, person, on)]
    if False in answers:
        return False
    return None if None in answers else True


def _of_sex(row: LimitsOfGroup, person: Person) -> bool | None:
    if row.sex is None:
        return True
    return None if person.sex is None else person.sex == row.sex


def _old_enough(bound: AgeBound | None, person: Person, on: FhirDate | None) -> bool | None:
    if bound is None:
        return True
    if person.born is None or on is None:
        return None
    youngest, oldest = _ages(person.born, on, bound)
    if youngest >= bound.count:
        return True
    return False if oldest < bound.count else None


def _young_enough(bound: AgeBound | None, person: Person, on: FhirDate | None) -> bool | None:
    if bound is None:
        return True
    if person.born is None or on is None:
        return None
    youngest, oldest = _ages(person.born, on, bound)
    if oldest <= bound.count:
        return True
    return False if youngest > bound.count else None


def _ages(born: FhirDate, on: FhirDate, bound: AgeBound) -> tuple[int, int]:
    """Youngest and oldest completed age on the day of the sample, at the precision of both dates."""
    return _completed(born.last_day, on.day, bound.unit), _completed(born.day, on.last_day, bound.unit)


def _completed(born: date, on: date, unit: Literal["a", "mo", "wk", "d"]) -> int:
    if unit in ("wk", "d"):
        return (on - born).days // (_DAYS_IN_WEEK if unit == "wk" else 1)
    months = (on.year - born.year) * _MONTHS_IN_YEAR + on.month - born.month - (on.day < born.day)
    return months // _MONTHS_IN_YEAR if unit == "a" else months
