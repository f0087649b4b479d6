"""Decides what a value is in its concept's canonical unit, and what is certain when two values are compared.

Does not decide what a value means: limits, grades and windows are rules.

Units are read by `ucumvert` (0.3.2: beta, one maintainer, UCUM 2.2, Python 3.11 to 3.14) on `pint`, with
fractions instead of floats, so that every factor is exact. They load with the first foreign unit, as that
takes nearly two seconds (`warm_up` does it beforehand); a value already in its canonical unit never needs them.
"""

import re
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from shared.terminology import Concept, concept

if TYPE_CHECKING:
    from pint.util import UnitsContainer

Comparator = Literal["<", "<=", ">", ">="]

SIGNIFICANT_DIGITS: Final = 12
"""Digits kept where a conversion or a ratio has no finite decimal: far finer than any assay, and stable."""

_LARGEST_EXPONENT: Final = 100
_EXACT: Final = Context(prec=300, traps=[Inexact, Overflow, InvalidOperation, DivisionByZero])
_ROUNDED: Final = Context(prec=SIGNIFICANT_DIGITS, traps=[Overflow, InvalidOperation, DivisionByZero])
_MIRRORED: Final[dict[Comparator | None, Comparator | None]] = {
    None: None,
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}


class QuantityError(ValueError):
    """A quantity cannot be used; the text names units and expected forms, never the value."""


class UnknownUnit(QuantityError):  # noqa: N818 - named for what it says
    """A unit that neither UCUM nor the table of other spellings knows."""


class IncompatibleUnit(QuantityError):  # noqa: N818 - named for what it says
    """A known unit of another kind of quantity than the concept's."""


