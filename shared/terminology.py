"""Decides which clinical concept a code or a drug's name stands for: the one table of codes, with sources.

Does not decide what a site's own code means (its code map does), nor what a concept means for a patient.

A code counts only if it is listed: a header (ICD-10-CM `T86.4`, `C22`) names none of its children for
certain, and a child that is not listed is another statement. A concept also answers to its own id in
`LOCAL_SYSTEM`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.codes import ATC, ICD_10, ICD_10_CM, LOCAL_SYSTEM, LOINC, RXNORM, SNOMED_CT, Code


class Kind(StrEnum):
    """What sort of thing a concept is, hence which resources state it."""

    LABORATORY = "laboratory"
    DRUG_LEVEL = "drug-level"
    TROUGH = "trough"
    DIAGNOSIS = "diagnosis"
    PROCEDURE = "procedure"
    DRUG = "drug"
    SCALE = "scale"
    BIOMARKER = "biomarker"
    LESION = "lesion"
    FINDING = "finding"
    BIOPSY = "biopsy"
    ATTESTATION = "attestation"
    REVIEW_DETAIL = "review-detail"
    CATEGORY = "category"
    RESPONSE_STATEMENT = "response-statement"
    IMAGING_VERDICT = "imaging-verdict"
    IMAGING_METHOD = "imaging-method"
    SPECIMEN_SITE = "specimen-site"
    ORGAN = "organ"
    RESULT = "result"
    ROUTE = "route"
    ENCOUNTER_CLASS = "encounter-class"
    ADMISSION = "admission"
    SEX = "sex"


class DrugClass(StrEnum):
    """What a drug does in the trial."""

    CHECKPOINT_INHIBITOR = "checkpoint-inhibitor"
    TARGETED_THERAPY = "targeted-therapy"
    IMMUNOSUPPRESSANT = "immunosuppressant"
    CORTICOSTEROID = "corticosteroid"


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code of a concept; `verified`: the code and its meaning were found together in a public source."""

    code: Code
    source: str
    verified: bool = True


