"""Which concept a code or a drug's name stands for, and that the table is in order."""

from collections import Counter
from decimal import Decimal

import pytest

from shared.codes import ATC, ICD_10, ICD_10_CM, LOCAL_SYSTEM, LOINC, RXNORM, SNOMED_CT, Code
from shared.quantities import Quantity, to_canonical
from shared.terminology import (
    CONCEPTS,
    KNOWN_WRONG,
    Concept,
    DrugClass,
    Kind,
    UnknownConcept,
    by_drug_class,
    by_kind,
    concept,
    find,
    find_drug_by_text,
    is_verified,
    known_wrong,
)

BY_CODE = [
    (LOINC, "1742-6", "alt"),
    (LOINC, "751-8", "neutrophils"),
    (LOINC, "26499-4", "neutrophils"),
    (LOINC, "77348-1", "tacrolimus-trough"),
    (LOINC, "11253-2", "tacrolimus-level"),
    (LOINC, "21889-1", "lesion-measurement"),
    (SNOMED_CT, "25370001", "hcc"),
    (ICD_10_CM, "C22.0", "hcc"),
    (ICD_10, "C22.0", "hcc"),
    (ICD_10_CM, "T86.41", "liver-transplant-rejection"),
    (ICD_10_CM, "T86.42", "liver-transplant-failure"),
    (SNOMED_CT, "18027006", "liver-transplantation"),
    (ATC, "L04AH01", "sirolimus"),
    (ATC, "L04AA10", "sirolimus"),
    (RXNORM, "42316", "tacrolimus"),
    (LOCAL_SYSTEM, "camrelizumab", "camrelizumab"),
    (LOCAL_SYSTEM, "viable-diameter", "viable-diameter"),
]

DRUG_TEXTS = [
    ("Camrelizumab for injection 200 mg", "camrelizumab"),
    ("inj. SHR-1210 (PD-1)", "camrelizumab"),
    ("注射用卡瑞利珠单抗 200mg/瓶", "camrelizumab"),
    ("TACROLIMUS 1 MG ORAL CAPSULE", "tacrolimus"),
    ("predniSONE 10 mg", "prednisone"),
    ("methylprednisolone sodium succinate", "methylprednisolone"),
    ("甲基泼尼松龙", "methylprednisolone"),
    ("泼尼松龙片", "prednisolone"),
    ("mycophenolate mofetil 500 mg", "mycophenolate"),
    ("吗替麦考酚酯胶囊", "mycophenolate"),
    ("cyclosporine, modified", "ciclosporin"),
    ("rivoceranib mesylate", "apatinib"),
]


def test_ids_codes_and_drug_names_are_each_used_once() -> None:
    """No id, code or name stands for two concepts."""
    ids = [row.id for row in CONCEPTS]
    codes = [str(coded.code) for row in CONCEPTS for coded in row.codes]
    names = [name.lower() for row in CONCEPTS for name in row.names]
    for keys in (ids, codes, names):
        assert [key for key, count in Counter(keys).items() if count > 1] == []


@pytest.mark.parametrize("row", CONCEPTS, ids=lambda row: row.id)
def test_every_row_is_complete(row: Concept) -> None:
    """An id fit for the local system, a display, a source for each code and mass."""
    assert Code(LOCAL_SYSTEM, row.id).value == row.id
    assert row.display
    assert all(coded.source for coded in row.codes)
    assert row.molar_mass is None or row.molar_mass.source


@pytest.mark.parametrize("row", by_kind(Kind.TROUGH) + by_kind(Kind.DRUG_LEVEL), ids=lambda row: row.id)
def test_a_level_names_a_drug_of_the_table(row: Concept) -> None:
    """What a level measures is itself a concept, an immunosuppressant."""
    assert row.drug is not None
    assert concept(row.drug).drug_class is DrugClass.IMMUNOSUPPRESSANT


@pytest.mark.parametrize("row", by_kind(Kind.DRUG), ids=lambda row: row.id)
def test_a_drug_has_a_class_and_is_found_by_each_of_its_names(row: Concept) -> None:
    """Every name of a drug, alone, finds that drug."""
    assert row.drug_class is not None
    assert row in by_drug_class(row.drug_class)
    assert {find_drug_by_text(name) for name in row.names} == {row}


@pytest.mark.parametrize(("system", "code", "expected"), BY_CODE)
def test_a_code_finds_its_concept(system: str, code: str, expected: str) -> None:
    """Each listed code stands for its concept."""
    assert find(system, code) == concept(expected)


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (ICD_10_CM, "T86.4"),
        (ICD_10_CM, "C22"),
        (ICD_10_CM, "C22.1"),
        (ICD_10, "T86.4"),
        (LOINC, "C22.0"),
        ("http://example.org/codes", "1742-6"),
        (LOINC, ""),
    ],
)
def test_a_header_a_sibling_or_another_system_finds_nothing(system: str, code: str) -> None:
    """Only a listed code in its own system counts."""
    assert find(system, code) is None


@pytest.mark.parametrize("row", CONCEPTS, ids=lambda row: row.id)
def test_every_concept_answers_to_its_own_id(row: Concept) -> None:
    """A site may send any concept in the local system."""
    assert find(LOCAL_SYSTEM, row.id) is row
    assert row in by_kind(row.kind)


@pytest.mark.parametrize(("text", "expected"), DRUG_TEXTS)
def test_a_drug_is_found_in_free_text(text: str, expected: str) -> None:
    """In any case, within Chinese text, and by the longest name where one contains another."""
    assert find_drug_by_text(text) == concept(expected)


@pytest.mark.parametrize(
    "text", ["", "amoxicillin 250 mg", "tacrolimusoid", "pimecrolimus", "switch tacrolimus to sirolimus"]
)
def test_no_drug_is_guessed(text: str) -> None:
    """A part of a word, or a text that names two drugs, names none."""
    assert find_drug_by_text(text) is None


def test_unverified_codes_are_found_and_marked() -> None:
    """A code that no public source confirmed counts, and can be told apart."""
    assert find(ATC, "L01EX02") == concept("sorafenib")
    assert not is_verified(ATC, "L01EX02")
    assert is_verified(ATC, "L01EX08")
    assert is_verified(LOCAL_SYSTEM, "alt")
    assert not is_verified(ATC, "A01AA01")


@pytest.mark.parametrize(("system", "code"), sorted(KNOWN_WRONG))
def test_a_code_known_to_be_wrong_finds_nothing_and_says_why(system: str, code: str) -> None:
    """A circulating wrong code is never read as its concept, and a site can be told."""
    assert find(system, code) is None
    assert "tacrolimus" in str(known_wrong(system, code))
    assert known_wrong(LOINC, "11253-2") is None


def test_an_unknown_id_is_refused_by_name() -> None:
    """A misspelt concept in a protocol or a site map is an error that names it."""
    with pytest.raises(UnknownConcept, match="altt"):
        concept("altt")


@pytest.mark.parametrize("row", [row for row in CONCEPTS if row.unit], ids=lambda row: row.id)
def test_every_canonical_unit_is_ucum(row: Concept) -> None:
    """A value in the canonical unit of its concept comes back unchanged, also by way of the UCUM reader."""
    assert row.unit is not None
    for spelling in (row.unit, f"{row.unit}.1"):
        assert to_canonical(Quantity(Decimal("1.50"), spelling), row) == Quantity(Decimal("1.50"), row.unit)
