"""Conversions and comparisons of measured values."""

import subprocess
import sys
from decimal import Decimal

import msgspec
import pytest

from shared.quantities import (
    Comparator,
    IncompatibleUnit,
    Quantity,
    QuantityError,
    UnknownUnit,
    above,
    at_least,
    at_most,
    below,
    ratio,
    times,
    to_canonical,
)
from shared.terminology import concept

EXACT = [
    ("albumin", "1", "mg/dL", "0.001"),
    ("albumin", "35", "g/L", "3.5"),
    ("albumin", "2.8", "g/dl", "2.8"),
    ("haemoglobin", "90", "g/L", "9"),
    ("ph", "7.37", "[pH]", "7.37"),
    ("ph", "7.37", "pH", "7.37"),
    ("ph", "7.37", "1", "7.37"),
    ("platelets", "50", "10*3/uL", "50"),
    ("platelets", "50", "K/uL", "50"),
    ("platelets", "50", "K/µL", "50"),
    ("platelets", "50", "K/μL", "50"),
    ("platelets", "50", "10^9/L", "50"),
    ("platelets", "50", "x10E9/L", "50"),
    ("platelets", "50", "×10^9/L", "50"),
    ("platelets", "50", "*10^9/L", "50"),
    ("platelets", "50", "10⁹/L", "50"),
    ("platelets", "50", "G/L", "50"),
    ("platelets", "50000", "/uL", "50"),
    ("platelets", "50000", "/mm3", "50"),
    ("platelets", "50000", "cells/uL", "50"),
    ("platelets", "500", "100/uL", "50"),
    ("neutrophils", "1500", "{cells}/uL", "1.5"),
    ("bilirubin-total", "100", "umol/L", "5.8467"),
    ("bilirubin-total", "100", "µmol/L", "5.8467"),
    ("bilirubin-total", "100", "μmol/L", "5.8467"),
    ("bilirubin-total", "20", "mg/L", "2"),
    ("creatinine", "100", "umol/L", "1.1312"),
    ("glucose", "5", "mmol/L", "90.078"),
    ("calcium", "2.5", "mmol/L", "10.0195"),
    ("calcium", "5", "meq/L", "10.0195"),
    ("potassium", "4.1", "mEq/L", "4.1"),
    ("alt", "40", "[IU]/L", "40"),
    ("alt", "40", "IU/L", "40"),
    ("alt", "40", "u/L", "40"),
    ("alt", "1", "ukat/L", "60"),
    ("alt", "1", "µkat/L", "60"),
    ("alt", "0.04", "kU/L", "40"),
    ("tsh", "4.2", "mIU/L", "4.2"),
    ("tsh", "4.2", "mU/L", "4.2"),
    ("tsh", "4.2", "u[IU]/mL", "4.2"),
    ("tsh", "4.2", "µIU/mL", "4.2"),
    ("hbv-dna", "2000", "IU/mL", "2000"),
    ("hbv-dna", "2", "k[IU]/mL", "2000"),
    ("afp", "400", "ug/L", "400"),
    ("tacrolimus-trough", "6.5", "mcg/L", "6.5"),
    ("tacrolimus-trough", "10", "nmol/L", "8.0402"),
    ("sirolimus-level", "1000", "pmol/L", "0.91417"),
    ("inr", "1.2", "", "1.2"),
    ("inr", "1.2", "1", "1.2"),
    ("inr", "1.2", "{INR}", "1.2"),
    ("inr", "1.2", "INR", "1.2"),
    ("ecog", "1", "{score}", "1"),
    ("longest-diameter", "2.3", "cm", "23"),
    ("longest-diameter", "2.30", "cm", "23"),
    ("longest-diameter", "10", "cm", "100"),
    ("pd-l1", "0.5", "%", "0.5"),
    ("tacrolimus", "0.0005", "g", "0.5"),
]

INCOMPATIBLE = [
    ("albumin", "umol/L"),
    ("albumin", "U/L"),
    ("albumin", ""),
    ("alt", "mg/dL"),
    ("alt", "%"),
    ("platelets", "[IU]/L"),
    ("platelets", "[arb'U]/L"),
    ("hbv-dna", "{copies}/mL"),
    ("hbv-dna", "copies/mL"),
    ("afp", "kU/L"),
    ("glucose", "meq/L"),
    ("inr", "%"),
    ("inr", "s"),
    ("haemoglobin", "G/L"),
    ("longest-diameter", "mm2"),
    ("tacrolimus", "mg/kg"),
    ("hbsag", "1"),
    ("washout", "mm"),
]