@dataclass(frozen=True, slots=True)
class MolarMass:
    """Grams of the measured substance in one mole, with its source."""

    grams_per_mole: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that the product knows; `id` is stable, and used in facts, protocols and outcomes.

    `unit` is the canonical UCUM unit (of a drug: its dose's), absent for what is not a quantity. `charge` is
    the ion's, for units by equivalents. `drug` is what a level measures. `answers` are the codes that may
    answer it.
    """

    id: str
    kind: Kind
    display: str
    codes: tuple[CodeRow, ...] = ()
    unit: str | None = None
    molar_mass: MolarMass | None = None
    charge: int | None = None
    drug: str | None = None
    drug_class: DrugClass | None = None
    names: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


class UnknownConcept(ValueError):  # noqa: N818 - named for what it says
    """A concept id that the table does not hold."""


def concept(concept_id: str) -> Concept:
    """The concept of that id; raises `UnknownConcept`."""
    try:
        return _BY_ID[concept_id]
    except KeyError:
        raise UnknownConcept(f"no concept {concept_id!r} in shared/terminology.py") from None


def find(system: str, code: str) -> Concept | None:
    """The concept that this code stands for; None if the table does not list it."""
    return _BY_CODE.get((system, code))


def by_kind(kind: Kind) -> tuple[Concept, ...]:
    """All concepts of a kind, in the order of the table."""
    return tuple(row for row in CONCEPTS if row.kind is kind)


def by_drug_class(drug_class: DrugClass) -> tuple[Concept, ...]:
    """All drugs of a class, in the order of the table."""
    return tuple(row for row in CONCEPTS if row.drug_class is drug_class)


def is_verified(system: str, code: str) -> bool:
    """Whether this code is listed, and its meaning was found in a public source or is our own."""
    return (system, code) in _BY_CODE and (system, code) not in _UNVERIFIED


def known_wrong(system: str, code: str) -> str | None:
    """Why a code that circulates for one of our concepts must not be used, so that a site can be told."""
    return KNOWN_WRONG.get((system, code))


def find_drug_by_text(text: str) -> Concept | None:
    """The drug that a free text names, for drugs without a code; the longest name wins where names overlap.

    A text naming two different drugs is None: which one was given is not for a machine to guess.
    """
    named = {_BY_NAME[match.group().lower()] for match in _DRUG_NAMES.finditer(text)}
    return _BY_ID[named.pop()] if len(named) == 1 else None


_LOINC_SOURCE: Final = "LOINC (loinc.org)"
_SNOMED_SOURCE: Final = "SNOMED CT, international edition"
_ATC_SOURCE: Final = "WHO Collaborating Centre for Drug Statistics Methodology, ATC index"
_RXNORM_SOURCE: Final = "RxNorm, US National Library of Medicine"
_ICD_10_CM_SOURCE: Final = "ICD-10-CM, US National Center for Health Statistics"
_ICD_10_SOURCE: Final = "ICD-10, World Health Organization"
_MCODE_SOURCE: Final = "mCODE implementation guide STU1, HL7"
_HL7_SOURCE: Final = "HL7 Terminology (terminology.hl7.org)"
_ATOMIC_WEIGHTS: Final = "formula mass from the IUPAC standard atomic weights"
_SOURCES: Final = {
    LOINC: _LOINC_SOURCE,
    SNOMED_CT: _SNOMED_SOURCE,
    ATC: _ATC_SOURCE,
    RXNORM: _RXNORM_SOURCE,
    ICD_10_CM: _ICD_10_CM_SOURCE,
    ICD_10: _ICD_10_SOURCE,
}


def _rows(system: str, *values: str, source: str | None = None, verified: bool = True) -> tuple[CodeRow, ...]:
    return tuple(CodeRow(Code(system, value), source or _SOURCES[system], verified) for value in values)


def _loinc(*values: str) -> tuple[CodeRow, ...]:
    return _rows(LOINC, *values)


def _snomed(*values: str) -> tuple[CodeRow, ...]:
    return _rows(SNOMED_CT, *values)


def _mass(grams_per_mole: str, source: str = _ATOMIC_WEIGHTS) -> MolarMass:
    return MolarMass(Decimal(grams_per_mole), source)


# Canonical units are those in which the protocol and the published scores state their bounds, so that a value
# at exactly a bound is compared without rounding.
_LABORATORY: Final = (
    Concept("alt", Kind.LABORATORY, "Alanine aminotransferase (ALT)", _loinc("1742-6"), unit="U/L"),
    Concept("ast", Kind.LABORATORY, "Aspartate aminotransferase (AST)", _loinc("1920-8"), unit="U/L"),
    Concept("alp", Kind.LABORATORY, "Alkaline phosphatase (ALP)", _loinc("6768-6"), unit="U/L"),
    Concept("ggt", Kind.LABORATORY, "Gamma-glutamyltransferase (GGT)", _loinc("2324-2"), unit="U/L"),
    Concept(
        "bilirubin-total",
        Kind.LABORATORY,
        "Bilirubin, total",
        _loinc("1975-2"),
        unit="mg/dL",
        molar_mass=_mass("584.67"),
    ),
    Concept(
        "bilirubin-direct",
        Kind.LABORATORY,
        "Bilirubin, direct",
        _loinc("1968-7"),
        unit="mg/dL",
        # Conjugated bilirubin is heavier, but assays are calibrated and reported as unconjugated bilirubin.
        molar_mass=_mass("584.67"),
    ),
    # No molar mass: laboratories differ in the one they report by, and g/L is what is sent.
    Concept("albumin", Kind.LABORATORY, "Albumin", _loinc("1751-7"), unit="g/dL"),
    Concept("inr", Kind.LABORATORY, "International normalised ratio (INR)", _loinc("6301-6"), unit="1"),
    Concept(
        "creatinine",
        Kind.LABORATORY,
        "Creatinine",
        _loinc("2160-0"),
        unit="mg/dL",
        molar_mass=_mass("113.12"),
    ),
    Concept("platelets", Kind.LABORATORY, "Platelets", _loinc("777-3"), unit="10*9/L"),
    Concept(
        "neutrophils",
        Kind.LABORATORY,
        "Neutrophils, absolute (ANC)",
        _loinc("751-8", "26499-4"),
        unit="10*9/L",
    ),
    Concept(
        "haemoglobin",
        Kind.LABORATORY,
        "Haemoglobin",
        _loinc("718-7"),
        unit="g/dL",
        # Reported in mmol/L by the monomer, that is by one haem.
        molar_mass=_mass("16114.5", "ICSH: relative molecular mass 64458, by monomer"),
    ),
    Concept("wbc", Kind.LABORATORY, "Leukocytes", _loinc("6690-2"), unit="10*9/L"),
    Concept("lymphocytes", Kind.LABORATORY, "Lymphocytes, absolute", _loinc("731-0"), unit="10*9/L"),
    Concept("lipase", Kind.LABORATORY, "Lipase", _loinc("3040-3"), unit="U/L"),
    Concept("amylase", Kind.LABORATORY, "Amylase", _loinc("1798-8"), unit="U/L"),
    Concept("creatine-kinase", Kind.LABORATORY, "Creatine kinase (CK)", _loinc("2157-6"), unit="U/L"),
    Concept("tsh", Kind.LABORATORY, "Thyrotropin (TSH)", _loinc("3016-3"), unit="m[IU]/L"),
    Concept("glucose", Kind.LABORATORY, "Glucose", _loinc("2345-7"), unit="mg/dL", molar_mass=_mass("180.156")),
    Concept(
        "sodium",
        Kind.LABORATORY,
        "Sodium",
        _loinc("2951-2"),
        unit="mmol/L",
        molar_mass=_mass("22.990"),
        charge=1,
    ),
    Concept(
        "potassium",
        Kind.LABORATORY,
        "Potassium",
        _loinc("2823-3"),
        unit="mmol/L",
        molar_mass=_mass("39.098"),
        charge=1,
    ),
    Concept(
        "calcium",
        Kind.LABORATORY,
        "Calcium, total",
        _loinc("17861-6"),
        unit="mg/dL",
        molar_mass=_mass("40.078"),
        charge=2,
    ),
    Concept("afp", Kind.LABORATORY, "Alpha-fetoprotein (AFP)", _loinc("1834-1"), unit="ng/mL"),
    Concept("hbv-dna", Kind.LABORATORY, "Hepatitis B virus DNA", _loinc("42595-9"), unit="[IU]/mL"),
    Concept("hbsag", Kind.LABORATORY, "Hepatitis B surface antigen (HBsAg)", _loinc("5196-1")),
    Concept(
        "donor-specific-antibodies",
        Kind.LABORATORY,
        "Donor-specific HLA antibodies",
        _rows(LOINC, "107913-6", source="HL7 Europe, PROTECT-CHILD transplant guide (LOINC 2.82)"),
    ),
    Concept("aptt", Kind.LABORATORY, "Activated partial thromboplastin time", _loinc("14979-9"), unit="s"),
    Concept("ldh", Kind.LABORATORY, "Lactate dehydrogenase (LDH)", _loinc("2532-0"), unit="U/L"),
    Concept("cd4", Kind.LABORATORY, "CD4 lymphocytes, absolute", _loinc("24467-3"), unit="10*9/L"),
    Concept(
        "cholesterol",
        Kind.LABORATORY,
        "Cholesterol",
        _loinc("2093-3"),
        unit="mg/dL",
        molar_mass=_mass("386.66"),
    ),
    Concept("hdl", Kind.LABORATORY, "HDL cholesterol", _loinc("2085-9"), unit="mg/dL", molar_mass=_mass("386.66")),
    Concept("ldl", Kind.LABORATORY, "LDL cholesterol", _loinc("13457-7"), unit="mg/dL", molar_mass=_mass("386.66")),
    Concept(
        "triglycerides",
        Kind.LABORATORY,
        "Triglycerides",
        _loinc("2571-8"),
        unit="mg/dL",
        # Laboratories report them as triolein.
        molar_mass=_mass("885.45"),
    ),
    Concept("fibrinogen", Kind.LABORATORY, "Fibrinogen", _loinc("3255-7"), unit="mg/dL"),
    Concept("haptoglobin", Kind.LABORATORY, "Haptoglobin", _loinc("4542-7"), unit="mg/dL"),
    Concept("ph", Kind.LABORATORY, "pH of arterial blood", _loinc("2744-1"), unit="1"),
    Concept(
        "calcium-ionised",
        Kind.LABORATORY,
        "Calcium, ionised",
        _rows(LOINC, "1995-0", verified=False),
        unit="mmol/L",
        molar_mass=_mass("40.078"),
        charge=2,
    ),
    Concept(
        "magnesium",
        Kind.LABORATORY,
        "Magnesium",
        _loinc("19123-9"),
        unit="mg/dL",
        molar_mass=_mass("24.305"),
        charge=2,
    ),
    Concept("urate", Kind.LABORATORY, "Urate", _loinc("3084-1"), unit="mg/dL", molar_mass=_mass("168.11")),
    Concept(
        "glucose-fasting",
        Kind.LABORATORY,
        "Glucose, fasting",
        _loinc("1558-6"),
        unit="mg/dL",
        molar_mass=_mass("180.156"),
    ),
    Concept(
        "creatinine-clearance",
        Kind.LABORATORY,
        "Creatinine clearance",
        _rows(LOINC, "2164-2", verified=False),
        unit="mL/min",
    ),
)

# A level counts as a trough only if its code says so. The general codes say nothing of the time since the
# last dose; whether they are read as troughs is for the protocol to say.
_TACROLIMUS_MASS: Final = _mass("804.02")
_SIROLIMUS_MASS: Final = _mass("914.17")
_EVEROLIMUS_MASS: Final = _mass("958.22")
_CICLOSPORIN_MASS: Final = _mass("1202.61")
_LEVELS: Final = (
    Concept(
        "tacrolimus-level",
        Kind.DRUG_LEVEL,
        "Tacrolimus in blood, time not stated",
        _loinc("11253-2", "74097-7", "74096-9"),
        unit="ng/mL",
        molar_mass=_TACROLIMUS_MASS,
        drug="tacrolimus",
    ),
    Concept(
        "tacrolimus-trough",
        Kind.TROUGH,
        "Tacrolimus in blood, trough",
        _loinc("77348-1"),
        unit="ng/mL",
        molar_mass=_TACROLIMUS_MASS,
        drug="tacrolimus",
    ),
    Concept(
        "sirolimus-level",
        Kind.DRUG_LEVEL,
        "Sirolimus in blood, time not stated",
        _loinc("29247-4"),
        unit="ng/mL",
        molar_mass=_SIROLIMUS_MASS,
        drug="sirolimus",
    ),
    Concept(
        "sirolimus-trough",
        Kind.TROUGH,
        "Sirolimus in blood, trough",
        _loinc("115766-8"),
        unit="ng/mL",
        molar_mass=_SIROLIMUS_MASS,
        drug="sirolimus",
    ),
    Concept(
        "everolimus-level",
        Kind.DRUG_LEVEL,
        "Everolimus in blood, time not stated",
        _loinc("50544-6"),
        unit="ng/mL",
        molar_mass=_EVEROLIMUS_MASS,
        drug="everolimus",
    ),
    Concept(
        "everolimus-trough",
        Kind.TROUGH,
        "Everolimus in blood, trough",
        _loinc("77349-9"),
        unit="ng/mL",
        molar_mass=_EVEROLIMUS_MASS,
        drug="everolimus",
    ),
    Concept(
        "ciclosporin-level",
        Kind.DRUG_LEVEL,
        "Ciclosporin in blood, time not stated",
        _loinc("3520-4"),
        unit="ng/mL",
        molar_mass=_CICLOSPORIN_MASS,
        drug="ciclosporin",
    ),
    Concept(
        "ciclosporin-trough",
        Kind.TROUGH,
        "Ciclosporin in blood, trough",
        _loinc("53828-0"),
        unit="ng/mL",
        molar_mass=_CICLOSPORIN_MASS,
        drug="ciclosporin",
    ),
)

_DIAGNOSES: Final = (
    Concept(
        "hcc",
        Kind.DIAGNOSIS,
        "Hepatocellular carcinoma",
        _snomed("25370001") + _rows(ICD_10_CM, "C22.0") + _rows(ICD_10, "C22.0"),
    ),
    Concept(
        "transplanted-liver-present",
        Kind.DIAGNOSIS,
        "Transplanted liver present",
        _snomed("737297006") + _rows(ICD_10_CM, "Z94.4") + _rows(ICD_10, "Z94.4", verified=False),
    ),
    Concept(
        "liver-transplant-complication",
        Kind.DIAGNOSIS,
        "Complication of liver transplant, unspecified",
        _rows(ICD_10_CM, "T86.40"),
    ),
    Concept("liver-transplant-rejection", Kind.DIAGNOSIS, "Liver transplant rejection", _rows(ICD_10_CM, "T86.41")),
    Concept(
        "liver-transplant-chronic-rejection",
        Kind.DIAGNOSIS,
        "Chronic rejection of liver transplant",
        _snomed("432908002"),
    ),
    Concept("liver-transplant-failure", Kind.DIAGNOSIS, "Liver transplant failure", _rows(ICD_10_CM, "T86.42")),
    Concept("liver-transplant-infection", Kind.DIAGNOSIS, "Liver transplant infection", _rows(ICD_10_CM, "T86.43")),
    Concept(
        "liver-transplant-other-complication",
        Kind.DIAGNOSIS,
        "Other complication of liver transplant",
        _rows(ICD_10_CM, "T86.49"),
    ),
    Concept(
        "hypertension",
        Kind.DIAGNOSIS,
        "Essential (primary) hypertension",
        _rows(ICD_10_CM, "I10") + _rows(ICD_10, "I10"),
    ),
    Concept(
        "chronic-kidney-disease-unspecified",
        Kind.DIAGNOSIS,
        "Chronic kidney disease, unspecified",
        _rows(ICD_10_CM, "N18.9") + _rows(ICD_10, "N18.9"),
    ),
    # Immune-related events of checkpoint inhibitors. ICD-10-CM codes the drug-induced form, not its immune cause.
    Concept("immune-hepatitis", Kind.DIAGNOSIS, "Hepatitis, drug-induced", _rows(ICD_10_CM, "K71.2", "K71.6")),
    Concept(
        "immune-pneumonitis",
        Kind.DIAGNOSIS,
        "Interstitial lung disorder, drug-induced",
        _rows(ICD_10_CM, "J70.2", "J70.3") + _rows(ICD_10_CM, "J70.4", verified=False),
    ),
    Concept("immune-colitis", Kind.DIAGNOSIS, "Colitis, drug-induced (toxic)", _rows(ICD_10_CM, "K52.1")),
    Concept("immune-myocarditis", Kind.DIAGNOSIS, "Myocarditis, acute", _rows(ICD_10_CM, "I40.8", "I40.9")),
    Concept("immune-thyroiditis", Kind.DIAGNOSIS, "Thyroiditis, drug-induced", _rows(ICD_10_CM, "E06.4")),
    Concept(
        "immune-adrenal-insufficiency",
        Kind.DIAGNOSIS,
        "Adrenocortical insufficiency, drug-induced",
        _rows(ICD_10_CM, "E27.3"),
    ),
    Concept("immune-hypophysitis", Kind.DIAGNOSIS, "Hypophysitis under a checkpoint inhibitor"),
    Concept("rccep", Kind.DIAGNOSIS, "Reactive cutaneous capillary endothelial proliferation (RCCEP)"),
    Concept("liver-transplantation", Kind.PROCEDURE, "Liver transplantation", _snomed("18027006")),
    Concept("tumour-resection", Kind.PROCEDURE, "Resection of tumour", _snomed("107963000")),
    Concept("tumour-ablation", Kind.PROCEDURE, "Ablation of tumour", _snomed("879916008")),
    Concept("tumour-embolisation", Kind.PROCEDURE, "Embolisation or chemoembolisation of tumour"),
    Concept("tumour-radiotherapy", Kind.PROCEDURE, "Radiotherapy of tumour", _snomed("108290001")),
)

# The unit of a drug is that of its dose: by body weight or in tablets it does not convert, and stays unknown.
_DRUGS: Final = (
    Concept(
        "camrelizumab",
        Kind.DRUG,
        "Camrelizumab",
        unit="mg",
        drug_class=DrugClass.CHECKPOINT_INHIBITOR,
        names=("camrelizumab", "SHR-1210", "SHR1210", "卡瑞利珠单抗"),
    ),
    Concept(
        "sorafenib",
        Kind.DRUG,
        "Sorafenib",
        _rows(ATC, "L01EX02", verified=False) + _rows(RXNORM, "495881", verified=False),
        unit="mg",
        drug_class=DrugClass.TARGETED_THERAPY,
        names=("sorafenib", "索拉非尼"),
    ),
    Concept(
        "lenvatinib",
        Kind.DRUG,
        "Lenvatinib",
        _rows(ATC, "L01EX08") + _rows(RXNORM, "1603296", verified=False),
        unit="mg",
        drug_class=DrugClass.TARGETED_THERAPY,
        names=("lenvatinib", "仑伐替尼"),
    ),
    Concept(
        "regorafenib",
        Kind.DRUG,
        "Regorafenib",
        _rows(ATC, "L01EX05"),
        unit="mg",
        drug_class=DrugClass.TARGETED_THERAPY,
        names=("regorafenib", "瑞戈非尼"),
    ),
    Concept(
        "cabozantinib",
        Kind.DRUG,
        "Cabozantinib",
        _rows(ATC, "L01EX07"),
        unit="mg",
        drug_class=DrugClass.TARGETED_THERAPY,
        names=("cabozantinib", "卡博替尼"),
    ),
    Concept(
        "apatinib",
        Kind.DRUG,
        "Apatinib (rivoceranib)",
        unit="mg",
        drug_class=DrugClass.TARGETED_THERAPY,
        names=("apatinib", "rivoceranib", "阿帕替尼"),
    ),
    Concept(
        "tacrolimus",
        Kind.DRUG,
        "Tacrolimus",
        _rows(ATC, "L04AD02") + _rows(RXNORM, "42316"),
        unit="mg",
        drug_class=DrugClass.IMMUNOSUPPRESSANT,
        names=("tacrolimus", "FK506", "FK-506", "他克莫司"),
    ),
    Concept(
        "sirolimus",
        Kind.DRUG,
        "Sirolimus",
        _rows(ATC, "L04AH01", "L04AA10") + _rows(RXNORM, "35302"),  # L04AA10 until the ATC index of 2023
        unit="mg",
        drug_class=DrugClass.IMMUNOSUPPRESSANT,
        names=("sirolimus", "rapamycin", "西罗莫司"),
    ),
    Concept(
        "everolimus",
        Kind.DRUG,
        "Everolimus",
        _rows(ATC, "L04AH02") + _rows(RXNORM, "141704", verified=False),
        unit="mg",
        drug_class=DrugClass.IMMUNOSUPPRESSANT,
        names=("everolimus", "依维莫司"),
    ),
    Concept(
        "ciclosporin",
        Kind.DRUG,
        "Ciclosporin",
        _rows(ATC, "L04AD01", verified=False) + _rows(RXNORM, "3008"),
        unit="mg",
        drug_class=DrugClass.IMMUNOSUPPRESSANT,
        names=("ciclosporin", "cyclosporin", "cyclosporine", "ciclosporine", "环孢素"),
    ),
    Concept(
        "mycophenolate",
        Kind.DRUG,
        "Mycophenolic acid and its ester and salt",
        _rows(ATC, "L04AA06") + _rows(RXNORM, "7145"),
        unit="mg",
        drug_class=DrugClass.IMMUNOSUPPRESSANT,
        names=("mycophenolate", "mycophenolic acid", "麦考酚"),
    ),
    Concept(
        "methylprednisolone",
        Kind.DRUG,
        "Methylprednisolone",
        _rows(ATC, "H02AB04", verified=False),
        unit="mg",
        drug_class=DrugClass.CORTICOSTEROID,
        names=("methylprednisolone", "甲泼尼龙", "甲基泼尼松龙"),
    ),
    Concept(
        "prednisolone",
        Kind.DRUG,
        "Prednisolone",
        _rows(ATC, "H02AB06", verified=False),
        unit="mg",
        drug_class=DrugClass.CORTICOSTEROID,
        names=("prednisolone", "泼尼松龙"),
    ),
    Concept(
        "prednisone",
        Kind.DRUG,
        "Prednisone",
        _rows(ATC, "H02AB07", verified=False),
        unit="mg",
        drug_class=DrugClass.CORTICOSTEROID,
        names=("prednisone", "泼尼松"),
    ),
)

_TUMOUR: Final = (
    Concept(
        "lesion-measurement",
        Kind.LESION,
        "Measurement of one lesion",
        _rows(LOINC, "21889-1", source=_MCODE_SOURCE),
    ),
    Concept(
        "longest-diameter",
        Kind.LESION,
        "Longest diameter",
        _rows(LOINC, "33728-7", source=_MCODE_SOURCE),
        unit="mm",
    ),
    Concept(
        "additional-diameter",
        Kind.LESION,
        "Additional diameter",
        _rows(LOINC, "33729-5", source=_MCODE_SOURCE),
        unit="mm",
    ),
    Concept("viable-diameter", Kind.LESION, "Longest viable (arterial-phase enhancing) diameter", unit="mm"),
    Concept("short-axis", Kind.LESION, "Short axis of a lymph node", unit="mm"),
    Concept("lesion-role", Kind.LESION, "Role of the lesion", answers=("target", "non-target", "new")),
    Concept(
        "lesion-state",
        Kind.LESION,
        "State of the lesion",
        answers=("present", "absent", "unequivocal-progression", "too-small-to-measure", "not-evaluable"),
    ),
    Concept("arterial-hyperenhancement", Kind.LESION, "Arterial-phase hyperenhancement"),
    Concept("washout", Kind.LESION, "Portal-venous or delayed-phase washout"),
    Concept("visit-number", Kind.LESION, "Number of the visit, where a site numbers them"),
    Concept("split-from", Kind.LESION, "Identifier of the lesion that this one split from"),
    Concept("accepted-reading", Kind.LESION, "Whether the trial accepted this reader's record"),
    Concept(
        "mrecist-response",
        Kind.RESPONSE_STATEMENT,
        "A reader's overall response by mRECIST",
        answers=("CR", "PR", "SD", "PD", "NE", "NON-CR/NON-PD"),
    ),
    Concept("disease-status", Kind.RESPONSE_STATEMENT, "Cancer disease status", _rows(LOINC, "97509-4")),
    Concept("recurrence-on-imaging", Kind.IMAGING_VERDICT, "Recurrence or metastasis on imaging"),
    Concept("ct", Kind.IMAGING_METHOD, "Computed tomography", _snomed("77477000")),
    Concept("mri", Kind.IMAGING_METHOD, "Magnetic resonance imaging", _snomed("113091000")),
    Concept(
        "pd-l1",
        Kind.BIOMARKER,
        "PD-L1 by immunohistochemistry",
        _loinc("83052-1", "83053-9", "83054-7", "83055-4", "83056-2", "83057-0", "85147-7", "85148-5", "85149-3"),
        unit="%",
    ),
    Concept("graft-liver", Kind.SPECIMEN_SITE, "Specimen of the graft liver"),
    Concept("tumour", Kind.SPECIMEN_SITE, "Specimen of the tumour"),
)

_CONDITION_OF_THE_PATIENT: Final = (
    Concept("ecog", Kind.SCALE, "ECOG performance status", _loinc("89247-1"), unit="1"),
    Concept("karnofsky", Kind.SCALE, "Karnofsky performance status", _loinc("89243-0"), unit="1"),
    Concept("child-pugh", Kind.SCALE, "Child-Pugh points as recorded", unit="1"),
    Concept("ascites", Kind.FINDING, "Ascites", answers=("none", "mild", "moderate-severe")),
    Concept("encephalopathy", Kind.FINDING, "Hepatic encephalopathy", answers=("none", "grade-1-2", "grade-3-4")),
    Concept("pathology-confirmed", Kind.FINDING, "Carcinoma confirmed by pathology"),
    Concept("rai-portal", Kind.BIOPSY, "Rejection activity index, portal inflammation", unit="1"),
    Concept("rai-bile-duct", Kind.BIOPSY, "Rejection activity index, bile duct damage", unit="1"),
    Concept("rai-venous", Kind.BIOPSY, "Rejection activity index, venous endothelial inflammation", unit="1"),
)

_ATTESTATIONS: Final = (
    Concept("attestation", Kind.CATEGORY, "Attestation by a clinician"),
    Concept("not-resectable", Kind.ATTESTATION, "Recurrence not suitable for curative resection"),
    Concept("survival-over-3-months", Kind.ATTESTATION, "Expected survival over 3 months"),
    Concept("targeted-therapy-intolerance", Kind.ATTESTATION, "Targeted therapy not tolerated"),
    Concept("thyroid-acceptable", Kind.ATTESTATION, "Thyroid function acceptable"),
    Concept("rejection-adjudicated", Kind.ATTESTATION, "Graft rejection adjudicated"),
    Concept("sae-confirmed", Kind.ATTESTATION, "Serious adverse event confirmed"),
    Concept("sae-refuted", Kind.ATTESTATION, "Serious adverse event refuted"),
    Concept("sae-amended", Kind.ATTESTATION, "Serious adverse event amended"),
    Concept("sae-merged", Kind.ATTESTATION, "Serious adverse event merged into another case"),
    Concept("sae-closed", Kind.ATTESTATION, "Serious adverse event closed"),
    Concept("sae-notified", Kind.ATTESTATION, "Serious adverse event reported to the sponsor"),
    Concept("sae-submitted", Kind.ATTESTATION, "Expedited report submitted"),
    Concept("sae-follow-up-submitted", Kind.ATTESTATION, "Follow-up of the expedited report submitted"),
    Concept("sae-related-investigator", Kind.ATTESTATION, "Related to the trial's drug, by the investigator"),
    Concept("sae-related-sponsor", Kind.ATTESTATION, "Related to the trial's drug, by the sponsor"),
    Concept("sae-expected", Kind.ATTESTATION, "Expected by the reference safety information"),
    Concept("sae-by-progression", Kind.ATTESTATION, "Caused by progression of the disease"),
    Concept("reader-accepted", Kind.ATTESTATION, "Reading of one reader accepted by adjudication"),
    Concept("enrolled", Kind.ATTESTATION, "Enrolled in the trial"),
    Concept("screen-failed", Kind.ATTESTATION, "Screening failed"),
    Concept("off-study", Kind.ATTESTATION, "Off study"),
    Concept("causality-degree", Kind.REVIEW_DETAIL, "Degree of causality, as the assessor states it"),
    Concept("merged-into", Kind.REVIEW_DETAIL, "Case into which a case is merged"),
    Concept("amended-term", Kind.REVIEW_DETAIL, "Amended: what happened"),
    Concept("amended-onset", Kind.REVIEW_DETAIL, "Amended: when it began"),
    Concept("amended-end", Kind.REVIEW_DETAIL, "Amended: when it ended"),
    Concept("amended-grade", Kind.REVIEW_DETAIL, "Amended: CTCAE grade"),
    Concept("amended-seriousness", Kind.REVIEW_DETAIL, "Amended: a criterion of seriousness that is met"),
    Concept("amended-outcome", Kind.REVIEW_DETAIL, "Amended: what became of it"),
)

# No code was found for a lymph node at the porta hepatis: 85638002, cited for it at times, means another.
_ORGANS: Final = (
    Concept("liver", Kind.ORGAN, "Liver", _snomed("10200004")),
    Concept("lung", Kind.ORGAN, "Lung", _snomed("39607008")),
    Concept("adrenal", Kind.ORGAN, "Adrenal gland", _snomed("23451007")),
    Concept("bone", Kind.ORGAN, "Bone", _snomed("272673000")),
    Concept("peritoneum", Kind.ORGAN, "Peritoneum", _snomed("15425007")),
    Concept("brain", Kind.ORGAN, "Brain", _snomed("12738006")),
    Concept("node", Kind.ORGAN, "Lymph node", _snomed("59441001")),
    Concept("node-porta-hepatis", Kind.ORGAN, "Lymph node at the porta hepatis"),
)

_RESULTS: Final = (
    Concept("negative", Kind.RESULT, "Negative", _snomed("260385009")),
    Concept("positive", Kind.RESULT, "Positive", _snomed("10828004")),
    Concept("detected", Kind.RESULT, "Detected", _snomed("260373001")),
    Concept("not-detected", Kind.RESULT, "Not detected", _snomed("260415000")),
    Concept("reactive", Kind.RESULT, "Reactive", _rows(SNOMED_CT, "11214006", verified=False)),
    Concept("non-reactive", Kind.RESULT, "Non-reactive", _snomed("131194007")),
)


def _hl7(code_system: str, *values: str) -> tuple[CodeRow, ...]:
    return _rows(f"http://terminology.hl7.org/CodeSystem/{code_system}", *values, source=_HL7_SOURCE)


def _sexes(gender: str, v3: str, snomed: str) -> tuple[CodeRow, ...]:
    """As FHIR's referenceRange.appliesTo names them (value set referencerange-appliesto), and Patient.gender."""
    named = _rows("http://hl7.org/fhir/administrative-gender", gender, source=_HL7_SOURCE)
    return _snomed(snomed) + named + _hl7("v3-AdministrativeGender", v3)


_CARE: Final = (
    Concept("inpatient", Kind.ENCOUNTER_CLASS, "Inpatient stay", _hl7("v3-ActCode", "IMP", "ACUTE", "NONAC")),
    Concept("emergency", Kind.ENCOUNTER_CLASS, "Emergency visit", _hl7("v3-ActCode", "EMER")),
    Concept("ambulatory", Kind.ENCOUNTER_CLASS, "Ambulatory visit", _hl7("v3-ActCode", "AMB", "VR")),
    Concept(
        "other-encounter",
        Kind.ENCOUNTER_CLASS,
        "Encounter of another class",
        _hl7("v3-ActCode", "FLD", "HH", "OBSENC", "PRENC", "SS"),
    ),
    Concept("planned-admission", Kind.ADMISSION, "Planned (elective)", _hl7("v3-ActPriority", "EL")),
    Concept(
        "unplanned-admission",
        Kind.ADMISSION,
        "Not planned: emergency or urgent",
        _hl7("v3-ActPriority", "EM", "UR") + _hl7("admit-source", "emd"),
    ),
    Concept("oral", Kind.ROUTE, "By mouth", _snomed("26643006")),
    Concept("intravenous", Kind.ROUTE, "Into a vein", _snomed("47625008")),
    Concept("male", Kind.SEX, "Male", _sexes("male", "M", "248153007")),
    Concept("female", Kind.SEX, "Female", _sexes("female", "F", "248152002")),
    Concept("pathology", Kind.CATEGORY, "Pathology, surgical included", _hl7("v2-0074", "PAT", "SP")),
    Concept(
        "histopathology",
        Kind.CATEGORY,
        "Evidence by histopathology",
        _rows(SNOMED_CT, "252416005", source=_MCODE_SOURCE),
    ),
)

CONCEPTS: Final[tuple[Concept, ...]] = (
    *_LABORATORY,
    *_LEVELS,
    *_DIAGNOSES,
    *_DRUGS,
    *_TUMOUR,
    *_CONDITION_OF_THE_PATIENT,
    *_ATTESTATIONS,
    *_ORGANS,
    *_RESULTS,
    *_CARE,
)

KNOWN_WRONG: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        (LOINC, "35548-5"): "circulates for tacrolimus, but its check digit is wrong; tacrolimus is 11253-2",
        (LOINC, "4023-8"): "circulates for tacrolimus, but is not its code; tacrolimus is 11253-2",
    }
)

_BY_ID: Final = {row.id: row for row in CONCEPTS}
_BY_CODE: Final = {(LOCAL_SYSTEM, row.id): row for row in CONCEPTS} | {
    (coded.code.system, coded.code.value): row for row in CONCEPTS for coded in row.codes
}
_UNVERIFIED: Final = frozenset(
    (coded.code.system, coded.code.value) for row in CONCEPTS for coded in row.codes if not coded.verified
)
_BY_NAME: Final = {name.lower(): row.id for row in CONCEPTS for name in row.names}
_LONGEST_FIRST: Final = "|".join(re.escape(name) for name in sorted(_BY_NAME, key=len, reverse=True))
# Bounded by Latin letters and digits only: Chinese is written without spaces.
_DRUG_NAMES: Final = re.compile(rf"(?<![a-z0-9])(?:{_LONGEST_FIRST})(?![a-z0-9])", re.IGNORECASE | re.ASCII)