class Quantity(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value in a unit (UCUM); a comparator says that the true value lies beyond what could be measured."""

    value: Decimal
    unit: str
    comparator: Comparator | None = None

    def __post_init__(self) -> None:
        if not self.value.is_finite() or abs(self.value.adjusted()) > _LARGEST_EXPONENT:
            raise QuantityError("a quantity needs a finite number of a physical size")


def warm_up() -> None:
    """Load the units now, from any thread, so that the first foreign unit costs as little as the next."""
    _set_apart()


def to_canonical(quantity: Quantity, of: Concept) -> Quantity:
    """The same quantity in the concept's canonical unit; the comparator stays.

    Exact where the result has a finite decimal, else rounded to `SIGNIFICANT_DIGITS`. Mass and amount of
    substance convert by the concept's molar mass, equivalents by its charge, and U is [IU], because
    laboratories write one for the other. Raises `UnknownUnit` or `IncompatibleUnit`.
    """
    factor = _factor(quantity.unit, of.id)
    if isinstance(factor, _Refusal):
        raise factor.error(factor.message)
    if factor is _SAME or of.unit is None:
        unit = of.unit or quantity.unit
        return quantity if unit == quantity.unit else Quantity(quantity.value, unit, quantity.comparator)
    value = _quotient(quantity.value, Decimal(factor.numerator), Decimal(factor.denominator))
    return Quantity(value, of.unit, quantity.comparator)


def times(quantity: Quantity, factor: Decimal) -> Quantity:
    """A multiple of a quantity, exactly: to ask for ALT above 3 x ULN, compare it with `times(uln, 3)`."""
    if factor <= 0:
        raise QuantityError("a multiple needs a factor above zero")
    return Quantity(_EXACT.multiply(quantity.value, factor), quantity.unit, quantity.comparator)


def ratio(quantity: Quantity, to: Quantity) -> Quantity | None:
    """How many times `to` the quantity is, in unit 1; None where that is not known.

    `<` over a number stays `<`, a number over `<` becomes `>`; two that point apart, a negative value or a
    divisor of zero leave nothing certain. Rounded as a conversion is: to compare with a bound, prefer
    `times`.
    """
    _same_unit(quantity, to)
    directions = {quantity.comparator, _MIRRORED[to.comparator]} - {None}
    if to.value <= 0 or quantity.value < 0 or len({str(direction)[0] for direction in directions}) > 1:
        return None
    # Where one side is strict, the ratio is: `<` before `<=`.
    comparator = min(directions, key=lambda direction: len(str(direction)), default=None)
    return Quantity(_quotient(quantity.value, Decimal(1), to.value), "1", comparator)


def at_least(quantity: Quantity, bound: Quantity | Decimal) -> bool | None:
    """Whether the quantity is >= the bound; None where its comparator leaves that open.

    `<0.5` is certainly not at least 1; whether it is at least 0.2 is unknown. A bare number is in the
    quantity's unit.
    """
    left, right = _extent(quantity), _extent(_in_unit_of(quantity, bound))
    if left.lowest >= right.highest:
        return True
    if left.highest < right.lowest or (left.highest == right.lowest and (left.open_above or right.open_below)):
        return False
    return None


def at_most(quantity: Quantity, bound: Quantity | Decimal) -> bool | None:
    """Whether the quantity is <= the bound; None where its comparator leaves that open."""
    return at_least(_in_unit_of(quantity, bound), quantity)


def above(quantity: Quantity, bound: Quantity | Decimal) -> bool | None:
    """Whether the quantity is > the bound; None where its comparator leaves that open."""
    return _not(at_most(quantity, bound))


def below(quantity: Quantity, bound: Quantity | Decimal) -> bool | None:
    """Whether the quantity is < the bound; None where its comparator leaves that open."""
    return _not(at_least(quantity, bound))


@dataclass(frozen=True, slots=True)
class _Extent:
    """Where a true value can lie; an open end is not reached."""

    lowest: Decimal
    highest: Decimal
    open_below: bool = False
    open_above: bool = False


def _extent(quantity: Quantity) -> _Extent:
    match quantity.comparator:
        case None:
            return _Extent(quantity.value, quantity.value)
        case "<" | "<=":
            return _Extent(Decimal("-Infinity"), quantity.value, open_above=quantity.comparator == "<")
        case ">" | ">=":
            return _Extent(quantity.value, Decimal("Infinity"), open_below=quantity.comparator == ">")


def _in_unit_of(quantity: Quantity, bound: Quantity | Decimal) -> Quantity:
    if isinstance(bound, Decimal):
        return Quantity(bound, quantity.unit)
    _same_unit(quantity, bound)
    return bound


def _same_unit(one: Quantity, other: Quantity) -> None:
    if one.unit != other.unit:
        raise IncompatibleUnit(f"{_shown(one.unit)} cannot be compared with {_shown(other.unit)}: convert both first")


def _not(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _quotient(value: Decimal, numerator: Decimal, denominator: Decimal) -> Decimal:
    """value x numerator / denominator without trailing zeros, so that equal results are written alike."""
    product = _EXACT.multiply(value, numerator)
    try:
        shortest = _EXACT.divide(product, denominator).normalize(_EXACT)
    except Inexact:
        shortest = _ROUNDED.divide(product, denominator).normalize(_ROUNDED)
    return Decimal(f"{shortest:f}")  # 1E+2 is 100


# What hospitals write instead of UCUM, applied in this order to a unit without its spaces.
_SPELLINGS: Final = tuple(
    (re.compile(pattern), ucum)
    for pattern, ucum in (
        (r"[\u00b5\u03bc]", "u"),  # the micro sign and the Greek letter
        (r"mcg", "ug"),
        (r"mEq", "meq"),
        (r"^u(?=/[lL]$)", "U"),
        (r"^(\{?INR\}?|[Rr]atio|)$", "1"),
        (r"^[x\u00d7*]?10(\^|\*\*?|[eE])\(?\+?(\d{1,2})\)?", r"10*\2"),
        (r"^[x\u00d7*]?10\u00b3", "10*3"),
        (r"^[x\u00d7*]?10\u2076", "10*6"),
        (r"^[x\u00d7*]?10\u2079", "10*9"),
        (r"^([Kk]|[Tt]hou)(?=/)", "10*3"),  # K is kelvin in UCUM, M/ and G/ are no units there
        (r"^(M|[Mm]ill?)(?=/)", "10*6"),
        (r"^G(?=/L$)", "10*9"),
        (r"(?<![{A-Za-z])([Cc]ells?|[Cc]opies)(?=/)", r"{\1}"),
        (r"/(cumm|cmm|mm\^3|mm\u00b3)$", "/mm3"),
        (r"(?<![\[A-Za-z])([kmun]?)(IU|iU)(?![A-Za-z\]])", r"\1[IU]"),
    )
)
# UCUM's [pH] is a logarithm, which the library does not read; a pH is stated in it or as a bare number, all the same.
_OWN_SCALE: Final = {"ph": ("[pH]", "pH")}
_ANNOTATION: Final = re.compile(r"\{[^{}]*\}")
# An exponent of three digits, or a power of a bracket, is no unit of medicine but can take hours to compute.
_HUGE_POWER: Final = re.compile(r"[^\d/.(][+-]?\d{3}|\)[+-]?\d")
_LONGEST_UNIT: Final = 60


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a unit does not convert; kept like a factor, so that a stream of bad units is read only once."""

    error: type[QuantityError]
    message: str


@dataclass(frozen=True, slots=True)
class _Measure:
    """What a unit is: so many base units of this dimension."""

    size: Fraction
    dimension: "UnitsContainer"


_SAME: Final = Fraction(1)
"""Told by identity: a fraction compares itself with a number slowly, and most results need no conversion."""


@lru_cache(maxsize=4096)
def _factor(unit: str, concept_id: str) -> Fraction | _Refusal:
    """What to multiply a value in `unit` by to have it in the concept's canonical unit."""
    wanted = concept(concept_id)
    if wanted.unit is None:
        return _Refusal(IncompatibleUnit, f"{wanted.id} has no unit, but {_shown(unit)} was given")
    spelt = _in_ucum(unit)
    if spelt == wanted.unit or spelt in _OWN_SCALE.get(concept_id, ()):
        return _SAME
    try:
        factor = _conversion(spelt, wanted)
    except UnknownUnit:
        return _Refusal(UnknownUnit, f"{_shown(unit)} is not a unit of UCUM: {wanted.id} expects {_forms(wanted)}")
    if factor is None:
        return _Refusal(IncompatibleUnit, f"{_shown(unit)} does not measure {wanted.id}: expected {_forms(wanted)}")
    return _SAME if factor == 1 else factor


def _conversion(unit: str, wanted: Concept) -> Fraction | None:
    given, canonical = _measure(unit), _measure(str(wanted.unit))
    # A bare number is never a share or a count: a percentage under the INR's code is another test (Quick).
    if wanted.unit == "1" and given.size != 1:
        return None
    for bridge in _bridges(wanted):
        if given.dimension * bridge.dimension == canonical.dimension:
            return given.size * bridge.size / canonical.size
        if given.dimension == canonical.dimension * bridge.dimension:
            return given.size / bridge.size / canonical.size
    return None


def _bridges(wanted: Concept) -> list[_Measure]:
    """What links one kind of quantity to another for this concept."""
    bridges = [_measure("1"), _measure("U/[IU]")]
    if wanted.charge is not None:
        bridges.append(_scaled("mol/eq", Fraction(1, wanted.charge)))
    if wanted.molar_mass is not None:
        bridges.append(_scaled("g/mol", Fraction(wanted.molar_mass.grams_per_mole)))
    if wanted.charge is not None and wanted.molar_mass is not None:
        bridges.append(_scaled("g/eq", Fraction(wanted.molar_mass.grams_per_mole) / wanted.charge))
    return bridges


def _scaled(unit: str, by: Fraction) -> _Measure:
    measure = _measure(unit)
    return _Measure(measure.size * by, measure.dimension)


def _in_ucum(unit: str) -> str:
    spelt = "".join(unit.split())
    for pattern, ucum in _SPELLINGS:
        spelt = pattern.sub(ucum, spelt)
    return spelt


def _shown(unit: str) -> str:
    return repr(unit if len(unit) <= _LONGEST_UNIT else unit[:_LONGEST_UNIT] + "…")


def _forms(wanted: Concept) -> str:
    forms = ["1 or no unit" if wanted.unit == "1" else f"{wanted.unit} or a unit of the same kind"]
    if wanted.molar_mass is not None:
        forms.append("by mass or by mol")
    if wanted.charge is not None:
        forms.append("by eq")
    return ", ".join(forms) + " (UCUM)"


@cache
def _registry() -> Any:
    from ucumvert import PintUcumRegistry  # noqa: PLC0415 - loads only when needed

    return PintUcumRegistry(non_int_type=Fraction)


@cache
def _set_apart() -> frozenset[str]:
    """Units with a dimension of their own: UCUM's arbitrary units, which convert to nothing, and equivalents.

    The library takes the former for plain numbers (copies would pass for [IU]), and the latter for moles.
    """
    from ucumvert.xml_util import get_units_with_full_definition  # noqa: PLC0415 - loads only when needed

    arbitrary = (unit.code_cs for unit in get_units_with_full_definition() if unit.is_arbitrary)
    return frozenset(str(_registry().from_ucum(code).units) for code in (*arbitrary, "eq"))


@lru_cache(maxsize=1024)
def _measure(unit: str) -> _Measure:
    """What a UCUM unit is, exactly; raises `UnknownUnit`."""
    from lark.exceptions import LarkError  # noqa: PLC0415 - loads only when needed
    from pint.errors import PintError  # noqa: PLC0415 - loads only when needed

    registry = _registry()
    if len(unit) > _LONGEST_UNIT or _HUGE_POWER.search(_ANNOTATION.sub("", unit)):
        raise UnknownUnit(_shown(unit))
    try:
        parsed = registry.from_ucum(unit)
        # An annotation alone, such as {score}, comes back as text: by UCUM it is the number 1.
        quantity = registry.Quantity(1) if isinstance(parsed, str) else parsed
        size, _ = registry.get_base_units(quantity.units)
    except (LarkError, PintError) as cause:
        raise UnknownUnit(_shown(unit)) from cause
    dimension = quantity.dimensionality
    for name, power in quantity.unit_items():
        ((_, root, _),) = registry.parse_unit_name(name)[:1]
        if root in _set_apart():
            dimension = dimension / registry.get_dimensionality(root) ** power
            dimension = dimension * registry.UnitsContainer({f"[{root}]": power})
    # Whole numbers in a unit (100/uL) come as floats, which hold them exactly.
    return _Measure(Fraction(quantity.magnitude) * Fraction(size), dimension)