UNKNOWN = [
    "foo",
    "mg per dL",
    "mg//dL",
    "{",
    "[pH]",
    "10*999999999/L",
    "(10*99)99/L",
    "m" * 5000,
    "mg/dL;",
    "§",
]


def _quantity(value: str, unit: str = "U/L", comparator: Comparator | None = None) -> Quantity:
    return Quantity(Decimal(value), unit, comparator)


def _reading(text: str, unit: str = "1") -> Quantity:
    """`<0.5` as a quantity."""
    for comparator in ("<=", ">=", "<", ">"):
        if text.startswith(comparator):
            return _quantity(text.removeprefix(comparator), unit, comparator)
    return _quantity(text, unit)


@pytest.mark.parametrize(("concept_id", "value", "unit", "expected"), EXACT)
def test_a_finite_conversion_is_exact(concept_id: str, value: str, unit: str, expected: str) -> None:
    """No trace of a float: the digits are those of arithmetic by hand."""
    converted = to_canonical(_quantity(value, unit), concept(concept_id))
    assert str(converted.value) == expected
    assert converted.unit == concept(concept_id).unit


def test_a_conversion_without_finite_decimal_keeps_twelve_digits() -> None:
    """Potassium in mg/dL divides by a molar mass: 12 significant digits."""
    converted = to_canonical(_quantity("16", "mg/dL"), concept("potassium"))
    assert converted.value == Decimal("4.09228093509")


def test_a_canonical_value_keeps_its_written_precision() -> None:
    """1.00 stays 1.00: what was reported is not restyled."""
    assert str(to_canonical(_quantity("1.00", "mg/dL"), concept("creatinine")).value) == "1.00"


def test_a_comparator_survives_conversion() -> None:
    """`<3 g/L` is `<0.3 g/dL`."""
    assert to_canonical(_quantity("3", "g/L", "<"), concept("albumin")) == _quantity("0.3", "g/dL", "<")


@pytest.mark.parametrize(("concept_id", "unit"), INCOMPATIBLE)
def test_a_unit_of_another_kind_is_refused(concept_id: str, unit: str) -> None:
    """A known unit that does not measure this concept never converts, arbitrary units and shares included."""
    with pytest.raises(IncompatibleUnit, match=concept_id):
        to_canonical(_quantity("987.654", unit), concept(concept_id))


@pytest.mark.parametrize("unit", UNKNOWN)
def test_an_unknown_unit_is_refused(unit: str) -> None:
    """What is not UCUM, or too large to be a unit, is unknown; quickly, and again when it comes again."""
    for _ in range(2):
        with pytest.raises(UnknownUnit, match="albumin expects g/dL"):
            to_canonical(_quantity("1", unit), concept("albumin"))


