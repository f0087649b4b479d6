"""Laboratory results: decides value, limits of normal, or the reason why there is no value.

Does not decide whether a value is normal. What cannot be read is refused, except limits: those are noted.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from shared.facts import Laboratory, LimitsOfGroup
from shared.fhir import values
from shared.fhir.ranges import limits
from shared.fhir.reading import IssueCode, Reason, Unreadable
from shared.fhir.statement import Statement
from shared.quantities import Quantity


def laboratory(said: Statement) -> Laboratory | None:
    """A laboratory result in canonical units with its limits of normal; None while there is none yet."""
    measured, words = _measured(said), None
    if measured is None:
        words = values.result_in_words(said.value, said.record.meaning)
    reason = None
    if measured is None and words is None:
        reason = values.absent_reason(said.value)
        if reason is None:
            if not said.final or (not said.at and said.whole.component):
                return None
            raise _no_result(said)
    ranges, source = _limits(said) if measured is not None else ((), None)
    general = ranges[0] if len(ranges) == 1 and ranges[0].is_for_all else None
    return Laboratory(
        source=said.record.source,
        occurred=said.occurred,
        concept=said.concept.id,
        value=measured,
        text=words,
        low=general.low if general else None,
        high=general.high if general else None,
        limits_from=source,
        ranges=() if general else ranges,
        absent_reason=reason,
        final=said.final,
        stated_by=_stated_by(said, measured),
    )


def _stated_by(said: Statement, measured: Quantity | None) -> Literal["mass", "mol"] | None:
    """By mass or by mol, where the canonical unit is the other: published bounds of the two are rounded apart."""
    if measured is None or said.value.value_quantity is None or said.concept.molar_mass is None:
        return None
    by_mol = "mol" in (values.unit_of(said.value.value_quantity) or measured.unit).casefold()
    if by_mol is ("mol" in measured.unit):
        return None
    return "mol" if by_mol else "mass"


def _measured(said: Statement) -> Quantity | None:
    if said.value.value_quantity is not None and not said.lacks_number:
        return values.quantity(said.value.value_quantity, said.concept, said.path("valueQuantity"))
    if said.value.value_integer is not None and said.concept.unit == "1":
        return Quantity(Decimal(said.value.value_integer), "1")
    return None


def _no_result(said: Statement) -> Unreadable:
    value = said.value
    form = "expected valueQuantity" if said.concept.unit else "expected a coded result, such as negative"
    if value.value_string is not None or value.value_codeable_concept is not None:
        return Unreadable(Reason.UNKNOWN_CODE, said.path("value[x]"), form)
    if value.value_integer is not None or value.value_boolean is not None:
        return Unreadable(Reason.WRONG_TYPE, said.path("value[x]"), form)
    if bytes(value.value_range) or bytes(value.value_ratio):
        return Unreadable(Reason.WRONG_TYPE, said.path("value[x]"), form)
    return Unreadable(Reason.MISSING, said.path("value[x]"), form)


def _limits(said: Statement) -> tuple[tuple[LimitsOfGroup, ...], Literal["resource", "site"] | None]:
    """The resource's own limits first, then the site's (clinical rules, section 4)."""
    try:
        stated = limits(said.value, said.concept, said.path("")[:-1], said.record.meaning)
    except Unreadable as error:
        said.record.note(IssueCode.REFERENCE_RANGE, f"{said.at}referenceRange", error.says)
        return (), None
    if stated:
        return stated, "resource"
    configured = said.record.meaning.limits(said.concept)
    return configured, "site" if configured else None
