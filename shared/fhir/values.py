"""Decides what a FHIR value says: a quantity in canonical units, a result in words.

Does not decide what a value means. Refusals name the field and the expected form, never the value.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final, cast

from msgspec import Raw

from shared.fhir.elements import FhirQuantity, Value, code_set
from shared.fhir.meaning import Meaning
from shared.fhir.reading import Reason, Unreadable
from shared.quantities import (
    Comparator,
    IncompatibleUnit,
    Quantity,
    QuantityError,
    UnknownUnit,
    to_canonical,
)
from shared.terminology import Concept, Kind, by_kind

UCUM: Final = "http://unitsofmeasure.org"

ABSENT_REASONS: Final = code_set(
    """
    unknown asked-unknown temp-unknown not-asked asked-declined masked not-applicable unsupported as-text
    error not-a-number negative-infinity positive-infinity not-performed not-permitted
    """
)
"""HL7 data-absent-reason."""

_WORDS: Final = {row.id.replace("-", " "): row.id for row in by_kind(Kind.RESULT)} | {
    "neg": "negative",
    "pos": "positive",
    "nonreactive": "non-reactive",
    "undetected": "not-detected",
    "none detected": "not-detected",
    "target not detected": "not-detected",
}


def number(raw: Raw, path: str) -> Decimal:
    """A JSON number with the digits as written."""
    text = bytes(raw).decode("ascii", "replace")
    if text in ("", "null"):
        raise Unreadable(Reason.MISSING, path, "expected a number")
    if text[0] not in "-0123456789":
        raise Unreadable(Reason.WRONG_TYPE, path, "expected a JSON number")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Unreadable(Reason.IMPOSSIBLE_VALUE, path, "expected a number") from None


def quantity(stated: FhirQuantity, of: Concept, path: str, default_unit: str | None = None) -> Quantity:
    """A quantity in the canonical unit of its concept; raises `Unreadable`."""
    value = number(stated.value, f"{path}.value")
    if stated.comparator not in (None, "<", "<=", ">", ">="):
        raise Unreadable(Reason.UNKNOWN_CODE, f"{path}.comparator", "expected <, <=, > or >=")
    unit = unit_of(stated) or default_unit or ""
    if not unit and of.unit != "1":
        raise Unreadable(Reason.MISSING, f"{path}.code", f"expected a unit such as {of.unit}")
    try:
        canonical = to_canonical(Quantity(value, unit, cast("Comparator | None", stated.comparator)), of)
    except UnknownUnit:
        expected = f"expected a UCUM unit such as {of.unit}"
        raise Unreadable(Reason.UNKNOWN_UNIT, f"{path}.code", expected) from None
    except IncompatibleUnit:
        expected = f"expected {of.unit or 'no quantity'}, or a unit that converts to it"
        raise Unreadable(Reason.INCOMPATIBLE_UNIT, f"{path}.code", expected) from None
    except (QuantityError, ArithmeticError):
        form = "expected a number of a physical size"
        raise Unreadable(Reason.IMPOSSIBLE_VALUE, f"{path}.value", form) from None
    if canonical.value < 0:
        raise Unreadable(Reason.IMPOSSIBLE_VALUE, f"{path}.value", "expected a value of 0 or more")
    return canonical


def exact(stated: FhirQuantity, of: Concept, path: str) -> Decimal:
    """A quantity without comparator, as a number in the canonical unit."""
    canonical = quantity(stated, of, path)
    if canonical.comparator is not None:
        raise Unreadable(Reason.IMPOSSIBLE_VALUE, f"{path}.comparator", "expected an exact value")
    return canonical.value


def result_in_words(value: Value, meaning: Meaning) -> str | None:
    """A result such as `negative` or `detected`, from its code, else from its words."""
    coded = value.value_codeable_concept
    if (found := meaning.of_kind(Kind.RESULT, coded)) is not None:
        return found.id
    words = (value.value_string or (coded.text if coded else None) or "").lower()
    return _WORDS.get(" ".join(words.replace("-", " ").split()))


def absent_reason(value: Value) -> str | None:
    """Why there is no value, as the record says it."""
    if value.data_absent_reason is None:
        return None
    codes = (coding.code for coding in value.data_absent_reason.coding)
    return next((code for code in codes if code in ABSENT_REASONS), "unknown")


def unit_of(stated: FhirQuantity) -> str | None:
    """The unit of a quantity, if it states one."""
    """The code where it is UCUM's (or claims no other system), else the words."""
    if stated.code and stated.system in (None, UCUM):
        return stated.code
    return stated.unit or stated.code