@pytest.mark.parametrize("unit", ["foo", "U/L"])
def test_a_refusal_names_unit_and_expected_form_but_never_the_value(unit: str) -> None:
    """The text can go to a log."""
    with pytest.raises(QuantityError) as refused:
        to_canonical(_quantity("987.654", unit), concept("albumin"))
    assert repr(unit) in str(refused.value)
    assert "g/dL" in str(refused.value)
    assert "987" not in str(refused.value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1E+999999", "1E-999999"])
def test_a_number_of_no_physical_size_is_no_quantity(value: str) -> None:
    """Not finite, or so large that arithmetic would exhaust the machine."""
    with pytest.raises(QuantityError):
        _quantity(value)


@pytest.mark.parametrize(
    ("reading", "bound", "expected"),
    [
        ("3", "3", (True, True, False, False)),
        ("3.1", "3", (True, False, True, False)),
        ("2.9", "3", (False, True, False, True)),
        ("<0.5", "1", (False, True, False, True)),
        ("<0.5", "0.2", (None, None, None, None)),
        ("<0.5", "0.5", (False, True, False, True)),
        ("<=0.5", "0.5", (None, True, False, None)),
        (">0.2", "0.2", (True, False, True, False)),
        (">=0.2", "0.2", (True, None, None, False)),
        (">0.2", "1", (None, None, None, None)),
        (">20", "3", (True, False, True, False)),
        ("<3", ">3", (False, True, False, True)),
        ("<=3", ">=3", (None, True, False, None)),
        ("<3", "<5", (None, None, None, None)),
        ("<3", "<3", (None, None, None, None)),
        ("<=3", ">3", (False, True, False, True)),
    ],
)
def test_a_comparison_answers_only_what_is_certain(reading: str, bound: str, expected: tuple[bool | None, ...]) -> None:
    """At least, at most, above, below: None where the comparator leaves it open."""
    left, right = _reading(reading), _reading(bound)
    assert tuple(compare(left, right) for compare in (at_least, at_most, above, below)) == expected


def test_a_bare_bound_is_in_the_unit_of_the_quantity() -> None:
    """A number as bound is read in the quantity's own unit."""
    assert at_least(_quantity("3"), Decimal(3)) is True
    assert above(_quantity("3"), Decimal(3)) is False


@pytest.mark.parametrize("compare", [at_least, at_most, above, below, ratio])
def test_different_units_are_never_compared(compare: object) -> None:
    """Comparing without converting is an error, not an answer."""
    assert callable(compare)
    with pytest.raises(IncompatibleUnit):
        compare(_quantity("3", "g/L"), _quantity("3", "g/dL"))


def test_a_multiple_of_a_limit_is_exact() -> None:
    """100.2 is exactly 3 x 33.4, hence not above it."""
    assert above(_quantity("100.2"), times(_quantity("33.4"), Decimal(3))) is False
    assert above(_quantity("100.3"), times(_quantity("33.4"), Decimal(3))) is True


def test_a_multiple_is_of_a_positive_factor() -> None:
    """A factor of zero or below would turn the comparator around."""
    with pytest.raises(QuantityError):
        times(_quantity("1"), Decimal(0))


@pytest.mark.parametrize(
    ("reading", "to", "expected"),
    [
        ("120", "40", "3"),
        ("1", "3", "0.333333333333"),
        ("<10", "40", "<0.25"),
        ("<=10", "40", "<=0.25"),
        ("120", "<40", ">3"),
        ("120", "<=40", ">=3"),
        (">120", "<=40", ">3"),
        (">=120", "<=40", ">=3"),
        ("<10", "<40", None),
        (">10", ">=40", None),
        ("10", "0", None),
        ("-1", "40", None),
    ],
)
def test_a_ratio_carries_what_is_known(reading: str, to: str, expected: str | None) -> None:
    """Multiples have no unit and the comparator that is certain, or there is none."""
    answer = ratio(_reading(reading, "U/L"), _reading(to, "U/L"))
    assert answer == (None if expected is None else _reading(expected))


def test_a_quantity_survives_json() -> None:
    """Encoding and decoding keeps digits, unit and comparator."""
    for quantity in (_quantity("1.00"), _quantity("0.5", "mg/dL", "<")):
        assert msgspec.json.decode(msgspec.json.encode(quantity), type=Quantity) == quantity
    assert b'"1.00"' in msgspec.json.encode(_quantity("1.00"))


def test_the_unit_reader_is_loaded_only_for_a_foreign_unit() -> None:
    """Importing, and a canonical value, cost no start-up time."""
    program = (
        "import sys; from decimal import Decimal;"
        "from shared.quantities import Quantity, to_canonical; from shared.terminology import concept;"
        "to_canonical(Quantity(Decimal(40), 'U/L'), concept('alt'));"
        "to_canonical(Quantity(Decimal(40), 'IU/L'), concept('alt')) if len(sys.argv) > 1 else None;"
        "print('pint' in sys.modules)"
    )
    for extra, expected in (([], "False"), (["foreign"], "True")):
        run = subprocess.run([sys.executable, "-c", program, *extra], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == expected


def test_once_warm_a_foreign_unit_loads_nothing_more() -> None:
    """What a foreign unit needs is loaded by `warm_up`, in whichever thread that ran."""
    program = (
        "import sys; from decimal import Decimal; from threading import Thread;"
        "from shared.quantities import Quantity, to_canonical, warm_up; from shared.terminology import concept;"
        "thread = Thread(target=warm_up); thread.start(); thread.join(); loaded = set(sys.modules);"
        "to_canonical(Quantity(Decimal(40), 'g/L'), concept('albumin'));"
        "print('pint' in loaded, sorted(set(sys.modules) - loaded))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True []"
