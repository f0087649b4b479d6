"""Decides whether a code can be one of its coding system: its shape and, where it has one, its check digit.

Does not decide what a code means: that is `shared.terminology`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

LOINC: Final = "http://loinc.org"
SNOMED_CT: Final = "http://snomed.info/sct"
ICD_10_CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10: Final = "http://hl7.org/fhir/sid/icd-10"
ATC: Final = "http://www.whocc.no/atc"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOCAL_SYSTEM: Final = "https://graftwatch.example/fhir/CodeSystem/clinical"
PSEUDONYM_SYSTEM: Final = "https://graftwatch.example/fhir/NamingSystem/pseudonym"
"""Of the identifier by which our own records, going out and coming in, name a patient."""

_LOINC_SHAPE: Final = re.compile(r"[0-9]{1,7}-[0-9]")
_SNOMED_SHAPE: Final = re.compile(r"[1-9][0-9]{5,17}")
_ICD_10_CM_SHAPE: Final = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")
_ICD_10_SHAPE: Final = re.compile(r"[A-Z][0-9]{2}(\.[0-9]{1,2})?")
_ATC_SHAPE: Final = re.compile(r"[A-Z][0-9]{2}[A-Z]{2}[0-9]{2}")
_RXNORM_SHAPE: Final = re.compile(r"[1-9][0-9]{0,7}")
_LOCAL_SHAPE: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_ANY_SHAPE: Final = re.compile(r"\S+( \S+)*")

# Verhoeff's scheme: multiplication in the dihedral group D5, and the permutation by position from the right.
_DIHEDRAL: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_PERMUTATION: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)


class InvalidCode(ValueError):  # noqa: N818 - named for what it says
    """A code cannot be one of its system; the text names the system and the expected form."""


def passes_mod_10(digits: str) -> bool:
    """The last digit is the mod-10 (Luhn) check digit of those before it (LOINC Users' Guide)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(sum(divmod(number, 10)) for number in doubled) % 10 == 0


def passes_verhoeff(digits: str) -> bool:
    """The last digit is the Verhoeff check digit of those before it (SNOMED CT release file format)."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _DIHEDRAL[check][_PERMUTATION[place % 8][int(digit)]]
    return check == 0


def _is_loinc(value: str) -> bool:
    return _LOINC_SHAPE.fullmatch(value) is not None and passes_mod_10(value.replace("-", ""))


def _is_snomed_concept(value: str) -> bool:
    # The two digits before the check digit say what is identified: 00 and 10 are concepts.
    return _SNOMED_SHAPE.fullmatch(value) is not None and value[-3:-1] in ("00", "10") and passes_verhoeff(value)


def _has(shape: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: shape.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class CodingSystem:
    """One coding system: its name, the form of its codes in words, and the check of that form."""

    name: str
    form: str
    accepts: Callable[[str], bool]


SYSTEMS: Final[Mapping[str, CodingSystem]] = MappingProxyType(
    {
        LOINC: CodingSystem("LOINC", "up to 7 digits, a hyphen and the right check digit", _is_loinc),
        SNOMED_CT: CodingSystem(
            "SNOMED CT", "6 to 18 digits of a concept with the right check digit", _is_snomed_concept
        ),
        ICD_10_CM: CodingSystem("ICD-10-CM", "a form like T86.41, with the dot", _has(_ICD_10_CM_SHAPE)),
        ICD_10: CodingSystem("ICD-10 (WHO)", "a form like C22.0, with the dot", _has(_ICD_10_SHAPE)),
        ATC: CodingSystem("ATC", "a substance (5th level), a form like L04AD02", _has(_ATC_SHAPE)),
        RXNORM: CodingSystem("RxNorm", "a number of at most 8 digits", _has(_RXNORM_SHAPE)),
        LOCAL_SYSTEM: CodingSystem("Graftwatch", "lower-case words joined by hyphens", _has(_LOCAL_SHAPE)),
    }
)
_OTHER_SYSTEM: Final = CodingSystem("a site's own system", "a text without spaces at its ends", _has(_ANY_SHAPE))


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """A code in a coding system, known to be possible there; a system not listed here takes any FHIR code."""

    system: str
    value: str

    def __post_init__(self) -> None:
        system = SYSTEMS.get(self.system, _OTHER_SYSTEM)
        if not self.system:
            raise InvalidCode("a code needs the URI of its coding system")
        if not system.accepts(self.value):
            raise InvalidCode(f"not a code of {system.name}: expected {system.form}")
