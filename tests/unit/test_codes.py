"""What can be a code of each coding system."""

import pytest

from shared.codes import (
    ATC,
    ICD_10,
    ICD_10_CM,
    LOCAL_SYSTEM,
    LOINC,
    RXNORM,
    SNOMED_CT,
    SYSTEMS,
    Code,
    InvalidCode,
    passes_mod_10,
    passes_verhoeff,
)

POSSIBLE = [
    (LOINC, "1742-6"),
    (LOINC, "115766-8"),
    (SNOMED_CT, "25370001"),
    (SNOMED_CT, "737297006"),
    (ICD_10_CM, "C22.0"),
    (ICD_10_CM, "T86.41"),
    (ICD_10_CM, "C22"),
    (ICD_10, "Z94.4"),
    (ATC, "L04AD02"),
    (RXNORM, "42316"),
    (LOCAL_SYSTEM, "viable-diameter"),
    ("urn:oid:1.2.3", "ALT (SGPT)"),
]

IMPOSSIBLE = [
    (LOINC, "1742-7"),
    (LOINC, "17426"),
    (LOINC, "1742-6 "),
    (SNOMED_CT, "25370002"),
    (SNOMED_CT, "25370"),
    (SNOMED_CT, "025370001"),
    (ICD_10_CM, "T8641"),
    (ICD_10_CM, "t86.41"),
    (ICD_10_CM, "T86."),
    (ICD_10, "T86.411"),
    (ATC, "L04AD"),
    (ATC, "l04ad02"),
    (RXNORM, "0"),
    (RXNORM, "42316a"),
    (LOCAL_SYSTEM, "Viable Diameter"),
    (LOCAL_SYSTEM, "viable--diameter"),
    ("urn:oid:1.2.3", ""),
    ("urn:oid:1.2.3", " padded"),
    ("", "1742-6"),
]


@pytest.mark.parametrize(("system", "value"), POSSIBLE)
def test_a_well_formed_code_is_accepted(system: str, value: str) -> None:
    """A code of the right shape and check digit is a code."""
    assert Code(system, value).value == value


@pytest.mark.parametrize(("system", "value"), IMPOSSIBLE)
def test_an_impossible_code_is_refused(system: str, value: str) -> None:
    """A wrong shape, check digit, case or padding makes no code."""
    with pytest.raises(InvalidCode):
        Code(system, value)


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_a_refusal_names_the_expected_form_and_not_the_value(system: str) -> None:
    """The text says what was expected and never repeats what was sent."""
    with pytest.raises(InvalidCode) as refused:
        Code(system, "!Smith?")
    assert SYSTEMS[system].form in str(refused.value)
    assert "Smith" not in str(refused.value)


@pytest.mark.parametrize("number", ["17426", "1157668", "218891"])
@pytest.mark.parametrize("wrong", range(1, 10))
def test_mod_10_notices_a_wrong_check_digit(number: str, wrong: int) -> None:
    """Any other last digit fails."""
    assert passes_mod_10(number)
    assert not passes_mod_10(number[:-1] + str((int(number[-1]) + wrong) % 10))


@pytest.mark.parametrize("number", ["25370001", "18027006", "113091000"])
def test_verhoeff_notices_every_wrong_digit_and_every_swap_of_neighbours(number: str) -> None:
    """Verhoeff's digit finds all single errors and all swaps of neighbours."""
    assert passes_verhoeff(number)
    for place, digit in enumerate(number):
        for other in set("0123456789") - {digit}:
            assert not passes_verhoeff(number[:place] + other + number[place + 1 :])
    for place in range(len(number) - 1):
        if number[place] != number[place + 1]:
            swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
            assert not passes_verhoeff(swapped)


def test_a_snomed_description_is_not_a_concept() -> None:
    """An identifier of a description (partition 01) is refused although its check digit is right."""
    description = next(f"2537001{digit}" for digit in range(10) if passes_verhoeff(f"2537001{digit}"))
    with pytest.raises(InvalidCode):
        Code(SNOMED_CT, description)
