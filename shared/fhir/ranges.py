"""Observation.referenceRange: decides which limits of normal a result states, and for whom.

Does not decide which of them are the patient's: sex and age are another record's matter. Refusals name the field and
the expected form, never the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, cast

from shared.facts import AgeBound, LimitsOfGroup
from shared.fhir import values
from shared.fhir.decoding import decode
from shared.fhir.elements import REFERENCE_RANGES, CodeableConcept, FhirQuantity, ReferenceRange, Value
from shared.fhir.meaning import Meaning
from shared.fhir.reading import Reason, Unreadable
from shared.terminology import Concept, Kind

_Unit = Literal["a", "mo", "wk", "d"]
_Sex = Literal["male", "female"]
_AGE_UNITS: Final[dict[_Unit, tuple[str, ...]]] = {
    "a": ("a", "a_j", "yr", "year", "years"),
    "mo": ("mo", "mo_j", "month", "months"),
    "wk": ("wk", "week", "weeks"),
    "d": ("d", "day", "days"),
}
_BY_SPELLING: Final = {spelling: unit for unit, spellings in _AGE_UNITS.items() for spelling in spellings}
_MOST: Final = 4096
"""Ranges kept of a site as they stand in messages: a laboratory states the same few again and again."""
_OLDEST: Final = 60_000
"""Days: more is no age."""


class _OtherGroup(Exception):  # noqa: N818 - named for what it says
    """A range of people who differ by something else than sex and age."""


def limits(value: Value, of: Concept, path: str, meaning: Meaning) -> tuple[LimitsOfGroup, ...]:
    """The limits of normal that a result states, with the sex and age they hold for; none if it states none.

    A single range is the patient's, whatever it says of groups. Of several, those that name neither sex nor age count for
    everyone, and one that is typed as normal before one that is not; a group told by something else (a pregnancy) is not
    guessed. Raises `Unreadable` for limits that cannot be read or told apart.
    """
    raw = bytes(value.reference_range)
    if not raw:
        return ()
    unit = values.unit_of(value.value_quantity) if value.value_quantity else None
    met, stated = meaning.ranges_met, (raw, of.id, unit)
    known = met.get(stated)
    if known is None:
        if len(met) >= _MOST:
            met.clear()
        known = met[stated] = _limits(raw, of, path, unit, meaning)
    return known


def _limits(raw: bytes, of: Concept, path: str, unit: str | None, meaning: Meaning) -> tuple[LimitsOfGroup, ...]:
    stated = decode(REFERENCE_RANGES, raw, f"{path}.referenceRange")
    normal = tuple(each for each in stated if (each.low or each.high) and _is_normal(each))
    if not normal:
        return ()
    rows = [_row(each, of, path, unit) for each in normal]
    if len({(row.low, row.high) for row in rows}) == 1:
        return (rows[0],)
    return _told_apart(list(zip(normal, rows, strict=True)), f"{path}.referenceRange", meaning)


def _told_apart(
    stated: list[tuple[ReferenceRange, LimitsOfGroup]], path: str, meaning: Meaning
) -> tuple[LimitsOfGroup, ...]:
    general = [(each, row) for each, row in stated if not each.applies_to and each.age is None]
    typed = [row for each, row in general if each.type is not None]
    for_all = set(typed or (row for _, row in general))
    grouped = list(_groups(((each, row) for each, row in stated if each.applies_to or each.age), meaning))
    if len(for_all) > 1 or not (for_all or grouped):
        form = "expected ranges told apart by sex or age, or only the patient's own"
        raise Unreadable(Reason.UNKNOWN_CODE, path, form)
    return (*for_all, *grouped)


def _groups(stated: Iterable[tuple[ReferenceRange, LimitsOfGroup]], meaning: Meaning) -> Iterable[LimitsOfGroup]:
    for each, row in stated:
        try:
            low, high = (_age(bound) for bound in (each.age.low, each.age.high)) if each.age else (None, None)
            yield LimitsOfGroup(row.low, row.high, _sex(each.applies_to, meaning), low, high)
        except _OtherGroup:
            continue


def _row(chosen: ReferenceRange, of: Concept, path: str, unit: str | None) -> LimitsOfGroup:
    low, high = (
        None if bound is None else values.quantity(bound, of, f"{path}.referenceRange.{side}", unit)
        for side, bound in (("low", chosen.low), ("high", chosen.high))
    )
    if low is not None and high is not None and low.value > high.value:
        raise Unreadable(Reason.IMPOSSIBLE_VALUE, f"{path}.referenceRange", "expected low at most high")
    return LimitsOfGroup(low, high)


def _sex(stated: tuple[CodeableConcept, ...], meaning: Meaning) -> _Sex | None:
    """The sex that a range is for; None where it is for both."""
    named = {_sex_named(each, meaning) for each in stated}
    if None in named:
        raise _OtherGroup
    return named.pop() if len(named) == 1 else None


def _sex_named(stated: CodeableConcept, meaning: Meaning) -> _Sex | None:
    found = meaning.of_kind(Kind.SEX, stated)
    words = found.id if found is not None else (stated.text or "").strip().lower()
    return cast("_Sex", words) if words in ("male", "female") else None


def _age(bound: FhirQuantity | None) -> AgeBound | None:
    if bound is None:
        return None
    unit = _BY_SPELLING.get((values.unit_of(bound) or "a").lower())
    try:
        count = values.number(bound.value, "")
    except Unreadable:
        raise _OtherGroup from None
    if unit is None or bound.comparator is not None or count != count.to_integral_value() or not 0 <= count < _OLDEST:
        raise _OtherGroup
    return AgeBound(int(count), unit)


def _is_normal(stated: ReferenceRange) -> bool:
    return stated.type is None or any(coding.code == "normal" for coding in stated.type.coding)
