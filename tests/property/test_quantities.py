"""Invariants of conversion and comparison."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.quantities import (
    SIGNIFICANT_DIGITS,
    Comparator,
    Quantity,
    QuantityError,
    above,
    at_least,
    at_most,
    below,
    ratio,
    to_canonical,
)
from shared.terminology import CONCEPTS, Concept, concept

COMPARATORS: tuple[Comparator | None, ...] = (None, "<", "<=", ">", ">=")
# Factors worked out by hand from the definitions of the units: a second opinion on the library.
FACTORS = [
    ("albumin", "g/L", Fraction(1, 10)),
    ("bilirubin-total", "umol/L", Fraction("584.67") / 10_000),
    ("creatinine", "umol/L", Fraction("113.12") / 10_000),
    ("potassium", "mg/dL", 10 / Fraction("39.098")),
    ("calcium", "meq/L", Fraction("40.078") / 20),
    ("alt", "ukat/L", Fraction(60)),
    ("alt", "nmol/s/L", Fraction(60, 1000)),
    ("platelets", "/uL", Fraction(1, 1000)),
    ("haemoglobin", "mmol/L", Fraction("16114.5") / 10_000),
    ("everolimus-trough", "nmol/L", Fraction("958.22") / 1000),
    ("longest-diameter", "[in_i]", Fraction("25.4")),
]

values = st.decimals(min_value=0, max_value=10**6, places=4, allow_nan=False, allow_infinity=False)
positive_values = values.filter(lambda value: value > 0)
whole_numbers = st.integers(min_value=0, max_value=6).map(Decimal)
readings = st.builds(Quantity, whole_numbers, st.just("U/L"), st.sampled_from(COMPARATORS))


@pytest.fixture(scope="module", autouse=True)
def unit_reader() -> None:
    """Loads the unit reader before Hypothesis times the first example."""
    to_canonical(Quantity(Decimal(1), "g/L"), concept("albumin"))


def _may_be(reading: Quantity, value: Fraction) -> bool:
    """Whether the true value can be this one, read literally from the comparator."""
    stated = Fraction(reading.value)
    match reading.comparator:
        case None:
            return value == stated
        case "<":
            return value < stated
        case "<=":
            return value <= stated
        case ">":
            return value > stated
        case ">=":
            return value >= stated


# Half steps from -1 to 8 hold a value inside, at and outside every extent that `readings` can have.
CANDIDATES = [Fraction(step, 4) for step in range(-4, 33)]


@given(values, st.sampled_from(FACTORS))
def test_conversion_is_multiplication_by_the_exact_factor(value: Decimal, known: tuple[str, str, Fraction]) -> None:
    """Exact where a finite decimal exists, and within half a unit of the twelfth digit elsewhere."""
    concept_id, unit, factor = known
    converted = Fraction(to_canonical(Quantity(value, unit), concept(concept_id)).value)
    truth = Fraction(value) * factor
    assert abs(converted - truth) <= truth * Fraction(1, 2 * 10 ** (SIGNIFICANT_DIGITS - 1))
    if set(_prime_factors(truth.denominator)) <= {2, 5}:
        assert converted == truth


def _prime_factors(number: int) -> list[int]:
    factors, divisor = [], 2
    while number > 1 and divisor < 10:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return [*factors, number] if number > 1 else factors


@given(st.lists(positive_values, min_size=2, max_size=2, unique=True), st.sampled_from(FACTORS))
def test_conversion_keeps_the_order(pair: list[Decimal], known: tuple[str, str, Fraction]) -> None:
    """What was more stays more in another unit."""
    concept_id, unit, _ = known
    lower, higher = (to_canonical(Quantity(value, unit), concept(concept_id)) for value in sorted(pair))
    assert below(lower, higher)


@given(st.sampled_from(CONCEPTS), st.text(alphabet="mgdLUlIk[]{}/.*^()'%x10239µ -+", max_size=14))
def test_any_text_as_unit_converts_or_is_refused(of: Concept, unit: str) -> None:
    """No text makes the reader fail in any other way, and what converts is in the canonical unit."""
    try:
        converted = to_canonical(Quantity(Decimal(1), unit), of)
    except QuantityError:
        return
    assert converted.unit == of.unit
    assert converted.value > 0


@given(readings, readings)
def test_a_comparison_is_what_every_possible_pair_of_true_values_says(left: Quantity, right: Quantity) -> None:
    """True or False only where all values that the comparators allow agree."""
    pairs = [(one, other) for one in CANDIDATES if _may_be(left, one) for other in CANDIDATES if _may_be(right, other)]
    for compare, truth in (
        (at_least, {one >= other for one, other in pairs}),
        (at_most, {one <= other for one, other in pairs}),
        (above, {one > other for one, other in pairs}),
        (below, {one < other for one, other in pairs}),
    ):
        assert compare(left, right) is (truth.pop() if len(truth) == 1 else None)


@given(positive_values, positive_values, st.sampled_from(COMPARATORS))
def test_a_ratio_of_equals_is_one_and_of_a_conversion_unchanged(
    value: Decimal, other: Decimal, comparator: Comparator | None
) -> None:
    """A multiple of a limit does not depend on the unit of both."""
    albumin = concept("albumin")
    in_grams_per_litre = ratio(Quantity(value, "g/L", comparator), Quantity(other, "g/L"))
    converted = ratio(
        to_canonical(Quantity(value, "g/L", comparator), albumin),
        to_canonical(Quantity(other, "g/L"), albumin),
    )
    assert in_grams_per_litre == converted
    assert ratio(Quantity(value, "U/L"), Quantity(value, "U/L")) == Quantity(Decimal(1), "1")


@given(values, st.sampled_from(COMPARATORS))
def test_encoding_and_decoding_is_identity(value: Decimal, comparator: Comparator | None) -> None:
    """A stored quantity comes back digit by digit."""
    quantity = Quantity(value, "mg/dL", comparator)
    restored = msgspec.json.decode(msgspec.json.encode(quantity), type=Quantity)
    assert (str(restored.value), restored) == (str(value), quantity)


@pytest.mark.parametrize("comparator", COMPARATORS)
def test_a_reading_is_at_least_itself_only_when_exact(comparator: Comparator | None) -> None:
    """Two readings below a limit of detection may differ."""
    reading = Quantity(Decimal(3), "U/L", comparator)
    assert at_least(reading, reading) is (True if comparator is None else None)
